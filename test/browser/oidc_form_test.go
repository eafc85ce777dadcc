package browser

import (
	"html/template"
	"net/http"
	"strings"
	"testing"
)

// loginForm begins a login by a form.
const loginForm = `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Acme</title>
<form method="post" action="{{.To}}">{{range $name, $values := .Fields}}<input type="hidden" name="{{$name}}" value="{{index $values 0}}">{{end}}</form>
<script>document.forms[0].submit()</script></html>`

// byForms has a party send its users by a form of a site that has nothing in common
// with the provider's.
func (p *party) byForms() {
	p.t.Helper()
	l, form := listen(p.t), template.Must(template.New("").Parse(loginForm))
	p.sends = strings.Replace(origin(l), "localhost", "acme.localhost", 1)
	serve(p.t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = form.Execute(w, struct { // the browser may have gone
			To     string
			Fields map[string][]string
		}{p.proxy.url + "/oidc/authorize", r.URL.Query()})
	}))
}

// A site may send its user by a form (OpenID Connect Core §3.1.2.1). From another site
// that comes without the browser's cookies, and is sent once more by a page of the
// provider's own: so single sign-on works, and what is under way in another tab goes on.
func TestOIDCBegunByAForm(t *testing.T) {
	c := newParty(t)
	alice, b := c.enrol(newProfile(t)), newProfile(t)
	other := c.visit(b)
	other.see("Log in to Acme Bank")
	c.byForms()
	page := c.visit(b)
	page.identify(alice.token)
	first := c.approved(page, alice)
	page.visit(c.address("prompt", "none"))
	c.has(c.loggedIn(page), map[string]any{"sub": alice.token, "sid": first.IDToken["sid"]})
	other.identify(alice.token)
	other.code()
}
