package system

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"countersign/test/rig"
)

// No code is given for a request without an S256 challenge, whoever asks and
// whichever way; so a verifier that comes without one has no code to redeem (RFC
// 9700 §2.1.1, §4.8).
func TestOIDCPKCEDowngrade(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	alice, s := r.Phone(0), newSurfer(t, r, 0)
	demo, shop := newParty(t, r, 0, rig.Service, "", demoCallback), newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback)
	demo.login(s, alice) // from now on a good request is answered by a code at once
	shop.tokens(s.get(shop.url()))
	for _, p := range []*party{demo, shop} {
		for what, change := range map[string][2]string{
			"no challenge":               {"code_challenge", ""},
			"nothing of PKCE":            {"code_challenge", "-"},
			"plain":                      {"code_challenge_method", "plain"},
			"in lower case":              {"code_challenge_method", "s256"},
			"a method that there is not": {"code_challenge_method", "S512"},
		} {
			q := p.asked()
			if q.Set(change[0], change[1]); change[1] == "-" {
				q.Del("code_challenge")
				q.Del("code_challenge_method")
			}
			for way, a := range map[string]reply{"a link": s.get(r.Issuer + "/oidc/authorize?" + q.Encode()), "a form": s.submit(r.Issuer+"/oidc/authorize", q)} {
				if got := p.back(a); got.Get("error") != "invalid_request" || got.Get("code") != "" {
					t.Errorf("%s, %s: %v", what, way, got)
				}
			}
			var head []string
			if p == shop {
				head = shopAuth()
			}
			var pushed struct {
				URI string `json:"request_uri"`
			}
			a := post(t, r, 0, "/oidc/par", head, pairs(q)...)
			if err := json.Unmarshal([]byte(a.body), &pushed); err != nil {
				t.Fatal(err)
			}
			if a.status != http.StatusCreated {
				continue
			}
			// What was not pushed cannot be added.
			later := url.Values{"client_id": {p.config.ClientID}, "request_uri": {pushed.URI}, "code_challenge": p.asked()["code_challenge"], "code_challenge_method": {"S256"}}
			if got := p.back(s.get(r.Issuer + "/oidc/authorize?" + later.Encode())); got.Get("error") != "invalid_request" || got.Get("code") != "" {
				t.Errorf("%s, pushed: %v", what, got)
			}
		}
	}
	// A challenge without a method is S256, never plain (RFC 7636 §4.3).
	for verifier, good := range map[string]bool{demo.verifier: true, demo.asked().Get("code_challenge"): false, "": false, demo.verifier + "x": false, strings.ToUpper(demo.verifier): false} {
		q := demo.asked()
		q.Del("code_challenge_method")
		code := demo.code(s.get(r.Issuer + "/oidc/authorize?" + q.Encode()))
		stolen := *demo
		stolen.verifier = verifier
		if _, err := stolen.redeem(code); good && err != nil {
			t.Errorf("the verifier: %v", err)
		} else if !good {
			wantRefusal(t, verifier, err, "invalid_grant")
		}
	}
	// A verifier of a few letters can be guessed, so it is none.
	short := *demo
	short.verifier = "guess"
	_, err := short.redeem(short.code(s.get(short.url())))
	wantRefusal(t, "a short verifier", err, "invalid_grant")
}

// A refresh token is its client's, and gives what the user granted and no more
// (RFC 9700 §2.2.2, §4.14.2). Who tries costs its owner nothing.
func TestOIDCRefreshIsBound(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	alice, s := r.Phone(0), newSurfer(t, r, 0)
	demo := newParty(t, r, 0, rig.Service, "", demoCallback, "identity:name", "identity:email", "offline_access")
	shop := newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback, "offline_access")
	theirs := demo.login(s, alice, "identity:name").RefreshToken // email was asked for, and not granted
	ours := shop.tokens(s.get(shop.url())).RefreshToken
	ask := func(token string, head []string, extra ...string) reply {
		return post(t, r, 1, "/oidc/token", head, append([]string{"grant_type", "refresh_token", "refresh_token", token}, extra...)...)
	}
	wantError(t, "another client", ask(theirs, shopAuth()), http.StatusBadRequest, "invalid_grant")
	wantError(t, "another client's, as demo", ask(ours, nil, "client_id", rig.Service), http.StatusBadRequest, "invalid_grant")
	wantError(t, "the client without its secret", ask(ours, nil, "client_id", rig.Shop), http.StatusUnauthorized, "invalid_client")
	wantError(t, "nobody", ask(theirs, nil), http.StatusUnauthorized, "invalid_client")
	wantError(t, "two clients", ask(theirs, shopAuth(), "client_id", rig.Service), http.StatusUnauthorized, "invalid_client")
	for _, scope := range []string{"openid identity:email", "openid identity:name identity:email", "openid profile", "openid admin"} {
		wantError(t, scope, ask(theirs, nil, "client_id", rig.Service, "scope", scope), http.StatusBadRequest, "invalid_scope")
	}
	access, theirs, _ := accessToken(t, ask(theirs, nil, "client_id", rig.Service, "scope", "openid"))
	if got := claimsOf(t, access)["scope"]; got != "openid" {
		t.Errorf("less was asked for, and given %v", got)
	}
	access, _, _ = accessToken(t, ask(theirs, nil, "client_id", rig.Service))
	if got := claimsOf(t, access)["scope"]; got != "openid identity:name offline_access" {
		t.Errorf("what was granted is now %v", got)
	}
	accessToken(t, ask(ours, shopAuth()))
}

// A cookie of another operation, or one that was changed, ends no login; the one
// that begin set does.
func TestOIDCOperationCookie(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	s, thief := newSurfer(t, r, 0), newSurfer(t, r, 1)
	p := newParty(t, r, 0, rig.Service, "", demoCallback)
	of := func(s *surfer) string {
		t.Helper()
		issuer, err := url.Parse(r.Issuer)
		if err != nil {
			t.Fatal(err)
		}
		all := s.http.Jar.Cookies(issuer)
		i := slices.IndexFunc(all, func(c *http.Cookie) bool { return strings.HasPrefix(c.Name, "countersign-op_") })
		if i < 0 {
			t.Fatalf("no cookie of an operation: %v", all)
		}
		return all[i].Name + "=" + all[i].Value
	}
	begun := s.get(p.url())
	operationOf(t, r, thief.get(p.url()))
	good, foreign := of(s), of(thief)
	name, secret, _ := strings.Cut(good, "=")
	_, other, _ := strings.Cut(foreign, "=")
	flip := "A" + secret[1:]
	if flip == secret {
		flip = "B" + secret[1:]
	}
	back := s.approve(begun, r.Phone(0))
	ask := func(cookie string) reply {
		return newSurfer(t, r, 1).do(request(t, http.MethodGet, back, nil, "Cookie", cookie))
	}
	for what, cookie := range map[string]string{
		"none": "", "another's": foreign, "another's secret": name + "=" + other, "secret changed": name + "=" + flip,
		"a letter more": good + "A", "a letter less": good[:len(good)-1], "no secret": name + "=", "id alone": name,
		"secret alone": secret, "two": good + "; " + name + "=" + other, "of another name": "countersign-login=" + secret,
		"of https": "__Host-" + good,
	} {
		if a := ask(cookie); a.status != http.StatusForbidden || a.location != nil || len(a.head.Values("Set-Cookie")) != 0 {
			t.Errorf("%s: %d %v %v", what, a.status, a.location, a.head)
		}
	}
	if p.code(ask(good)) == "" {
		t.Error("the cookie itself is refused")
	}
}

// Whoever guesses a client's secret learns nothing from the answer, and what needs
// a client's secret is not done without.
func TestOIDCClientSecrets(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	shop, s := newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback, "offline_access"), newSurfer(t, r, 0)
	tokens := shop.login(s, r.Phone(0))
	pushed := shop.asked()
	pushed.Del("client_id")
	asks := map[string][]string{
		"/oidc/token":      {"grant_type", "refresh_token", "refresh_token", tokens.RefreshToken},
		"/oidc/par":        pairs(pushed),
		"/oidc/introspect": {"token", tokens.AccessToken},
		"/oidc/revoke":     {"token", tokens.RefreshToken},
	}
	auth := func(id, secret string) []string { return []string{"Authorization", rig.BasicAuth(id, secret)} }
	for path, body := range asks {
		var first string
		for what, head := range map[string][]string{
			"a letter less":     auth(rig.Shop, rig.ShopSecret[:len(rig.ShopSecret)-1]),
			"a letter more":     auth(rig.Shop, rig.ShopSecret+"x"),
			"in capitals":       auth(rig.Shop, strings.ToUpper(rig.ShopSecret)),
			"empty":             auth(rig.Shop, ""),
			"the id":            auth(rig.Shop, rig.Shop),
			"another scheme":    {"Authorization", "Bearer " + rig.ShopSecret},
			"a client of none":  auth("nobody", rig.ShopSecret),
			"an id in capitals": auth("SHOP", rig.ShopSecret),
		} {
			a := post(t, r, 0, path, head, body...)
			wantError(t, path+", "+what, a, http.StatusUnauthorized, "invalid_client")
			if first == "" {
				first = a.body
			}
			if a.body != first {
				t.Errorf("%s, %s: %s, and to another guess %s", path, what, a.body, first)
			}
		}
		wantError(t, path+", in the body", post(t, r, 0, path, nil, append(slices.Clone(body), "client_id", rig.Shop, "client_secret", rig.ShopSecret)...), http.StatusUnauthorized, "invalid_client")
	}
	if _, err := shop.refresh(tokens.RefreshToken); err != nil {
		t.Errorf("the secret: %v", err)
	}
}

// Nothing secret of a client's login is in the log.
func TestOIDCNoSecretInTheLog(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p, s, k := newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback, "offline_access"), newSurfer(t, r, 0), key(t)
	secrets := map[string]string{"client secret": rig.ShopSecret, "verifier": p.verifier, "state": "state-1", "proof": proof(t, k, "POST", r.Issuer+"/oidc/token", "")}
	begun := s.get(p.url())
	code := p.code(s.get(s.approve(begun, r.Phone(0))))
	secrets["code"] = code
	issuer, err := url.Parse(r.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.http.Jar.Cookies(issuer) {
		_, secrets["cookie "+c.Name], _ = strings.Cut(c.Value, ".")
	}
	a := post(t, r, 0, "/oidc/token", append(shopAuth(), "DPoP", secrets["proof"]), "grant_type", "authorization_code", "code", code, "redirect_uri", shopCallback, "code_verifier", p.verifier)
	access, refresh, _ := accessToken(t, a)
	secrets["access token"], secrets["refresh token"] = access, refresh
	// What is refused is logged too.
	s.get(p.url("redirect_uri", "https://evil.example/?state-1", "login_hint", access))
	post(t, r, 1, "/oidc/token", append(shopAuth(), "DPoP", secrets["proof"]), "grant_type", "refresh_token", "refresh_token", refresh)
	userinfo(t, r, 0, "DPoP "+access, "DPoP", secrets["proof"])
	_, err = p.redeem(code)
	wantRefusal(t, "the code again", err, "invalid_grant")
	r.Redis.Stop()
	post(t, r, 0, "/oidc/token", shopAuth(), "grant_type", "refresh_token", "refresh_token", refresh)
	userinfo(t, r, 1, "DPoP "+access, "DPoP", proof(t, k, "GET", r.Issuer+"/oidc/userinfo", access))
	s.get(p.url())
	log := r.Log.String()
	if !strings.Contains(log, "evil.example") || !strings.Contains(log, "token.reused") {
		t.Errorf("the log says too little to judge it:\n%s", log)
	}
	for what, secret := range secrets {
		if secret == "" || strings.Contains(log, secret) {
			t.Errorf("%s is in the log, or was never there: %q", what, secret)
		}
	}
	if _, ok := secrets["cookie countersign-login"]; !ok {
		t.Error("no login cookie")
	}
}

// What RFC 9700 wants nobody to offer any more is not offered, and not there: no
// password of a user, no token in an address, no answer but by a redirect or a
// form.
func TestOIDCOffersNothingElse(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	alice, s := r.Phone(0), newSurfer(t, r, 0)
	p := newParty(t, r, 0, rig.Service, "", demoCallback)
	p.login(s, alice)
	var tells map[string]any
	if err := json.Unmarshal([]byte(s.get(r.Issuer+"/.well-known/openid-configuration").body), &tells); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]any{"response_types_supported": {"code"}, "response_modes_supported": {"query", "form_post"}, "code_challenge_methods_supported": {"S256"},
		// Where private_key_jwt is taken, a must (RFC 8414 §2).
		"revocation_endpoint_auth_signing_alg_values_supported": {"ES256", "RS256", "PS256"}, "introspection_endpoint_auth_signing_alg_values_supported": {"ES256", "RS256", "PS256"},
		"token_endpoint_auth_signing_alg_values_supported": {"ES256", "RS256", "PS256"}, "ui_locales_supported": {"en", "de", "sv", "cs", "fr", "es", "ar"}} {
		if got, ok := tells[name].([]any); !ok || !slices.Equal(got, want) {
			t.Errorf("%s: %v", name, tells[name])
		}
	}
	grants, _ := tells["grant_types_supported"].([]any)
	for _, grant := range []string{"password", "client_credentials", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:jwt-bearer",
		"urn:ietf:params:oauth:grant-type:token-exchange"} {
		if slices.Contains(grants, any(grant)) {
			t.Errorf("discovery offers %s", grant)
		}
		body := []string{"grant_type", grant, "username", alice.Token, "password", "hunter2", "scope", "openid", "device_code", "x", "assertion", "x.y.z", "subject_token", "x"}
		wantError(t, grant, post(t, r, 0, "/oidc/token", shopAuth(), body...), http.StatusBadRequest, "unsupported_grant_type")
		wantError(t, grant, post(t, r, 0, "/oidc/token", nil, append(body, "client_id", rig.Service)...), http.StatusBadRequest, "unsupported_grant_type")
	}
	for _, mode := range []string{"json", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt", "json.jwt", "web_message", "direct_post", "x"} {
		for what, a := range map[string]reply{"a link": s.get(p.url("response_mode", mode)), "a form": s.submit(r.Issuer+"/oidc/authorize", p.asked("response_mode", mode))} {
			if q := p.back(a); q.Get("error") != "invalid_request" || q.Get("code") != "" || q.Has("response") {
				t.Errorf("%s, %s: %v", mode, what, q)
			}
		}
		wantError(t, mode, post(t, r, 0, "/oidc/par", nil, pairs(p.asked("response_mode", mode))...), http.StatusBadRequest, "invalid_request")
	}
}

// Userinfo takes an access token, and in its header: not where addresses and forms
// end up.
func TestOIDCUserinfoWantsAHeader(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p, s := newParty(t, r, 0, rig.Service, "", demoCallback, "offline_access"), newSurfer(t, r, 0)
	tokens := p.login(s, r.Phone(0))
	raw, _ := tokens.Extra("id_token").(string)
	in := url.Values{"access_token": {tokens.AccessToken}}
	for what, a := range map[string]reply{
		"in the address":  s.get(r.Issuer + "/oidc/userinfo?" + in.Encode()),
		"in a form":       s.submit(r.Issuer+"/oidc/userinfo", in),
		"a refresh token": userinfo(t, r, 0, "Bearer "+tokens.RefreshToken),
		"an id_token":     userinfo(t, r, 0, "Bearer "+raw),
		"a code":          userinfo(t, r, 0, "Bearer "+p.code(s.get(p.url()))),
		"nothing":         s.get(r.Issuer + "/oidc/userinfo"),
	} {
		if a.status != http.StatusUnauthorized || len(a.head.Values("WWW-Authenticate")) != 2 || strings.Contains(a.body, "sub") {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	if a := userinfo(t, r, 1, "Bearer "+tokens.AccessToken); a.status != http.StatusOK {
		t.Errorf("in the header: %d %s", a.status, a.body)
	}
}
