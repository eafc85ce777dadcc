package system

import (
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign/api/rp"
	"countersign/audit"
	"countersign/device"
	"countersign/server"
	"countersign/test/rig"
)

const afterDemo = "https://bank.example/bye?from=login"

// logoutRig is oidcRig, whose clients have an address for after a logout, and shop
// and pair are told of logouts.
func logoutRig(t *testing.T, shop, pair string, change ...func(*server.Config, *server.Secrets)) *rig.Rig {
	t.Helper()
	change = append([]func(*server.Config, *server.Secrets){func(c *server.Config, _ *server.Secrets) {
		c.Services[0].PostLogoutRedirectURIs = []string{afterDemo}
		c.Services[1].BackchannelLogoutURI, c.Services[2].BackchannelLogoutURI = shop, pair
		c.Outgoing.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}}, change...)
	return oidcRig(t, change...)
}

func endSession(r *rig.Rig, pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return r.Issuer + "/oidc/end-session?" + v.Encode()
}

func (s *surfer) postForm(address string, v url.Values, head ...string) reply {
	s.t.Helper()
	return s.do(request(s.t, http.MethodPost, address, strings.NewReader(v.Encode()), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, head...)...))
}

var input = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// form is what a page's form has.
func form(body string) url.Values {
	v := url.Values{}
	for _, m := range input.FindAllStringSubmatch(body, -1) {
		v.Set(m[1], strings.NewReplacer("&amp;", "&", "&#43;", "+", "&#34;", `"`).Replace(m[2]))
	}
	return v
}

// loggedIn says whether the browser still is.
func (p *party) loggedIn(s *surfer) bool {
	p.t.Helper()
	return p.back(s.get(p.url("prompt", "none"))).Get("error") == ""
}

// A client sends its user to log out: the login ends everywhere, the clients that
// were used with it are told, and the browser goes where the client wants.
func TestLogoutReachesOtherClients(t *testing.T) {
	t.Parallel()
	shopBack, pairBack := newReceiver(t, http.StatusInternalServerError), newReceiver(t)
	r := logoutRig(t, shopBack.URL+"/logout?tenant=1", pairBack.URL)
	alice, s := r.Phone(0), newSurfer(t, r, 0)
	demo := newParty(t, r, 0, rig.Service, "", demoCallback)
	shop := newParty(t, r, 1, rig.Shop, rig.ShopSecret, shopCallback, "offline_access")
	pair := newParty(t, r, 0, "pair", rig.ShopSecret, pairCallback)
	hint, _ := demo.login(s, alice).Extra("id_token").(string)
	atShop, atPair := shop.tokens(s.get(shop.url())), pair.tokens(s.get(pair.url()))
	_, shopID := shop.idToken(atShop)
	_, pairID := pair.idToken(atPair)
	s.http.Transport = straight{r, 1}
	a := s.get(endSession(r, "id_token_hint", hint, "post_logout_redirect_uri", afterDemo, "state", "s+1 ü"))
	if a.status != http.StatusSeeOther || a.location.String() != afterDemo+"&state=s%2B1+%C3%BC" {
		t.Fatalf("%d %v %s", a.status, a.location, a.body)
	}
	if demo.loggedIn(s) || shop.loggedIn(s) {
		t.Error("still logged in")
	}
	for what, x := range map[string]struct {
		at    *receiver
		id    map[string]any
		party *party
		tries int
	}{"shop": {shopBack, shopID, shop, 2}, "pair": {pairBack, pairID, pair, 1}} {
		seen := map[any]bool{}
		for range x.tries {
			m := x.at.next(t)
			v, err := url.ParseQuery(m.body)
			token := v.Get("logout_token")
			if err != nil || len(v) != 1 || m.head.Get("Content-Type") != "application/x-www-form-urlencoded" {
				t.Fatalf("%s: told %v %s", what, m.head, m.body)
			}
			_, c := x.party.verified(token) // signature, iss, aud and exp, by the same library
			events, _ := c["events"].(map[string]any)
			_, hasNonce := c["nonce"]
			if h := part(t, token, 0); h["typ"] != "logout+jwt" || h["alg"] != "ES256" || c["sub"] != x.id["sub"] || c["sid"] != x.id["sid"] || c["sid"] == nil ||
				len(events) != 1 || events["http://schemas.openid.net/event/backchannel-logout"] == nil || hasNonce || c["aud"] != x.party.config.ClientID {
				t.Errorf("%s: logout token %v %v", what, h, c)
			}
			if exp, iat := c["exp"].(float64), c["iat"].(float64); exp-iat > 120 || seen[c["jti"]] || c["jti"] == nil {
				t.Errorf("%s: good for %v s, jti %v", what, exp-iat, c["jti"])
			}
			seen[c["jti"]] = true
			ours := &rp.Verifier{Issuer: r.Issuer, Audience: x.party.config.ClientID, HTTP: &http.Client{Transport: straight{r, 0}}}
			if l, err := ours.VerifyLogout(rig.Ctx(t), token); err != nil || l.SID != c["sid"] || l.Subject != c["sub"] {
				t.Errorf("%s: %+v %v", what, l, err)
			}
			wantUseless(t, r, what, token)
		}
	}
	// A refresh token with offline_access outlives the browser (Back-Channel Logout 1.0 §2.7).
	if _, err := shop.refresh(atShop.RefreshToken); err != nil {
		t.Errorf("refresh: %v", err)
	}
	r.Eventually("it is on record", func() bool {
		log := r.Log.String()
		return strings.Contains(log, string(audit.LoginEnded)) && strings.Count(log, string(audit.NoticeTaken)) == 2
	})
}

// wantUseless: a logout token opens nothing.
func wantUseless(t *testing.T, r *rig.Rig, what, token string) {
	t.Helper()
	if a := userinfo(t, r, 0, "Bearer "+token); a.status != http.StatusUnauthorized {
		t.Errorf("%s: userinfo by a logout token: %d %s", what, a.status, a.body)
	}
	s := newSurfer(t, r, 0)
	demo := newParty(t, r, 0, rig.Service, "", demoCallback)
	if a := s.get(demo.url("id_token_hint", token)); a.status != http.StatusBadRequest || a.location != nil {
		t.Errorf("%s: a logout token as id_token_hint: %d %v", what, a.status, a.location)
	}
}

// Who cannot show an id_token of this very login does not end it: its user is
// asked, and nobody else can answer.
func TestLogoutAsks(t *testing.T) {
	t.Parallel()
	r := logoutRig(t, "", "")
	alice, bob := r.Phone(0), r.Phone(0)
	demo := newParty(t, r, 0, rig.Service, "", demoCallback)
	s, other := newSurfer(t, r, 0), newSurfer(t, r, 1)
	own, _ := demo.login(s, alice).Extra("id_token").(string)
	bobs, _ := demo.login(other, bob).Extra("id_token").(string)
	tampered := own[:len(own)-6] + "AAAAAA"
	var page reply
	for what, pairs := range map[string][]string{
		"nothing":                  nil,
		"a client alone":           {"client_id", rig.Service, "post_logout_redirect_uri", afterDemo},
		"another user's id_token":  {"id_token_hint", bobs, "post_logout_redirect_uri", afterDemo},
		"a tampered id_token":      {"id_token_hint", tampered},
		"no id_token":              {"id_token_hint", "x.y.z", "client_id", rig.Service},
		"an id_token of elsewhere": {"id_token_hint", signedBy(t, key(t), map[string]any{"typ": "JWT"}, map[string]any{"iss": r.Issuer, "aud": rig.Service, "sub": alice.Token})},
	} {
		page = s.get(endSession(r, append(pairs, "ui_locales", "de")...))
		if page.status != http.StatusOK || page.location != nil || !strings.Contains(page.body, "Abmelden?") || !strings.Contains(page.body, "<form") {
			t.Fatalf("%s: %d %v %s", what, page.status, page.location, page.body)
		}
		if csp := page.head.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") || page.head.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", what, page.head)
		}
	}
	page = s.get(endSession(r, "client_id", rig.Service, "post_logout_redirect_uri", afterDemo, "state", "7"))
	good := form(page.body)
	no := form(page.body)
	no.Set("choice", "no")
	if a := s.postForm(r.Issuer+"/oidc/end-session", no); a.status != http.StatusOK || !strings.Contains(a.body, "You are still logged in") || !demo.loggedIn(s) {
		t.Errorf("the user says no: %d %s", a.status, a.body)
	}
	good.Set("choice", "yes")
	forged := url.Values{"choice": {"yes"}, "from": {"here"}, "confirm": {strings.Repeat("A", 43)}}
	for what, v := range map[string]url.Values{"a forged form": forged, "bob's form": form(other.get(endSession(r)).body)} {
		v.Set("choice", "yes")
		if a := s.postForm(r.Issuer+"/oidc/end-session", v); a.status != http.StatusOK || !strings.Contains(a.body, "Log out?") || !demo.loggedIn(s) {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	if a := s.get(r.Issuer + "/oidc/end-session?" + good.Encode()); !strings.Contains(a.body, "Log out?") || !demo.loggedIn(s) {
		t.Errorf("the answer in a link: %d %s", a.status, a.body)
	}
	if a := s.postForm(r.Issuer+"/oidc/end-session", good); a.status != http.StatusSeeOther || a.location.String() != afterDemo+"&state=7" || demo.loggedIn(s) {
		t.Errorf("the user says yes: %d %v %s", a.status, a.location, a.body)
	}
	// Logged out already is what was asked for, and the other browser has nothing of it.
	if a := s.get(endSession(r, "id_token_hint", own, "post_logout_redirect_uri", afterDemo)); a.status != http.StatusSeeOther {
		t.Errorf("again: %d %s", a.status, a.body)
	}
	if a := s.get(endSession(r)); a.status != http.StatusOK || !strings.Contains(a.body, "You are logged out") {
		t.Errorf("again, from nowhere: %d %s", a.status, a.body)
	}
	if !demo.loggedIn(other) {
		t.Error("bob was logged out")
	}
}

// An address that is not registered, to the letter, is never gone to, and nobody
// is logged out on the way.
func TestLogoutOpenRedirect(t *testing.T) {
	t.Parallel()
	r := logoutRig(t, "", "")
	demo, s := newParty(t, r, 0, rig.Service, "", demoCallback), newSurfer(t, r, 0)
	hint, _ := demo.login(s, r.Phone(0)).Extra("id_token").(string)
	for _, uri := range []string{
		"https://evil.example/", afterDemo + "&x=1", "https://bank.example/bye", "https://bank.example/bye?from=login#x", "https://BANK.example/bye?from=login",
		"https://bank.example@evil.example/bye?from=login", "https://bank.example:443/bye?from=login", "//bank.example/bye?from=login", "/bye", demoCallback,
		"https://bank.example/bye/../bye?from=login", "javascript:alert(1)", "https://bank.example\\@evil.example/", afterDemo + "\r\nX-Evil: 1",
	} {
		for _, pairs := range [][]string{{"id_token_hint", hint}, {"client_id", rig.Service}, nil} {
			a := s.get(endSession(r, append(pairs, "post_logout_redirect_uri", uri)...))
			if a.status != http.StatusBadRequest || a.location != nil || !strings.Contains(a.body, "This logout cannot be finished") {
				t.Errorf("%q: %d %v %s", uri, a.status, a.location, a.body)
			}
		}
	}
	if a := s.get(endSession(r, "id_token_hint", hint, "client_id", rig.Shop)); a.status != http.StatusBadRequest || a.location != nil {
		t.Errorf("another client's id_token: %d %s", a.status, a.body)
	}
	if !demo.loggedIn(s) {
		t.Error("logged out")
	}
	if log := r.Log.String(); !strings.Contains(log, "post_logout_redirect_uri is not registered") || !strings.Contains(log, "https://bank.example/bye") {
		t.Error("the log does not say what is registered")
	}
}

// A form of another site comes without our cookies, so our own page sends it again.
func TestLogoutByForm(t *testing.T) {
	t.Parallel()
	r := logoutRig(t, "", "")
	demo, s := newParty(t, r, 0, rig.Service, "", demoCallback), newSurfer(t, r, 0)
	hint, _ := demo.login(s, r.Phone(0)).Extra("id_token").(string)
	there := r.Issuer + "/oidc/end-session"
	stranger := newSurfer(t, r, 0) // as it comes from another site
	a := stranger.postForm(there, url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {afterDemo}, "state": {`"><script>`}}, "Origin", "https://bank.example")
	if a.status != http.StatusOK || !strings.Contains(a.body, `action="`+there+`"`) || strings.Contains(a.body, `"><script>`) || strings.Contains(a.head.Get("Content-Security-Policy"), "unsafe") {
		t.Fatalf("%d %v %s", a.status, a.head, a.body)
	}
	v := form(a.body)
	v.Set("state", "7")
	if a := s.postForm(there, v); a.status != http.StatusSeeOther || a.location.String() != afterDemo+"&state=7" || demo.loggedIn(s) {
		t.Errorf("%d %v %s", a.status, a.location, a.body)
	}
	for what, a := range map[string]reply{
		"a parameter twice": s.get(there + "?state=1&state=2"),
		"another type":      s.do(request(t, http.MethodPost, there, strings.NewReader("{}"), "Content-Type", "application/json")),
	} {
		if a.status != http.StatusBadRequest && a.status != http.StatusUnsupportedMediaType || a.location != nil {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
}

// An id_token says whose login to end also when its own time is up; and whoever logs
// in after another logs that one out.
func TestLogoutLater(t *testing.T) {
	t.Parallel()
	back := newReceiver(t)
	r := logoutRig(t, back.URL, "", func(c *server.Config, _ *server.Secrets) {
		c.Services[0].TokenTTL = time.Second
	})
	alice, bob := r.Phone(0), r.Phone(0)
	demo, shop := newParty(t, r, 0, rig.Service, "", demoCallback), newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback)
	s := newSurfer(t, r, 0)
	shop.login(s, alice)
	hint, _ := demo.tokens(s.get(s.approve(s.get(demo.url("prompt", "login")), bob))).Extra("id_token").(string)
	m := back.next(t)
	v, err := url.ParseQuery(m.body)
	if err != nil || claimsOf(t, v.Get("logout_token"))["sub"] != alice.Token {
		t.Fatalf("told %s", m.body)
	}
	r.Eventually("the id_token has expired", func() bool { return time.Now().Unix() > int64(claimsOf(t, hint)["exp"].(float64)) })
	earlier := hint
	hint, _ = demo.tokens(s.get(s.approve(s.get(demo.url("prompt", "login")), alice))).Extra("id_token").(string)
	if a := s.get(endSession(r, "id_token_hint", earlier)); a.status != http.StatusOK || !strings.Contains(a.body, "Log out?") || !demo.loggedIn(s) {
		t.Errorf("an id_token of a login that was replaced: %d %s", a.status, a.body)
	}
	a := s.get(endSession(r, "id_token_hint", hint, "post_logout_redirect_uri", afterDemo))
	if a.status != http.StatusSeeOther || demo.loggedIn(s) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if cookies := a.head.Values("Set-Cookie"); len(cookies) != 1 || !strings.Contains(cookies[0], "Max-Age=0") {
		t.Errorf("the cookie is still there: %v", cookies)
	}
}

// Whoever logs in after somebody whose identity was revoked ends that login all the
// same, and its clients hear of it.
func TestLogoutOfRevoked(t *testing.T) {
	t.Parallel()
	back := newReceiver(t)
	r := logoutRig(t, back.URL, "")
	alice, s := r.Phone(0), newSurfer(t, r, 0)
	newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback).login(s, alice)
	if err := r.Nodes[0].Server.Registry().Revoke(rig.Ctx(t), device.TokenID(alice.Token)); err != nil {
		t.Fatal(err)
	}
	newParty(t, r, 0, rig.Service, "", demoCallback).login(s, r.Phone(0))
	v, err := url.ParseQuery(back.next(t).body)
	if err != nil || claimsOf(t, v.Get("logout_token"))["sub"] != alice.Token {
		t.Errorf("told %v", v)
	}
}

// What comes from another site without the cookies is never told that the user is
// logged out.
func TestLogoutFromElsewhere(t *testing.T) {
	t.Parallel()
	r := logoutRig(t, "", "")
	demo, s := newParty(t, r, 0, rig.Service, "", demoCallback), newSurfer(t, r, 0)
	demo.login(s, r.Phone(0))
	stranger := newSurfer(t, r, 0) // the same browser without its cookies
	client := []string{"client_id", rig.Service, "post_logout_redirect_uri", afterDemo}
	for what, a := range map[string]reply{
		"a form that says it is ours": stranger.postForm(r.Issuer+"/oidc/end-session", url.Values{"from": {"here"}, "client_id": {rig.Service}, "post_logout_redirect_uri": {afterDemo}},
			"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "document"),
		"a frame":    stranger.do(request(t, http.MethodGet, endSession(r, client...), nil, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "iframe")),
		"a resource": stranger.do(request(t, http.MethodGet, endSession(r, client...), nil, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "image")),
	} {
		if a.location != nil || strings.Contains(a.body, "You are logged out") || a.status == http.StatusSeeOther {
			t.Errorf("%s: %d %v %s", what, a.status, a.location, a.body)
		}
	}
	if !demo.loggedIn(s) {
		t.Error("logged out")
	}
}

// Without Redis a logout is not claimed to have happened.
func TestLogoutWithoutRedis(t *testing.T) {
	t.Parallel()
	r := logoutRig(t, "", "")
	demo, s := newParty(t, r, 0, rig.Service, "", demoCallback), newSurfer(t, r, 0)
	hint, _ := demo.login(s, r.Phone(0)).Extra("id_token").(string)
	r.Redis.Stop()
	a := s.get(endSession(r, "id_token_hint", hint, "post_logout_redirect_uri", afterDemo))
	if a.status != http.StatusServiceUnavailable || a.location != nil || a.head.Get("Retry-After") == "" || len(a.head.Values("Set-Cookie")) > 0 {
		t.Errorf("%d %v %s", a.status, a.head, a.body)
	}
}
