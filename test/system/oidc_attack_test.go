package system

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/device"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
)

// A redirect_uri is the text that is registered, not one that means the same.
func TestOIDCRedirectByteByByte(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p, s := newParty(t, r, 0, rig.Service, "", demoCallback), newSurfer(t, r, 0)
	for _, uri := range []string{
		"HTTPS://bank.example/callback", demoCallback + "#", demoCallback + "#x", demoCallback + "?", "https://@bank.example/callback",
		"https://x@bank.example/callback", "https://bank.example:443/callback", "https://BANK.example/callback", "https://bank.example/%63allback",
		"https://bank.example/./callback", "HTTP://127.0.0.1:7777/callback", "http://127.0.0.1:7777/callback#", "http://x@127.0.0.1:7777/callback",
		"http://localhost:7777/callback", "http://127.0.0.2:7777/callback", "https://127.0.0.1:7777/callback", "http://[::1]:7777/callback",
	} {
		p.config.RedirectURL = uri
		if a := s.get(p.url()); a.status != http.StatusBadRequest || a.location != nil {
			t.Errorf("%s: %d %v", uri, a.status, a.location)
		}
		whole, err := url.Parse(p.url())
		if err != nil {
			t.Fatal(err)
		}
		var pairs []string
		for name, values := range whole.Query() {
			pairs = append(pairs, name, values[0])
		}
		wantError(t, "pushed "+uri, post(t, r, 0, "/oidc/par", nil, pairs...), http.StatusBadRequest, "invalid_request")
	}
	if !strings.Contains(r.Log.String(), "not written as any is registered") {
		t.Error("the developer of the client finds nothing in the log")
	}
}

// Only an id_token is an id_token_hint, of all that is signed here.
func TestOIDCHintIsAnIDToken(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	alice, s := r.Phone(0), newSurfer(t, r, 0)
	p := newParty(t, r, 0, rig.Service, "", demoCallback)
	b := r.Browser(0).Start(alice.Token).Watch()
	r.Approve(alice, b)
	b.Expect(session.OTPReady)
	b.Expect(session.ClaimedMessage)
	direct := b.Expect(session.ApprovedMessage).JWT // its iss, aud, sub and key are those of an id_token
	tokens := p.login(s, alice)
	for what, hint := range map[string]string{"the direct API's token": direct, "an access token": tokens.AccessToken, "no token": "x"} {
		if a := s.get(p.url("id_token_hint", hint)); a.status != http.StatusBadRequest || a.location != nil {
			t.Errorf("%s: %d %v", what, a.status, a.location)
		}
	}
	raw, _ := tokens.Extra("id_token").(string)
	if q := p.back(s.get(p.url("id_token_hint", raw, "prompt", "none"))); q.Get("code") == "" {
		t.Errorf("an id_token: %v", q)
	}
	// Somebody else approves: it is not for them.
	bob := newSurfer(t, r, 1)
	if q := p.back(bob.get(bob.approve(bob.get(p.url("id_token_hint", raw)), r.Phone(0)))); q.Get("error") != "login_required" || q.Get("code") != "" {
		t.Errorf("somebody else: %v", q)
	}
	if q := p.back(bob.get(p.url("prompt", "none"))); q.Get("error") != "login_required" {
		t.Errorf("somebody else is logged in: %v", q)
	}
}

// Services that know a user by subjects of their own cannot tell by anything else
// that it is one user.
func TestOIDCPairwiseTellsNothingElse(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	alice, s := r.Phone(0), newSurfer(t, r, 0)
	pair := newParty(t, r, 0, "pair", rig.ShopSecret, pairCallback, "offline_access")
	shop := newParty(t, r, 1, rig.Shop, rig.ShopSecret, shopCallback, "offline_access")
	first := pair.login(s, alice)
	other := shop.tokens(s.get(shop.url()))
	_, a := pair.idToken(first)
	_, b := shop.idToken(other)
	access, there := claimsOf(t, first.AccessToken), claimsOf(t, other.AccessToken)
	for _, name := range []string{"sid", "sub", "jti", "grant_id"} {
		if a[name] != nil && a[name] == b[name] || access[name] != nil && access[name] == there[name] {
			t.Errorf("%s is the same at both", name)
		}
	}
	if a["sid"] == nil {
		t.Error("no sid")
	}
	_, again := pair.idToken(pair.tokens(s.get(pair.url())))
	if again["sid"] != a["sid"] || again["sub"] != a["sub"] {
		t.Errorf("at one service they change: %v, were %v", again, a)
	}
	info := userinfo(t, r, 0, "Bearer "+first.AccessToken)
	known := post(t, r, 0, "/oidc/introspect", []string{"Authorization", rig.BasicAuth("pair", rig.ShopSecret)}, "token", first.RefreshToken)
	for what, text := range map[string]string{"userinfo": info.body, "introspection": known.body} {
		if strings.Contains(text, alice.Token) || !strings.Contains(text, a["sub"].(string)) {
			t.Errorf("%s: %s", what, text)
		}
	}
}

// What strangers have stored counts against their address; what stores nothing,
// and what authenticated clients push, does not.
func TestOIDCIsLimited(t *testing.T) {
	t.Parallel()
	r := oidcRig(t, func(c *server.Config, _ *server.Secrets) {
		c.Limits.Disabled, c.Limits.InitiatePerIP = false, server.Rate{N: 3, Per: time.Minute}
	})
	demo, shop := newParty(t, r, 0, rig.Service, "", demoCallback), newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback)
	push := func(p *party, head ...string) reply {
		whole, err := url.Parse(p.url())
		if err != nil {
			t.Fatal(err)
		}
		var pairs []string
		for name, values := range whole.Query() {
			pairs = append(pairs, name, values[0])
		}
		return post(t, r, 0, "/oidc/par", head, pairs...)
	}
	for range 2 {
		operationOf(t, r, newSurfer(t, r, 0).get(demo.url()))
	}
	if a := push(demo); a.status != http.StatusCreated {
		t.Fatalf("the third: %d %s", a.status, a.body)
	}
	late := push(demo)
	wantError(t, "pushed", late, http.StatusTooManyRequests, "temporarily_unavailable")
	page := newSurfer(t, r, 1).get(demo.url())
	if page.status != http.StatusTooManyRequests || page.location != nil || len(page.head.Values("Set-Cookie")) != 0 {
		t.Errorf("authorize: %d %v %v", page.status, page.location, page.head)
	}
	for what, a := range map[string]reply{"pushed": late, "authorize": page} {
		if after, err := strconv.Atoi(a.head.Get("Retry-After")); err != nil || after < 1 || after > 20 {
			t.Errorf("%s: Retry-After %q", what, a.head.Get("Retry-After"))
		}
	}
	if a := push(shop, shopAuth()...); a.status != http.StatusCreated {
		t.Errorf("an authenticated client: %d %s", a.status, a.body)
	}
	if q := demo.back(newSurfer(t, r, 0).get(demo.url("prompt", "none"))); q.Get("error") != "login_required" {
		t.Errorf("prompt none: %v", q)
	}
}

// What a stolen phone has approved ends when it is revoked; what the other phones
// of the identity have approved does not.
func TestOIDCRevokedPhone(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	alice := r.Phone(0)
	stolen := r.Join(alice, 0, "stolen")
	p := newParty(t, r, 0, rig.Service, "", demoCallback, "offline_access")
	owner, thief := newSurfer(t, r, 0), newSurfer(t, r, 1)
	good, bad := p.login(owner, alice), p.login(thief, stolen)
	_, err := r.Nodes[1].Server.Registry().Change(rig.Ctx(t), device.TokenID(alice.Token), func(i device.Identity) (device.Identity, error) {
		return i.RevokeDevice(device.ID(stolen.Device))
	})
	if err != nil {
		t.Fatal(err)
	}
	if q := p.back(thief.get(p.url("prompt", "none"))); q.Get("error") != "login_required" {
		t.Errorf("browser login: %v", q)
	}
	_, err = p.refresh(bad.RefreshToken)
	wantRefusal(t, "refresh", err, "invalid_grant")
	if a := userinfo(t, r, 1, "Bearer "+bad.AccessToken); a.status != http.StatusUnauthorized {
		t.Errorf("userinfo: %d %s", a.status, a.body)
	}
	if q := p.back(owner.get(p.url("prompt", "none"))); q.Get("code") == "" {
		t.Errorf("the owner: %v", q)
	}
	if a := userinfo(t, r, 1, "Bearer "+good.AccessToken); a.status != http.StatusOK {
		t.Errorf("the owner's userinfo: %d %s", a.status, a.body)
	}
	if _, err = p.refresh(good.RefreshToken); err != nil {
		t.Errorf("the owner: %v", err)
	}
}
