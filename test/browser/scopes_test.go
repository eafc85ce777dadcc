package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"countersign/device"
	"countersign/server"
)

// pageFlow is a login by what the page takes alone, at a client that may ask for
// everything and insists on the name.
func pageFlow(c *server.Config) {
	c.Flows = map[string]any{"login": map[string]any{"steps": []any{"identify", []any{"offline", "message", "passkey"}}}}
	c.Services[0].Scopes.Required = []string{"identity:name"}
	c.Services[0].Scopes.Allowed = nil
	for _, s := range device.Scopes() {
		c.Services[0].Scopes.Allowed = append(c.Services[0].Scopes.Allowed, string(s))
	}
}

// isOn says whether a scope's switch is on.
func (b *tab) isOn(scope string) bool {
	b.t.Helper()
	return eval[bool](b, fmt.Sprintf("look.find(%s).checked", quote(action("scope-"+scope))))
}

// Who logs in without a phone's screen is shown by the page what the client is given,
// and switches off by keyboard what is not required; that outlives a wrong code and
// another way to log in, and the client is not told it.
func TestScopesSwitchedOff(t *testing.T) {
	reached, heard := newGateway(t)
	c := newParty(t, reached, pageFlow)
	alice := c.Phone(0)
	c.know(alice.Token, device.Claims{"name": []byte(`"Alice Doe"`), "email": []byte(`"alice@example.com"`), "phone": []byte(`"+491701234542"`)})
	scope := "openid identity:name identity:email identity:phone"
	l := c.visit(newProfile(t), "login_hint", alice.Token, "scope", scope)
	l.see("Your phone needs no network for that.")
	for _, text := range []string{"Log in to Acme Bank", "What Acme Bank will learn", "Your name (required)", "Your e-mail address", "Your phone number", "You may switch off what is not required."} {
		l.see(text)
	}
	l.audit("what is given, offline")
	if eval[bool](l.tab, fmt.Sprintf("!!look.find(%s)", quote(action("scope-identity:name")))) {
		t.Error("what is required has a switch")
	}
	l.tabTo(action("scope-identity:email")).keys(" ")
	if l.isOn("identity:email") || !l.isOn("identity:phone") {
		t.Error("the switch did not turn")
	}
	l.audit("something is switched off")
	l.tabTo(action("take-message")).keys(kb.Enter)
	l.see("Code from the message")
	d := told(t, heard)
	if l.isOn("identity:email") || !l.isOn("identity:phone") {
		t.Error("another way has turned the switches")
	}
	l.write("#code", string('0'+(d.Code[0]-'0'+1)%10)+d.Code[1:]+kb.Enter)
	l.see("2 tries left.")
	if l.isOn("identity:email") || !l.isOn("identity:phone") {
		t.Error("a wrong code has turned the switches")
	}
	l.audit("a wrong code")
	l.write("#code", d.Code+kb.Enter)
	o := c.loggedIn(l)
	if o.Scope != "openid identity:name identity:phone" || o.Userinfo["email"] != nil || o.Userinfo["name"] != "Alice Doe" || o.Userinfo["phone"] != "+491701234542" {
		t.Errorf("the client was told %q, %v", o.Scope, o.Userinfo)
	}
	// It is not asked again what was decided in this browser login.
	l.visit(c.address("scope", scope))
	if o := c.loggedIn(l); o.Userinfo["email"] != nil || o.Userinfo["name"] != "Alice Doe" {
		t.Errorf("again, it was told %v", o.Userinfo)
	}
}

// What is given fits a narrow window in every language, with every scope there is.
func TestScopesFit(t *testing.T) {
	told, _ := newGateway(t)
	c := newParty(t, told, pageFlow)
	alice := c.Phone(0)
	all := []string{"openid"}
	for _, s := range device.Scopes() {
		all = append(all, string(s))
	}
	for _, lang := range []string{"en", "de", "sv", "cs", "fr", "es", "ar"} {
		say, page := words(t, lang), wordsOfPages(t, lang)
		l := c.visit(newProfile(t), "login_hint", alice.Token, "scope", strings.Join(all, " "), "ui_locales", lang)
		l.see(say("offlineIntro"))
		for _, way := range []string{"offline", "passkey"} {
			if way == "passkey" {
				l.click(action("take-passkey"))
				l.see(say("passkeyHelp"))
			}
			l.see(say("scopesHelp"))
			l.see(page("scopeIsEUCitizen"))
			if text := l.text(); strings.ContainsAny(text, "{}") || strings.Contains(text, "undefined") || strings.Contains(text, "identity:") {
				t.Errorf("%s in %s: %s", way, lang, text)
			}
			l.narrow(way + " in " + lang)
		}
		l.audit(lang)
	}
}
