package system

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/api"
	"countersign/device"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"

	"github.com/golang-jwt/jwt/v5"
)

// A back end asks on one node, the phone approves on the other, and the back end
// has its tokens.
func TestCIBAPoll(t *testing.T) {
	t.Parallel()
	r := cibaRig(t, "")
	alice := r.At(r.Phone(0), 1)
	shop := newCaller(t, r, 0, rig.Shop)
	a := shop.ask("login_hint", alice.Token, "binding_message", "Table 4*", "scope", "openid identity:name offline_access", "acr_values", "urn:other "+session.Typed)
	wantError(t, "not yet", shop.poll(a.ID), http.StatusBadRequest, "authorization_pending")
	shop.n = 1
	wantError(t, "too soon", shop.poll(a.ID), http.StatusBadRequest, "slow_down")
	shown := decide(t, r, alice, session.Approve, a.Code, "identity:name")
	if o := shown.Operation; o == nil || o.Name != "login" || o.Data != `A0*NTable 4\*` || !strings.Contains(string(o.Form), `"Table 4*"`) || shown.Service.Name != "Acme Shop" || shown.Origin != "" {
		t.Errorf("the phone showed %+v, %+v", shown, shown.Operation)
	}
	answer := shop.poll(a.ID) // what is approved is fetched at once
	access, refresh, kind := accessToken(t, answer)
	var more struct {
		ID    string `json:"id_token"`
		Scope string `json:"scope"`
	}
	if err := json.Unmarshal([]byte(answer.body), &more); err != nil || kind != "Bearer" || refresh == "" {
		t.Fatalf("%v %s", err, answer.body)
	}
	p := newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback)
	token, c := p.verified(more.ID)
	if token.Subject != alice.Token || c["acr"] != session.Typed || c["sid"] != nil || c["auth_time"] == nil || !slices.Contains(c["amr"].([]any), any("otp")) {
		t.Errorf("id_token: %v", c)
	}
	if u := userinfo(t, r, 0, "Bearer "+access); u.status != http.StatusOK || !strings.Contains(u.body, alice.Token) {
		t.Errorf("userinfo: %d %s", u.status, u.body)
	}
	wantError(t, "redeemed before", shop.poll(a.ID), http.StatusBadRequest, "invalid_grant")
	if u := userinfo(t, r, 1, "Bearer "+access); u.status != http.StatusOK {
		t.Errorf("asking twice cost the client its tokens: %d %s", u.status, u.body)
	}
	if _, err := p.refresh(refresh); err != nil {
		t.Errorf("refresh: %v", err)
	}
	if strings.Contains(r.Log.String(), a.ID) || strings.Contains(r.Log.String(), refresh) {
		t.Error("a secret is in the log")
	}
}

// A request that is not approved gives nothing, and says why.
func TestCIBAEnds(t *testing.T) {
	t.Parallel()
	r := cibaRig(t, "")
	shop := newCaller(t, r, 0, rig.Shop)
	for _, d := range []session.Decision{session.Deny, session.Report} {
		alice := r.Phone(0)
		a := shop.ask("login_hint", alice.Token)
		decide(t, r, alice, d, "")
		wantError(t, string(d), shop.poll(a.ID), http.StatusBadRequest, "access_denied")
	}
	alice := r.Phone(0)
	a := shop.ask("login_hint", alice.Token)
	c := waiting(t, r, alice)
	for range session.MaxAttempts {
		if _, err := alice.Verify(rig.Ctx(t), c, session.Approve, wrongCode(a.Code), nil); err == nil {
			t.Fatal("a wrong code was right")
		}
	}
	wantError(t, "wrong codes", shop.poll(a.ID), http.StatusBadRequest, "access_denied")
	began := time.Now()
	short := shop.ask("login_hint", r.Phone(0).Token, "requested_expiry", "4")
	if short.In != 10 {
		t.Errorf("asked for 4 s, of at least 10: got %d", short.In)
	}
	var last reply
	r.Eventually("it expires", func() bool {
		last = shop.poll(short.ID)
		return !strings.Contains(last.body, "authorization_pending") && !strings.Contains(last.body, "slow_down")
	})
	wantError(t, "expired", last, http.StatusBadRequest, "expired_token")
	r.Eventually("its time is up", func() bool { return time.Since(began) > time.Duration(short.In+1)*time.Second })
	wantError(t, "long expired", shop.poll(short.ID), http.StatusBadRequest, "expired_token")
	wantError(t, "unknown", shop.poll("x"), http.StatusBadRequest, "invalid_grant")
	wantError(t, "none", shop.poll(""), http.StatusBadRequest, "invalid_request")
}

func wrongCode(right string) string {
	if right == "000000" {
		return "000001"
	}
	return "000000"
}

// Whether there is somebody of a name, no answer tells; but to a service that may
// know.
func TestCIBAUnknownUser(t *testing.T) {
	t.Parallel()
	r := cibaRig(t, "")
	shop := newCaller(t, r, 0, rig.Shop)
	gone := r.Phone(0)
	if err := r.Nodes[0].Server.Registry().Revoke(rig.Ctx(t), device.TokenID(gone.Token)); err != nil {
		t.Fatal(err)
	}
	for what, user := range map[string]string{"unknown": string(device.NewTokenID()), "revoked": gone.Token} {
		a := shop.ask("login_hint", user, "requested_expiry", "10")
		wantError(t, what, shop.poll(a.ID), http.StatusBadRequest, "authorization_pending")
		r.Eventually("it expires", func() bool { return strings.Contains(shop.poll(a.ID).body, "expired_token") })
	}
	wantError(t, "no id of ours", shop.try("login_hint", "alice@bank.example"), http.StatusBadRequest, "unknown_user_id")

	told := cibaRig(t, "", func(c *server.Config, _ *server.Secrets) { c.Services[1].RevealUnknown = true })
	for what, user := range map[string]string{"unknown": string(device.NewTokenID())} {
		wantError(t, what, newCaller(t, told, 0, rig.Shop).try("login_hint", user), http.StatusBadRequest, "unknown_user_id")
	}
}

// A request that is not as the specification has it is refused by the code it has.
func TestCIBARequests(t *testing.T) {
	t.Parallel()
	r := cibaRig(t, "http://127.0.0.1/ping")
	alice := r.Phone(0)
	shop, pair := newCaller(t, r, 0, rig.Shop), newCaller(t, r, 1, "pair")
	nobody := &caller{t, r, 0, nil}
	invalid := func(what string, a reply) {
		t.Helper()
		wantError(t, what, a, http.StatusBadRequest, "invalid_request")
	}
	invalid("no hint", shop.try())
	invalid("two hints", shop.try("login_hint", alice.Token, "id_token_hint", "x"))
	invalid("no openid", shop.try("scope", "identity:name", "login_hint", alice.Token))
	invalid("a signed request", shop.try("login_hint", alice.Token, "request", "x.y.z"))
	invalid("a user code", shop.try("login_hint", alice.Token, "user_code", "1234"))
	invalid("ping without a token", pair.try("login_hint", alice.Token))
	invalid("a token with a line in it", pair.try("login_hint", alice.Token, "client_notification_token", "a\r\nX-Evil: 1"))
	invalid("a hint token without keys", shop.try("login_hint_token", "x.y.z"))
	invalid("no id_token", shop.try("id_token_hint", "x.y.z"))
	for _, expiry := range []string{"0", "-1", "soon", "1e3", "99999999999"} {
		invalid("requested_expiry "+expiry, shop.try("login_hint", alice.Token, "requested_expiry", expiry))
	}
	for _, message := range []string{strings.Repeat("a", 65), " ", "a\nb", "a\u202eb", "a\x00b", "\xff"} {
		wantError(t, message, shop.try("login_hint", alice.Token, "binding_message", message), http.StatusBadRequest, "invalid_binding_message")
	}
	wantError(t, "an unknown scope", shop.try("scope", "openid nonsense", "login_hint", alice.Token), http.StatusBadRequest, "invalid_scope")
	wantError(t, "nobody", nobody.try("login_hint", alice.Token), http.StatusUnauthorized, "invalid_client")
	wantError(t, "a public client", nobody.try("login_hint", alice.Token, "client_id", rig.Service), http.StatusBadRequest, "unauthorized_client")
	wrong := &caller{t, r, 0, []string{"Authorization", rig.BasicAuth(rig.Shop, "wrong")}}
	wantError(t, "a wrong secret", wrong.try("login_hint", alice.Token), http.StatusUnauthorized, "invalid_client")

	a := shop.ask("login_hint", alice.Token)
	wantError(t, "another's request", pair.poll(a.ID), http.StatusBadRequest, "invalid_grant")
	decide(t, r, alice, session.Approve, a.Code)
	wantError(t, "another's approval", pair.poll(a.ID), http.StatusBadRequest, "invalid_grant")
	wantError(t, "more than was granted", post(t, r, 0, "/oidc/token", shop.head, "grant_type", cibaGrant, "auth_req_id", a.ID, "scope", "openid identity:email"), http.StatusBadRequest, "invalid_scope")
	wantError(t, "nobody's poll", (&caller{t, r, 0, nil}).poll(a.ID), http.StatusUnauthorized, "invalid_client")
	accessToken(t, shop.poll(a.ID))
}

// An id_token that has expired still says whom a client means, and so does a token
// that the client signs.
func TestCIBAHints(t *testing.T) {
	t.Parallel()
	k := key(t)
	public := jwk(t, k)
	public["kid"], public["alg"], public["use"] = "k1", "ES256", "sig"
	set, err := json.Marshal(map[string]any{"keys": []any{public}})
	if err != nil {
		t.Fatal(err)
	}
	r := cibaRig(t, "", func(c *server.Config, x *server.Secrets) {
		c.Services[1].TokenTTL = time.Second
		x.Services[rig.Shop] = server.ServiceSecrets{Secret: []byte(rig.ShopSecret), ClientKeys: set}
	})
	alice := r.Phone(0)
	sign := func(change func(jwt.MapClaims)) string {
		c := jwt.MapClaims{"iss": rig.Shop, "sub": rig.Shop, "aud": r.Issuer, "jti": rand.Text(), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
		if change != nil {
			change(c)
		}
		return signedBy(t, k, map[string]any{"kid": "k1"}, c)
	}
	send := func(path string, pairs ...string) reply {
		return post(t, r, 0, path, nil, append([]string{"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
			"client_assertion", sign(nil)}, pairs...)...)
	}
	approve := func(pairs ...string) string {
		t.Helper()
		var a asked
		got := send("/oidc/bc-authorize", append([]string{"scope", "openid"}, pairs...)...)
		if err := json.Unmarshal([]byte(got.body), &a); err != nil || got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		decide(t, r, alice, session.Approve, a.Code)
		var tokens struct {
			ID string `json:"id_token"`
		}
		got = send("/oidc/token", "grant_type", cibaGrant, "auth_req_id", a.ID)
		if err := json.Unmarshal([]byte(got.body), &tokens); err != nil || tokens.ID == "" {
			t.Fatalf("%d %s", got.status, got.body)
		}
		return tokens.ID
	}
	hint := func(user string, change func(jwt.MapClaims)) string {
		return sign(func(c jwt.MapClaims) {
			c["sub"] = user
			if change != nil {
				change(c)
			}
		})
	}
	elsewhere, _ := newParty(t, r, 0, rig.Service, "", demoCallback).login(newSurfer(t, r, 0), alice).Extra("id_token").(string)
	idToken := approve("login_hint_token", hint(alice.Token, nil))
	approve("login_hint_token", hint("", func(c jwt.MapClaims) { c["sub_id"] = map[string]string{"format": "opaque", "id": alice.Token} }))
	r.Eventually("the id_token has expired", func() bool { return time.Now().Unix() > int64(claimsOf(t, idToken)["exp"].(float64)) })
	approve("id_token_hint", idToken)

	wantError(t, "an old hint", send("/oidc/bc-authorize", "scope", "openid", "login_hint_token",
		hint(alice.Token, func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Minute).Unix() })), http.StatusBadRequest, "expired_login_hint_token")
	tampered := idToken[:strings.LastIndex(idToken, ".")+1] + "AAAA" + idToken[strings.LastIndex(idToken, ".")+5:]
	for what, pairs := range map[string][]string{
		"for another issuer":   {"login_hint_token", hint(alice.Token, func(c jwt.MapClaims) { c["aud"] = "https://evil.example" })},
		"for another as well":  {"login_hint_token", hint(alice.Token, func(c jwt.MapClaims) { c["aud"] = []string{r.Issuer, "https://evil.example"} })},
		"of another client's":  {"id_token_hint", elsewhere},
		"of another client":    {"login_hint_token", hint(alice.Token, func(c jwt.MapClaims) { c["iss"] = "demo" })},
		"without an end":       {"login_hint_token", hint(alice.Token, func(c jwt.MapClaims) { delete(c, "exp") })},
		"good for a day":       {"login_hint_token", hint(alice.Token, func(c jwt.MapClaims) { c["exp"] = time.Now().Add(24 * time.Hour).Unix() })},
		"another's key":        {"login_hint_token", signedBy(t, key(t), map[string]any{"kid": "k1"}, jwt.MapClaims{"iss": rig.Shop, "sub": alice.Token, "aud": r.Issuer, "exp": time.Now().Add(time.Minute).Unix()})},
		"an unknown format":    {"login_hint_token", hint(alice.Token, func(c jwt.MapClaims) { c["sub_id"] = map[string]string{"format": "email", "email": "a@b"} })},
		"a tampered id_token":  {"id_token_hint", tampered},
		"a client's signature": {"id_token_hint", hint(alice.Token, nil)},
	} {
		wantError(t, what, send("/oidc/bc-authorize", append([]string{"scope", "openid"}, pairs...)...), http.StatusBadRequest, "invalid_request")
	}
}

// A client that wants to be told is told, again until it listens, and then asks.
func TestCIBAPing(t *testing.T) {
	t.Parallel()
	bank := newReceiver(t, http.StatusServiceUnavailable, http.StatusFound)
	r := cibaRig(t, bank.URL+"/ping")
	alice := r.Phone(0)
	party := newParty(t, r, 0, "pair", rig.ShopSecret, pairCallback)
	_, claims := party.idToken(party.login(newSurfer(t, r, 0), alice))
	sub, _ := claims["sub"].(string)
	pair := newCaller(t, r, 1, "pair")
	wantError(t, "a name that pair has not", pair.try("login_hint", "x", "client_notification_token", "t"), http.StatusBadRequest, "unknown_user_id")
	for _, d := range []session.Decision{session.Approve, session.Deny} {
		a := pair.ask("login_hint", sub, "client_notification_token", "a-notification-token")
		code := ""
		if d == session.Approve {
			code = a.Code
		}
		decide(t, r, alice, d, code)
		tries := 1
		if d == session.Approve {
			tries = 3 // twice it did not listen
		}
		for range tries {
			m := bank.next(t)
			if m.head.Get("Authorization") != "Bearer a-notification-token" || m.body != `{"auth_req_id":"`+a.ID+`"}` || m.head.Get("Content-Type") != "application/json" {
				t.Errorf("told %v %s", m.head, m.body)
			}
		}
		if d == session.Deny {
			wantError(t, "declined", pair.poll(a.ID), http.StatusBadRequest, "access_denied")
			continue
		}
		access, _, _ := accessToken(t, pair.poll(a.ID))
		if claimsOf(t, access)["sub"] != sub || sub == alice.Token {
			t.Errorf("sub %v, want %s", claimsOf(t, access)["sub"], sub)
		}
	}
	if strings.Contains(r.Log.String(), "a-notification-token") {
		t.Error("a secret is in the log")
	}
}

// What was approved waits for its client, also when the session itself is long
// forgotten; and the code that the client was told stays good.
func TestCIBAOutlivesItsSession(t *testing.T) {
	t.Parallel()
	r := cibaRig(t, "", func(c *server.Config, _ *server.Secrets) {
		c.Session.ResultTTL, c.OTP.Period, c.OTP.Tolerance = time.Second, time.Second, 0
	})
	alice, shop := r.Phone(0), newCaller(t, r, 0, rig.Shop)
	a := shop.ask("login_hint", alice.Token)
	began := time.Now()
	r.Eventually("two periods are over", func() bool { return time.Since(began) > 2100*time.Millisecond })
	c := waiting(t, r, alice)
	if _, err := alice.Verify(rig.Ctx(t), c, session.Approve, a.Code, nil); err != nil {
		t.Fatalf("the code: %v", err)
	}
	r.Eventually("the session is forgotten", func() bool {
		_, err := alice.Claim(rig.Ctx(t), c.SessionID, "")
		return api.CodeOf(err) == "session_not_found"
	})
	accessToken(t, shop.poll(a.ID))
}

// Fifty at once, on two nodes, are one success, which stands.
func TestCIBARace(t *testing.T) {
	t.Parallel()
	r := cibaRig(t, "")
	alice, shop := r.Phone(0), newCaller(t, r, 0, rig.Shop)
	a := shop.ask("login_hint", alice.Token)
	decide(t, r, alice, session.Approve, a.Code)
	var won atomic.Int32
	var access atomic.Value
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			x := &caller{t, r, i % 2, shop.head}
			got := x.poll(a.ID)
			if got.status == http.StatusOK {
				won.Add(1)
				token, _, _ := accessToken(t, got)
				access.Store(token)
				return
			}
			wantError(t, "the others", got, http.StatusBadRequest, "invalid_grant")
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d redeemed it", won.Load())
	}
	token, _ := access.Load().(string)
	if u := userinfo(t, r, 0, "Bearer "+token); u.status != http.StatusOK {
		t.Errorf("the one that did has nothing of it: %d %s", u.status, u.body)
	}
}

// An approval is worth nothing once its phone was taken away.
func TestCIBARevokedMeanwhile(t *testing.T) {
	t.Parallel()
	r := cibaRig(t, "")
	alice, shop := r.Phone(0), newCaller(t, r, 0, rig.Shop)
	a := shop.ask("login_hint", alice.Token)
	decide(t, r, alice, session.Approve, a.Code)
	if err := r.Nodes[0].Server.Registry().Revoke(rig.Ctx(t), device.TokenID(alice.Token)); err != nil {
		t.Fatal(err)
	}
	wantError(t, "revoked", shop.poll(a.ID), http.StatusBadRequest, "invalid_grant")
}

// One client's short request takes nobody else's off the phone.
func TestCIBAShortBesideLong(t *testing.T) {
	t.Parallel()
	r := cibaRig(t, "")
	alice, shop := r.Phone(0), newCaller(t, r, 0, rig.Shop)
	shop.ask("login_hint", alice.Token)
	short := shop.ask("login_hint", alice.Token, "requested_expiry", "10")
	r.Eventually("it has expired", func() bool { return strings.Contains(shop.poll(short.ID).body, "expired_token") })
	list, err := alice.Pending(rig.Ctx(t))
	if err != nil || len(list.Sessions) != 1 {
		t.Errorf("%d wait, %v", len(list.Sessions), err)
	}
}

// Sessions that anybody starts for a user keep no request of a service's off the
// phone.
func TestCIBABesideStrangers(t *testing.T) {
	t.Parallel()
	r := cibaRig(t, "", func(c *server.Config, _ *server.Secrets) { c.Limits.Disabled = false })
	alice, shop := r.Phone(0), newCaller(t, r, 0, rig.Shop)
	for range 3 {
		r.Browser(0).Start(alice.Token)
	}
	shop.ask("login_hint", alice.Token)
	list, err := alice.Pending(rig.Ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]int{}
	for _, w := range list.Sessions {
		of[w.ServiceName]++
	}
	if of["Acme Shop"] != 1 {
		t.Errorf("waiting: %v", of)
	}
}

// A client id may have characters that Basic encodes (RFC 6749 §2.3.1).
func TestCIBAEncodedClientID(t *testing.T) {
	t.Parallel()
	r := cibaRig(t, "", func(c *server.Config, x *server.Secrets) {
		c.Services[1].ID = "shop@acme"
		x.Services["shop@acme"] = server.ServiceSecrets{Secret: []byte(rig.ShopSecret)}
	})
	for _, id := range []string{"shop@acme", "shop%40acme"} {
		newCaller(t, r, 0, id).ask("login_hint", string(device.NewTokenID()))
	}
}

// A service can ask neither without end nor for one user without end, and one
// service's requests are not held against another's.
func TestCIBALimits(t *testing.T) {
	t.Parallel()
	r := cibaRig(t, "http://127.0.0.1/ping", func(c *server.Config, _ *server.Secrets) {
		c.Limits.Disabled = false
		c.Limits.BackchannelPerService, c.Limits.BackchannelPerUser = server.Rate{N: 6, Per: time.Hour}, server.Rate{N: 2, Per: time.Hour}
	})
	shop, pair := newCaller(t, r, 0, rig.Shop), newCaller(t, r, 1, "pair")
	user := string(device.NewTokenID())
	for _, n := range []int{0, 1} {
		shop.n = n
		shop.ask("login_hint", user)
	}
	limited := func(what string, a reply) {
		t.Helper()
		wantError(t, what, a, http.StatusTooManyRequests, "temporarily_unavailable")
		if a.head.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", what)
		}
	}
	limited("one user", shop.try("login_hint", user))
	if a := pair.try("login_hint", user, "client_notification_token", "t"); a.status != http.StatusOK {
		t.Errorf("another service: %d %s", a.status, a.body)
	}
	var last reply
	for range 6 {
		last = shop.try("login_hint", string(device.NewTokenID()))
	}
	limited("one service", last)
}
