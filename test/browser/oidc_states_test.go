package browser

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// operationStops are where a visit stops, in order.
var operationStops = []string{"operation-who", "operation-nobody", "operation-code", "operation-claimed", "operation-declined", "operation-scan",
	"operation-network", "operation-reported", "operation-over", "operation-elsewhere"}

// A visit goes through every state of the login page of an operation, and stops at
// each.
type visit struct {
	c    *party
	lang string
	stop func(name string, b *tab)
	page *loginPage
	app  *phone

	stops []string
}

func (v *visit) at(name string) {
	v.c.t.Helper()
	v.stops = append(v.stops, name)
	v.page.front()
	v.stop(name, v.page.tab)
}

// run makes the visit and checks that it left out nothing.
func (v *visit) run() {
	v.c.t.Helper()
	v.app = v.c.enrol(newProfile(v.c.t))
	v.app.excuse("WebSocket connection to", "ERR_")
	v.identify()
	v.withPhone()
	v.troubles()
	if !slices.Equal(v.stops, operationStops) {
		v.c.t.Errorf("the visit stopped at %q", v.stops)
	}
}

// identify asks who logs in.
func (v *visit) identify() {
	v.page = v.c.visit(newProfile(v.c.t), "ui_locales", v.lang)
	v.page.excuse("404", "ERR_", "WebSocket connection to")
	v.page.seeElement("#user")
	v.at("operation-who")
	v.page.click(action("continue"))
	await(v.page.tab, "a complaint", `look.find('#user').getAttribute('aria-invalid') === 'true'`, isTrue)
	v.at("operation-nobody")
}

// withPhone is the login that the phone declines.
func (v *visit) withPhone() {
	v.page.identify(v.app.token)
	v.page.code()
	v.at("operation-code")
	v.app.take()
	v.page.seeElement(part("panel-claimed"))
	v.at("operation-claimed")
	v.app.click(testid("decline"))
	v.app.result("denied")
	v.app.click(testid("done"))
	v.page.seeElement(action("try-again"))
	v.at("operation-declined")
	v.page.click(action("notYou"))
	v.page.click(action("scan"))
	await(v.page.tab, "a QR code", `look.sees('.qr svg')`, isTrue)
	v.at("operation-scan")
	v.page.click(action("useID"))
	v.page.seeElement("#user")
}

// troubles are the ways in which it does not go on.
func (v *visit) troubles() {
	v.page.network(false)
	v.page.identify(v.app.token)
	v.page.seeElement(action("try-again"))
	v.at("operation-network")
	v.page.network(true)
	v.page.click(action("try-again"))
	v.page.code()
	v.app.take()
	v.app.click(testid("report"))
	v.app.result("reported")
	v.page.seeElement(action("onward"))
	v.at("operation-reported")

	v.page.visit(v.c.address("ui_locales", v.lang))
	v.page.seeElement("#user")
	v.page.call("cookies", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, network.ClearBrowserCookies, struct{}{})
		return err
	})
	v.page.click(action("scan"))
	v.page.seeElement(part("panel-not-yours"))
	v.at("operation-over")
	v.page.reload()
	v.page.seeElement("#notice")
	v.at("operation-elsewhere")
}

// Every state of the login page of an operation is one that axe finds nothing
// wrong with, as the user has it and in languages of either direction, speaks that
// language, and fits a narrow window.
func TestOIDCStatesAreAccessible(t *testing.T) {
	for _, lang := range []string{"en", "de", "ar"} {
		t.Run(lang, func(t *testing.T) {
			v := &visit{c: newParty(t), lang: lang}
			v.stop = lookOver(t, lang)
			v.run()
		})
	}
}

// lookOver gives a stop that looks over what is shown in a language.
func lookOver(t *testing.T, lang string) func(name string, b *tab) {
	dir := map[bool]string{true: "rtl", false: "ltr"}[lang == "ar"]
	shades := looks
	if lang != "en" {
		shades = looks[:2] // forced colours know no language
	}
	return func(name string, b *tab) {
		t.Helper()
		for _, look := range shades {
			b.media(look...)
			b.audit(fmt.Sprint(name, " with ", look))
		}
		b.media()
		b.narrow(name)
		if at := eval[string](b, `document.documentElement.lang + ' ' + document.documentElement.dir`); at != lang+" "+dir {
			t.Errorf("%s is %s", name, at)
		}
		if text := b.text(); strings.ContainsAny(text, "{}") || strings.Contains(text, "undefined") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// The pages that the provider shows where it must not send the browser on are
// accessible too, and have the strictest policy.
func TestOIDCRefusalsAreAccessible(t *testing.T) {
	c := newParty(t)
	page := c.visit(newProfile(t), "redirect_uri", "https://attacker.example/callback")
	page.excuse("400")
	page.see("This login cannot begin")
	if page.sees("attacker") {
		t.Errorf("the page repeats what a stranger wrote: %s", page.text())
	}
	for _, look := range looks {
		page.media(look...)
		page.audit(fmt.Sprint("a wrong redirect_uri with ", look))
	}
	page.media()
	page.narrow("a wrong redirect_uri")
}

// The login page of an operation has the policy of the others, and nobody keeps
// it.
func TestOIDCPolicy(t *testing.T) {
	c := newParty(t)
	page := c.visit(newProfile(t))
	page.seeElement("#user")
	head := eval[map[string]string](page.tab, `fetch(location.href).then((r) => Object.fromEntries(r.headers))`)
	got := strings.Split(head["content-security-policy"], "; ")
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(policy)); !slices.Equal(got, want) {
		t.Errorf("policy %q, want %q", got, want)
	}
	for name, want := range map[string]string{"cache-control": "no-store", "x-content-type-options": "nosniff", "content-type": "text/html; charset=utf-8",
		"cross-origin-opener-policy": "same-origin", "x-frame-options": "DENY"} {
		if head[name] != want {
			t.Errorf("%s is %q, want %q", name, head[name], want)
		}
	}
	if referrer := head["referrer-policy"]; referrer != "no-referrer" && referrer != "same-origin" {
		t.Errorf("Referrer-Policy is %q", referrer)
	}
}
