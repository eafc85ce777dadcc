package rp_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/api/rp"
	"countersign/crypto/keyring"
)

// issuer is a server that has keys and nothing else.
type issuer struct {
	*httptest.Server
	fetches atomic.Int64
	down    atomic.Bool
	gate    chan struct{} // if set, a fetch waits for it

	mu   sync.Mutex
	keys []keyring.Key
	head string // Cache-Control
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	is := &issuer{head: "public, max-age=300"}
	is.rotate(t)
	is.Server = httptest.NewServer(http.HandlerFunc(is.serve))
	t.Cleanup(is.Close)
	return is
}

func (is *issuer) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/.well-known/jwks.json" {
		http.NotFound(w, r)
		return
	}
	is.fetches.Add(1)
	if is.gate != nil {
		<-is.gate
	}
	if is.down.Load() {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	is.mu.Lock()
	defer is.mu.Unlock()
	w.Header().Set("Cache-Control", is.head)
	w.Write(keyring.NewRing(is.keys...).JWKS(noon()))
}

// rotate adds a key, which signs from now on.
func (is *issuer) rotate(t testing.TB) keyring.Key {
	t.Helper()
	key, err := keyring.NewKey(noon(), noon())
	if err != nil {
		t.Fatal(err)
	}
	is.mu.Lock()
	defer is.mu.Unlock()
	is.keys = append(is.keys, key)
	return key
}

// forget takes the oldest key out of the set.
func (is *issuer) forget() {
	is.mu.Lock()
	defer is.mu.Unlock()
	is.keys = is.keys[1:]
}

func noon() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) }

// claims are good ones, changed.
func (is *issuer) claims(change ...func(keyring.Claims)) keyring.Claims {
	c := keyring.Claims{"iss": is.URL, "aud": "bank", "sub": "tok_alice", "sid": "sess_1", "nonce": "0123456789abcdef0123456789abcdef",
		"jti": "j1", "iat": noon().Unix(), "exp": noon().Add(time.Hour).Unix(), "acr": "urn:countersign:typed", "amr": []string{"swk", "otp"},
		"scope": "identity:name", "name": "Alice"}
	for _, f := range change {
		f(c)
	}
	return c
}

func sign(t testing.TB, key keyring.Key, typ string, claims keyring.Claims) string {
	t.Helper()
	token, err := key.Sign(typ, claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// good is a token of the newest key.
func (is *issuer) good(t testing.TB, change ...func(keyring.Claims)) string {
	t.Helper()
	is.mu.Lock()
	key := is.keys[len(is.keys)-1]
	is.mu.Unlock()
	return sign(t, key, "countersign+jwt", is.claims(change...))
}

// clock is a time that a test moves.
type clock struct{ atomic.Int64 }

func (c *clock) now() time.Time       { return noon().Add(time.Duration(c.Load())) }
func (c *clock) pass(d time.Duration) { c.Add(int64(d)) }
func (c *clock) set(d time.Duration)  { c.Store(int64(d)) }
func (is *issuer) verifier() (*rp.Verifier, *clock) {
	c := &clock{}
	return &rp.Verifier{Issuer: is.URL, Audience: "bank", HTTP: is.Client(), Now: c.now}, c
}
