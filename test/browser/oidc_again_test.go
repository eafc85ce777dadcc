package browser

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// byPage is what the login page asks the server by.
const byPage = `PUT /authn/op_[\w-]+`

// Who has logged in is known the next time, without a step, at another client too
// unless that asks for what no phone has shown; and is asked again by prompt=login.
func TestOIDCSingleSignOn(t *testing.T) {
	c, bank := newParties(t)
	alice := c.enrol(newProfile(t))
	page := c.visit(newProfile(t))
	page.identify(alice.token)
	first := c.approved(page, alice)

	asked := c.proxy.served(byPage)
	page.visit(c.address())
	again := c.loggedIn(page)
	c.has(again, map[string]any{"sub": alice.token, "sid": first.IDToken["sid"], "auth_time": first.IDToken["auth_time"], "acr": first.IDToken["acr"]})
	page.visit(c.address("prompt", "none"))
	c.has(c.loggedIn(page), map[string]any{"sub": alice.token, "sid": first.IDToken["sid"]})
	page.visit(bank.address("scope", "openid"))
	bank.has(bank.loggedIn(page), map[string]any{"sub": alice.token, "sid": first.IDToken["sid"]})
	page.visit(bank.address("prompt", "none"))
	bank.refused(page, "consent_required")
	if n := c.proxy.served(byPage); n != asked {
		t.Errorf("the login page asked %d times where no step was due", n-asked)
	}

	page.visit(bank.address())
	if got := page.user(); got != alice.token {
		t.Errorf("the field says %q", got)
	}
	page.visit(c.address("prompt", "login"))
	page.click(action("continue"))
	renewed := c.approved(page, alice)
	c.has(renewed, map[string]any{"sub": alice.token, "sid": first.IDToken["sid"]})
	if before, now := first.IDToken["auth_time"].(float64), renewed.IDToken["auth_time"].(float64); now < before {
		t.Errorf("approved at %v, and then at %v", before, now)
	}
	page.visit(c.address("max_age", "0"))
	page.seeElement("#user")
}

// approved has a phone approve the login of a page by its code.
func (p *party) approved(l *loginPage, who *phone) outcome {
	p.t.Helper()
	code := l.code()
	who.take()
	who.approve(code)
	who.result("approved")
	who.click(testid("done"))
	return p.loggedIn(l)
}

// Where nobody has logged in prompt=none shows nothing; and somebody else than
// alice is not taken for her.
func TestOIDCWithoutAStep(t *testing.T) {
	c := newParty(t)
	alice, bob := c.enrol(newProfile(t)), c.enrol(newProfile(t))
	page := c.visit(newProfile(t), "prompt", "none")
	c.refused(page, "login_required")
	page.visit(c.address("login_hint", alice.token))
	first := c.approved(page, alice)
	page.visit(c.address("prompt", "none", "login_hint", bob.token))
	c.refused(page, "login_required")
	page.visit(c.address("login_hint", bob.token))
	second := c.approved(page, bob)
	c.has(second, map[string]any{"sub": bob.token})
	if second.IDToken["sid"] == first.IDToken["sid"] {
		t.Error("two users have one browser login")
	}
	if n := c.proxy.served(`GET /login`); n != 2 {
		t.Errorf("%d login pages, want those of alice and of bob", n)
	}
}

// The node that a login began on goes away while its page waits: the other goes on
// with it, to the tokens.
func TestOIDCNodeStopped(t *testing.T) {
	c := newParty(t)
	alice := c.enrol(newProfile(t))
	c.proxy.to(t, c.Nodes[0].Base)
	page := c.visit(newProfile(t))
	page.excuse("WebSocket connection to")
	page.identify(alice.token)
	page.connected("websocket")
	code := page.code()
	c.proxy.to(t, c.Nodes[1].Base)
	if err := c.Nodes[0].Stop(); err != nil {
		t.Fatal(err)
	}
	alice.excuse("WebSocket connection to")
	alice.take()
	page.see("Continue on your phone")
	page.connected("websocket")
	if now := page.code(); now != code {
		t.Errorf("the code was %s and is %s", code, now)
	}
	alice.approve(code)
	alice.result("approved")
	c.has(c.loggedIn(page), map[string]any{"sub": alice.token})
	page.visit(c.address("prompt", "none"))
	c.has(c.loggedIn(page), map[string]any{"sub": alice.token})
}

// Nothing on the login page needs a mouse.
func TestOIDCKeyboard(t *testing.T) {
	c := newParty(t)
	alice := c.enrol(newProfile(t))
	p := newProfile(t)
	page := c.visit(p)
	page.seeElement("#user")
	page.tabTo(action("continue")).keys(kb.Enter)
	page.see("Type your Countersign ID")
	await(page.tab, "the focus on the field", "look.isFocused('#user')", isTrue)
	page.tabTo(action("scan")).keys(kb.Enter)
	page.seeElement(part("qr"))
	page.tabTo(action("useID")).keys(kb.Enter)
	page.seeElement("#user")
	page.tabTo("#user").keys(alice.token + kb.Enter)
	page.code()
	alice.take()
	alice.click(testid("decline"))
	alice.result("denied")
	alice.click(testid("done"))
	page.seeElement(action("try-again"))
	page.tabTo(action("try-again")).keys(kb.Enter)
	c.has(c.approved(page, alice), map[string]any{"sub": alice.token})

	page.visit(c.address("prompt", "login"))
	page.seeElement("#user")
	page.tabTo(action("not-you")).keys(kb.Enter)
	await(page.tab, "the focus on the empty field", "look.isFocused('#user') && look.find('#user').value === ''", isTrue)
	page.tabTo(action("cancel")).keys(" ")
	c.refused(page, "access_denied")

	page.visit(c.address("prompt", "login", "login_hint", alice.token))
	page.code()
	alice.take()
	alice.click(testid("report"))
	alice.result("reported")
	page.seeElement(action("onward"))
	page.tabTo(action("onward")).keys(kb.Enter)
	c.refused(page, "access_denied")
}

// Two tabs of one browser log in at two parties at once, and both get there: each
// with the step that it began with.
func TestOIDCTwoTabs(t *testing.T) {
	c, bank := newParties(t)
	alice := c.enrol(newProfile(t))
	p := newProfile(t)
	first, second := c.visit(p, "login_hint", alice.token), bank.visit(p)
	second.seeElement("#user")
	first.front()
	c.has(c.approved(first, alice), map[string]any{"sub": alice.token, "aud": hostedID})
	second.front()
	second.identify(alice.token)
	bank.has(bank.approved(second, alice), map[string]any{"sub": alice.token, "aud": bankID})
}

// The Back button gives the login up, and the client hears of it.
func TestOIDCBackCancels(t *testing.T) {
	c := newParty(t)
	alice := c.enrol(newProfile(t))
	page := c.visit(newProfile(t), "login_hint", alice.token)
	page.connected("websocket")
	alice.seeElement(testid("pending-item"))
	page.click(part("title")) // a page that nobody has touched gets no entry to go back from
	page.back()
	c.refused(page, "access_denied")
	alice.gone(testid("pending-item"))
}
