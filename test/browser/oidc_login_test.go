package browser

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign/session"
)

// Alice tells her id and types on her phone the code that the page shows.
func TestOIDCTyped(t *testing.T) {
	c := newParty(t)
	alice := c.enrol(newProfile(t))
	page := c.visit(newProfile(t))
	page.see("Log in to Acme Bank")
	page.identify(alice.token)
	code := page.code()
	asked := alice.take()
	for _, part := range []string{strings.TrimPrefix(c.proxy.url, "http://"), "Acme Bank", "Chrome"} {
		if !strings.Contains(asked, part) {
			t.Errorf("the phone does not show %q: %s", part, asked)
		}
	}
	page.see("Continue on your phone")
	alice.approve(code)
	alice.result("approved")
	o := c.loggedIn(page)
	c.has(o, map[string]any{"sub": alice.token, "aud": hostedID, "acr": session.Typed})
	if o.Scope != "openid identity:name" || fmt.Sprint(o.IDToken["amr"]) != "[swk otp]" {
		t.Errorf("granted %q by %v", o.Scope, o.IDToken["amr"])
	}
	if left := c.kept(page); left != `{"countersign.user":"`+alice.token+`"}` {
		t.Errorf("the login left %s", left)
	}
}

// With a code that is wrong nobody logs in yet, with the right one after it Alice
// does; the client is one with a secret.
func TestOIDCWrongCode(t *testing.T) {
	_, c := newParties(t)
	alice := c.enrol(newProfile(t))
	alice.excuse("403")
	page := c.visit(newProfile(t), "login_hint", alice.token)
	code := page.code()
	alice.take()
	alice.approve(string('0'+(code[0]-'0'+1)%10) + code[1:])
	page.see("That code was wrong. 2 tries left.")
	alice.see("You have 2 more tries.")
	alice.approve(page.code())
	c.has(c.loggedIn(page), map[string]any{"sub": alice.token, "aud": bankID, "acr": session.Typed})
}

// Nobody is named: whoever scans logs in, and types nothing.
func TestOIDCScanned(t *testing.T) {
	c := newParty(t)
	alice := c.enrol(newProfile(t))
	page := c.visit(newProfile(t))
	page.seeElement("#user")
	page.overhear()
	page.click(action("scan"))
	page.seeElement(part("qr"))
	alice.click(testid("scan"))
	alice.see("Or paste the text of the code")
	alice.do(fmt.Sprintf(`look.find('[data-testid="qr-text"]').value = %s`, quote(page.qrText()))) // pasted, for its seconds are few
	alice.click(testid("paste"))
	alice.read()
	alice.see("You scanned the code, so there is none to type.")
	page.see("Check in the app what you are asked")
	alice.approve("")
	alice.result("approved")
	c.has(c.loggedIn(page), map[string]any{"sub": alice.token, "acr": session.Scanned})
	if left := c.kept(page); left != "{}" {
		t.Errorf("the login of somebody who told no id left %s", left)
	}
}

// overhear keeps what the page is told of the sessions that it starts.
func (l *loginPage) overhear() {
	l.t.Helper()
	l.do(`(ask => { globalThis.fetch = async (...a) => {
		const answer = await ask(...a);
		answer.clone().json().then(({data}) => { if (data?.qrKey) globalThis.overheard = {...data, began: performance.now()}; }, () => {});
		return answer;
	}; })(fetch)`)
}

// qrText is what the page's QR code says now.
func (l *loginPage) qrText() string {
	l.t.Helper()
	type started struct {
		SessionID, QRURL, QRKey string
		Age                     float64
	}
	s := await(l.tab, "a session", `globalThis.overheard && {...overheard, Age: performance.now() - overheard.began}`, func(s *started) bool { return s != nil })
	key, err := base64.RawURLEncoding.DecodeString(s.QRKey)
	if err != nil {
		l.t.Fatal(err)
	}
	seconds := int64(s.Age / 1000)
	return fmt.Sprintf("%s?t=%d&c=%s", s.QRURL, seconds, session.QRCode(key, session.ID(s.SessionID), seconds))
}

// Bob's app is in the browser in which he logs in; the tab where he began goes on
// to the client, and the app's does not.
func TestOIDCSameDevice(t *testing.T) {
	c := newParty(t)
	p := newProfile(t)
	bob := c.enrol(p)
	page := c.visit(p)
	page.identify(bob.token)
	page.code()
	app := c.handOver(p, page)
	app.approve("")
	app.see("You can close this tab")
	page.front()
	c.has(c.loggedIn(page), map[string]any{"sub": bob.token, "acr": session.SameDevice})
	if app.sees("Logged in") {
		t.Error("the app's tab is logged in too")
	}
}

// Who declines on the phone is asked on the page what now; the client hears of it
// once the user goes back.
func TestOIDCDeclined(t *testing.T) {
	c := newParty(t)
	alice := c.enrol(newProfile(t))
	page := c.visit(newProfile(t), "login_hint", alice.token)
	page.code()
	alice.take()
	alice.click(testid("decline"))
	alice.result("denied")
	page.see("The request was declined on your phone. Nobody was logged in.")
	page.click(action("go-back"))
	c.refused(page, "access_denied")
}

// Too many wrong codes end the login; the page says so before it goes back.
func TestOIDCThreeWrongCodes(t *testing.T) {
	c := newParty(t)
	alice := c.enrol(newProfile(t))
	alice.excuse("403", "429")
	page := c.visit(newProfile(t), "login_hint", alice.token)
	code := page.code()
	wrong := string('0'+(code[0]-'0'+1)%10) + code[1:]
	alice.take()
	for _, left := range []struct{ page, phone string }{{"2 tries left", "You have 2 more tries."}, {"1 try left", "You have one more try."}} {
		alice.approve(wrong)
		page.see("That code was wrong. " + left.page)
		alice.see(left.phone) // which may hear of it later
	}
	alice.approve(wrong)
	page.see("Too many wrong codes")
	page.seeElement(action("onward"))
	if eval[bool](page.tab, `look.sees('[data-action="try-again"]')`) {
		t.Error("the page offers another try")
	}
	page.click(action("onward"))
	c.refused(page, "access_denied")
	alice.result("failed")
}

// Where nobody looks at the phone the page says so, tries again, and in the end
// goes back.
func TestOIDCExpires(t *testing.T) {
	c := newParty(t, ttl(4*time.Second))
	alice := c.enrol(newProfile(t))
	page := c.visit(newProfile(t), "login_hint", alice.token)
	page.code()
	page.see("The time is up")
	page.click(action("try-again"))
	page.code()
	if eval[bool](page.tab, `look.sees('[data-action="go-back"]')`) {
		t.Error("a login under way has two ways to give it up")
	}
	page.see("The time is up")
	page.click(action("go-back"))
	c.refused(page, "access_denied")
}

// Cancel tells the client at every step, and takes the request from the phone.
func TestOIDCCancelled(t *testing.T) {
	c := newParty(t)
	alice := c.enrol(newProfile(t))
	p := newProfile(t)
	page := c.visit(p)
	page.seeElement("#user")
	page.click(action("cancel"))
	c.refused(page, "access_denied")

	page.visit(c.address("login_hint", alice.token))
	page.code()
	alice.seeElement(testid("pending-item"))
	page.click(action("cancel"))
	c.refused(page, "access_denied")
	alice.gone(testid("pending-item"))

	page.visit(c.address("login_hint", alice.token))
	code := page.code()
	alice.take()
	page.see("Continue on your phone")
	page.click(action("cancel"))
	c.refused(page, "access_denied")
	alice.excuse("409")
	alice.approve(code)
	alice.result("failed")
}

// A page that is loaded again goes on with what is due; one that was away while
// the phone approved goes on to the client.
func TestOIDCReloaded(t *testing.T) {
	c := newParty(t)
	alice := c.enrol(newProfile(t))
	page := c.visit(newProfile(t))
	page.seeElement("#user")
	at := eval[string](page.tab, "location.href")
	page.reload()
	page.identify(alice.token)
	code := page.code()
	alice.excuse("409")
	alice.take()
	page.see("Continue on your phone")
	page.reload() // what the phone has open is over, and another comes
	page.code()
	alice.approve(code)
	alice.result("failed")
	alice.click(testid("done"))
	await(alice.tab, "one request", `document.querySelectorAll('[data-testid="pending-item"]').length`, func(n int) bool { return n == 1 })
	code = page.code()
	alice.take()
	page.see("Continue on your phone")
	page.visit("about:blank")
	alice.approve(code)
	alice.result("approved")
	page.visit(at)
	c.has(c.loggedIn(page), map[string]any{"sub": alice.token, "acr": session.Typed})
}

// kept is what the provider's pages keep in a browser beside cookies.
func (p *party) kept(l *loginPage) string {
	p.t.Helper()
	l.excuse("/favicon.ico")                        // which browsers may ask for beside what is no page
	l.visit(p.proxy.url + "/.well-known/jwks.json") // any address of theirs without a script
	return eval[string](l.tab, "JSON.stringify({...localStorage, ...sessionStorage})")
}

// visit goes to an address and stays a login page.
func (l *loginPage) visit(address string) *loginPage {
	l.t.Helper()
	l.tab.visit(address)
	return l
}

// resumes are the requests of a browser that goes from the login page back to the
// provider.
func resumes(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/oidc/authorize/")
}

// Neither the address of the login page nor the one that ends the login is worth
// anything in another browser, and both say why; to the one that began it they
// are, once.
func TestOIDCElsewhere(t *testing.T) {
	c := newParty(t)
	alice := c.enrol(newProfile(t))
	page := c.visit(newProfile(t), "login_hint", alice.token)
	code := page.code()
	thief := &loginPage{newProfile(t).open("about:blank")}
	thief.excuse("404", "403", "400")
	thief.visit(eval[string](page.tab, "location.href"))
	thief.see("This request can’t go on here")
	thief.see("It belongs to another browser, or it has ended.")
	if cookies := eval[string](thief.tab, "document.cookie"); thief.sees(code) || thief.sees(alice.token) || cookies != "" {
		t.Errorf("the page tells another browser %s, %s", thief.text(), cookies)
	}

	c.proxy.refuse(resumes) // somebody carries the link away before the browser follows it
	alice.take()
	alice.approve(code)
	alice.result("approved")
	var resume string
	c.Eventually("the way back to the provider", func() bool {
		resume = c.proxy.url + c.proxy.turnedAway("GET /oidc/authorize/")
		return resume != c.proxy.url
	})
	c.proxy.allow()
	thief.visit(resume)
	thief.see("Not for this browser")
	thief.see("This login was begun in another browser, or has ended.")
	if at := eval[string](thief.tab, "location.href"); at != resume {
		t.Errorf("the other browser is sent to %s", at)
	}
	page.reload()
	c.has(c.loggedIn(page), map[string]any{"sub": alice.token})
	came := eval[string](page.tab, "location.href")
	thief.visit(came)
	c.refused(thief, "this browser began no such login")
	page.excuse("403", "400")
	page.visit(resume)
	page.see("This login")
	if page.sees("Logged in") {
		t.Error("the link counts twice")
	}
}

// turnedAway gives the path of the last request refused on its way that begins so;
// empty: there was none.
func (p *proxy) turnedAway(prefix string) (path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.requests {
		request, refused := strings.CutSuffix(line, " refused")
		if _, rest, _ := strings.Cut(request, " "); refused && strings.HasPrefix(request, prefix) {
			path = rest
		}
	}
	return path
}
