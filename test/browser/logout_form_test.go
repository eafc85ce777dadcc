package browser

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"countersign/server"
)

// A farewell is a site that sends its users to log out by a form (RP-Initiated
// Logout 1.0 §2), on a host that has nothing in common with the provider's.
type farewell struct {
	*party
	site string // its origin

	mu      sync.Mutex
	fields  map[string]string // of the form
	cookies []bool            // whether the browser login's came with each form that the provider got
}

const (
	formPage = `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Your account</title>
<form method="post" action="{{.To}}">{{range $name, $value := .Fields}}<input type="hidden" name="{{$name}}" value="{{$value}}">{{end}}<button id="leave">Log out</button></form></html>`
	byePage = `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Goodbye</title><h1>Goodbye</h1></html>`
)

func newFarewell(t *testing.T) *farewell {
	t.Helper()
	l := listen(t)
	f := &farewell{site: strings.Replace(origin(l), "localhost", "acme.localhost", 1)}
	f.party = newParty(t, func(c *server.Config) { c.Services[0].PostLogoutRedirectURIs = []string{f.site + "/bye"} })
	form := template.Must(template.New("").Parse(formPage))
	serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.URL.Path == "/bye" {
			fmt.Fprint(w, byePage)
			return
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		_ = form.Execute(w, struct { // the browser may have gone
			To     string
			Fields map[string]string
		}{f.proxy.url + "/oidc/end-session", f.fields})
	}))
	f.proxy.refuse(func(r *http.Request) bool {
		if r.Method == http.MethodPost && r.URL.Path == "/oidc/end-session" {
			_, err := r.Cookie("countersign-login")
			f.mu.Lock()
			f.cookies = append(f.cookies, err == nil)
			f.mu.Unlock()
		}
		return false
	})
	return f
}

// leave presses Log out at the site, whose form says this.
func (f *farewell) leave(l *loginPage, fields map[string]string) {
	f.t.Helper()
	f.mu.Lock()
	f.fields, f.cookies = fields, nil
	f.mu.Unlock()
	l.visit(f.site)
	l.press("#leave")
}

// press presses a button by the keyboard: whether a mouse hit it, only a script
// could tell.
func (l *loginPage) press(selector string) {
	l.t.Helper()
	l.seeElement(selector)
	l.tabTo(selector).keys(kb.Enter)
}

// goodbye waits until the browser is where the site wants it, logged out; the
// provider got so many forms, the first of them without the browser's cookie.
func (f *farewell) goodbye(l *loginPage, state string, forms int) {
	f.t.Helper()
	l.see("Goodbye")
	if at := eval[string](l.tab, "location.href"); at != f.site+"/bye?state="+state {
		f.t.Errorf("the browser is at %s", at)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	want := make([]bool, forms)
	for i := 1; i < forms; i++ {
		want[i] = true
	}
	if !slices.Equal(f.cookies, want) {
		f.t.Errorf("the forms came with cookies %v, want %v", f.cookies, want)
	}
}

// scripts says whether pages may run theirs.
func (b *tab) scripts(may bool) {
	b.t.Helper()
	b.call("scripts", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !may})
		return err
	})
}

// A form of another site comes without the browser's cookie. The provider's own page
// sends it again, by itself or, where scripts may not run, by a button; and a request
// that shows no id_token of this login asks first.
func TestLogoutByForm(t *testing.T) {
	f := newFarewell(t)
	alice := f.Phone(0)
	sendOn := func(l *loginPage) {
		await(l.tab, "the provider's own form", `document.readyState === 'complete' && look.of('button') === 'Continue'`, isTrue)
	}
	for _, scripts := range []bool{true, false} {
		t.Run(fmt.Sprintf("scripts %v", scripts), func(t *testing.T) {
			page, o := f.loggedInAt(newProfile(t), alice)
			page.scripts(scripts)
			f.leave(page, map[string]string{"id_token_hint": o.Raw, "post_logout_redirect_uri": f.site + "/bye", "state": "one"})
			if !scripts {
				sendOn(page)
				page.scripts(true) // axe's; the page's own has had its turn
				page.audit("a form without scripts")
				page.scripts(false)
				page.press("button")
			}
			f.goodbye(page, "one", 2)

			page.scripts(true)
			if f.knows(page) {
				t.Error("still logged in")
			}
			page, _ = f.loggedInAt(newProfile(t), alice)
			page.scripts(scripts)
			f.leave(page, map[string]string{"client_id": hostedID, "post_logout_redirect_uri": f.site + "/bye", "state": "two"})
			if !scripts {
				sendOn(page)
				page.press("button")
			}
			page.see("Acme Bank wants to log you out.")
			page.press(yes)
			f.goodbye(page, "two", 3)
		})
	}
}
