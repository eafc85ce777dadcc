package system

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign/server"
	"countersign/test/rig"

	"github.com/golang-jwt/jwt/v5"
)

// key is a client's own.
func key(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// jwk is its public half.
func jwk(t *testing.T, k *ecdsa.PrivateKey) map[string]any {
	t.Helper()
	point, err := k.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding
	return map[string]any{"kty": "EC", "crv": "P-256", "x": b64.EncodeToString(point[1:33]), "y": b64.EncodeToString(point[33:])}
}

func signedBy(t *testing.T, k *ecdsa.PrivateKey, head map[string]any, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	for name, v := range head {
		token.Header[name] = v
	}
	out, err := token.SignedString(k)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// proof is a DPoP proof (RFC 9449 §4.2); access may be empty.
func proof(t *testing.T, k *ecdsa.PrivateKey, method, address, access string) string {
	t.Helper()
	c := jwt.MapClaims{"jti": rand.Text(), "htm": method, "htu": address, "iat": time.Now().Unix()}
	if access != "" {
		sum := sha256.Sum256([]byte(access))
		c["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return signedBy(t, k, map[string]any{"typ": "dpop+jwt", "jwk": jwk(t, k)}, c)
}

func accessToken(t *testing.T, a reply) (access, refresh, kind string) {
	t.Helper()
	var got struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Type    string `json:"token_type"`
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusOK || got.Access == "" {
		t.Fatalf("no tokens: %d %s", a.status, a.body)
	}
	return got.Access, got.Refresh, got.Type
}

// Tokens bound to a key are worth nothing without it, and a proof counts once.
func TestOIDCDPoP(t *testing.T) {
	t.Parallel()
	r := oidcRig(t, func(c *server.Config, _ *server.Secrets) { c.Services[0].RequireDPoP = true })
	p, s, k := newParty(t, r, 0, rig.Service, "", demoCallback, "offline_access"), newSurfer(t, r, 0), key(t)
	token, info := r.Issuer+"/oidc/token", r.Issuer+"/oidc/userinfo"
	redeem := func(code string, head ...string) reply {
		return post(t, r, 0, "/oidc/token", head, "grant_type", "authorization_code", "code", code, "client_id", rig.Service, "redirect_uri", demoCallback, "code_verifier", p.verifier)
	}
	code := p.code(s.get(s.approve(s.get(p.url()), r.Phone(0))))
	used := proof(t, k, "POST", token, "")
	access, refresh, kind := accessToken(t, redeem(code, "DPoP", used))
	if cnf, ok := claimsOf(t, access)["cnf"].(map[string]any); !ok || cnf["jkt"] == "" || kind != "DPoP" {
		t.Errorf("%s %v", kind, claimsOf(t, access))
	}
	wantError(t, "no proof", redeem(p.code(s.get(p.url()))), http.StatusBadRequest, "invalid_dpop_proof")
	for what, bad := range map[string]string{
		"a proof that was used":      used,
		"for another address":        proof(t, k, "POST", info, ""),
		"for another method":         proof(t, k, "GET", token, ""),
		"no proof at all":            "x.y.z",
		"one of last week":           signedBy(t, k, map[string]any{"typ": "dpop+jwt", "jwk": jwk(t, k)}, jwt.MapClaims{"jti": rand.Text(), "htm": "POST", "htu": token, "iat": time.Now().Add(-7 * 24 * time.Hour).Unix()}),
		"signed by another":          signedBy(t, key(t), map[string]any{"typ": "dpop+jwt", "jwk": jwk(t, k)}, jwt.MapClaims{"jti": rand.Text(), "htm": "POST", "htu": token, "iat": time.Now().Unix()}),
		"of another type":            signedBy(t, k, map[string]any{"typ": "JWT", "jwk": jwk(t, k)}, jwt.MapClaims{"jti": rand.Text(), "htm": "POST", "htu": token, "iat": time.Now().Unix()}),
		"used, on the other address": used,
	} {
		wantError(t, what, redeem(p.code(s.get(p.url())), "DPoP", bad), http.StatusBadRequest, "invalid_dpop_proof")
	}
	fresh := proof(t, k, "GET", info, access)
	if a := userinfo(t, r, 1, "DPoP "+access, "DPoP", fresh); a.status != http.StatusOK {
		t.Errorf("userinfo: %d %s", a.status, a.body)
	}
	for what, a := range map[string]reply{
		"replayed":      userinfo(t, r, 0, "DPoP "+access, "DPoP", fresh),
		"as Bearer":     userinfo(t, r, 0, "Bearer "+access),
		"with a proof":  userinfo(t, r, 0, "Bearer "+access, "DPoP", proof(t, k, "GET", info, access)),
		"another's key": userinfo(t, r, 0, "DPoP "+access, "DPoP", proof(t, key(t), "GET", info, access)),
		"without ath":   userinfo(t, r, 0, "DPoP "+access, "DPoP", proof(t, k, "GET", info, "")),
		"no proof":      userinfo(t, r, 0, "DPoP "+access),
	} {
		if a.status != http.StatusUnauthorized || len(a.head.Values("WWW-Authenticate")) != 2 {
			t.Errorf("userinfo %s: %d %s %v", what, a.status, a.body, a.head)
		}
	}
	renew := func(k *ecdsa.PrivateKey) reply {
		return post(t, r, 1, "/oidc/token", []string{"DPoP", proof(t, k, "POST", token, "")}, "grant_type", "refresh_token", "refresh_token", refresh, "client_id", rig.Service)
	}
	wantError(t, "refresh by another key", renew(key(t)), http.StatusBadRequest, "invalid_dpop_proof")
	if _, next, kind := accessToken(t, renew(k)); kind != "DPoP" || next == refresh {
		t.Errorf("%s", kind)
	}
}

// Who need not bind its tokens does not get free ones for two proofs (RFC 9449
// §4.3), and the address that a proof names has no query.
func TestOIDCTwoProofs(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p, s, k := newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback, "offline_access"), newSurfer(t, r, 0), key(t)
	token, info := r.Issuer+"/oidc/token", r.Issuer+"/oidc/userinfo"
	form := url.Values{"grant_type": {"authorization_code"}, "code": {p.code(s.get(s.approve(s.get(p.url()), r.Phone(0))))}, "redirect_uri": {shopCallback}, "code_verifier": {p.verifier}}
	redeem := func(proofs ...string) reply {
		q := request(t, http.MethodPost, token+"?tenant=1", strings.NewReader(form.Encode()), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, shopAuth()...)...)
		q.Header["Dpop"] = proofs
		return fetch(t, &http.Client{Transport: straight{r, 0}}, q)
	}
	wantError(t, "two proofs", redeem(proof(t, k, "POST", token, ""), proof(t, k, "POST", token, "")), http.StatusBadRequest, "invalid_dpop_proof")
	access, refresh, kind := accessToken(t, redeem(proof(t, k, "POST", token, "")))
	if kind != "DPoP" {
		t.Errorf("one proof: %s", kind)
	}
	q := request(t, http.MethodGet, info+"?a=b", nil, "Authorization", "DPoP "+access, "DPoP", proof(t, k, "GET", info, access))
	if a := fetch(t, &http.Client{Transport: straight{r, 1}}, q); a.status != http.StatusOK {
		t.Errorf("userinfo with a query: %d %s", a.status, a.body)
	}
	next := post(t, r, 0, "/oidc/token", append(shopAuth(), "DPoP", proof(t, k, "POST", token, "")), "grant_type", "refresh_token", "refresh_token", refresh)
	var got struct {
		IDToken string `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(next.body), &got); err != nil || next.status != http.StatusOK {
		t.Fatalf("%d %s", next.status, next.body)
	}
	if c := claimsOf(t, got.IDToken); c["nonce"] != nil { // of the login (OpenID Connect Core §12.2)
		t.Errorf("a refreshed id_token: %v", c)
	}
}

// A client authenticates by its key; an assertion counts once.
func TestOIDCPrivateKeyJWT(t *testing.T) {
	t.Parallel()
	k := key(t)
	public := jwk(t, k)
	public["kid"], public["alg"], public["use"] = "k1", "ES256", "sig"
	another := maps.Clone(public)
	another["kid"], another["alg"] = "k2", "ES384"
	set, err := json.Marshal(map[string]any{"keys": []any{public, another}})
	if err != nil {
		t.Fatal(err)
	}
	r := oidcRig(t, func(_ *server.Config, x *server.Secrets) {
		x.Services[rig.Shop] = server.ServiceSecrets{Secret: []byte(rig.ShopSecret), ClientKeys: set}
	})
	p, s := newParty(t, r, 0, rig.Shop, "", shopCallback), newSurfer(t, r, 0)
	assertion := func(change func(jwt.MapClaims)) string {
		c := jwt.MapClaims{"iss": rig.Shop, "sub": rig.Shop, "aud": r.Issuer, "jti": rand.Text(), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
		if change != nil {
			change(c)
		}
		return signedBy(t, k, map[string]any{"kid": "k1"}, c)
	}
	redeem := func(code, assertion string) reply {
		return post(t, r, 1, "/oidc/token", nil, "grant_type", "authorization_code", "code", code, "redirect_uri", shopCallback, "code_verifier", p.verifier,
			"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", assertion)
	}
	used := assertion(nil)
	access, _, _ := accessToken(t, redeem(p.code(s.get(s.approve(s.get(p.url()), r.Phone(0)))), used))
	if claimsOf(t, access)["client_id"] != rig.Shop {
		t.Errorf("%v", claimsOf(t, access))
	}
	code := p.code(s.get(p.url()))
	for what, bad := range map[string]string{
		"used":                                used,
		"for another":                         assertion(func(c jwt.MapClaims) { c["aud"] = "https://evil.example" }),
		"for an endpoint":                     assertion(func(c jwt.MapClaims) { c["aud"] = r.Issuer + "/oidc/token" }),
		"for two":                             assertion(func(c jwt.MapClaims) { c["aud"] = []string{r.Issuer, "https://evil.example"} }),
		"expired":                             assertion(func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Minute).Unix() }),
		"too long":                            assertion(func(c jwt.MapClaims) { c["exp"] = time.Now().Add(time.Hour).Unix() }),
		"another's":                           signedBy(t, key(t), map[string]any{"kid": "k1"}, jwt.MapClaims{"iss": rig.Shop, "sub": rig.Shop, "aud": r.Issuer, "jti": "x", "exp": time.Now().Add(time.Minute).Unix()}),
		"without jti":                         assertion(func(c jwt.MapClaims) { delete(c, "jti") }),
		"about somebody":                      assertion(func(c jwt.MapClaims) { c["sub"] = "demo" }),
		"by another algorithm than its key's": signedBy(t, k, map[string]any{"kid": "k2"}, jwt.MapClaims{"iss": rig.Shop, "sub": rig.Shop, "aud": r.Issuer, "jti": rand.Text(), "exp": time.Now().Add(time.Minute).Unix()}),
		"not an assertion":                    "x",
	} {
		wantError(t, what, redeem(code, bad), http.StatusUnauthorized, "invalid_client")
	}
	wantError(t, "its secret", post(t, r, 0, "/oidc/token", shopAuth(), "grant_type", "authorization_code", "code", code, "redirect_uri", shopCallback, "code_verifier", p.verifier), http.StatusUnauthorized, "invalid_client")
	accessToken(t, redeem(code, assertion(nil))) // all of that cost the code nothing
}

// A request that was pushed counts once, for its client.
func TestOIDCPAR(t *testing.T) {
	t.Parallel()
	r := oidcRig(t, func(c *server.Config, _ *server.Secrets) { c.Services[1].RequirePAR = true })
	p, s := newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback), newSurfer(t, r, 0)
	push := func(head []string, change ...string) reply {
		whole, err := url.Parse(p.url())
		if err != nil {
			t.Fatal(err)
		}
		var pairs []string
		for name, values := range whole.Query() {
			pairs = append(pairs, name, values[0])
		}
		return post(t, r, 0, "/oidc/par", head, append(pairs, change...)...)
	}
	pushed := func() string {
		var got struct {
			URI string `json:"request_uri"`
			In  int    `json:"expires_in"`
		}
		a := push(shopAuth())
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusCreated || got.In != 60 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return got.URI
	}
	address := func(client, uri string) string {
		return r.Issuer + "/oidc/authorize?" + url.Values{"client_id": {client}, "request_uri": {uri}}.Encode()
	}
	uri := pushed()
	s.http.Transport = straight{r, 1}
	// What the browser adds counts for nothing.
	begun := s.get(address(rig.Shop, uri) + "&prompt=none&response_mode=form_post&redirect_uri=https://evil.example/")
	operationOf(t, r, begun)
	if a := newSurfer(t, r, 0).get(address(rig.Shop, uri)); a.status != http.StatusBadRequest || a.location != nil {
		t.Errorf("while the first is under way: %d %v", a.status, a.location)
	}
	p.tokens(s.get(s.approve(begun, r.Phone(0))))
	for what, a := range map[string]string{"again": address(rig.Shop, uri), "another client": address("pair", pushed()), "not pushed": p.url()} {
		if got := s.get(a); got.status != http.StatusBadRequest || got.location != nil {
			t.Errorf("%s: %d %v", what, got.status, got.location)
		}
	}
	wantError(t, "not authenticated", push(nil), http.StatusUnauthorized, "invalid_client")
	wantError(t, "another redirect_uri", push(shopAuth(), "redirect_uri", "https://evil.example/"), http.StatusBadRequest, "invalid_request")
	wantError(t, "plain", push(shopAuth(), "code_challenge_method", "plain"), http.StatusBadRequest, "invalid_request")
}

// Clients ask about and revoke their own tokens alone.
func TestOIDCIntrospectionAndRevocation(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	alice, s := r.Phone(0), newSurfer(t, r, 0)
	shop := newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback, "offline_access")
	demo := newParty(t, r, 0, rig.Service, "", demoCallback, "offline_access")
	of, others := shop.login(s, alice), demo.tokens(s.get(demo.url()))
	active := func(n int, token string) bool {
		a := post(t, r, n, "/oidc/introspect", shopAuth(), "token", token)
		got := map[string]any{}
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if got["active"] != true && len(got) != 1 {
			t.Errorf("tells of an inactive token: %s", a.body)
		}
		return got["active"] == true
	}
	raw, _ := of.Extra("id_token").(string)
	if !active(0, of.AccessToken) || !active(1, of.RefreshToken) || active(0, others.AccessToken) || active(0, others.RefreshToken) || active(0, raw) || active(0, "x") {
		t.Error("introspection")
	}
	wantError(t, "a public client", post(t, r, 0, "/oidc/introspect", nil, "token", others.AccessToken, "client_id", rig.Service), http.StatusUnauthorized, "invalid_client")
	wantError(t, "no grant_type", post(t, r, 0, "/oidc/token", shopAuth()), http.StatusBadRequest, "invalid_request")
	wantError(t, "another grant_type", post(t, r, 0, "/oidc/token", shopAuth(), "grant_type", "password"), http.StatusBadRequest, "unsupported_grant_type")
	wantError(t, "nobody", post(t, r, 0, "/oidc/introspect", nil, "token", others.AccessToken), http.StatusUnauthorized, "invalid_client")
	wantError(t, "another's token", post(t, r, 0, "/oidc/revoke", shopAuth(), "token", others.RefreshToken), http.StatusBadRequest, "invalid_grant")
	if a := post(t, r, 0, "/oidc/revoke", shopAuth(), "token", "unknown"); a.status != http.StatusOK {
		t.Errorf("unknown: %d %s", a.status, a.body)
	}
	next, err := shop.refresh(of.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if active(0, of.RefreshToken) || !active(1, next.RefreshToken) {
		t.Error("asking about an old refresh token is not harmless")
	}
	if a := post(t, r, 1, "/oidc/revoke", shopAuth(), "token", next.RefreshToken); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	if active(0, next.AccessToken) || active(0, next.RefreshToken) {
		t.Error("still active")
	}
	if a := post(t, r, 0, "/oidc/revoke", nil, "token", others.AccessToken, "client_id", rig.Service); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := userinfo(t, r, 1, "Bearer "+others.AccessToken); a.status != http.StatusUnauthorized {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := userinfo(t, r, 1, "Bearer "+raw); a.status != http.StatusUnauthorized {
		t.Errorf("userinfo by an id_token: %d %s", a.status, a.body)
	}
	_, err = demo.refresh(others.RefreshToken)
	wantRefusal(t, "revoked", err, "invalid_grant")
}

// The pages of public clients may call, without credentials; no others.
func TestOIDCCORS(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	c := &http.Client{Transport: straight{r, 0}}
	for _, path := range []string{"/oidc/token", "/oidc/userinfo", "/oidc/revoke", "/oidc/introspect", "/oidc/par", "/oidc/authorize"} {
		open := strings.Contains("/oidc/token /oidc/userinfo /oidc/revoke", path)
		for _, origin := range []string{rig.Origin, "https://shop.example", "https://evil.example"} {
			for _, method := range []string{http.MethodOptions, http.MethodPost} {
				a := fetch(t, c, request(t, method, r.Issuer+path, nil, "Origin", origin, "Access-Control-Request-Method", "POST"))
				got, want := a.head.Get("Access-Control-Allow-Origin"), ""
				if open && origin == rig.Origin {
					want = origin
				}
				if got != want || a.head.Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("%s %s from %s: %q", method, path, origin, got)
				}
				if open && !strings.Contains(strings.Join(a.head.Values("Vary"), ","), "Origin") {
					t.Errorf("%s %s: no Vary", method, path)
				}
			}
		}
	}
}

// The answer may come by a form, which no policy of ours stops and no script of
// others can be in.
func TestOIDCFormPost(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p, s := newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback), newSurfer(t, r, 0)
	a := s.get(s.approve(s.get(p.url("response_mode", "form_post", "state", `"><script>alert(1)</script>`)), r.Phone(0)))
	policy := a.head.Get("Content-Security-Policy")
	if a.status != http.StatusOK || a.location != nil || !strings.Contains(a.body, `action="`+shopCallback+`"`) || !strings.Contains(a.body, `name="iss" value="`+r.Issuer+`"`) ||
		strings.Contains(a.body, "<script>alert") || !strings.Contains(policy, "script-src 'sha256-") || strings.Contains(policy, "unsafe") {
		t.Fatalf("%d %v %s", a.status, a.head, a.body)
	}
	_, rest, _ := strings.Cut(a.body, `name="code" value="`)
	code, _, _ := strings.Cut(rest, `"`)
	if _, err := p.redeem(code); err != nil {
		t.Error(err)
	}
}

// Without Redis clients are told to try again, soon.
func TestOIDCWithoutRedis(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p, s := newParty(t, r, 0, rig.Service, "", demoCallback, "offline_access"), newSurfer(t, r, 0)
	tokens := p.login(s, r.Phone(0))
	r.Redis.Stop()
	began := time.Now()
	for _, a := range []reply{
		post(t, r, 0, "/oidc/token", nil, "grant_type", "refresh_token", "refresh_token", tokens.RefreshToken, "client_id", rig.Service),
		userinfo(t, r, 1, "Bearer "+tokens.AccessToken),
	} {
		if a.status != http.StatusServiceUnavailable || a.head.Get("Retry-After") == "" || strings.Contains(a.body, "dial") {
			t.Errorf("%d %v %s", a.status, a.head, a.body)
		}
	}
	if q := p.back(newSurfer(t, r, 0).get(p.url())); q.Get("error") != "temporarily_unavailable" {
		t.Errorf("%v", q)
	}
	t.Logf("three answers in %v", time.Since(began))
}
