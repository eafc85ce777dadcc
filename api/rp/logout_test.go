package rp_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign/api/rp"
	"countersign/crypto/keyring"
)

// farewell is a good logout token, changed.
func (is *issuer) farewell(t testing.TB, typ string, change ...func(keyring.Claims)) string {
	t.Helper()
	c := keyring.Claims{"iss": is.URL, "aud": "bank", "sub": "tok_alice", "sid": "s1", "jti": "j1", "iat": noon().Unix(), "exp": noon().Add(2 * time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}
	for _, f := range change {
		f(c)
	}
	return sign(t, is.keys[0], typ, c)
}

func TestVerifyLogout(t *testing.T) {
	is := newIssuer(t)
	v, clock := is.verifier()
	got, err := v.VerifyLogout(t.Context(), is.farewell(t, "logout+jwt"))
	want := rp.Logout{Subject: "tok_alice", SID: "s1", ID: "j1", IssuedAt: noon(), ExpiresAt: noon().Add(2 * time.Minute)}
	if err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
	for what, x := range map[string]struct {
		token string
		want  error
	}{
		"an approval":      {is.farewell(t, "countersign+jwt"), rp.ErrType},
		"an id_token":      {is.farewell(t, "JWT"), rp.ErrType},
		"without events":   {is.farewell(t, "logout+jwt", func(c keyring.Claims) { delete(c, "events") }), rp.ErrMalformed},
		"of another event": {is.farewell(t, "logout+jwt", func(c keyring.Claims) { c["events"] = map[string]any{"x": map[string]any{}} }), rp.ErrMalformed},
		"the event no object": {is.farewell(t, "logout+jwt", func(c keyring.Claims) {
			c["events"].(map[string]any)["http://schemas.openid.net/event/backchannel-logout"] = true
		}), rp.ErrMalformed},
		"with a nonce":        {is.farewell(t, "logout+jwt", func(c keyring.Claims) { c["nonce"] = "n" }), rp.ErrMalformed},
		"without a jti":       {is.farewell(t, "logout+jwt", func(c keyring.Claims) { delete(c, "jti") }), rp.ErrMalformed},
		"without a sid":       {is.farewell(t, "logout+jwt", func(c keyring.Claims) { delete(c, "sid") }), rp.ErrMalformed},
		"for another service": {is.farewell(t, "logout+jwt", func(c keyring.Claims) { c["aud"] = "shop" }), rp.ErrAudience},
		"of another issuer":   {is.farewell(t, "logout+jwt", func(c keyring.Claims) { c["iss"] = "https://evil.example" }), rp.ErrIssuer},
		"no token":            {"x.y.z", rp.ErrMalformed},
	} {
		if _, err := v.VerifyLogout(t.Context(), x.token); !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", what, err, x.want)
		}
	}
	if _, err := v.Verify(t.Context(), is.farewell(t, "logout+jwt")); !errors.Is(err, rp.ErrType) {
		t.Errorf("a logout token passes for an approval: %v", err)
	}
	clock.set(4 * time.Minute)
	if _, err := v.VerifyLogout(t.Context(), is.farewell(t, "logout+jwt")); !errors.Is(err, rp.ErrExpired) {
		t.Errorf("late: %v", err)
	}
}

// The endpoint answers as Back-Channel Logout §2.8 has it, and asks the server to
// come again when the logout was not carried out.
func TestLogoutHandler(t *testing.T) {
	is := newIssuer(t)
	v, _ := is.verifier()
	var ended []string
	var fail error
	h := v.LogoutHandler(func(_ context.Context, l rp.Logout) error {
		ended = append(ended, l.SID)
		return fail
	})
	post := func(token string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/logout", strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		h.ServeHTTP(w, r)
		return w
	}
	if w := post(is.farewell(t, "logout+jwt")); w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" || len(ended) != 1 || ended[0] != "s1" {
		t.Errorf("%d %v %v", w.Code, w.Header(), ended)
	}
	for _, bad := range []string{"", "x", is.farewell(t, "JWT"), strings.Repeat("a", 20<<10)} {
		if w := post(bad); w.Code != http.StatusBadRequest || len(ended) != 1 {
			t.Errorf("%.10s: %d %v", bad, w.Code, ended)
		}
	}
	fail = errors.New("the database is away")
	if w := post(is.farewell(t, "logout+jwt")); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "database") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/logout?logout_token="+is.farewell(t, "logout+jwt"), http.NoBody))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
	is.down.Store(true)
	fresh, _ := is.verifier()
	h = fresh.LogoutHandler(func(context.Context, rp.Logout) error { return nil })
	if w := post(is.farewell(t, "logout+jwt")); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without keys: %d", w.Code)
	}
}
