package system

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign/server"
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
