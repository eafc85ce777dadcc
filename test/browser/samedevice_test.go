package browser

import (
	"strings"
	"testing"
)

// Bob's app is in the browser in which he logs in: the page's link leads to the
// app, the app back to the bank, and the tab where he began finishes.
func TestSameDevice(t *testing.T) {
	w := newWorld(t)
	p := newProfile(t)
	bob := w.enrol(p)
	page := &loginPage{p.open(w.bank + "/login")}
	app := w.handOver(p, page)
	app.see("You came from the page in this browser")
	app.approve("")
	// The app's tab comes back to the bank, finds the tab that began, and says so.
	app.see("You can close this tab")
	if at := eval[string](app.tab, "location.href"); !strings.HasPrefix(at, w.bank+"/login") || strings.Contains(at, "countersign-return") {
		t.Errorf("the app's tab stands at %s", at)
	}
	page.front()
	page.seeElement(testid("login-approved"))
	claims := page.claims()
	if claims["acr"] != "urn:countersign:same-device" || claims["sub"] != bob.token {
		t.Errorf("the token has %v", claims)
	}
	if left := eval[string](page.tab, "JSON.stringify({...localStorage, ...sessionStorage})"); left != "{}" {
		t.Errorf("the login left traces: %s", left)
	}
}

// handOver follows the page's link to the app on this device.
func (w *World) handOver(p *profile, page *loginPage) *phone {
	w.t.Helper()
	page.click(action("this-device"))
	link := p.opened(page.tab, func() { page.click(action("open-app")) })
	link.see("Approve on this device")
	link.click(action("open-app"))
	app := &phone{tab: link}
	app.read()
	return app
}

// A link opened by other means than a click, such as the menu of the right
// button, hands over too.
func TestSameDeviceByMenu(t *testing.T) {
	w := newWorld(t)
	p := newProfile(t)
	w.enrol(p)
	page := &loginPage{p.open(w.bank + "/login")}
	page.click(action("this-device"))
	page.seeElement(action("open-app"))
	page.menu(action("open-app"))
	link := p.open(eval[string](page.tab, `look.find('[data-action="open-app"]').href`))
	link.see("Approve on this device")
	link.click(action("open-app"))
	app := &phone{tab: link}
	app.read()
	app.approve("")
	app.see("You can close this tab")
	page.front()
	page.seeElement(testid("login-approved"))
}

// A page that sends the browser right into the app, past the page that asks,
// learns nothing before the user has opened the request.
func TestSentIntoTheApp(t *testing.T) {
	w := newWorld(t)
	p, other := newProfile(t), newProfile(t)
	w.enrol(p)
	page := &loginPage{other.open(w.bank + "/login")}
	page.click(action("this-device"))
	page.seeElement(action("open-app"))
	link := await(page.tab, "a link", `look.find('[data-action="open-app"]')?.href ?? ''`, func(s string) bool { return strings.Contains(s, "#h=") })
	id, h, _ := strings.Cut(strings.TrimPrefix(link, w.proxy.url+"/s/"), "#h=")
	app := &phone{tab: p.open(w.proxy.url + "/authenticator#/s/" + id + "?h=" + h)}
	app.seeElement(testid("open-request"))
	if name := eval[string](page.tab, `document.querySelector('countersign-login').state.name`); name != "pending" {
		t.Errorf("the page has learnt that the session is %s", name)
	}
	app.click(testid("open-request"))
	app.read()
	await(page.tab, "claimed", `document.querySelector('countersign-login').state.name`, func(s string) bool { return s == "claimed" })
}

// Phones throw away tabs that nobody looks at: the page that is loaded again goes
// on with its login, and finishes.
func TestSameDeviceReloaded(t *testing.T) {
	w := newWorld(t)
	p := newProfile(t)
	w.enrol(p)
	page := &loginPage{p.open(w.bank + "/login")}
	const session = `document.querySelector('countersign-login')?.state.sessionId ?? ''`
	page.connected("websocket")
	before := eval[string](page.tab, session)
	app := w.handOver(p, page)
	page.reload()
	if after := await(page.tab, "a session", session, func(s string) bool { return s != "" }); after != before {
		t.Errorf("the page goes on with %s, and began with %s", after, before)
	}
	app.front()
	app.approve("")
	app.see("You can close this tab")
	page.front()
	page.seeElement(testid("login-approved"))
}

// The hosted login page has no page of the service to come back to: its own tab
// finishes.
func TestSameDeviceHosted(t *testing.T) {
	w := newWorld(t)
	p := newProfile(t)
	w.enrol(p)
	page := &loginPage{p.open(w.hosted())}
	app := w.handOver(p, page)
	app.approve("")
	app.see("You can close this tab")
	page.front()
	page.see("Approved")
}

// The way back, opened in another browser, leads nowhere and says why; and the
// login that it was meant for is not approved by it.
func TestReturnInAnotherBrowser(t *testing.T) {
	w := newWorld(t)
	p, other := newProfile(t), newProfile(t)
	w.enrol(p)
	page := &loginPage{p.open(w.bank + "/login")}
	app := w.handOver(p, page)
	w.proxy.refuse(returns) // the app cannot open the link it is given: somebody carries it away
	app.approve("")
	app.result("approved")
	back := eval[string](app.tab, `look.find('[data-testid="return"]').href`)
	if !strings.HasPrefix(back, w.proxy.url+"/r/sess_") {
		t.Fatalf("the way back is %s", back)
	}
	w.proxy.allow()
	thief := other.open(back)
	thief.see("Started in another browser")
	thief.see("nothing happened here")
	if page.sees("Approved") || thief.sees("Good day") {
		t.Error("the login went on")
	}
	// In the browser that began it still counts.
	p.open(back).see("You can close this tab")
	page.front()
	page.seeElement(testid("login-approved"))
}

// A link without its fragment is the QR code opened as a link: it says which app
// to use, and has no button.
func TestScannedByAnotherApp(t *testing.T) {
	w := newWorld(t)
	b := newProfile(t).open(w.proxy.url + "/s/sess_AAAAAAAAAAAAAAAAAAAAAA?t=3&c=AAAAAAAAAAAAAAAA")
	b.see("Scan this code inside your app")
	b.see("If you did not just start this yourself, close this page.")
	if eval[bool](b, "look.sees('[data-action=open-app]')") {
		t.Error("a scanned code offers the app")
	}
	if at := eval[string](b, "location.href"); strings.Contains(at, "c=") {
		t.Errorf("the moving part is kept: %s", at)
	}
	b.audit("the link's page")
}
