package demo

import (
	"context"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"countersign/api/rp"
)

//go:embed *.html icon.svg dist
var content embed.FS

// Options say who the bank is to the server. All but HTTP, Log and Now are
// required.
type Options struct {
	// Issuer is the server's base URL.
	Issuer string
	// ServiceID and Secret are the bank's at the server.
	ServiceID, Secret string
	// ResponseKey checks the hash of an approval: the service's, 32 bytes.
	ResponseKey []byte
	// Origin is where browsers reach the bank, such as http://localhost:3000; it
	// must be among the service's origins. Other names of the same place are
	// redirected here.
	Origin string
	// HTTP reaches the issuer instead of http.DefaultClient.
	HTTP *http.Client
	// Log gets what happens, never a secret; nil: nothing.
	Log *slog.Logger
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// A Bank is the whole site. Make it with [New].
type Bank struct {
	o        Options
	client   *rp.Client
	verifier *rp.Verifier
	visits   *visits
	pages    *template.Template
	site     http.Handler
	host     string // of Origin
	cookie   string // its name
	policy   string
}

// New makes a bank with no customers in it.
func New(o Options) *Bank {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	scheme, host, _ := strings.Cut(o.Origin, "://")
	b := &Bank{
		o:        o,
		client:   &rp.Client{Issuer: o.Issuer, ServiceID: o.ServiceID, Secret: o.Secret, HTTP: o.HTTP},
		verifier: &rp.Verifier{Issuer: o.Issuer, Audience: o.ServiceID, HTTP: o.HTTP, Now: o.Now},
		visits:   newVisits(o.Now),
		pages:    template.Must(template.ParseFS(content, "*.html")),
		host:     host,
		// Cookies know no ports: in development the server shares our host, so
		// the name says whose it is.
		cookie: "acme_bank",
		policy: policy(o.Issuer),
	}
	if scheme == "https" {
		b.cookie = "__Host-acme_bank"
	}
	b.site = b.routes()
	return b
}

// policy lets a page load from the bank alone and speak to the bank and the server;
// a form may lead to the server too, for browsers hold a redirect against form-action.
func policy(issuer string) string {
	socket := "ws" + strings.TrimPrefix(issuer, "http")
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' " + issuer + " " + socket +
		"; form-action 'self' " + issuer + "; base-uri 'none'; frame-ancestors 'none'"
}

func (b *Bank) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /{$}":                  b.home,
		"GET /login":                b.loginPage,
		"POST /login/start":         b.startLogin,
		"GET /account":              b.account,
		"GET /pay":                  b.payForm,
		"POST /pay":                 b.order,
		"GET /pay/{order}":          b.orderPage,
		"POST /pay/{order}":         b.again,
		"GET /pay/{order}/approval": b.goOn,
		"GET /pay/{order}/proof":    b.proofFile,
		"POST /finish":              b.finish,
		"POST /logout":              b.logout,
		"GET /{file}":               b.file,
		"/":                         b.nothing,
	} {
		mux.Handle(pattern, b.answering(h))
	}
	// What changes something must come from our own pages: the cookie is sent
	// along also when another site makes the browser ask.
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(b.answering(func(http.ResponseWriter, *http.Request) error {
		return refusal{http.StatusForbidden, "This request came from another site, so nothing was done."}
	}))
	return guard.Handler(mux)
}

func (b *Bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Security-Policy", b.policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "same-origin")
	head.Set("Cache-Control", "no-store")
	if r.Host != b.host {
		b.elsewhere(w, r)
		return
	}
	b.site.ServeHTTP(w, r)
}

// elsewhere sends a browser that came by another name, such as 127.0.0.1 for
// localhost, to the origin that the server knows.
func (b *Bank) elsewhere(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		http.Error(w, "this bank is at "+b.o.Origin, http.StatusMisdirectedRequest)
		return
	}
	to := url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	http.Redirect(w, r, b.o.Origin+to.String(), http.StatusFound)
}

// A refusal is an error in words for the user.
type refusal struct {
	status int
	words  string
}

func (e refusal) Error() string { return e.words }

// answering turns a handler's error into an answer: JSON for our scripts, a page
// for everybody else.
func (b *Bank) answering(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		e, ok := err.(refusal) //nolint:errorlint // made here, never wrapped
		if !ok {
			b.o.Log.Error("bank", "path", r.URL.Path, "error", err)
			e = refusal{http.StatusInternalServerError, "Something went wrong on our side. Please try again."}
		}
		if r.Header.Get("Content-Type") == jsonType {
			answer(w, e.status, map[string]string{"error": e.words})
			return
		}
		b.render(w, r, e.status, "trouble.html", view{Title: "That did not work", Trouble: e.words})
	})
}

// browser is the visit that the cookie names, or empty.
func (b *Bank) browser(r *http.Request) string {
	c, err := r.Cookie(b.cookie)
	if err != nil {
		return ""
	}
	return c.Value
}

// keep gives the browser its cookie; an empty id takes it away.
func (b *Bank) keep(w http.ResponseWriter, id string) {
	c := &http.Cookie{Name: b.cookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, //nolint:gosec // Secure where it can be
		Secure: strings.HasPrefix(b.o.Origin, "https://")}
	if id == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// start asks the server for a session on behalf of a browser and remembers what
// only the back end may know.
func (b *Bank) start(ctx context.Context, w http.ResponseWriter, r *http.Request, st rp.Start, s started) error {
	st.Requester = requester(r)
	got, err := b.client.Start(ctx, st)
	if err != nil {
		return b.notStarted(w, err)
	}
	s.session, s.random = got.SessionID, got.Random
	b.keep(w, b.visits.remember(b.browser(r), s))
	b.o.Log.Info("bank: session started", "session", s.session)
	answer(w, http.StatusOK, got.ForPage())
	return nil
}
