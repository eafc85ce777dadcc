package store

import (
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/operation"

	"pgregory.net/rapid"
)

func consentClauses() []clause {
	return []clause{
		{"a consent is read as it was written, by every node", consentWritten},
		{"of many swaps of a consent one gets through", consentsRace},
		{"Redis does not tell at which service somebody agreed, nor to what", consentSealed},
		{"a consent that was put back, altered or moved is none, and can be given again", consentTampered},
	}
}

// consented is what somebody has agreed to at a service.
func (r *rig) consented(service string) operation.Consent {
	now := r.Now().Truncate(time.Millisecond)
	return operation.Consent{Service: service, Version: "2026-01", Options: []string{"news", "terms"}, GrantedAt: now, Until: now.Add(time.Hour),
		RevokedAt: now.Add(time.Minute), History: []operation.ConsentEntry{
			{At: now, Change: operation.Granted, Version: "2026-01", Options: []string{"news", "terms"}, Operation: operation.NewID()},
			{At: now.Add(time.Minute), Change: operation.Revoked, Version: "2026-01", Options: []string{"news", "terms"}, By: operation.ByAdmin}}}
}

func (r *rig) wantConsent(id device.TokenID, service string, want operation.Consent) (version uint64) {
	r.t.Helper()
	got, version, err := r.Consent(r.t.Context(), id, service)
	check(r.t, err)
	wantSame(r.t, got, want)
	return version
}

func consentWritten(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice, bob := device.NewTokenID(), device.NewTokenID()
	if v := r.wantConsent(alice, "acme", operation.Consent{}); v != 0 {
		t.Errorf("version %d of none", v)
	}
	c := r.consented("acme")
	check(t, r.SwapConsent(t.Context(), alice, c, 0))
	wantErr(t, r.SwapConsent(t.Context(), alice, c, 0), operation.ErrConflict)
	v := r.another().wantConsent(alice, "acme", c)
	c.RevokedAt = time.Time{}
	check(t, r.another().SwapConsent(t.Context(), alice, c, v))
	r.wantConsent(alice, "acme", c)
	r.wantConsent(alice, "shop", operation.Consent{})
	r.wantConsent(bob, "acme", operation.Consent{})
}

func consentsRace(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice, c := device.NewTokenID(), r.consented("acme")
	nodes := []*rig{r, r.another()}
	var wait sync.WaitGroup
	var mu sync.Mutex
	through := 0
	for n := range 20 {
		wait.Go(func() {
			if nodes[n%2].SwapConsent(t.Context(), alice, c, 0) == nil {
				mu.Lock()
				defer mu.Unlock()
				through++
			}
		})
	}
	wait.Wait()
	if through != 1 {
		t.Errorf("%d got through", through)
	}
}

func consentSealed(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice, c := device.NewTokenID(), r.consented("acme-bank")
	check(t, r.SwapConsent(t.Context(), alice, c, 0))
	key := r.keys.consent(alice, "acme-bank")
	for _, word := range []string{"acme", "news", "2026-01", "REVOKED", string(c.History[0].Operation)} {
		if strings.Contains(key+r.get(key), word) {
			t.Errorf("Redis has %s", word)
		}
	}
}

func consentTampered(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice, bob, c := device.NewTokenID(), device.NewTokenID(), r.consented("acme")
	key := r.keys.consent(alice, "acme")
	check(t, r.SwapConsent(t.Context(), alice, c, 0))
	old := r.get(key)
	check(t, r.SwapConsent(t.Context(), alice, c, 1))
	_, body, _ := strings.Cut(r.get(key), "|")
	for what, x := range map[string]struct{ key, value, alarm string }{
		"put back":              {key, old, "consent rolled back"},
		"of another version":    {key, "3|" + body, "consent"},
		"altered":               {key, "2|" + body[:len(body)-1] + "x", "consent"},
		"of somebody else":      {r.keys.consent(bob, "acme"), "2|" + body, "consent"},
		"at another service":    {r.keys.consent(alice, "shop"), "2|" + body, "consent"},
		"another sort of thing": {key, "2|", "consent"},
	} {
		who, service := alice, "acme"
		switch x.key {
		case r.keys.consent(bob, "acme"):
			who = bob
		case r.keys.consent(alice, "shop"):
			service = "shop"
		}
		r.events.details(audit.RecordTampered)
		r.set(x.key, x.value)
		v := r.wantConsent(who, service, operation.Consent{})
		if alarms := r.events.details(audit.RecordTampered); len(alarms) == 0 || alarms[0] != x.alarm {
			t.Errorf("%s: on record as %q", what, alarms)
		}
		again := r.consented(service)
		check(t, r.SwapConsent(t.Context(), who, again, v))
		r.another().wantConsent(who, service, again)
		r.wantConsent(who, service, again)
	}
}

// What is encoded of a consent is that consent, whatever it says.
func TestConsentRecord(t *testing.T) {
	at := func(rt *rapid.T) time.Time { return fromMillis(rapid.Int64Range(0, 1<<40).Draw(rt, "at")) }
	list := func(rt *rapid.T) []string {
		if l := rapid.SliceOfN(rapid.String(), 0, 3).Draw(rt, "list"); len(l) > 0 {
			return l
		}
		return nil
	}
	rapid.Check(t, func(rt *rapid.T) {
		c := operation.Consent{Version: rapid.String().Draw(rt, "version"), Options: list(rt), GrantedAt: at(rt), Until: at(rt), RevokedAt: at(rt)}
		for range rapid.IntRange(0, 3).Draw(rt, "entries") {
			c.History = append(c.History, operation.ConsentEntry{At: at(rt), Change: operation.Prolonged, Version: rapid.String().Draw(rt, "v"), Options: list(rt),
				Operation: operation.ID(rapid.String().Draw(rt, "operation")), By: rapid.String().Draw(rt, "by")})
		}
		got, err := decodeConsent(encodeConsent(c))
		if err != nil {
			rt.Fatal(err)
		}
		wantSame(t, got, c)
	})
	if _, err := decodeConsent([]byte{consentSchema + 1}); err == nil {
		t.Error("another schema is read")
	}
}

// Consents outlive the master secret that they were written under.
func TestConsentsOutliveARotation(t *testing.T) {
	t.Parallel()
	_, at := single(t)
	old := newRig(t, at, secrets(t, 1))
	both, only := old.another(secrets(t, 2, 1)), old.another(secrets(t, 2))
	alice, c := device.NewTokenID(), old.consented("acme")
	check(t, old.SwapConsent(t.Context(), alice, c, 0))
	for want := 1; want >= 0; want-- {
		if n, err := both.ResealConsents(t.Context()); err != nil || n != want {
			t.Errorf("%d sealed anew, %v; want %d", n, err, want)
		}
	}
	only.wantConsent(alice, "acme", c)
}
