package browser

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"countersign/api"
	"countersign/server"
	"countersign/session"
)

// logoutStops are the pages of a logout, in order.
var logoutStops = []string{"logout-ask", "logout-stayed", "logout-done"}

const (
	yes = `[name="choice"][value="yes"]`
	no  = `[name="choice"][value="no"]`
)

// loggedInAt logs somebody in at the party, in a browser that may have been used.
func (p *party) loggedInAt(b *profile, who *api.Phone) (*loginPage, outcome) {
	p.t.Helper()
	page := p.visit(b, "prompt", "login", "login_hint", who.Token)
	p.decide(who, session.Approve, page.code(), "identity:name")
	return page, p.loggedIn(page)
}

// endSession is the address that logs out; the parameters are its query.
func (w *World) endSession(parameters ...string) string {
	query := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		query.Set(parameters[i], parameters[i+1])
	}
	return w.proxy.url + "/oidc/end-session?" + query.Encode()
}

// knows says whether the browser's login counts.
func (p *party) knows(l *loginPage) bool {
	p.t.Helper()
	l.visit(p.address("prompt", "none"))
	l.seeElement("h1")
	return l.sees("Logged in")
}

// A goodbye goes through the pages of a logout, and stops at each.
type goodbye struct {
	c    *party
	lang string
	stop func(name string, b *tab)

	stops []string
}

func (g *goodbye) run(b *profile, who *api.Phone) {
	g.c.t.Helper()
	page, _ := g.c.loggedInAt(b, who)
	at := func(name, title string) {
		g.c.t.Helper()
		page.see(wordsOfPages(g.c.t, g.lang)(title))
		g.stops = append(g.stops, name)
		g.stop(name, page.tab)
	}
	asks := g.c.endSession("client_id", hostedID, "ui_locales", g.lang)
	page.visit(asks)
	at("logout-ask", "signOutTitle")
	page.click(no)
	at("logout-stayed", "stayedTitle")
	page.visit(asks)
	page.click(yes)
	at("logout-done", "signedOutTitle")
	if !slices.Equal(g.stops, logoutStops) {
		g.c.t.Errorf("the goodbye stopped at %q", g.stops)
	}
}

// Every page of a logout is one that axe finds nothing wrong with, as the user has
// it, speaks the user's language, and fits a narrow window.
func TestLogoutIsAccessible(t *testing.T) {
	c := newParty(t)
	alice, b := c.Phone(0), newProfile(t)
	for _, lang := range []string{"en", "de", "sv", "cs", "fr", "es", "ar"} {
		dir := map[bool]string{true: "rtl", false: "ltr"}[lang == "ar"]
		g := &goodbye{c: c, lang: lang}
		g.stop = func(name string, b *tab) {
			shades := looks
			if lang != "en" && lang != "ar" {
				shades = looks[:1] // colours know no language, but its direction may matter to them
			}
			for _, look := range shades {
				b.media(look...)
				b.audit(fmt.Sprint(name, " in ", lang, " with ", look))
			}
			b.media()
			b.narrow(name + " in " + lang)
			if at := eval[string](b, `document.documentElement.lang + ' ' + document.documentElement.dir`); at != lang+" "+dir {
				t.Errorf("%s is %s", name, at)
			}
			if text := b.text(); strings.ContainsAny(text, "{}") || !strings.Contains(text, "Acme Bank") {
				t.Errorf("%s in %s: %s", name, lang, text)
			}
		}
		g.run(b, alice)
	}
}

// The pages that are shown to whoever is sent here in a wrong way are accessible
// too.
func TestLogoutRefusalsAreAccessible(t *testing.T) {
	c := newParty(t)
	page, _ := c.loggedInAt(newProfile(t), c.Phone(0))
	page.excuse("400")
	page.visit(c.endSession("client_id", hostedID, "post_logout_redirect_uri", "https://attacker.example/bye"))
	page.see("This logout cannot be finished")
	if page.sees("attacker") {
		t.Errorf("the page repeats what a stranger wrote: %s", page.text())
	}
	for _, look := range looks {
		page.media(look...)
		page.audit(fmt.Sprint("a wrong address with ", look))
	}
	page.media()
	page.narrow("a wrong address")
	if !c.knows(page) {
		t.Error("logged out on the way")
	}
}

// Nothing of a logout needs a mouse, and what has the focus shows it in the colour
// of the text, whatever colour the service has.
func TestLogoutKeyboard(t *testing.T) {
	c := newParty(t, func(c *server.Config) { c.Services[0].Branding.Color = "#f4f4f4" })
	page, _ := c.loggedInAt(newProfile(t), c.Phone(0))
	asks := c.endSession("client_id", hostedID)
	page.visit(asks)
	page.seeElement(yes)
	page.keys(kb.Tab)
	for _, button := range []string{yes, no} {
		page.tabTo(button)
		ring := eval[[]string](page.tab, fmt.Sprintf(`((s) => [s.outlineStyle, s.outlineWidth, s.outlineColor])(getComputedStyle(look.find(%s)))`, quote(button)))
		if text := eval[string](page.tab, `getComputedStyle(look.find('h1')).color`); !slices.Equal(ring, []string{"solid", "3px", text}) {
			t.Errorf("%s shows the focus by %q", button, ring)
		}
	}
	page.keys(kb.Enter)
	page.see("You are still logged in")
	if !c.knows(page) {
		t.Error("logged out")
	}
	page.visit(asks)
	page.tabTo(yes).keys(" ")
	page.see("You are logged out")
	if c.knows(page) {
		t.Error("still logged in")
	}
}

// The page looks like the login page of the service that asks, and like that of one
// without colours where nobody is known to ask.
func TestLogoutBrand(t *testing.T) {
	c := newParty(t, func(c *server.Config) { c.Services[1].Branding.Color = "#ffd400" })
	page, _ := c.loggedInAt(newProfile(t), c.Phone(0))
	// Of a button; the last is that of what is behind it.
	const style = `((s, under) => [s.backgroundColor, s.color, s.borderRadius, s.borderColor, s.fontWeight, s.fontSize, s.minBlockSize, under.backgroundColor])(
		getComputedStyle(look.find(%s)), getComputedStyle(look.find(%s)))`
	for _, look := range looks[:2] {
		page.media(look...)
		painted := map[string][]string{}
		for service, like := range map[string]string{hostedID: hostedID, bankID: bankID, "nobody": hostedID, "": hostedID} {
			page.visit(c.proxy.url + "/login?demo=cancelled&service=" + like)
			page.seeElement(action("try-again"))
			want := eval[[]string](page.tab, fmt.Sprintf(style, quote(action("try-again")), quote(".panel")))
			page.visit(c.endSession("client_id", service))
			page.seeElement(yes)
			got := eval[[]string](page.tab, fmt.Sprintf(style, quote(yes), quote("#notice")))
			if !slices.Equal(got, want) {
				t.Errorf("%q with %v: the button is %q, the login page's %q", service, look, got, want)
			}
			painted[service] = got
			page.audit(fmt.Sprintf("%q with %v", service, look))
		}
		if got := painted[bankID]; !slices.Equal(got[:2], []string{"rgb(255, 212, 0)", "rgb(0, 0, 0)"}) || slices.Equal(painted[hostedID], got) {
			t.Errorf("the bank's button is %q, the hosted service's %q", got, painted[hostedID])
		}
	}
}
