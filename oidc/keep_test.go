package oidc

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"countersign/audit"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

func mustSave(t *testing.T, k *keeper, g *goidc.Grant) {
	t.Helper()
	if err := k.SaveGrant(t.Context(), g); err != nil {
		t.Fatal(err)
	}
}

// Two that read the same version: the second is refused, and ends the grant.
func TestGrantIsSavedOnce(t *testing.T) {
	k, _, e := newKeeper()
	mustSave(t, k, newGrant())
	first, err := k.GrantByRefreshToken(on(t, pathToken), "r1")
	if err != nil {
		t.Fatal(err)
	}
	second, err := k.GrantByRefreshToken(on(t, pathToken), "r1")
	if err != nil {
		t.Fatal(err)
	}
	first.RefreshToken, second.RefreshToken = "r2", "r3"
	mustSave(t, k, first)
	refusal := goidc.Error{}
	if err := k.SaveGrant(t.Context(), second); !errors.As(err, &refusal) || refusal.Code != goidc.ErrorCodeInvalidGrant {
		t.Fatalf("the second: %v", err)
	}
	for _, token := range []string{"r1", "r2", "r3"} {
		if _, err := k.GrantByRefreshToken(on(t, pathToken), token); !errors.Is(err, goidc.ErrNotFound) {
			t.Errorf("%s: %v", token, err)
		}
	}
	if want := []audit.Kind{audit.GrantMade, audit.GrantRevoked, audit.TokenReused}; !slices.Equal(e.kinds, want) {
		t.Errorf("%v, want %v", e.kinds, want)
	}
}

// A grant is revoked whoever changes it at the same time.
func TestRevocationWins(t *testing.T) {
	k, m, _ := newKeeper()
	mustSave(t, k, newGrant())
	g, err := k.Grant(t.Context(), "g")
	if err != nil {
		t.Fatal(err)
	}
	m.before = func() {
		other, err := k.Grant(t.Context(), "g")
		if err == nil {
			other.RefreshToken = "r2"
			err = k.SaveGrant(t.Context(), other)
		}
		if err != nil {
			t.Error(err)
		}
	}
	g.RevokedAt = 1
	mustSave(t, k, g)
	if _, err := k.Grant(t.Context(), "g"); !errors.Is(err, goidc.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// Asking about an old refresh token ends nothing; revoking by one does.
func TestOldRefreshTokenByEndpoint(t *testing.T) {
	k, _, e := newKeeper()
	mustSave(t, k, newGrant())
	g, err := k.GrantByRefreshToken(on(t, pathToken), "r1")
	if err != nil {
		t.Fatal(err)
	}
	g.RefreshToken = "r2"
	mustSave(t, k, g)
	if _, err := k.GrantByRefreshToken(on(t, pathIntrospect), "r1"); !errors.Is(err, goidc.ErrNotFound) {
		t.Errorf("introspection: %v", err)
	}
	if g, err := k.GrantByRefreshToken(on(t, pathRevoke), "r1"); err != nil || g.ID != "g" {
		t.Errorf("revocation: %v", err)
	}
	if _, err := k.GrantByRefreshToken(on(t, pathToken), "r2"); err != nil {
		t.Errorf("ended already: %v", err)
	}
	if _, err := k.GrantByRefreshToken(on(t, pathToken), "r1"); !errors.Is(err, goidc.ErrNotFound) || !slices.Contains(e.kinds, audit.TokenReused) {
		t.Errorf("reuse: %v, %v", err, e.kinds)
	}
	if _, err := k.GrantByRefreshToken(on(t, pathToken), "r2"); !errors.Is(err, goidc.ErrNotFound) {
		t.Errorf("lives on: %v", err)
	}
}

// Rotation makes no grant live longer.
func TestGrantEndsWhenItWould(t *testing.T) {
	k, m, _ := newKeeper()
	g := newGrant()
	mustSave(t, k, g)
	ends := m.records["grantg"].Until
	if want := time.Unix(int64(g.CreatedAt), 0).Add(30*24*time.Hour + time.Hour + leeway); !ends.Equal(want) {
		t.Errorf("ends %v, want %v", ends, want)
	}
	g.RefreshToken, g.RefreshTokenExpiresAt = "r2", 1<<40
	if err := absolute(t.Context(), goidc.GrantRefreshToken, g); err != nil {
		t.Fatal(err)
	}
	mustSave(t, k, g)
	if got := m.records["grantg"].Until; !got.Equal(ends) || g.RefreshTokenExpiresAt != g.CreatedAt+30*24*3600 {
		t.Errorf("ends %v, refresh token %d", got, g.RefreshTokenExpiresAt)
	}
	short := newGrant()
	short.ID, short.RefreshToken, short.AuthCode = "h", "", "c2"
	mustSave(t, k, short)
	if got := m.records["granth"].Until.Sub(time.Unix(int64(short.CreatedAt), 0)); got != time.Hour+time.Minute+leeway {
		t.Errorf("without refresh token %v", got)
	}
}

func TestGrantOfTheRevoked(t *testing.T) {
	k, _, _ := newKeeper()
	g := newGrant()
	g.Subject = "tok_revoked"
	mustSave(t, k, g)
	_, byID := k.Grant(t.Context(), "g")
	_, byCode := k.GrantByAuthCode(t.Context(), "c1")
	_, byToken := k.GrantByRefreshToken(on(t, pathToken), "r1")
	for _, err := range []error{byID, byCode, byToken} {
		if !errors.Is(err, goidc.ErrNotFound) {
			t.Errorf("%v", err)
		}
	}
}

// A pushed request is given once; one that has ended, not at all.
func TestRequests(t *testing.T) {
	k, m, _ := newKeeper()
	as := &goidc.AuthnSession{ID: "a", Status: goidc.StatusPending, PushedAuthReqID: "p", ExpiresAt: int(time.Now().Add(time.Minute).Unix()), Store: map[string]any{"x": "y"}}
	if err := k.SaveSession(t.Context(), as); err != nil {
		t.Fatal(err)
	}
	got, err := k.SessionByPushedAuthReqID(t.Context(), "p")
	if err != nil || got.ID != "a" || got.Store["x"] != "y" {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := k.SessionByPushedAuthReqID(t.Context(), "p"); !errors.Is(err, goidc.ErrNotFound) {
		t.Errorf("again: %v", err)
	}
	stale, err := k.Session(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	got.Status = goidc.StatusSuccess
	if err := k.SaveSession(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Session(t.Context(), "a"); !errors.Is(err, goidc.ErrNotFound) {
		t.Errorf("ended: %v", err)
	}
	if err := k.SaveSession(t.Context(), stale); !errors.Is(err, ErrConflict) {
		t.Errorf("stale: %v", err)
	}
	// Whose request it is not, leaves it as it is; and one that ended at once was never there.
	x := on(t, pathAuthorize)
	exchangeOf(x).untouched = true
	if err := k.SaveSession(x, stale); err != nil {
		t.Error(err)
	}
	if err := k.SaveSession(t.Context(), &goidc.AuthnSession{ID: "b", Status: goidc.StatusFailure}); err != nil || len(m.records) != 1 {
		t.Errorf("%v, %d records", err, len(m.records))
	}
}

// A machine whose clock is not that of Redis: what is kept is Redis' time, and the
// library is given the machine's.
func TestClocksApart(t *testing.T) {
	for _, apart := range []time.Duration{10 * time.Minute, -10 * time.Minute, 0} {
		k, m, _ := newKeeper()
		k.Now = func() time.Time { return time.Now().Add(apart) }
		now, by := int(time.Now().Unix()), int(apart/time.Second)
		g := newGrant()
		g.CreatedAt, g.AuthCodeExpiresAt, g.RefreshTokenExpiresAt = now, now+60, now+3600
		mustSave(t, k, g)
		var kept goidc.Grant
		rec := m.records["grantg"]
		if err := json.Unmarshal(rec.Value, &kept); err != nil {
			t.Fatal(err)
		}
		if kept.CreatedAt != now+by || kept.AuthCodeExpiresAt != now+by+60 || kept.RefreshTokenExpiresAt != now+by+3600 || kept.AuthCodeConsumedAt != 0 ||
			rec.Until.Unix() != int64(now+by)+30*24*3600+3600+int64(leeway.Seconds()) {
			t.Errorf("%v: kept %+v until %v", apart, kept, rec.Until)
		}
		if g.CreatedAt != now || g.AuthCodeExpiresAt != now+60 {
			t.Errorf("%v: the library's own was changed: %+v", apart, g)
		}
		got, err := k.GrantByAuthCode(on(t, pathToken), "c1")
		if err != nil || got.CreatedAt != now || got.AuthCodeExpiresAt != now+60 || got.RefreshTokenExpiresAt != now+3600 || got.AuthCodeConsumedAt != 0 {
			t.Errorf("%v: given %+v %v", apart, got, err)
		}
		as := &goidc.AuthnSession{ID: "a", Status: goidc.StatusPending, CreatedAt: now, ExpiresAt: now + 60, Store: map[string]any{}}
		if err := k.SaveSession(t.Context(), as); err != nil {
			t.Fatal(err)
		}
		if until := m.records["requesta"].Until; until.Unix() != int64(now+by+60) {
			t.Errorf("%v: the request is kept until %v", apart, until)
		}
		if as, err := k.Session(t.Context(), "a"); err != nil || as.CreatedAt != now || as.ExpiresAt != now+60 {
			t.Errorf("%v: given %+v %v", apart, as, err)
		}
	}
}
