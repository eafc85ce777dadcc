package system

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
)

// push sends a party's authorization request ahead, and gives the address that is
// left of it.
func (p *party) push(head []string, extra ...string) string {
	p.t.Helper()
	whole, err := url.Parse(p.url(extra...))
	if err != nil {
		p.t.Fatal(err)
	}
	var pairs []string
	for name, values := range whole.Query() {
		pairs = append(pairs, name, values[0])
	}
	var got struct {
		URI string `json:"request_uri"`
	}
	a := post(p.t, p.r, 0, "/oidc/par", head, pairs...)
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusCreated {
		p.t.Fatalf("%d %s", a.status, a.body)
	}
	return p.r.Issuer + "/oidc/authorize?" + url.Values{"client_id": {p.config.ClientID}, "request_uri": {got.URI}}.Encode()
}

// What a request wishes counts also when it was pushed, and an id_token says whose
// login is meant also when its time is up.
func TestOIDCWishes(t *testing.T) {
	t.Parallel()
	r := oidcRig(t, func(c *server.Config, _ *server.Secrets) {
		c.Services[0].TokenTTL, c.Services[2].TokenTTL = time.Second, time.Second
	})
	alice := r.Phone(0)
	for what, p := range map[string]*party{
		"public":   newParty(t, r, 0, rig.Service, "", demoCallback),
		"pairwise": newParty(t, r, 0, "pair", rig.ShopSecret, pairCallback),
	} {
		s := newSurfer(t, r, 0)
		raw, _ := p.login(s, alice).Extra("id_token").(string)
		r.Eventually("the id_token has expired", func() bool { return time.Now().Unix() > int64(claimsOf(t, raw)["exp"].(float64)) })
		head := []string{"Authorization", rig.BasicAuth(p.config.ClientID, p.config.ClientSecret)}
		id := []string{}
		if p.config.ClientSecret == "" {
			head, id = nil, []string{"client_id", p.config.ClientID}
		}
		wish := append([]string{"id_token_hint", raw}, id...)
		for how, begin := range map[string]func(extra ...string) string{
			"sent":   func(extra ...string) string { return p.url(append(extra, wish...)...) },
			"pushed": func(extra ...string) string { return p.push(head, append(extra, wish...)...) },
		} {
			if q := p.back(s.get(begin("prompt", "none"))); q.Get("code") == "" {
				t.Errorf("%s, %s: %v", what, how, q)
			}
			bob := newSurfer(t, r, 1)
			begun := bob.get(begin("ui_locales", "cs"))
			if begun.location.Query().Get("ui_locales") != "cs" {
				t.Errorf("%s, %s: %v", what, how, begun.location)
			}
			if q := p.back(bob.get(bob.approve(begun, r.Phone(0)))); q.Get("error") != "login_required" {
				t.Errorf("%s, %s: somebody else: %v", what, how, q)
			}
		}
	}
}

// What would be refused when the browser comes is refused when it is pushed (RFC
// 9126 §2.1), and says why.
func TestOIDCPushedMistakes(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p := newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback)
	for what, x := range map[string]struct{ name, value, code string }{
		"a request object":      {"request", "x.y.z", "request_not_supported"},
		"prompt none and more":  {"prompt", "none login", "invalid_request"},
		"an unknown prompt":     {"prompt", "sometimes", "invalid_request"},
		"an answer in the hash": {"response_mode", "fragment", "invalid_request"},
		"an answer by JWT":      {"response_mode", "query.jwt", "invalid_request"},
		"no redirect_uri":       {"redirect_uri", "", "invalid_request"},
		"no response_type":      {"response_type", "", "invalid_request"},
		"no PKCE":               {"code_challenge", "", "invalid_request"},
		"not openid":            {"scope", "identity:name", "invalid_request"},
	} {
		whole, err := url.Parse(p.url(x.name, x.value))
		if err != nil {
			t.Fatal(err)
		}
		var pairs []string
		for name, values := range whole.Query() {
			pairs = append(pairs, name, values[0])
		}
		wantError(t, what, post(t, r, 0, "/oidc/par", shopAuth(), pairs...), http.StatusBadRequest, x.code)
	}
	s := newSurfer(t, r, 0)
	if q := p.back(s.get(p.url("response_mode", "fragment"))); q.Get("error") != "invalid_request" {
		t.Errorf("an answer in the hash: %v", q)
	}
	a := s.get(r.Issuer + "/oidc/authorize?" + url.Values{"client_id": {rig.Shop}, "request": {"x.y.z"}}.Encode())
	if a.status != http.StatusBadRequest || a.location != nil || !strings.Contains(a.body, "Request objects (the parameter request) are not supported here.") {
		t.Errorf("%d %v %s", a.status, a.location, a.body)
	}
	if a := fetch(t, &http.Client{Transport: straight{r, 0}}, request(t, http.MethodGet, r.Issuer+"/oidc/userinfo", nil)); a.status != http.StatusUnauthorized ||
		strings.Join(a.head.Values("WWW-Authenticate"), ", ") != `Bearer, DPoP algs="ES256"` {
		t.Errorf("userinfo without a token: %d %v", a.status, a.head)
	}
	both := []string{}
	for _, path := range []string{"openid-configuration", "oauth-authorization-server"} {
		both = append(both, s.get(r.Issuer+"/.well-known/"+path).body)
	}
	if both[0] != both[1] || !strings.Contains(both[0], `"end_session_endpoint":"`+r.Issuer+`/oidc/end-session"`) {
		t.Errorf("metadata: %v", both)
	}
}

// A client says how old a login may be (max_age). An older one answers nothing, and
// what the step gives is new.
func TestOIDCMaxAge(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	alice, s, p := r.Phone(0), newSurfer(t, r, 0), newParty(t, r, 0, rig.Service, "", demoCallback)
	_, first := p.idToken(p.login(s, alice))
	r.Eventually("the login is older than a second", func() bool { return time.Now().Unix()-int64(first["auth_time"].(float64)) > 1 })
	if q := p.back(s.get(p.url("prompt", "none", "max_age", "1"))); q.Get("error") != "login_required" {
		t.Errorf("older: %v", q)
	}
	if q := p.back(s.get(p.url("prompt", "none", "max_age", "600"))); q.Get("code") == "" {
		t.Errorf("young enough: %v", q)
	}
	if q := p.back(s.get(p.push(nil, "client_id", rig.Service, "prompt", "none", "max_age", "1"))); q.Get("error") != "login_required" {
		t.Errorf("older, pushed: %v", q)
	}
	_, second := p.idToken(p.tokens(s.get(s.approve(s.get(p.url("max_age", "1")), alice))))
	if second["auth_time"].(float64) <= first["auth_time"].(float64) || second["sid"] != first["sid"] {
		t.Errorf("first %v, then %v", first, second)
	}
}

// A client says how it would have the login approved (acr_values). Another way makes a
// step, which may bring it; but it is a wish, and acr tells what there is.
func TestOIDCACRValues(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	alice, s, p := r.Phone(0), newSurfer(t, r, 0), newParty(t, r, 0, rig.Service, "", demoCallback)
	p.login(s, alice)
	for _, ways := range []string{"", session.Typed, session.Scanned + " " + session.Typed, "gold"} {
		if q := p.back(s.get(p.url("acr_values", ways))); q.Get("code") == "" {
			t.Errorf("%q: %v", ways, q)
		}
	}
	for _, begin := range []string{p.url("acr_values", session.Scanned+" gold"), p.push(nil, "client_id", rig.Service, "acr_values", session.Scanned)} {
		if _, c := p.idToken(p.tokens(s.get(s.approve(s.get(begin), alice)))); c["acr"] != session.Typed {
			t.Errorf("acr %v: it was typed", c["acr"])
		}
	}
	if q := p.back(s.get(p.url("prompt", "none", "acr_values", session.Scanned))); q.Get("code") == "" {
		t.Errorf("prompt none: %v", q)
	}
}

// What is missing in a request is refused when it is pushed, in words that help.
func TestOIDCPushedIncomplete(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p := newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback)
	for name, value := range map[string]string{"redirect_uri": "", "response_type": "", "code_challenge": "", "scope": "identity:name"} {
		q := p.asked()
		if q.Set(name, value); value == "" {
			q.Del(name)
		}
		a := post(t, r, 0, "/oidc/par", shopAuth(), pairs(q)...)
		wantError(t, name, a, http.StatusBadRequest, "invalid_request")
		if !strings.Contains(a.body, name) {
			t.Errorf("%s: %s", name, a.body)
		}
	}
}

// Mistakes of a client are told in words that help whoever writes it.
func TestOIDCSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p, s := newParty(t, r, 0, rig.Service, "", demoCallback), newSurfer(t, r, 0)
	s.approve(s.get(p.url()), r.Phone(0))
	for _, x := range []struct {
		name, value, want string
	}{
		{"code_challenge", "", "code_challenge is required"},
		{"code_challenge", "abc", "code_challenge is required"},
		{"code_challenge_method", "plain", "must be S256"},
		{"scope", "openid identity:phone admin", "scope"},
		{"response_type", "token", "must be code"},
	} {
		a := s.get(p.url(x.name, x.value))
		part := a.location.Query()
		if a.location.Fragment != "" {
			part, _ = url.ParseQuery(a.location.Fragment)
		}
		if !strings.Contains(part.Get("error_description"), x.want) {
			t.Errorf("%s=%s: %v", x.name, x.value, part)
		}
		form := s.get(p.url(x.name, x.value, "response_mode", "form_post"))
		if x.name != "response_type" && !strings.Contains(form.body, x.want) {
			t.Errorf("%s=%s, by a form: %s", x.name, x.value, form.body)
		}
	}
	token := func(pairs ...string) reply { return post(t, r, 0, "/oidc/token", nil, pairs...) }
	for want, a := range map[string]reply{
		"code is required":                 token("grant_type", "authorization_code", "client_id", rig.Service),
		"unknown, spent or over":           token("grant_type", "authorization_code", "client_id", rig.Service, "code", "x", "redirect_uri", demoCallback, "code_verifier", p.verifier),
		"never in the body":                token("grant_type", "authorization_code", "client_id", rig.Shop, "client_secret", rig.ShopSecret, "code", "x"),
		"there is no such client":          token("grant_type", "authorization_code", "client_id", "nobody", "code", "x"),
		"does not match the authorization": token("grant_type", "authorization_code", "client_id", rig.Service, "code", p.code(s.get(s.approve(s.get(p.url()), r.Phone(0)))), "redirect_uri", "https://bank.example/other", "code_verifier", p.verifier),
	} {
		if !strings.Contains(a.body, want) {
			t.Errorf("%q: %s", want, a.body)
		}
	}
}
