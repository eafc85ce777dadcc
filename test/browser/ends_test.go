package browser

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"countersign/server"
)

// ttl gives sessions a life of so long, which may be shorter than a configuration
// file could say.
func ttl(d time.Duration) func(*server.Config) {
	return func(c *server.Config) { c.Session.TTL = d }
}

// ended waits for an end that the page tells in these words, and looks it over.
func (l *loginPage) ended(title, text string) {
	l.t.Helper()
	l.see(title)
	l.see(text)
	await(l.tab, "the focus on the heading", `look.isFocused('[part~="title"]')`, isTrue)
}

func TestExpires(t *testing.T) {
	w := newWorld(t, ttl(4*time.Second))
	alice := w.enrol(newProfile(t))
	page := w.login(newProfile(t), alice)
	page.code()
	alice.take()
	page.ended("The time is up", "Nobody was logged in.")
	alice.result("failed")
	page.click(action("try-again"))
	page.code()
}

// With more time there is another session in place, with another code, and the
// first is no longer asked for.
func TestMoreTime(t *testing.T) {
	w := newWorld(t, ttl(29*time.Second))
	alice := w.enrol(newProfile(t))
	page := w.login(newProfile(t), alice)
	first := page.code()
	page.click(action("more-time"))
	await(page.tab, "another code", `(look.of('[part~="code"] .digits') ?? '').replaceAll(/\D/g, '')`, func(s string) bool { return len(s) == 6 && s != first })
	await(alice.tab, "one request", `document.querySelectorAll('[data-testid="pending-item"]').length`, func(n int) bool { return n == 1 })
	page.finish(alice)
}

func TestDeclined(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	page := w.login(newProfile(t), alice)
	page.code()
	alice.take()
	alice.click(testid("decline"))
	alice.result("denied")
	page.ended("Declined", "The request was declined on your phone. Nobody was logged in.")
}

// "This wasn't me" ends the login, and the service cannot ask again for a while.
func TestReported(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	page := w.login(newProfile(t), alice)
	page.code()
	alice.take()
	alice.click(testid("report"))
	alice.result("reported")
	page.ended("Reported", "You said this wasn’t you. Nobody was logged in.")
	alice.click(testid("done"))

	again := w.login(newProfile(t), alice)
	again.code()
	other := w.enrol(newProfile(t)) // somebody else may still be asked
	w.login(newProfile(t), other).code()
	other.seeElement(testid("pending-item"))
	if eval[bool](alice.tab, `look.sees('[data-testid="pending-item"]')`) {
		t.Error("the service asked again")
	}
}

func TestThreeWrongCodes(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	alice.excuse("403", "429")
	page := w.login(newProfile(t), alice)
	code := page.code()
	wrong := string('0'+(code[0]-'0'+1)%10) + code[1:]
	alice.take()
	alice.approve(wrong)
	page.see("That code was wrong. 2 tries left.")
	alice.see("You have 2 more tries.")
	alice.approve(wrong)
	page.see("That code was wrong. 1 try left.")
	alice.approve(wrong)
	page.ended("Too many wrong codes", "Nobody was logged in.")
	alice.result("failed")
}

// Cancelling works at once, and takes the request from the phone.
func TestCancelled(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	page := w.login(newProfile(t), alice)
	page.code()
	alice.seeElement(testid("pending-item"))
	page.click(action("cancel"))
	page.ended("Cancelled", "You cancelled the request on this page. Nobody was logged in.")
	alice.gone(testid("pending-item"))
	page.click(action("try-again"))
	page.code()
	alice.take()
	page.see("Continue on your phone")
	page.click(action("cancel"))
	page.ended("Cancelled", "Nobody was logged in.")
}

// It works also when the server is gone.
func TestCancelledWithoutServer(t *testing.T) {
	w := newWorld(t)
	b := &loginPage{newProfile(t).open(w.hosted())}
	b.excuse("WebSocket connection to", "ERR_")
	b.connected("websocket")
	w.proxy.offline()
	b.connected("none")
	b.click(action("cancel"))
	b.ended("Cancelled", "You cancelled the request on this page.")
	b.click(action("try-again"))
	b.ended("No connection", "The server can’t be reached.")
	w.proxy.online()
	b.click(action("try-again"))
	b.connected("websocket")
}

// The Back button gives the login up; pressed again it leaves the page.
func TestBackCancels(t *testing.T) {
	w := newWorld(t)
	b := &loginPage{newProfile(t).open(w.bank + "/")}
	b.visit(w.hosted())
	b.connected("websocket")
	b.click(part("title")) // a page that nobody has touched gets no entry to go back from
	b.back()
	b.ended("Cancelled", "You cancelled the request on this page.")
	if n := w.proxy.served(`POST /auth/session/sess_[\w-]+/cancel`); n != 1 {
		t.Errorf("%d cancels", n)
	}
	b.back()
	b.see("Your phone signs.")
}

// back presses the Back button.
func (b *tab) back() {
	b.t.Helper()
	b.call("back", func(ctx context.Context) error {
		h, err := chromedp.Call(ctx, page.GetNavigationHistory, struct{}{})
		if err != nil {
			return err
		}
		_, err = chromedp.Call(ctx, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: h.Entries[h.CurrentIndex-1].ID})
		return err
	})
}

// A reload begins anew.
func TestReloadBeginsAnew(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	l := w.login(newProfile(t), alice)
	l.connected("websocket")
	first := eval[string](l.tab, `document.querySelector('countersign-login').state.sessionId`)
	l.reload()
	second := await(l.tab, "another session", `document.querySelector('countersign-login')?.state.sessionId ?? ''`, func(id string) bool { return id != "" && id != first })
	code := l.code()
	alice.click(`[data-session="` + second + `"]`)
	alice.read()
	alice.approve(code)
	l.seeElement(testid("login-approved"))
}
