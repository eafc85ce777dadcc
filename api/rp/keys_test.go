package rp_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"countersign/api/rp"
	"countersign/crypto/keyring"
)

// forged is a token of a key that nobody knows.
func forged(t testing.TB, is *issuer) string {
	t.Helper()
	key, err := keyring.NewKey(noon(), noon())
	if err != nil {
		t.Fatal(err)
	}
	return sign(t, key, "countersign+jwt", is.claims())
}

// Forged tokens, each with a key id of its own, cost the issuer one fetch a minute.
func TestForgedKeysFlood(t *testing.T) {
	is := newIssuer(t)
	v, c := is.verifier()
	tokens := make([]string, 50)
	for i := range tokens {
		tokens[i] = forged(t, is)
	}
	flood := func() {
		var all sync.WaitGroup
		for _, token := range tokens {
			all.Go(func() {
				if _, err := v.Verify(t.Context(), token); !errors.Is(err, rp.ErrKey) {
					t.Errorf("forged: %v", err)
				}
			})
		}
		all.Wait()
	}
	for minute, want := range []int64{1, 2, 3} {
		c.set(time.Duration(minute) * time.Minute)
		flood()
		flood()
		if got := is.fetches.Load(); got != want {
			t.Fatalf("minute %d: %d fetches in all, want %d", minute, got, want)
		}
	}
	if _, err := v.Verify(t.Context(), is.good(t)); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// Known keys are asked for again when max-age is over, and not before.
func TestFreshness(t *testing.T) {
	is := newIssuer(t)
	v, c := is.verifier()
	for _, tc := range []struct {
		at   time.Duration
		want int64
	}{{0, 1}, {299 * time.Second, 1}, {300 * time.Second, 2}, {301 * time.Second, 2}, {600 * time.Second, 3}} {
		c.set(tc.at)
		if _, err := v.Verify(t.Context(), is.good(t)); err != nil {
			t.Fatal(err)
		}
		if got := is.fetches.Load(); got != tc.want {
			t.Fatalf("at %s: %d fetches, want %d", tc.at, got, tc.want)
		}
	}
}

// An answer that says nothing of its age is kept for one interval.
func TestNoMaxAge(t *testing.T) {
	for _, head := range []string{"no-store", "max-age=0", "max-age=x", ""} {
		is := newIssuer(t)
		is.head = head
		v, c := is.verifier()
		for _, at := range []time.Duration{0, 59 * time.Second} {
			c.set(at)
			if _, err := v.Verify(t.Context(), is.good(t)); err != nil || is.fetches.Load() != 1 {
				t.Errorf("%q at %s: %v, %d fetches", head, at, err, is.fetches.Load())
			}
		}
	}
}

// A new key is found without waiting for max-age, an old one is refused once it
// is gone from the set.
func TestRotation(t *testing.T) {
	is := newIssuer(t)
	v, c := is.verifier()
	old := is.good(t)
	verify := func(token string, want error) {
		t.Helper()
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, want) {
			t.Fatalf("%v, want %v", err, want)
		}
	}
	verify(old, nil)
	is.rotate(t)
	fresh := is.good(t)
	c.pass(59 * time.Second)
	verify(fresh, rp.ErrKey) // within the interval of the first fetch
	c.pass(time.Second)
	verify(fresh, nil)
	verify(old, nil)
	is.forget()
	c.pass(299 * time.Second)
	verify(old, nil)
	c.pass(time.Second)
	verify(old, rp.ErrKey)
	verify(fresh, nil)
}

// A verifier goes on for a day with the keys it has.
func TestIssuerDown(t *testing.T) {
	is := newIssuer(t)
	v, c := is.verifier()
	long := is.good(t, func(c keyring.Claims) { c["exp"] = noon().Add(48 * time.Hour).Unix() })
	is.down.Store(true)
	if _, err := v.Verify(t.Context(), long); !errors.Is(err, rp.ErrUnavailable) {
		t.Fatalf("no keys: %v", err)
	}
	if _, err := v.Verify(t.Context(), long); !errors.Is(err, rp.ErrUnavailable) || is.fetches.Load() != 1 {
		t.Fatalf("at once again: %v, %d fetches", err, is.fetches.Load())
	}
	is.down.Store(false)
	c.pass(time.Second)
	if _, err := v.Verify(t.Context(), long); err != nil {
		t.Fatalf("a second later: %v", err)
	}
	is.down.Store(true)
	c.pass(300*time.Second + 24*time.Hour)
	if _, err := v.Verify(t.Context(), long); err != nil {
		t.Errorf("a day later: %v", err)
	}
	before := is.fetches.Load()
	if _, err := v.Verify(t.Context(), long); err != nil || is.fetches.Load() != before {
		t.Errorf("stale: %v, %d fetches more", err, is.fetches.Load()-before)
	}
	c.pass(time.Second)
	if _, err := v.Verify(t.Context(), long); !errors.Is(err, rp.ErrUnavailable) {
		t.Errorf("more than a day later: %v", err)
	}
}

// A caller that leaves neither waits for the fetch nor ends it for the others.
func TestCallerLeaves(t *testing.T) {
	is := newIssuer(t)
	is.gate = make(chan struct{})
	v, _ := is.verifier()
	ctx, leave := context.WithCancel(t.Context())
	left, token := make(chan error), is.good(t)
	go func() {
		_, err := v.Verify(ctx, token)
		left <- err
	}()
	leave()
	if err := <-left; !errors.Is(err, rp.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Fatalf("left: %v", err)
	}
	close(is.gate)
	if _, err := v.Verify(t.Context(), is.good(t)); err != nil || is.fetches.Load() != 1 {
		t.Fatalf("another: %v, %d fetches", err, is.fetches.Load())
	}
}

// What is no key set, or comes from elsewhere, brings no keys.
func TestBadKeySets(t *testing.T) {
	is := newIssuer(t)
	for name, answer := range map[string]http.HandlerFunc{
		"redirect":  func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, is.URL+r.URL.Path, http.StatusFound) },
		"page":      func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) },
		"empty":     func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"keys":[]}`)) },
		"no point":  jwks(is.keys[0].ID, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		"short":     jwks(is.keys[0].ID, "AAAA", "AAAA"),
		"not coded": jwks(is.keys[0].ID, "=", "="),
	} {
		odd := httptest.NewServer(answer)
		v := &rp.Verifier{Issuer: odd.URL, Audience: "bank", HTTP: odd.Client(), Now: noon}
		if _, err := v.Verify(t.Context(), is.good(t)); !errors.Is(err, rp.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
		odd.Close()
	}
}

func jwks(kid, x, y string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"keys":[{"kty":"EC","crv":"P-256","kid":"` + kid + `","x":"` + x + `","y":"` + y + `"}]}`))
	}
}
