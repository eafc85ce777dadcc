package system

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"countersign/server"
	"countersign/test/rig"
)

// Who guesses at a service's secret is stopped, wherever the guesses go, and nobody
// else is (RFC 6749 §2.3.1).
func TestWrongSecretsPerAddress(t *testing.T) {
	t.Parallel()
	r := oidcRig(t, func(c *server.Config, _ *server.Secrets) { limited(c) })
	direct := func(n int, secret, from string) rig.Answer {
		return r.Post(n, initiate, `{}`, "Authorization", rig.BasicAuth(rig.Shop, secret), "X-Forwarded-For", from)
	}
	provider := func(n int, secret, from string) reply {
		return post(t, r, n, "/oidc/introspect", []string{"Authorization", rig.BasicAuth(rig.Shop, secret), "X-Forwarded-For", from}, "token", "x")
	}
	for i := range 15 {
		r.Refused("a guess", direct(i%2, "guess", "203.0.113.1"), 401, "service_auth_failed")
		wantError(t, "a guess", provider(i%2, "guess", "203.0.113.1"), http.StatusUnauthorized, "invalid_client")
	}
	for n := range 2 {
		provider(n, "guess", "203.0.113.1") // each node finds out by one more
		rateLimited(t, r, "the guesses after that", direct(n, "guess", "203.0.113.1"), 20)
		rateLimited(t, r, "a right one", direct(n, rig.ShopSecret, "203.0.113.1"), 20)
		a := provider(n, rig.ShopSecret, "203.0.113.1")
		wantError(t, "a right one", a, http.StatusTooManyRequests, "temporarily_unavailable")
		if after, err := strconv.Atoi(a.head.Get("Retry-After")); err != nil || after < 1 || after > int(10*time.Minute/time.Second) {
			t.Errorf("Retry-After %q", a.head.Get("Retry-After"))
		}
	}
	started(t, r, direct(0, rig.ShopSecret, "203.0.113.2"))
	if a := provider(1, rig.ShopSecret, "203.0.113.2"); a.status != http.StatusOK {
		t.Errorf("another address: %d %s", a.status, a.body)
	}
}
