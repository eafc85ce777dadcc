package oidc

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"countersign/session"
	"countersign/web"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// page is what a user is shown when the browser must not be sent to the client.
type page struct {
	status      int
	title, text string
}

// show answers the exchange with a page, whatever the library does.
func (x *exchange) show(status int, title, text string) { x.page = &page{status, title, text} }

// failed is the page for what is the server's fault.
func (d *door) failed(a *answer, r *http.Request, x *exchange, err error) {
	p := page{http.StatusInternalServerError, "Something went wrong", "It is the login server's fault, and in its log."}
	if d.Unavailable(err) {
		p = page{http.StatusServiceUnavailable, "Try again in a moment", "The login server cannot work just now."}
		a.header.Set("Retry-After", retryAfter)
	} else {
		d.Log.ErrorContext(r.Context(), "oidc", "path", x.path, "error", err)
	}
	p.write(a)
}

const plainPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func plainHeaders(a *answer, policy string) {
	a.header.Set("Content-Type", "text/html; charset=utf-8")
	a.header.Set("Content-Security-Policy", policy)
	a.header.Set("X-Frame-Options", "DENY")
	a.header.Set("Cross-Origin-Opener-Policy", "same-origin")
	a.header.Del("Location")
}

func plainTemplate() *template.Template {
	return template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}}</title></head>
<body><main><h1>{{.Title}}</h1><p>{{.Text}}</p></main></body></html>
`))
}

func (p *page) write(a *answer) {
	plainHeaders(a, plainPolicy)
	a.status = p.status
	a.body.Reset()
	_ = plainTemplate().Execute(&a.body, struct{ Title, Text string }{p.title, p.text}) // into memory, of strings
}

// showError is the page for a request that must not be redirected: the client or
// its redirect_uri is wrong, or the request is gone. The developer of the client
// finds in the log what came and what is registered.
func (p *Provider) showError(_ http.ResponseWriter, r *http.Request, err error) error {
	x := exchangeOf(r.Context())
	var known goidc.Error
	switch {
	case x.failed != nil && p.Unavailable(x.failed), p.Unavailable(err), errors.Is(err, session.ErrFull):
		x.show(http.StatusServiceUnavailable, "Try again in a moment", "The login server cannot work just now.")
		return nil
	case !errors.As(err, &known):
		p.Log.ErrorContext(r.Context(), "oidc: authorize", "error", err)
		x.show(http.StatusInternalServerError, "Something went wrong", "It is the login server's fault, and in its log.")
		return nil
	}
	if r.URL.Path != pathAuthorize { // back from the login page, to a request that is over: the site did nothing wrong
		x.show(http.StatusBadRequest, "This login has ended", "It was used already, or its time is up. Go back to where you wanted to log in, and begin again.")
		return nil
	}
	id, got := r.Form.Get("client_id"), withoutQuery(r.Form.Get("redirect_uri"))
	c, _ := p.client(id)
	p.Log.WarnContext(r.Context(), "oidc: a request is refused and not redirected", "client", clip(id), "error", string(known.Code)+": "+known.Description,
		"redirect_uri", clip(got), "registered", withoutQueries(c.RedirectURIs))
	text := "The site that sent you here asked in a way that this server does not accept (" + strings.ReplaceAll(string(known.Code), "_", " ") + ": " + known.Description + "). Go back and begin again, or tell the site."
	x.show(http.StatusBadRequest, "This login cannot begin", text)
	return nil
}

// withoutQuery is a URI without what a client may have hidden in it.
func withoutQuery(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return "not a URI"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

func withoutQueries(uris []string) []string {
	out := make([]string, len(uris))
	for i, u := range uris {
		out[i] = withoutQuery(u)
	}
	return out
}

// clip bounds what a stranger writes into the log.
func clip(s string) string { return s[:min(len(s), 200)] }

// hidden finds the fields of the library's page for response_mode form_post,
// which html/template has escaped.
func hidden() *regexp.Regexp { return regexp.MustCompile(`name="([a-z_]+)" value="([^"]*)"`) }

func action() *regexp.Regexp { return regexp.MustCompile(`action="([^"]*)"`) }

const submit = "document.forms[0].submit()"

// formPost writes the page that posts the answer to the client: the library's has
// a script that our policy does not let run, and nothing for who has none. The
// policy has no form-action: browsers hold the client's own redirects after the
// post against it too.
func formPost(a *answer) {
	var to string
	var list []web.Field
	if m := action().FindSubmatch(a.body.Bytes()); m != nil {
		to = html.UnescapeString(string(m[1]))
	}
	for _, m := range hidden().FindAllSubmatch(a.body.Bytes(), -1) {
		list = append(list, web.Field{Name: string(m[1]), Value: html.UnescapeString(string(m[2]))})
	}
	sendOn(a, "Back to the site", to, list)
}

// sendOn writes a page that posts a form as soon as it is there, or when its user
// says so where scripts do not run.
func sendOn(a *answer, title, to string, list []web.Field) {
	v := struct {
		Title, Action string
		Fields        []web.Field
		Script        template.JS
	}{title, to, list, submit}
	sum := sha256.Sum256([]byte(submit))
	plainHeaders(a, "default-src 'none'; script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; base-uri 'none'; frame-ancestors 'none'")
	a.header.Del("Cross-Origin-Opener-Policy")
	var b bytes.Buffer
	_ = formTemplate().Execute(&b, v) // into memory, of strings
	a.status, a.body = http.StatusOK, b
}

func formTemplate() *template.Template {
	return template.Must(template.New("form").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}}</title></head>
<body><main><h1>{{.Title}}</h1><form method="post" action="{{.Action}}">{{range .Fields}}<input type="hidden" name="{{.Name}}" value="{{.Value}}">{{end}}
<button>Continue</button></form></main><script>{{.Script}}</script></body></html>
`))
}
