package rp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	defaultRefresh = time.Minute
	fetchPatience  = 5 * time.Second
	// retryEmpty is the least time between two tries while there is no key at
	// all: a service that starts before its issuer soon catches up.
	retryEmpty = time.Second
	// maxStale is how long keys outlive their freshness while the issuer cannot
	// be reached: longer than any of its tokens.
	maxStale  = 24 * time.Hour
	maxFresh  = 24 * time.Hour
	maxKeys   = 64
	maxKeySet = 64 << 10
)

// keyCache holds the issuer's keys. At most one fetch is under way at a time,
// and no caller's leaving ends it, because others wait for it too.
type keyCache struct {
	mu    sync.Mutex
	known map[string]*ecdsa.PublicKey // never changed, only replaced
	fresh time.Time                   // until when nobody need ask
	tried time.Time                   // when the last fetch began
	busy  chan struct{}               // closed when the fetch under way has ended; nil: none is
}

// key finds a key of the issuer. It waits for a fetch if there is a reason for
// one: no keys, keys no longer fresh, or a kid that may be new.
func (v *Verifier) key(ctx context.Context, kid string) (*ecdsa.PublicKey, error) {
	if wait := v.refresh(ctx, kid); wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
	}
	c := &v.keys
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) == 0 || v.now().After(c.fresh.Add(maxStale)) {
		return nil, ErrUnavailable
	}
	key, ok := c.known[kid]
	if !ok {
		return nil, ErrKey
	}
	return key, nil
}

// refresh starts a fetch if one is due and gives the channel to wait on, or nil
// when what is cached has to do.
func (v *Verifier) refresh(ctx context.Context, kid string) <-chan struct{} {
	c, now := &v.keys, v.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	_, known := c.known[kid]
	if known && now.Before(c.fresh) {
		return nil
	}
	if c.busy != nil {
		return c.busy
	}
	if !c.tried.IsZero() && now.Before(c.tried.Add(v.pause())) {
		return nil
	}
	c.tried, c.busy = now, make(chan struct{})
	go v.fetch(context.WithoutCancel(ctx), c.busy)
	return c.busy
}

// pause is the least time between two fetches; c.mu is held.
func (v *Verifier) pause() time.Duration {
	every := v.RefreshEvery
	if every <= 0 {
		every = defaultRefresh
	}
	if len(v.keys.known) == 0 {
		return min(every, retryEmpty)
	}
	return every
}

// fetch replaces the keys, or leaves them as they are when it fails.
func (v *Verifier) fetch(ctx context.Context, done chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, fetchPatience)
	defer cancel()
	keys, age, err := v.download(ctx)
	c := &v.keys
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.known = keys
		c.fresh = c.tried.Add(max(age, v.pause()))
	}
	c.busy = nil
	close(done)
}

// download gets the key set and how long it may be kept.
func (v *Verifier) download(ctx context.Context) (map[string]*ecdsa.PublicKey, time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.Issuer+"/.well-known/jwks.json", http.NoBody)
	if err != nil {
		return nil, 0, err
	}
	resp, err := straight(v.HTTP).Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, 0, &Problem{Status: resp.StatusCode}
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet))
	if err != nil {
		return nil, 0, err
	}
	keys, err := parseKeys(b)
	return keys, maxAge(resp.Header.Get("Cache-Control")), err
}

// parseKeys reads a JSON Web Key Set (RFC 7517 §5), leaving out keys that are not
// for ES256 signatures.
func parseKeys(b []byte) (map[string]*ecdsa.PublicKey, error) {
	var set struct {
		Keys []struct{ Kty, Crv, X, Y, Kid, Alg, Use string } `json:"keys"`
	}
	if err := json.Unmarshal(b, &set); err != nil {
		return nil, err
	}
	keys := map[string]*ecdsa.PublicKey{}
	for _, k := range set.Keys {
		if k.Kty != "EC" || k.Crv != "P-256" || k.Kid == "" || k.Use != "" && k.Use != "sig" || k.Alg != "" && k.Alg != "ES256" {
			continue
		}
		if key, ok := point(k.X, k.Y); ok && len(keys) < maxKeys {
			keys[k.Kid] = key
		}
	}
	if len(keys) == 0 {
		return nil, ErrKey
	}
	return keys, nil
}

// point makes a key of coordinates of exactly 32 bytes (RFC 7518 §6.2.1.2) that
// lie on the curve.
func point(x, y string) (*ecdsa.PublicKey, bool) {
	uncompressed := []byte{4} // SEC 1 §2.3.3
	for _, coordinate := range []string{x, y} {
		b, err := base64.RawURLEncoding.Strict().DecodeString(coordinate)
		if err != nil || len(b) != 32 {
			return nil, false
		}
		uncompressed = append(uncompressed, b...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), uncompressed)
	return key, err == nil
}

// maxAge reads max-age of a Cache-Control header, at most a day; 0: none.
func maxAge(header string) time.Duration {
	for directive := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if seconds, err := strconv.Atoi(value); err == nil && strings.EqualFold(name, "max-age") && seconds > 0 {
			return time.Duration(min(seconds, int(maxFresh/time.Second))) * time.Second
		}
	}
	return 0
}
