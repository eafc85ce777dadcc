package browser

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"countersign/api"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
)

// A client is a relying party of the hosted service: the place that the browser
// comes back to, and nothing else.
type client struct {
	*World
	callback string
}

func newClient(t *testing.T, configure ...func(*server.Config)) *client {
	t.Helper()
	l := listen(t)
	callback := origin(l) + "/callback"
	w := newWorld(t, append([]func(*server.Config){func(c *server.Config) { c.Services[0].RedirectURIs = []string{callback} }}, configure...)...)
	serve(t, l, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		fmt.Fprint(rw, `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Client</title><h1>Back at the client</h1>`)
	}))
	return &client{w, callback}
}

// begin opens the client's authorization request.
func (c *client) begin(p *profile, extra ...string) *loginPage {
	c.t.Helper()
	q := url.Values{"response_type": {"code"}, "client_id": {hostedID}, "redirect_uri": {c.callback}, "scope": {"openid identity:name"}, "state": {"s"},
		"code_challenge": {session.ChallengeOf(rig.NewVerifier())}, "code_challenge_method": {"S256"}}
	for i := 0; i < len(extra); i += 2 {
		q.Set(extra[i], extra[i+1])
	}
	return &loginPage{p.open(c.proxy.url + "/oidc/authorize?" + q.Encode())}
}

// back waits for the browser to be at the client again, and gives what it
// brought.
func (c *client) back(l *loginPage) url.Values {
	c.t.Helper()
	l.see("Back at the client")
	u, err := url.Parse(eval[string](l.tab, "location.href"))
	if err != nil || !strings.HasPrefix(u.String(), c.callback) || u.Query().Get("state") != "s" || u.Query().Get("iss") != c.proxy.url {
		c.t.Fatalf("came back as %s, %v", u, err)
	}
	return u.Query()
}

// granted and denied say how the browser came back.
func (c *client) granted(l *loginPage) {
	c.t.Helper()
	if q := c.back(l); q.Get("code") == "" {
		c.t.Errorf("no code: %v", q)
	}
}

func (c *client) denied(l *loginPage) {
	c.t.Helper()
	if q := c.back(l); q.Get("error") != "access_denied" || q.Has("code") {
		c.t.Errorf("not refused: %v", q)
	}
}

// decide has a phone decide the one session that waits for it, and grant scopes if
// it approves.
func (w *World) decide(p *api.Phone, how session.Decision, code string, scopes ...string) {
	w.t.Helper()
	waiting, err := p.Pending(rig.Ctx(w.t))
	if err != nil || len(waiting.Sessions) != 1 {
		w.t.Fatalf("%d sessions wait, %v", len(waiting.Sessions), err)
	}
	if _, err := p.Verify(rig.Ctx(w.t), w.Claim(p, waiting.Sessions[0].SessionID, ""), how, code, scopes); err != nil {
		w.t.Fatalf("verify: %v", err)
	}
}

// identify tells the page who logs in.
func (l *loginPage) identify(user string) {
	l.t.Helper()
	l.write("#user", user)
	l.click(action("continue"))
}

// user is what the field says.
func (l *loginPage) user() string {
	l.t.Helper()
	l.seeElement("#user")
	return eval[string](l.tab, `look.find('#user').value`)
}

// A standard client's login, from its request to its code; and the second time
// the id is there already, unless somebody else is.
func TestOperationLogin(t *testing.T) {
	c := newClient(t)
	p, alice := newProfile(t), c.Phone(0)
	page := c.begin(p)
	page.see("Log in to Acme Bank")
	page.audit("who logs in")
	page.click(action("continue"))
	page.see("Type your Countersign ID")
	page.audit("nobody told")
	page.identify("tok_nobody")
	page.code()
	page.click(action("notYou"))
	if got := page.user(); got != "tok_nobody" {
		t.Errorf("the field says %q", got)
	}
	page.write("#user", "")
	page.identify(alice.Token)
	code := page.code()
	page.audit("the code")
	c.decide(alice, session.Approve, code, "identity:name")
	c.granted(page)
	again := c.begin(p, "prompt", "login")
	if got := again.user(); got != alice.Token {
		t.Errorf("the field says %q", got)
	}
	again.click(action("not-you"))
	if left := eval[string](again.tab, "JSON.stringify({...localStorage, ...sessionStorage})"); again.user() != "" || left != "{}" {
		t.Errorf("not forgotten: %q, %s", again.user(), left)
	}
}

// A reload goes on with the step that is due: with a new session, the one before
// being replaced.
func TestOperationReload(t *testing.T) {
	c := newClient(t)
	alice := c.Phone(1)
	page := c.begin(newProfile(t), "login_hint", alice.Token)
	page.code()
	page.reload()
	c.decide(alice, session.Approve, page.code(), "identity:name")
	c.granted(page)
}

// Whoever scans logs in; a reload goes on so, and Cancel tells the client.
func TestOperationScan(t *testing.T) {
	c := newClient(t)
	page := c.begin(newProfile(t))
	page.click(action("scan"))
	page.see("scan this QR code with it")
	page.reload()
	page.see("scan this QR code with it")
	page.click(action("notYou"))
	page.click(action("scan"))
	page.seeElement(part("qr"))
	page.click(action("cancel"))
	c.denied(page)
}

// The address of a login, opened in another browser, is worth nothing there.
func TestOperationInAnotherBrowser(t *testing.T) {
	c := newClient(t)
	page := c.begin(newProfile(t))
	page.seeElement("#user")
	other := newProfile(t).open("about:blank").excuse("404")
	other.visit(eval[string](page.tab, "location.href"))
	other.see("This request can’t go on here")
	other.audit("another browser")
	page.click(action("cancel"))
	c.denied(page)
}

// Who says on the phone that it was not them ends the login, and the page says so
// before it goes back.
func TestOperationReported(t *testing.T) {
	c := newClient(t)
	alice := c.Phone(0)
	page := c.begin(newProfile(t), "login_hint", alice.Token)
	page.code()
	c.decide(alice, session.Report, "")
	page.see("You said this wasn’t you")
	page.see("Nobody was logged in")
	page.audit("reported")
	if page.sees("Try again") {
		t.Error("the page offers another try")
	}
	page.click(action("onward"))
	c.denied(page)
}

// A declined session is not the end of the login.
func TestOperationDeclined(t *testing.T) {
	c := newClient(t)
	alice := c.Phone(0)
	page := c.begin(newProfile(t), "login_hint", alice.Token)
	page.code()
	c.decide(alice, session.Deny, "")
	page.see("declined on your phone")
	page.click(action("try-again"))
	c.decide(alice, session.Approve, page.code(), "identity:name")
	c.granted(page)
}

// The app is in the same browser: the tab that began goes on to the client.
func TestOperationSameDevice(t *testing.T) {
	c := newClient(t)
	p := newProfile(t)
	bob := c.enrol(p)
	page := c.begin(p, "login_hint", bob.token)
	page.code()
	app := c.handOver(p, page)
	app.approve("")
	app.see("You can close this tab")
	page.front()
	c.granted(page)
}

// What is said is said in the user's language, the server's part included.
func TestOperationLanguage(t *testing.T) {
	c := newClient(t)
	say := words(t, "ar")
	page := c.begin(newProfile(t), "ui_locales", "ar")
	page.see(say("identifyLabel"))
	page.click(action("continue"))
	page.see(say("nameMissing"))
	if dir := eval[string](page.tab, "document.documentElement.dir"); dir != "rtl" {
		t.Errorf("written %s", dir)
	}
	page.audit("Arabic")
}
