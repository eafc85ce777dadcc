package system

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"countersign/device"
	"countersign/test/rig"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// A public client logs a user in: every step on another node than the one before.
func TestOIDCLogin(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	_, code := newCode(t, r, device.Claims{"name": json.RawMessage(`"Alice Doe"`), "email": json.RawMessage(`"alice@bank.example"`), "phone": json.RawMessage(`"+420123"`), "address": json.RawMessage(`"Main Street 1"`)})
	phone := r.NewPhone(1)
	if _, err := phone.Enrol(rig.Ctx(t), code, "Alice's phone", "test"); err != nil {
		t.Fatal(err)
	}
	p, s := newParty(t, r, 0, rig.Service, "", demoCallback, "profile", "phone", "address", "identity:email", "offline_access"), newSurfer(t, r, 0)
	back := s.approve(s.get(p.url()), phone, "identity:name", "identity:phone", "identity:address") // not email
	s.http.Transport = straight{r, 1}
	tokens, err := p.redeem(p.code(s.get(back)))
	if err != nil {
		t.Fatal(err)
	}
	id, claims := p.idToken(tokens)
	if id.Subject != phone.Token || id.Nonce != "n-1" || !reflect.DeepEqual(claims["amr"], []any{"swk", "otp"}) || claims["acr"] != "urn:countersign:typed" || claims["sid"] == "" || claims["sid"] == nil {
		t.Errorf("%v", claims)
	}
	if at, ok := claims["auth_time"].(float64); !ok || time.Since(time.Unix(int64(at), 0)).Abs() > 20*time.Second || claims["email"] != nil {
		t.Errorf("%v", claims)
	}
	raw, _ := tokens.Extra("id_token").(string)
	if head := part(t, raw, 0); head["typ"] != "JWT" || head["alg"] != "ES256" {
		t.Errorf("id_token %v", head)
	}
	head, access := part(t, tokens.AccessToken, 0), claimsOf(t, tokens.AccessToken)
	if head["typ"] != "at+jwt" || head["alg"] != "ES256" || access["aud"] != r.Issuer+"/oidc/userinfo" || access["client_id"] != rig.Service || access["jti"] == nil ||
		access["sub"] != phone.Token || access["scope"] != "openid profile phone address offline_access" {
		t.Errorf("access token %v %v", head, access)
	}
	if life := time.Until(tokens.Expiry); life < 59*time.Minute || life > 61*time.Minute {
		t.Errorf("lives %v", life)
	}
	for n := range r.Nodes {
		info, err := p.at(n).provider.UserInfo(p.at(n).ctx, oauth2.StaticTokenSource(tokens))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]any{}
		if err := info.Claims(&got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"sub": phone.Token, "name": "Alice Doe", "phone_number": "+420123", "address": map[string]any{"formatted": "Main Street 1"}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("node %d: userinfo %v, want %v", n, got, want)
		}
	}
	next, err := p.at(1).refresh(tokens.RefreshToken)
	if err != nil || next.RefreshToken == tokens.RefreshToken || next.RefreshToken == "" {
		t.Fatalf("%v, %v", next, err)
	}
	if _, again := p.idToken(next); again["sid"] != claims["sid"] || again["auth_time"] != claims["auth_time"] || again["sub"] != claims["sub"] {
		t.Errorf("refreshed %v, first %v", again, claims)
	}
	if log := r.Log.String(); strings.Contains(log, tokens.AccessToken) || strings.Contains(log, tokens.RefreshToken) || strings.Contains(log, raw) {
		t.Error("a token is in the log")
	}
}

// A confidential client, and one with subjects of its own.
func TestOIDCConfidentialAndPairwise(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	phone, s := r.Phone(0), newSurfer(t, r, 0)
	shop := newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback)
	tokens := shop.login(s, phone)
	if id, _ := shop.idToken(tokens); id.Subject != phone.Token || tokens.RefreshToken != "" {
		t.Errorf("%+v, refresh token %q", id, tokens.RefreshToken)
	}
	pair := newParty(t, r, 1, "pair", rig.ShopSecret, pairCallback)
	tokens = pair.login(newSurfer(t, r, 1), phone)
	id, _ := pair.idToken(tokens)
	info, err := pair.provider.UserInfo(pair.ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		t.Fatal(err)
	}
	if id.Subject == phone.Token || id.Subject == "" || info.Subject != id.Subject || claimsOf(t, tokens.AccessToken)["sub"] != id.Subject {
		t.Errorf("pairwise %q, userinfo %q, access token %v", id.Subject, info.Subject, claimsOf(t, tokens.AccessToken)["sub"])
	}
	wrong := newParty(t, r, 0, rig.Shop, "another secret of sixteen bytes", shopCallback)
	wrong.verifier = shop.verifier
	_, err = wrong.redeem(shop.code(s.get(shop.url())))
	wantRefusal(t, "wrong secret", err, "invalid_client")
	wantError(t, "secret in the body", post(t, r, 0, "/oidc/token", nil, "grant_type", "refresh_token", "refresh_token", "x", "client_id", rig.Shop, "client_secret", rig.ShopSecret),
		http.StatusUnauthorized, "invalid_client")
}

// The hosted page's answer to a phone that declines goes to the client.
func TestOIDCDeclined(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p, s := newParty(t, r, 0, rig.Service, "", demoCallback), newSurfer(t, r, 0)
	id := operationOf(t, r, s.get(p.url()))
	a := s.authn(id, `{"type":"cancel"}`)
	if a.Type != "cancel" || a.Data.Location == "" {
		t.Fatalf("%+v", a)
	}
	if q := p.back(s.get(a.Data.Location)); q.Get("error") != "access_denied" || q.Get("code") != "" {
		t.Errorf("%v", q)
	}
	// Back once more, as by the browser's own button: over, and nobody's mistake.
	again := s.get(a.Data.Location)
	if again.status != http.StatusBadRequest || again.location != nil || !strings.Contains(again.body, "This login has ended") ||
		strings.Contains(again.body, "The site") {
		t.Errorf("%d %v %s", again.status, again.location, again.body)
	}
}

// Native apps listen on whatever port is free (RFC 8252 §7.3).
func TestOIDCLoopback(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	phone := r.Phone(0)
	p := newParty(t, r, 0, rig.Service, "", "http://127.0.0.1:49152/callback")
	if id, _ := p.idToken(p.login(newSurfer(t, r, 0), phone)); id.Subject != phone.Token {
		t.Errorf("%+v", id)
	}
	for _, uri := range []string{"http://127.0.0.1:49152/other", "http://localhost:49152/callback", "http://127.0.0.1.evil.example/callback",
		"http://x@127.0.0.1:1/callback", "http://127.0.0.2:1/callback", "https://bank.example:8443/callback"} {
		p.config.RedirectURL = uri
		if a := newSurfer(t, r, 0).get(p.url()); a.status != http.StatusBadRequest || a.location != nil {
			t.Errorf("%s: %d %v", uri, a.status, a.location)
		}
	}
}

// Signing keys change while a user is logged in.
func TestOIDCKeyRotation(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	phone, s := r.Phone(0), newSurfer(t, r, 0)
	p := newParty(t, r, 0, rig.Service, "", demoCallback, "offline_access")
	old := p.login(s, phone)
	keys := r.Store(t).SigningKeys()
	if err := keys.Load(rig.Ctx(t)); err != nil {
		t.Fatal(err)
	}
	added, err := keys.Rotate(rig.Ctx(t), keyLead)
	if err != nil {
		t.Fatal(err)
	}
	refresh, newest := old.RefreshToken, old
	r.Eventually("the new key signs", func() bool {
		if newest, err = p.at(1).refresh(refresh); err != nil {
			t.Fatal(err)
		}
		refresh = newest.RefreshToken
		raw, _ := newest.Extra("id_token").(string)
		return part(t, raw, 0)["kid"] == added.ID
	})
	for n := range r.Nodes {
		fresh := newParty(t, r, n, rig.Service, "", demoCallback)
		for _, tokens := range []*oauth2.Token{old, newest} {
			raw, _ := tokens.Extra("id_token").(string)
			if _, err := fresh.provider.VerifierContext(fresh.ctx, &oidc.Config{ClientID: rig.Service}).Verify(fresh.ctx, raw); err != nil {
				t.Errorf("node %d: %v", n, err)
			}
			if _, err := fresh.provider.UserInfo(fresh.ctx, oauth2.StaticTokenSource(tokens)); err != nil {
				t.Errorf("node %d: %v", n, err)
			}
		}
	}
}
