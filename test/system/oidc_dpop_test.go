package system

import (
	"crypto"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"

	"countersign/session"
	"countersign/test/rig"

	"github.com/go-jose/go-jose/v4"
)

// thumbprint is a key's (RFC 7638), as dpop_jkt and cnf name it.
func thumbprint(t *testing.T, k *ecdsa.PrivateKey) string {
	t.Helper()
	sum, err := (&jose.JSONWebKey{Key: k.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// A code that was asked for with a key is redeemed with that key and with no other,
// whether the key was named (RFC 9449 §10) or proven when the request was pushed
// (§10.1). So whoever steals the code and the verifier has nothing.
func TestOIDCDPoPBindsTheCode(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p, s, k := newParty(t, r, 0, rig.Service, "", demoCallback), newSurfer(t, r, 0), key(t)
	token, par := r.Issuer+"/oidc/token", r.Issuer+"/oidc/par"
	p.login(s, r.Phone(0)) // from now on the browser login answers
	redeem := func(code string, head ...string) reply {
		return post(t, r, 1, "/oidc/token", head, "grant_type", "authorization_code", "code", code, "client_id", rig.Service, "redirect_uri", demoCallback, "code_verifier", p.verifier)
	}
	pushed := func(head []string, extra ...string) string {
		return p.push(head, append(extra, "client_id", rig.Service)...)
	}
	for what, begin := range map[string]func() string{
		"named":            func() string { return p.url("dpop_jkt", thumbprint(t, k)) },
		"named and pushed": func() string { return pushed(nil, "dpop_jkt", thumbprint(t, k)) },
		"proven":           func() string { return pushed([]string{"DPoP", proof(t, k, "POST", par, "")}) },
		"named and proven": func() string {
			return pushed([]string{"DPoP", proof(t, k, "POST", par, "")}, "dpop_jkt", thumbprint(t, k))
		},
	} {
		wantError(t, what+", no proof", redeem(p.code(s.get(begin()))), http.StatusBadRequest, "invalid_dpop_proof")
		wantError(t, what+", another key", redeem(p.code(s.get(begin())), "DPoP", proof(t, key(t), "POST", token, "")), http.StatusBadRequest, "invalid_dpop_proof")
		access, _, kind := accessToken(t, redeem(p.code(s.get(begin())), "DPoP", proof(t, k, "POST", token, "")))
		if cnf, ok := claimsOf(t, access)["cnf"].(map[string]any); !ok || cnf["jkt"] != thumbprint(t, k) || kind != "DPoP" {
			t.Errorf("%s: %s %v", what, kind, claimsOf(t, access))
		}
	}
	push := func(head []string, extra ...string) reply {
		return post(t, r, 0, "/oidc/par", head, pairs(p.asked(extra...))...)
	}
	wantError(t, "pushed, another key than is named", push([]string{"DPoP", proof(t, k, "POST", par, "")}, "dpop_jkt", thumbprint(t, key(t))), http.StatusBadRequest, "invalid_dpop_proof")
	used := proof(t, k, "POST", par, "")
	push([]string{"DPoP", used})
	wantError(t, "pushed, a proof that was used", push([]string{"DPoP", used}), http.StatusBadRequest, "invalid_dpop_proof")
	wantError(t, "pushed, for another address", push([]string{"DPoP", proof(t, k, "POST", token, "")}), http.StatusBadRequest, "invalid_dpop_proof")
}

// Who asks about a bound token learns which key it is bound to (RFC 9449 §6.2), and
// what came of a CIBA request is bound like what came of a code.
func TestOIDCDPoPIntrospection(t *testing.T) {
	t.Parallel()
	r := cibaRig(t, "")
	alice, shop, k := r.Phone(0), newCaller(t, r, 0, rig.Shop), key(t)
	token := r.Issuer + "/oidc/token"
	bound := func(form ...string) reply {
		return post(t, r, 1, "/oidc/token", append([]string{"DPoP", proof(t, k, "POST", token, "")}, shopAuth()...), form...)
	}
	a := shop.ask("login_hint", alice.Token, "scope", "openid offline_access")
	decide(t, r, alice, session.Approve, a.Code)
	access, refresh, kind := accessToken(t, bound("grant_type", cibaGrant, "auth_req_id", a.ID))
	if kind != "DPoP" {
		t.Errorf("CIBA: %s", kind)
	}
	var got struct {
		Active bool   `json:"active"`
		Type   string `json:"token_type"`
		Cnf    struct {
			Thumbprint string `json:"jkt"`
		} `json:"cnf"`
	}
	answer := post(t, r, 0, "/oidc/introspect", shopAuth(), "token", access)
	if err := json.Unmarshal([]byte(answer.body), &got); err != nil || !got.Active || got.Type != "DPoP" || got.Cnf.Thumbprint != thumbprint(t, k) {
		t.Errorf("introspection: %s", answer.body)
	}
	info := r.Issuer + "/oidc/userinfo"
	if u := userinfo(t, r, 0, "Bearer "+access); u.status != http.StatusUnauthorized {
		t.Errorf("as Bearer: %d %s", u.status, u.body)
	}
	if u := userinfo(t, r, 0, "DPoP "+access, "DPoP", proof(t, k, "GET", info, access)); u.status != http.StatusOK {
		t.Errorf("with a proof: %d %s", u.status, u.body)
	}
	wantError(t, "refresh without a proof", post(t, r, 0, "/oidc/token", shopAuth(), "grant_type", "refresh_token", "refresh_token", refresh), http.StatusBadRequest, "invalid_dpop_proof")
	if _, _, kind := accessToken(t, bound("grant_type", "refresh_token", "refresh_token", refresh)); kind != "DPoP" {
		t.Errorf("refreshed: %s", kind)
	}
}
