package system

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"countersign/api"
	"countersign/api/rp"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"

	"golang.org/x/oauth2"
)

// amid is everything that an OpenID Provider has under way at one moment, begun on
// node 0 and to be finished on another.
type amid struct {
	t          *testing.T
	r          *rig.Rig
	told       *receiver // of logouts
	alice      *api.Phone
	in, out    *surfer // logged in; before the login
	demo, shop *party
	desk       *caller

	first   *oauth2.Token // of in, at demo
	begun   reply         // of out, at demo
	code    string        // of in, at shop
	pushed  string        // to be sent by in, at demo
	pending asked         // of carol, not decided
	carol   *api.Phone
	granted asked // of dave, approved
}

func beginAll(t *testing.T) *amid {
	t.Helper()
	m := &amid{t: t, told: newReceiver(t)}
	m.r = cibaRig(t, "", func(c *server.Config, _ *server.Secrets) {
		c.Services[0].PostLogoutRedirectURIs, c.Services[1].BackchannelLogoutURI = []string{afterDemo}, m.told.URL
	})
	r := m.r
	m.alice, m.carol = r.Phone(0), r.Phone(0)
	dave := r.Phone(0)
	m.in, m.out = newSurfer(t, r, 0), newSurfer(t, r, 0)
	m.demo = newParty(t, r, 0, rig.Service, "", demoCallback, "offline_access")
	m.shop = newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback, "offline_access")
	m.desk = newCaller(t, r, 0, rig.Shop)
	m.first = m.demo.login(m.in, m.alice)
	m.code = m.shop.code(m.in.get(m.shop.url()))
	m.begun = m.out.get(m.demo.url())
	m.pushed = m.demo.push(nil, "client_id", rig.Service)
	m.pending = m.desk.ask("login_hint", m.carol.Token)
	m.granted = m.desk.ask("login_hint", dave.Token, "scope", "openid offline_access")
	decide(t, r, dave, session.Approve, m.granted.Code)
	return m
}

// finishAll goes on with all of it on node n, and gives the kid of each token.
func (m *amid) finishAll(n int) map[string]any {
	m.t.Helper()
	t, r := m.t, m.r
	kids := map[string]any{}
	note := func(what, token string) { kids[what] = part(t, token, 0)["kid"] }
	id := func(what string, p *party, tokens *oauth2.Token) {
		t.Helper()
		raw, _ := tokens.Extra("id_token").(string)
		p.at(n).verified(raw)
		note(what+", id_token", raw)
		note(what+", access token", tokens.AccessToken)
		if u := userinfo(t, r, n, "Bearer "+tokens.AccessToken); u.status != http.StatusOK {
			t.Errorf("%s: userinfo: %d %s", what, u.status, u.body)
		}
	}
	redeem := func(what string, p *party, code string) *oauth2.Token {
		t.Helper()
		tokens, err := p.at(n).redeem(code)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		id(what, p, tokens)
		return tokens
	}
	m.in.http.Transport, m.out.http.Transport, m.desk.n = straight{r, n}, straight{r, n}, n
	hint, _ := m.first.Extra("id_token").(string)

	if u := userinfo(t, r, n, "Bearer "+m.first.AccessToken); u.status != http.StatusOK {
		t.Errorf("an access token from before: %d %s", u.status, u.body)
	}
	atShop := redeem("a code", m.shop, m.code)
	redeem("a login begun", m.demo, m.demo.code(m.out.get(m.out.approve(m.begun, r.At(m.alice, n)))))
	redeem("a request pushed", m.demo, m.demo.code(m.in.get(m.pushed)))
	redeem("an id_token_hint", m.demo, m.demo.code(m.in.get(m.demo.url("prompt", "none", "id_token_hint", hint))))
	next, err := m.demo.at(n).refresh(m.first.RefreshToken)
	if err != nil {
		t.Fatalf("refresh: %v", err)
	}
	id("a refresh token", m.demo, next)
	for _, token := range []string{atShop.AccessToken, atShop.RefreshToken} {
		if a := post(t, r, n, "/oidc/introspect", shopAuth(), "token", token); a.status != http.StatusOK || len(a.body) < 50 {
			t.Errorf("introspection: %d %s", a.status, a.body)
		}
	}
	decide(t, r, r.At(m.carol, n), session.Approve, m.pending.Code)
	for what, x := range map[string]asked{"CIBA, asked": m.pending, "CIBA, approved": m.granted} {
		access, _, _ := accessToken(t, m.desk.poll(x.ID))
		note(what, access)
	}
	raw, _ := atShop.Extra("id_token").(string)
	if a := m.desk.try("id_token_hint", raw); a.status != http.StatusOK {
		t.Errorf("CIBA by an id_token: %d %s", a.status, a.body)
	}
	m.finishDirect(n, note)
	m.finishLogout(n, hint, note)
	return kids
}

// finishLogout ends the browser login, of which a client is told.
func (m *amid) finishLogout(n int, hint string, note func(what, token string)) {
	m.t.Helper()
	t, r := m.t, m.r
	a := m.in.get(endSession(r, "id_token_hint", hint, "post_logout_redirect_uri", afterDemo))
	if a.status != http.StatusSeeOther || a.location.String() != afterDemo {
		t.Errorf("logout: %d %v", a.status, a.location)
	}
	v, err := url.ParseQuery(m.told.next(t).body)
	if err != nil {
		t.Fatal(err)
	}
	ours := &rp.Verifier{Issuer: r.Issuer, Audience: rig.Shop, HTTP: &http.Client{Transport: straight{r, n}}}
	if _, err := ours.VerifyLogout(rig.Ctx(t), v.Get("logout_token")); err != nil {
		t.Errorf("logout token: %v", err)
	}
	note("a logout token", v.Get("logout_token"))
}

// finishDirect ends the login of the direct API, whose tokens the same keys sign.
func (m *amid) finishDirect(n int, note func(what, token string)) {
	m.t.Helper()
	p := m.r.Phone(n)
	b := m.r.Browser(n).Start(p.Token).Watch()
	m.r.Approve(p, b)
	b.Expect(session.OTPReady)
	b.Expect(session.ClaimedMessage)
	note("the direct API", b.Expect(session.ApprovedMessage).JWT)
}

// The keys that sign are replaced in the middle of everything: of a login, of codes,
// refresh tokens and pushed requests that are out, of CIBA requests, hints and logouts.
// All of it goes on, on the other node, under the new key, which is the direct API's too.
func TestOIDCKeysChangeAmid(t *testing.T) {
	t.Parallel()
	m := beginAll(t)
	keys := m.r.Store(t).SigningKeys()
	if err := keys.Load(rig.Ctx(t)); err != nil {
		t.Fatal(err)
	}
	added, err := keys.Rotate(rig.Ctx(t), keyLead)
	if err != nil {
		t.Fatal(err)
	}
	token := m.demo.login(newSurfer(t, m.r, 1), m.r.Phone(1)).RefreshToken
	m.r.Eventually("the new key signs", func() bool {
		next, err := m.demo.at(1).refresh(token)
		if err != nil {
			t.Fatal(err)
		}
		token = next.RefreshToken
		return part(t, next.AccessToken, 0)["kid"] == added.ID
	})
	kids := m.finishAll(1)
	for what, kid := range kids {
		if kid != added.ID {
			t.Errorf("%s: signed by %v, not by the new key %s", what, kid, added.ID)
		}
	}
	if len(kids) != 14 {
		t.Errorf("%d tokens: %v", len(kids), kids)
	}
	var set struct {
		Keys []struct{ Kid string } `json:"keys"`
	}
	if err := json.Unmarshal([]byte(newSurfer(t, m.r, 1).get(m.r.Issuer+"/.well-known/jwks.json").body), &set); err != nil || len(set.Keys) != 2 {
		t.Errorf("published: %+v, %v", set, err)
	}
}

// The master secret is replaced in the middle of everything: nodes that know only the
// old one go, and one that uses the new one goes on with what they began.
func TestOIDCMasterChangesAmid(t *testing.T) {
	t.Parallel()
	m := beginAll(t)
	under := func(secrets ...byte) func(*server.Config, *server.Secrets) {
		return func(_ *server.Config, s *server.Secrets) { s.Master = master(t, secrets...) }
	}
	m.r.Add(under(7, 8)) // accepted everywhere before it is used anywhere
	for n := range 2 {
		if err := m.r.Nodes[n].Stop(); err != nil {
			t.Fatal(err)
		}
	}
	m.r.Add(under(8, 7))
	m.finishAll(3)
}
