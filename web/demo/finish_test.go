package demo

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign/api/rp"
	"countersign/crypto/keyring"
)

func noon() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) }

// teller is a bank whose server signs whatever the test wants.
type teller struct {
	*Bank
	key  keyring.Key
	down atomic.Bool
}

func newTeller(t *testing.T) *teller {
	t.Helper()
	key, err := keyring.NewKey(noon(), noon())
	if err != nil {
		t.Fatal(err)
	}
	x := &teller{key: key}
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if x.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Write(keyring.NewRing(key).JWKS(noon()))
	}))
	t.Cleanup(issuer.Close)
	x.Bank = New(Options{Issuer: issuer.URL, ServiceID: "bank", ResponseKey: []byte("key"), Origin: "https://bank.example", Now: noon})
	return x
}

// approve makes what a page brings of a token with these claims changed.
func (x *teller) approve(t *testing.T, s started, typ string, change map[string]any) finished {
	t.Helper()
	claims := keyring.Claims{"iss": x.o.Issuer, "aud": "bank", "sub": "tok_alice", "sid": s.session, "nonce": s.random,
		"iat": noon().Unix(), "exp": noon().Add(time.Hour).Unix(), "acr": "urn:countersign:same-device"}
	for name, v := range change {
		claims[name] = v
	}
	jwt, err := x.key.Sign(typ, claims)
	if err != nil {
		t.Fatal(err)
	}
	f := finished{SessionID: s.session, JWT: jwt, ExpiresAt: "2026-01-01T13:00:00Z"}
	mac := hmac.New(sha256.New, x.o.ResponseKey)
	fmt.Fprintf(mac, "countersign-hash-v1\n%s\n%s\n%s\n%s", s.session, s.random, jwt, f.ExpiresAt)
	f.Hash = base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	return f
}

// Every check counts by itself: the hash is good in each of these.
func TestProve(t *testing.T) {
	x := newTeller(t)
	login := started{session: "sess_1", random: "0123456789abcdef0123456789abcdef"}
	asked := login
	asked.asked = "tok_bob"
	op := map[string]any{"op": map[string]string{"name": operationName, "dataHash": rp.DataHash("A1*A1.00CZK")}}
	for name, tc := range map[string]struct {
		s      started
		typ    string
		change map[string]any
		want   error
	}{
		"good":                  {login, "countersign+jwt", nil, nil},
		"access token":          {login, "at+jwt", nil, rp.ErrType},
		"other issuer":          {login, "countersign+jwt", map[string]any{"iss": "https://evil.example"}, rp.ErrIssuer},
		"other service":         {login, "countersign+jwt", map[string]any{"aud": "shop"}, rp.ErrAudience},
		"expired":               {login, "countersign+jwt", map[string]any{"exp": noon().Add(-time.Hour).Unix()}, rp.ErrExpired},
		"other nonce":           {login, "countersign+jwt", map[string]any{"nonce": "1123456789abcdef0123456789abcdef"}, errNonce},
		"no nonce":              {login, "countersign+jwt", map[string]any{"nonce": ""}, errNonce},
		"other session":         {login, "countersign+jwt", map[string]any{"sid": "sess_2"}, errSession},
		"somebody else":         {asked, "countersign+jwt", nil, errSubject},
		"a payment for a login": {login, "countersign+jwt", op, errPurpose},
	} {
		token, p, err := x.prove(t.Context(), tc.s, x.approve(t, tc.s, tc.typ, tc.change))
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if shown := p.Claims != "" || token.Subject != ""; shown != (tc.want == nil) {
			t.Errorf("%s: shows the token: %v", name, shown)
		}
	}
}

// When the keys cannot be had, the page may bring the same approval again.
func TestKeysUnavailable(t *testing.T) {
	x := newTeller(t)
	now := noon()
	x.verifier.Now = func() time.Time { return now }
	s := started{session: "sess_1", random: "r"}
	id := x.visits.remember("", s)
	f := x.approve(t, s, "countersign+jwt", nil)
	finish := func() *httptest.ResponseRecorder {
		body := fmt.Sprintf(`{"sessionId":%q,"jwt":%q,"hash":%q,"expiresAt":%q}`, f.SessionID, f.JWT, f.Hash, f.ExpiresAt)
		r := httptest.NewRequest(http.MethodPost, "https://bank.example/finish", strings.NewReader(body))
		r.Header.Set("Content-Type", jsonType)
		r.AddCookie(&http.Cookie{Name: "__Host-acme_bank", Value: id})
		w := httptest.NewRecorder()
		x.ServeHTTP(w, r)
		return w
	}
	x.down.Store(true)
	if w := finish(); w.Code != http.StatusServiceUnavailable {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	x.down.Store(false)
	now = now.Add(time.Second)
	w := finish()
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	c := w.Result().Cookies()
	if len(c) != 1 || c[0].Name != "__Host-acme_bank" || c[0].Value == id || !c[0].Secure || !c[0].HttpOnly || c[0].SameSite != http.SameSiteLaxMode || c[0].Path != "/" {
		t.Errorf("cookies %v", c)
	}
	if _, known := x.visits.customer(id); known {
		t.Error("the cookie from before the login is logged in")
	}
}
