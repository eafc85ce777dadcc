package web

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

// Pages serves the pages. Make it with [New].
type Pages struct {
	o      Options
	base   string // path of the issuer, which a proxy may take off before it asks here
	files  map[string]file
	texts  texts
	pages  *template.Template
	brands map[string]brandFiles
}

// Options are what the pages must know.
type Options struct {
	Issuer string
	Brands map[string]Brand // by serviceId: every service there is
	// Demo lets /login?demo=STATE show every state of the page without a
	// session; for development.
	Demo bool
}

// brandFiles are a brand's own files, if it has any.
type brandFiles struct{ css, logo *file }

// New reads what is embedded.
func New(o Options) (*Pages, error) {
	p := &Pages{o: o, brands: map[string]brandFiles{}}
	issuer, err := url.Parse(o.Issuer)
	if err != nil {
		return nil, fmt.Errorf("web: issuer: %w", err)
	}
	p.base = issuer.Path
	if p.files, err = readFiles(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if p.texts, err = readTexts(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if p.pages, err = template.ParseFS(templates, "pages/*.html"); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	for id, b := range o.Brands {
		var f brandFiles
		if css := b.css(); css != nil {
			made := newFile(css, kinds[".css"])
			f.css = &made
		}
		if b.Logo != nil {
			made := newFile(b.Logo, b.LogoType)
			f.logo = &made
		}
		p.brands[id] = f
	}
	return p, nil
}

// view is what the templates show.
type view struct {
	Lang, Dir, Title                      string
	Icon, Style, BrandStyle, Script, Logo string
	Issuer, Service, Name, Demo           string
	Text, Warning, ReturnURL, Operation   string
	Monogram, Sign                        string
	Detail, ForDevelopers                 string
	Approval, EndsHere                    bool
	Form                                  *form
	Inline                                template.JS
}

// form is one that a card ends with.
type form struct {
	Action  string
	Fields  []Field
	Buttons []button
}

// button sends a form, with the user's choice if there are several.
type button struct{ Choice, Class, Text string }

// policy is every page's: what it loads comes from here, it speaks to this server
// alone, and nobody frames it. Pictures may be made by the page itself, and the
// camera's by the browser.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; " +
	"manifest-src 'self'; worker-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (p *Pages) headers(w http.ResponseWriter, policy string) {
	head := w.Header()
	head.Set("Content-Security-Policy", policy)
	head.Set("Content-Type", kinds[".html"])
	head.Set("Cache-Control", "no-store")
	head.Set("Vary", "Accept-Language")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	head.Set("Permissions-Policy", "camera=(self), microphone=(), geolocation=()")
}

func (p *Pages) render(w http.ResponseWriter, name string, v view) error {
	return p.renderAs(w, http.StatusOK, name, v)
}

func (p *Pages) renderAs(w http.ResponseWriter, status int, name string, v view) error {
	return p.write(w, status, name, v, policy)
}

func (p *Pages) write(w http.ResponseWriter, status int, name string, v any, policy string) error {
	var b bytes.Buffer
	if err := p.pages.ExecuteTemplate(&b, name, v); err != nil {
		return fmt.Errorf("web: %w", err)
	}
	p.headers(w, policy)
	w.WriteHeader(status)
	// The peer may have gone; there is nobody else to tell.
	_, _ = w.Write(b.Bytes())
	return nil
}

// view begins a page in the language of whoever asks for it; script may be empty.
func (p *Pages) view(r *http.Request, script string) (view, catalogue) {
	lang := p.language(r)
	v := view{Lang: lang, Dir: direction(lang), Issuer: p.o.Issuer, Icon: p.asset("authenticator/icon.svg"), Style: p.asset("login/login.css")}
	if script != "" {
		v.Script = p.asset("login/" + script)
	}
	return v, p.texts.by[lang]
}

func (p *Pages) language(r *http.Request) string {
	return p.texts.choose(r.URL.Query().Get("ui_locales"), r.Header.Get("Accept-Language"))
}

// asset is the address of a file that changes when the file does.
func (p *Pages) asset(name string) string {
	at := p.base + "/assets/" + name
	if rest, ok := strings.CutPrefix(name, "authenticator/"); ok {
		at = p.base + "/authenticator/" + rest
	}
	return at + "?v=" + p.files[name].version
}

// Login writes the login page of the service that the query names; known is
// false, and nothing written, if there is none.
func (p *Pages) Login(w http.ResponseWriter, r *http.Request) (known bool, err error) {
	query := r.URL.Query()
	v, t := p.view(r, "login.js")
	v.Service = query.Get("service")
	brand, known := p.o.Brands[v.Service]
	if p.o.Demo {
		v.Demo = query.Get("demo")
	}
	if !known && v.Demo == "" {
		return false, nil
	}
	if v.Name = brand.Name; v.Name == "" {
		v.Name = "Acme Bank" // a demo of no service in particular
	}
	v.Title = t.say("logInTo", "service", v.Name)
	v.BrandStyle, v.Logo = p.brandStyle(v.Service), p.Logo(v.Service)
	return true, p.render(w, "login.html", v)
}

// brandStyle is the address of a service's colours; empty: it has none.
func (p *Pages) brandStyle(service string) string {
	f := p.brands[service].css
	if f == nil {
		return ""
	}
	return p.base + "/assets/brand.css?service=" + url.QueryEscape(service) + "&v=" + f.version
}

// Logo is the address of a service's logo; empty: it has none.
func (p *Pages) Logo(service string) string {
	f := p.brands[service].logo
	if f == nil {
		return ""
	}
	return p.base + "/assets/logo?service=" + url.QueryEscape(service) + "&v=" + f.version
}

// An Operation is what its page must know before it asks.
type Operation struct {
	ID, Service string
	// Approval says that it is something to approve, and no login.
	Approval bool
	// EndsHere says that no page of the service's follows.
	EndsHere bool
}

// Operation writes the page of an operation. Its caller has seen that the operation
// is this browser's.
func (p *Pages) Operation(w http.ResponseWriter, r *http.Request, o Operation) error {
	v, t := p.view(r, "operation.js")
	v.Operation, v.Service, v.Name, v.Approval, v.EndsHere = o.ID, o.Service, p.o.Brands[o.Service].Name, o.Approval, o.EndsHere
	title := "logInTo"
	if o.Approval {
		title = "approveAt"
	}
	v.Title = t.say(title, "service", v.Name)
	v.BrandStyle, v.Logo = p.brandStyle(o.Service), p.Logo(o.Service)
	return p.render(w, "operation.html", v)
}

// NotYours writes the page of an operation that is another browser's, or over,
// or never was: which, it does not tell. Its status is 404.
func (p *Pages) NotYours(w http.ResponseWriter, r *http.Request) error {
	v, t := p.view(r, "")
	v.Sign, v.Title, v.Text = signNote, t["notYoursTitle"], t["notYoursText"]
	return p.renderAs(w, http.StatusNotFound, "notice.html", v)
}

// Done writes the page of an operation that is over.
func (p *Pages) Done(w http.ResponseWriter, r *http.Request) error {
	v, t := p.view(r, "")
	v.Title, v.Text = t["doneTitle"], t["doneText"]
	return p.render(w, "notice.html", v)
}

// Text gives a text in the language of whoever asks; empty: there is none of that
// key.
func (p *Pages) Text(r *http.Request, key string) string {
	return p.texts.by[p.language(r)][key]
}

// Language is that of the pages for whoever asks.
func (p *Pages) Language(r *http.Request) string { return p.language(r) }

// Say gives a text in one of the languages of the pages; in another it is that of the
// first. Empty: there is none of that key.
func (p *Pages) Say(language, key string) string {
	t, ok := p.texts.by[language]
	if !ok {
		t = p.texts.by[languages[0]]
	}
	return t[key]
}

// Link writes the page behind a QR code that was opened as a link. Its script
// reads the session from the address: the page has nothing of it.
func (p *Pages) Link(w http.ResponseWriter, r *http.Request) error {
	v, t := p.view(r, "link.js")
	v.Title = t["linkScanTitle"]
	v.Text, v.Warning = t.say("linkScanText", "issuer", p.o.Issuer), t["linkWarning"]
	return p.render(w, "link.html", v)
}

// Return writes the page that an app on the browser's own device sends it back
// to; returnURL is the service's own page to go on to, if it has one.
func (p *Pages) Return(w http.ResponseWriter, r *http.Request, returnURL string) error {
	v, t := p.view(r, "return.js")
	v.ReturnURL = returnURL
	v.Title, v.Text = t["incompleteTitle"], t["incompleteText"]
	return p.render(w, "return.html", v)
}

// Authenticator writes the authenticator's page.
func (p *Pages) Authenticator(w http.ResponseWriter, r *http.Request) {
	p.headers(w, policy)
	w.Header().Set("Cache-Control", "no-cache") // its worker keeps it for when there is no network
	p.files["authenticator/index.html"].sendAs(w, r)
}

// Asset writes a file by its path below /assets/ or, with its first folder, below
// /authenticator/; it says whether there is one.
func (p *Pages) Asset(w http.ResponseWriter, r *http.Request, name string) bool {
	f, ok := p.find(r, name)
	if !ok {
		return false
	}
	head := w.Header()
	// A logo is the service's, and a script in it must not be ours.
	head.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	if name == "authenticator/worker.js" {
		head.Set("Content-Security-Policy", policy) // a worker runs under its own script's policy
		head.Set("Service-Worker-Allowed", p.base+"/authenticator")
	}
	f.send(w, r)
	return true
}

func (p *Pages) find(r *http.Request, name string) (f file, ok bool) {
	brand := p.brands[r.URL.Query().Get("service")]
	switch {
	case name == "brand.css" && brand.css != nil:
		return *brand.css, true
	case name == "logo" && brand.logo != nil:
		return *brand.logo, true
	case name == "authenticator/index.html":
		return f, false // it is a page, and has the policy of one
	}
	f, ok = p.files[name]
	return f, ok
}
