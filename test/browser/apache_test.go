package browser

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign/api"
	"countersign/device"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
)

// Paths of every site of httpd: a page for anybody, one for who is logged in, and
// the module's own.
const (
	openPath     = "/open.html"
	accountPath  = "/account.html"
	callbackPath = "/oidc"
)

// A site is a virtual host of Apache httpd, whose mod_auth_openidc is a client of
// the provider that nobody here wrote.
type site struct {
	ID          string // client_id
	Mode, Scope string // response_mode and scope of its requests
	Origin      string // as browsers write it
	Port        int    // where httpd listens
	front       *proxy // what stands between: a test can take what is on its way
}

// An acme is a world in which two sites log their users in by httpd: the bank, and
// the shop, which takes answers by form_post.
type acme struct {
	*World
	bank, shop *site
	alice      *api.Phone
}

func newAcme(t *testing.T) *acme {
	t.Helper()
	a := &acme{bank: newSite(t, bankID, "query", "openid profile"), shop: newSite(t, shopID, "form_post", "openid")}
	a.World = newWorld(t, func(c *server.Config) {
		shop := c.Services[1]
		shop.ID, shop.Name, shop.Origins, shop.ReturnURL = shopID, "Acme Shop", []string{a.shop.Origin}, ""
		c.Services = append(c.Services, shop)
		for i, s := range []*site{a.bank, a.shop} {
			registered := &c.Services[1+i]
			registered.RedirectURIs = []string{s.Origin + callbackPath}
			registered.PostLogoutRedirectURIs, registered.BackchannelLogoutURI = []string{s.Origin + openPath}, s.backchannel()
		}
		c.Outgoing.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	a.startHTTPD(a.bank, a.shop)
	a.alice = a.person("Alice Doe")
	return a
}

// person is somebody with a name and an enrolled phone.
func (w *World) person(name string) *api.Phone {
	w.t.Helper()
	registry := w.Nodes[0].Server.Registry()
	i, err := registry.Add(rig.Ctx(w.t), device.Claims{"name": json.RawMessage(quote(name))})
	if err != nil {
		w.t.Fatal(err)
	}
	code, _, err := registry.NewCode(rig.Ctx(w.t), i.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	p := w.NewPhone(0)
	if _, err := p.Enrol(rig.Ctx(w.t), string(code), name+"’s phone", "test"); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// visit opens the account at a site, in a new tab of a browser.
func (a *acme) visit(p *profile, s *site) *loginPage {
	a.t.Helper()
	return &loginPage{p.open(s.Origin + accountPath)}
}

// approve goes through the login page with somebody's phone.
func (a *acme) approve(l *loginPage, who *api.Phone, scopes ...string) {
	a.t.Helper()
	l.identify(who.Token)
	a.decide(who, session.Approve, l.code(), scopes...)
}

// account waits for the account at a site, and gives what the module says of who
// is logged in: the environment of an application.
func (a *acme) account(l *loginPage, s *site, who *api.Phone) map[string]string {
	a.t.Helper()
	environment := map[string]string{}
	text := await(l.tab, "the account", `document.querySelector('[data-testid="environment"]')?.textContent ?? ''`, func(s string) bool { return s != "" })
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		environment[name] = value
	}
	if at := eval[string](l.tab, "location.href"); at != s.Origin+accountPath {
		a.t.Errorf("the account is shown at %s", at)
	}
	a.has(environment, map[string]string{"REMOTE_USER": who.Token, "AUTH_TYPE": "openid-connect",
		"OIDC_CLAIM_sub": who.Token, "OIDC_CLAIM_iss": a.proxy.url, "OIDC_CLAIM_aud": s.ID})
	return environment
}

func (a *acme) has(environment, want map[string]string) {
	a.t.Helper()
	for name, value := range want {
		if environment[name] != value {
			a.t.Errorf("%s is %q, want %q", name, environment[name], value)
		}
	}
}

// header is that of the id_token which the module took.
func (a *acme) header(environment map[string]string) (h struct{ Alg, Kid, Typ string }) {
	a.t.Helper()
	head, _, _ := strings.Cut(environment["OIDC_id_token"], ".")
	b, err := base64.RawURLEncoding.DecodeString(head)
	if err == nil {
		err = json.Unmarshal(b, &h)
	}
	if err != nil {
		a.t.Fatalf("no id_token in %v: %v", environment, err)
	}
	return h
}

// Alice opens her account at the bank, is sent to log in, approves on her phone
// and is at her account, which is told who she is.
func TestApacheLogin(t *testing.T) {
	a := newAcme(t)
	page := a.visit(newProfile(t), a.bank)
	page.see("Log in to Acme Bank")
	a.approve(page, a.alice, "identity:name")
	got := a.account(page, a.bank, a.alice)
	a.has(got, map[string]string{"OIDC_CLAIM_name": "Alice Doe", "OIDC_CLAIM_acr": session.Typed, "OIDC_CLAIM_amr": "swk,otp"})
	if h := a.header(got); h.Alg != "ES256" || h.Typ != "JWT" {
		t.Errorf("the module took an id_token with %+v", h)
	}
	asked := a.proxy.served(`GET /oidc/authorize`)
	page.reload()
	a.account(page, a.bank, a.alice)
	if n := a.proxy.served(`GET /oidc/authorize`); n != asked {
		t.Error("the module asked the provider again about who is logged in")
	}
}

// The answer may come in a form that the browser posts from the provider's page to
// another site.
func TestApacheFormPost(t *testing.T) {
	a := newAcme(t)
	page := a.visit(newProfile(t), a.shop)
	page.see("Log in to Acme Shop")
	a.approve(page, a.alice)
	a.account(page, a.shop, a.alice)
	if posts, gets := a.shop.front.served("POST "+callbackPath), a.shop.front.served("GET "+callbackPath); posts != 1 || gets != 0 {
		t.Errorf("the answer came by %d POST and %d GET", posts, gets)
	}
}

// Who is logged in at the bank is logged in at the shop too, without a step.
func TestApacheSingleSignOn(t *testing.T) {
	a := newAcme(t)
	page := a.visit(newProfile(t), a.bank)
	a.approve(page, a.alice)
	first := a.account(page, a.bank, a.alice)
	asked := a.proxy.served(byPage)
	page.visit(a.shop.Origin + accountPath)
	second := a.account(page, a.shop, a.alice)
	for _, same := range []string{"OIDC_CLAIM_sid", "OIDC_CLAIM_auth_time", "OIDC_CLAIM_acr"} {
		if first[same] == "" || second[same] != first[same] {
			t.Errorf("%s is %q at the bank and %q at the shop", same, first[same], second[same])
		}
	}
	if n := a.proxy.served(byPage); n != asked {
		t.Errorf("the login page asked %d times where no step was due", n-asked)
	}
	if waiting, err := a.alice.Pending(rig.Ctx(t)); err != nil || len(waiting.Sessions) != 0 {
		t.Errorf("the phone is asked %v, %v", waiting, err)
	}
}

// Who declines and goes back is told by the module that nobody is logged in, and is
// not sent to the provider again before asking for it. In a query the module takes
// every answer with iss that has no code for a login begun elsewhere, so that it
// shows an error of its own instead of the provider's; RFC 9207 §2 wants iss in
// answers with an error too.
func TestApacheDeclined(t *testing.T) {
	a := newAcme(t)
	for _, s := range []*site{a.shop, a.bank} {
		says := "Error:"
		if s.Mode == "form_post" {
			says = "OpenID Connect Provider error: access_denied"
		}
		page := a.visit(newProfile(t), s)
		page.identify(a.alice.Token)
		page.code()
		a.decide(a.alice, session.Deny, "")
		page.see("The request was declined on your phone. Nobody was logged in.")
		asked := a.proxy.served(`GET /oidc/authorize`)
		page.click(action("go-back"))
		page.see(says)
		if at := eval[string](page.tab, "location.href"); !strings.HasPrefix(at, s.Origin+callbackPath) {
			t.Errorf("the error is shown at %s", at)
		}
		if again, answered := a.proxy.served(`GET /oidc/authorize`)-asked, s.front.served(`\w+ `+callbackPath); again != 0 || answered != 1 {
			t.Errorf("%s: %d more requests and %d answers for one login", s.ID, again, answered)
		}
		page.visit(s.Origin + accountPath)
		a.approve(page, a.alice)
		a.account(page, s, a.alice)
	}
}

// The provider has a new key once a login has begun: the module, which has kept the
// keys there were, fetches them again and takes it.
func TestApacheKeyRotated(t *testing.T) {
	a := newAcme(t)
	before := a.visit(newProfile(t), a.bank)
	a.approve(before, a.alice)
	old := a.header(a.account(before, a.bank, a.alice))

	bob := a.person("Bob")
	page := a.visit(newProfile(t), a.bank)
	page.identify(bob.Token)
	code := page.code()
	fetched := a.proxy.served("GET /.well-known/jwks.json")
	keys := a.Store(t).SigningKeys()
	if err := keys.Load(rig.Ctx(t)); err != nil {
		t.Fatal(err)
	}
	added, err := keys.Rotate(rig.Ctx(t), 6*time.Second) // longer than a node takes to look for new keys
	if err != nil {
		t.Fatal(err)
	}
	a.Eventually("the new key signs", func() bool { return time.Now().After(added.ActiveFrom) })
	a.decide(bob, session.Approve, code)
	if now := a.header(a.account(page, a.bank, bob)); now.Kid != added.ID || now.Kid == old.Kid {
		t.Errorf("signed by %s and then by %s, want %s", old.Kid, now.Kid, added.ID)
	}
	if n := a.proxy.served("GET /.well-known/jwks.json"); n != fetched+1 {
		t.Errorf("the module fetched the keys %d times for a new one", n-fetched)
	}
	before.reload()
	a.account(before, a.bank, a.alice)
}

// takeAnswer goes through a login, and keeps the provider's answer from the site.
// The browser is then at an empty page, for the login page would go on trying.
func (a *acme) takeAnswer(l *loginPage, s *site, who *api.Phone) *url.URL {
	a.t.Helper()
	taken := make(chan *url.URL, 1)
	s.front.refuse(func(r *http.Request) bool {
		if r.URL.Path != callbackPath {
			return false
		}
		select {
		case taken <- r.URL:
		default:
		}
		return true
	})
	defer s.front.allow()
	a.approve(l, who)
	select {
	case u := <-taken:
		await(l.tab, "the empty page", `location.href === 'about:blank' || (location.replace('about:blank'), false)`, isTrue)
		return u
	case <-time.After(patience):
		a.t.Fatal("no answer of the provider")
		return nil
	}
}

// A state that is not the browser's own counts nothing, be it changed or another
// browser's; and nor does a code of another browser with the right state.
func TestApacheInjected(t *testing.T) {
	a := newAcme(t)
	mallory := a.person("Mallory")
	theirs := a.takeAnswer(a.visit(newProfile(t), a.bank), a.bank, mallory)
	page := a.visit(newProfile(t), a.bank)
	page.excuse("400")
	own := a.takeAnswer(page, a.bank, a.alice)
	answer := func(code, state string) {
		t.Helper()
		q := own.Query()
		q.Set("code", code)
		q.Set("state", state)
		page.visit(a.bank.Origin + callbackPath + "?" + q.Encode())
	}
	code, state := own.Query().Get("code"), own.Query().Get("state")
	answer(theirs.Query().Get("code"), theirs.Query().Get("state"))
	page.see("Bad Request")
	answer(code, state[1:]+state[:1])
	page.see("Bad Request")
	if n := a.proxy.served("POST /oidc/token"); n != 0 {
		t.Errorf("the module redeemed %d codes that came with a wrong state", n)
	}
	answer(theirs.Query().Get("code"), state)
	page.see("OpenID Connect Provider error: Error in handling response type.")
	if n := a.proxy.served("POST /oidc/token"); n != 1 {
		t.Errorf("the provider was asked %d times for the tokens of a code that is another browser's", n)
	}
	page.visit(a.bank.Origin + accountPath)
	a.account(page, a.bank, a.alice)
}
