package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// tabTo presses Tab until an element has the focus.
func (b *tab) tabTo(selector string) *tab {
	b.t.Helper()
	var passed []string
	for range 60 {
		if eval[bool](b, fmt.Sprintf("look.isFocused(%s)", quote(selector))) {
			if !eval[bool](b, fmt.Sprintf("look.find(%s).matches(':focus-visible')", quote(selector))) {
				b.t.Errorf("%s does not show that it has the focus", selector)
			}
			return b
		}
		b.keys(kb.Tab)
		passed = append(passed, eval[string](b, "look.focused()"))
	}
	b.t.Fatalf("Tab does not lead to %s, but over %q", selector, passed)
	return b
}

// Nothing of a login needs a mouse: neither asking for it, nor enrolling, nor
// approving.
func TestKeyboardAlone(t *testing.T) {
	w := newWorld(t)
	app := newProfile(t).open(w.proxy.url + "/authenticator")
	app.seeElement(testid("enrol"))
	app.tabTo(testid("device-name")).keys("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)).keys("Keys only")
	app.tabTo(testid("enrol")).keys(kb.Enter)
	app.seeElement(testid("nothing"))
	app.tabTo("#details").keys(kb.Enter)
	alice := &phone{tab: app, token: tokenIn(app.seeElement(testid("me")))}
	app.tabTo(testid("details-close")).keys(kb.Enter)

	page := &loginPage{newProfile(t).open(w.bank + "/login")}
	page.tabTo(testid("login-id")).keys(alice.token + kb.Enter)
	code := page.code()
	app.seeElement(testid("pending-item"))
	app.tabTo(testid("pending-item")).keys(kb.Enter)
	app.seeElement(testid("display"))
	await(app, "the focus on what is asked", `look.isFocused('[data-testid="display"]')`, isTrue)
	for !eval[bool](app, `look.find('[data-testid="approve"]').disabled === false`) {
		app.keys(kb.ArrowDown)
	}
	app.tabTo(testid("code")).keys(code)
	app.tabTo(testid("approve")).keys(kb.Enter)
	alice.result("approved")
	page.seeElement(testid("login-approved"))
}

// Cancelling and beginning anew, too.
func TestKeyboardCancels(t *testing.T) {
	w := newWorld(t)
	page := &loginPage{newProfile(t).open(w.hosted())}
	page.connected("websocket")
	page.tabTo(action("this-device")).keys(" ")
	page.seeElement(action("open-app"))
	page.tabTo(action("cancel")).keys(kb.Enter)
	page.ended("Cancelled", "You cancelled the request on this page.")
	page.tabTo(action("try-again")).keys(kb.Enter)
	page.connected("websocket")
}
