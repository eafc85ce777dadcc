package system

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/api"
	"countersign/device"
	"countersign/operation"
	"countersign/server"
	"countersign/test/rig"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/oauth2"
)

// tokenRig is a system in which alice is an operator through shop and pair: nodes 2 and 3
// are configured so, nodes 0 and 1 know nothing of operators.
func tokenRig(t *testing.T) (r *rig.Rig, alice *api.Phone) {
	t.Helper()
	r = cibaRig(t, "http://127.0.0.1:9/ping")
	alice = r.Phone(0)
	for range 2 {
		r.Add(func(c *server.Config, _ *server.Secrets) {
			c.Admin.Identities = []string{alice.Token}
			c.Services = slices.Clone(c.Services)
			c.Services[1].Admin, c.Services[2].Admin = true, true
		})
	}
	return r, alice
}

// asOperator asks node n with an access token.
func asOperator(r *rig.Rig, n int, method, path, authorization string, head ...string) rig.Answer {
	return r.Send(n, method, path, "", append([]string{"Authorization", authorization}, head...)...)
}

// letIn checks that a token reads, and whether it changes.
func letIn(t *testing.T, r *rig.Rig, n int, token string, changes bool) {
	t.Helper()
	if a := asOperator(r, n, "GET", "/admin/services", "Bearer "+token); a.Status != http.StatusOK {
		t.Errorf("reading: %d %s", a.Status, a.Body)
	}
	a := asOperator(r, n, "POST", "/admin/sessions/sess_AAAAAAAAAAAAAAAAAAAAAA/cancel", "Bearer "+token)
	if changes {
		r.Refused("changing", a, 404, "session_not_found")
	} else {
		r.Refused("changing", a, 403, "insufficient_scope")
	}
}

func scopeOf(tokens *oauth2.Token) string {
	s, _ := tokens.Extra("scope").(string)
	return s
}

// An operator logs in on the phone, which shows what the client wants to do, and gets a
// token for the operators' API alone, on every node; what it does is on record as theirs.
func TestOperatorToken(t *testing.T) {
	t.Parallel()
	r, alice := tokenRig(t)
	for _, c := range []struct {
		client, callback, scope string
		changes                 bool
	}{{rig.Shop, shopCallback, api.AdminScope, true}, {"pair", pairCallback, api.AuditScope, false}} {
		p := newParty(t, r, 2, c.client, rig.ShopSecret, c.callback, "identity:name", c.scope)
		s := newSurfer(t, r, 2)
		tokens := p.login(s, alice, "identity:name", c.scope)
		claims := claimsOf(t, tokens.AccessToken)
		if claims["aud"] != r.Issuer+"/admin" || scopeOf(tokens) != "openid identity:name "+c.scope || claims["scope"] != scopeOf(tokens) {
			t.Errorf("%s: %v, scope %q", c.client, claims, scopeOf(tokens))
		}
		if life := claims["exp"].(float64) - claims["iat"].(float64); life > 600 {
			t.Errorf("it lives %v seconds", life)
		}
		for _, n := range []int{2, 3} {
			letIn(t, r, n, tokens.AccessToken, c.changes)
		}
		if a := userinfo(t, r, 2, "Bearer "+tokens.AccessToken); a.status != http.StatusUnauthorized {
			t.Errorf("at userinfo: %d %s", a.status, a.body)
		}
		raw, _ := tokens.Extra("id_token").(string)
		for what, token := range map[string]string{"an id_token": raw, "another signature": tokens.AccessToken[:len(tokens.AccessToken)-8] + "AAAAAAAA", "no token": "a.b.c"} {
			r.Refused(what, asOperator(r, 3, "GET", "/admin/services", "Bearer "+token), 401, "invalid_token")
		}
		r.Refused("as DPoP", asOperator(r, 3, "GET", "/admin/services", "DPoP "+tokens.AccessToken), 401, "invalid_token")
		r.Refused("on a node that knows no operators", asOperator(r, 0, "GET", "/admin/services", "Bearer "+tokens.AccessToken), 404, "not_found")
		if a := asOperator(r, 3, "POST", "/admin/enrollments/"+alice.Token+"/unlock", "Bearer "+tokens.AccessToken); c.changes != (a.Status == 200) {
			t.Errorf("unlock: %d %s", a.Status, a.Body)
		}
		if c.changes {
			a := r.Send(2, "POST", "/admin/enrollments", `{}`, "Authorization", "Bearer "+tokens.AccessToken)
			var made api.AdminCode
			r.Into(a, &made)
			r.Eventually("it is on record", func() bool {
				var got page
				r.Into(asOperator(r, 2, "GET", "/admin/audit?kind=enrolment.code_made&tokenId="+made.TokenID, "Bearer "+tokens.AccessToken), &got)
				return len(got.Events) == 1 && got.Events[0].Operator == alice.Token
			})
			r.Eventually("so is the grant", func() bool {
				var got page
				r.Into(asOperator(r, 2, "GET", "/admin/audit?kind=grant.made", "Bearer "+tokens.AccessToken), &got)
				return slices.ContainsFunc(got.Events, func(e api.AdminEvent) bool { return e.Detail == c.scope && e.TokenID == alice.Token })
			})
		}
	}
}

// What operators may do is granted to nobody else, in no other way, and again only by
// another approval.
func TestOperatorScopesAreNotGranted(t *testing.T) {
	t.Parallel()
	r, alice := tokenRig(t)
	all := []string{"identity:name", api.AdminScope, api.AuditScope}
	shop := newParty(t, r, 2, rig.Shop, rig.ShopSecret, shopCallback, all...)
	notLetIn := func(what string, tokens *oauth2.Token) {
		t.Helper()
		if claims := claimsOf(t, tokens.AccessToken); strings.Contains(scopeOf(tokens), "countersign:") || claims["aud"] != r.Issuer+"/oidc/userinfo" {
			t.Errorf("%s: scope %q, %v", what, scopeOf(tokens), claims)
		}
		r.Refused(what, asOperator(r, 2, "GET", "/admin/services", "Bearer "+tokens.AccessToken), 401, "invalid_token")
	}
	notLetIn("another user", shop.login(newSurfer(t, r, 2), r.Phone(0), all...))
	s := newSurfer(t, r, 2)
	notLetIn("who has switched it off", shop.login(s, alice, "identity:name"))
	letIn(t, r, 3, shop.login(s, alice, api.AuditScope).AccessToken, false)

	// Single sign-on never has it.
	letIn(t, r, 3, shop.login(s, alice, all...).AccessToken, true)
	if q := shop.back(s.get(shop.url("prompt", "none"))); q.Get("error") != "consent_required" {
		t.Errorf("prompt=none: %v", q)
	}
	operationOf(t, r, s.get(shop.url())) // the user is asked
	less := newParty(t, r, 2, rig.Shop, rig.ShopSecret, shopCallback, "identity:name")
	notLetIn("single sign-on without it", less.tokens(s.get(less.url())))

	// Other clients may not even ask, nor anybody in another way.
	demo := newParty(t, r, 2, rig.Service, "", demoCallback, all...)
	if q := demo.back(newSurfer(t, r, 2).get(demo.url())); q.Get("error") != "invalid_scope" {
		t.Errorf("another client: %v", q)
	}
	for _, n := range []int{0, 2} {
		head := []string{"Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret)}
		r.Refused("a session", r.Send(n, "POST", initiate, rig.JSON(map[string]any{"tokenId": alice.Token, "scopes": []string{api.AdminScope}}), head...), 422, "scope_not_allowed")
		r.Refused("an operation", r.Send(n, "POST", "/operations", rig.JSON(map[string]any{"name": operation.Login, "scopes": []string{api.AdminScope}}), head...), 422, "scope_not_allowed")
	}
	caller := newCaller(t, r, 2, rig.Shop)
	begun := caller.ask("scope", "openid identity:name "+api.AdminScope, "login_hint", alice.Token)
	if shown := decide(t, r, alice, "approve", begun.Code, "identity:name"); len(shown.Scopes) != 1 {
		t.Errorf("CIBA asks for %v", shown.Scopes)
	}
	access, _, _ := accessToken(t, caller.poll(begun.ID))
	r.Refused("CIBA", asOperator(r, 2, "GET", "/admin/services", "Bearer "+access), 401, "invalid_token")
	if strings.Contains(claimsOf(t, access)["scope"].(string), "countersign") {
		t.Error("CIBA grants it")
	}
	if strings.Contains(string(r.Send(2, "GET", "/.well-known/openid-configuration", "").Body), "countersign:a") {
		t.Error("the scopes are told of")
	}
}

// A refresh token gives no more of it, whatever it is asked for.
func TestOperatorTokenIsNotRefreshed(t *testing.T) {
	t.Parallel()
	r, alice := tokenRig(t)
	p := newParty(t, r, 2, rig.Shop, rig.ShopSecret, shopCallback, "offline_access", api.AdminScope)
	tokens := p.login(newSurfer(t, r, 2), alice, api.AdminScope)
	letIn(t, r, 2, tokens.AccessToken, true)
	ask := func(token, scope string) reply {
		return post(t, r, 3, "/oidc/token", shopAuth(), "grant_type", "refresh_token", "refresh_token", token, "scope", scope)
	}
	wantError(t, "asked for", ask(tokens.RefreshToken, "openid "+api.AdminScope), http.StatusBadRequest, "invalid_scope")
	wantError(t, "asked for in lines", ask(tokens.RefreshToken, "openid\t"+api.AdminScope), http.StatusBadRequest, "invalid_scope")
	next, err := p.refresh(tokens.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if scopeOf(next) != "openid offline_access" || claimsOf(t, next.AccessToken)["aud"] != r.Issuer+"/oidc/userinfo" {
		t.Errorf("scope %q, %v", scopeOf(next), claimsOf(t, next.AccessToken))
	}
	r.Refused("refreshed", asOperator(r, 2, "GET", "/admin/services", "Bearer "+next.AccessToken), 401, "invalid_token")
	if a := userinfo(t, r, 2, "Bearer "+next.AccessToken); a.status != http.StatusOK {
		t.Errorf("userinfo: %d %s", a.status, a.body)
	}
}

// An operator's token ends with the phone that approved it, the identity, the grant, and
// the configuration.
func TestOperatorTokenEnds(t *testing.T) {
	t.Parallel()
	r, alice := tokenRig(t)
	second := r.Join(alice, 0, "second")
	shop := newParty(t, r, 2, rig.Shop, rig.ShopSecret, shopCallback, api.AdminScope)
	login := func(p *api.Phone) string { return shop.login(newSurfer(t, r, 2), p, api.AdminScope).AccessToken }
	revoked, lost, kept := login(alice), login(second), login(alice)
	registry, id := r.Nodes[0].Server.Registry(), device.TokenID(alice.Token)
	ends := func(what, token string, end func() error) {
		t.Helper()
		letIn(t, r, 3, token, true)
		if err := end(); err != nil {
			t.Fatal(err)
		}
		r.Refused(what, asOperator(r, 3, "GET", "/admin/services", "Bearer "+token), 401, "invalid_token")
	}
	ends("the grant", revoked, func() error {
		if a := post(t, r, 2, "/oidc/revoke", shopAuth(), "token", revoked); a.status != http.StatusOK {
			t.Errorf("revoke: %d %s", a.status, a.body)
		}
		return nil
	})
	ends("the phone", lost, func() error { return registry.RevokeDevice(rig.Ctx(t), id, device.ID(second.Device)) })
	letIn(t, r, 2, kept, true)
	for what, change := range map[string]func(c *server.Config){
		"another operator": func(c *server.Config) {
			c.Admin.Identities = []string{"tok_AAAAAAAAAAAAAAAAAAAAAA"}
			c.Services[1].Admin = true
		},
		"another client": func(c *server.Config) { c.Admin.Identities = []string{alice.Token}; c.Services[2].Admin = true },
	} {
		r.Add(func(c *server.Config, _ *server.Secrets) {
			c.Services = slices.Clone(c.Services)
			change(c)
		})
		r.Refused(what, asOperator(r, len(r.Nodes)-1, "GET", "/admin/services", "Bearer "+kept), 401, "invalid_token")
	}
	ends("a lock", kept, func() error { return registry.LockOut(rig.Ctx(t), id) })
	if err := registry.Unlock(rig.Ctx(t), id); err != nil {
		t.Fatal(err)
	}
	ends("the identity", kept, func() error { return registry.Revoke(rig.Ctx(t), id) })
}

// A token that is bound to a key is worth nothing without it, and a proof counts once, for
// one address and one method.
func TestOperatorTokenWithDPoP(t *testing.T) {
	t.Parallel()
	r, alice := tokenRig(t)
	p, s, k := newParty(t, r, 2, rig.Shop, rig.ShopSecret, shopCallback, api.AdminScope), newSurfer(t, r, 2), key(t)
	code := p.code(s.get(s.approve(s.get(p.url()), alice, api.AdminScope)))
	a := post(t, r, 2, "/oidc/token", append(shopAuth(), "DPoP", proof(t, k, "POST", r.Issuer+"/oidc/token", "")),
		"grant_type", "authorization_code", "code", code, "redirect_uri", shopCallback, "code_verifier", p.verifier)
	access, _, kind := accessToken(t, a)
	if kind != "DPoP" {
		t.Fatal(kind)
	}
	const path = "/admin/services"
	address := r.Issuer + path
	fresh := proof(t, k, "GET", address, access)
	if a := asOperator(r, 3, "GET", path+"?x=1", "DPoP "+access, "DPoP", fresh); a.Status != http.StatusOK {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	at := func(head map[string]any, change jwt.MapClaims) string {
		claims := jwt.MapClaims{}
		raw := claimsOf(t, proof(t, k, "GET", address, access))
		for name, v := range raw {
			claims[name] = v
		}
		for name, v := range change {
			if claims[name] = v; v == nil {
				delete(claims, name)
			}
		}
		h := map[string]any{"typ": "dpop+jwt", "jwk": jwk(t, k)}
		for name, v := range head {
			h[name] = v
		}
		return signedBy(t, k, h, claims)
	}
	private := jwk(t, k)
	private["d"] = "AAAA"
	for what, head := range map[string][]string{
		"replayed": {"DPoP", fresh}, "no proof": nil, "two proofs": {"DPoP", at(nil, nil), "DPoP", at(nil, nil)}, "no text": {"DPoP", "x.y.z"},
		"another's key": {"DPoP", proof(t, key(t), "GET", address, access)}, "another address": {"DPoP", proof(t, k, "GET", r.Issuer+"/admin/audit", access)},
		"another issuer": {"DPoP", proof(t, k, "GET", "https://login.example"+path, access)}, "another method": {"DPoP", proof(t, k, "POST", address, access)},
		"another token": {"DPoP", proof(t, k, "GET", address, "x")}, "no token": {"DPoP", proof(t, k, "GET", address, "")},
		"too old": {"DPoP", at(nil, jwt.MapClaims{"iat": time.Now().Add(-time.Hour).Unix()})}, "too early": {"DPoP", at(nil, jwt.MapClaims{"iat": time.Now().Add(time.Hour).Unix()})},
		"no iat": {"DPoP", at(nil, jwt.MapClaims{"iat": nil})}, "no jti": {"DPoP", at(nil, jwt.MapClaims{"jti": ""})}, "a long jti": {"DPoP", at(nil, jwt.MapClaims{"jti": strings.Repeat(rand.Text(), 20)})},
		"another type": {"DPoP", at(map[string]any{"typ": "JWT"}, nil)}, "another algorithm": {"DPoP", at(map[string]any{"alg": "none"}, nil)}, "a private key": {"DPoP", at(map[string]any{"jwk": private}, nil)},
	} {
		r.Refused(what, asOperator(r, 2, "GET", path, "DPoP "+access, head...), 401, "invalid_token")
	}
	r.Refused("as Bearer", asOperator(r, 2, "GET", path, "Bearer "+access), 401, "invalid_token")
	r.Refused("as Bearer, with a proof", asOperator(r, 2, "GET", path, "Bearer "+access, "DPoP", at(nil, nil)), 401, "invalid_token")
	if a := asOperator(r, 2, "GET", path, "dpop "+access, "DPoP", at(nil, nil)); a.Status != http.StatusOK {
		t.Errorf("the owner afterwards: %d %s", a.Status, a.Body)
	}
	var info map[string]any
	a = post(t, r, 2, "/oidc/introspect", shopAuth(), "token", access)
	if err := json.Unmarshal([]byte(a.body), &info); err != nil || info["active"] != true {
		t.Errorf("introspection: %s %v", a.body, err)
	}
}
