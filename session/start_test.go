package session

import (
	"context"
	"errors"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
)

// A start has a whole second as its deadline, never earlier than its lifetime,
// and everything it was asked for.
func TestStart(t *testing.T) {
	r := newRig(t)
	r.clock.pass(300*time.Millisecond + 7*time.Microsecond)
	s := r.start(func(st *Start) { st.ClientNonce, st.Challenge = "n", "c" })
	if got, want := s.ExpiresAt.Sub(s.CreatedAt), 2*time.Minute+700*time.Millisecond; got != want {
		t.Errorf("lives %s, want %s", got, want)
	}
	if s.State != Pending || s.Version != 1 || s.LastID != 1 || len(s.Log) != 1 || s.Log[0].Type != OTPReady || s.Log[0].ID != 1 {
		t.Errorf("begins %s, version %d, log %+v", s.State, s.Version, s.Log)
	}
	if s.Mode != Enter || s.ClientNonce != "n" || s.Challenge != "c" || s.Service != testService || s.Asked != r.alice.token || s.ByService {
		t.Errorf("begins as %+v", s)
	}
	if got := r.get(s.ID); got.ID != s.ID || !s.ID.WellFormed() {
		t.Errorf("stored as %s", got.ID)
	}
	if r.audit.count(audit.SessionStarted) != 1 {
		t.Error("a start is not recorded")
	}
	whole := r.start()
	if whole.ID == s.ID {
		t.Error("two sessions have one id")
	}
}

// Modes at a start.
func TestStartModes(t *testing.T) {
	for _, tc := range []struct {
		name      string
		allowed   []Mode
		mode      Mode
		anonymous bool
		auth      bool
		want      Mode
		err       error
	}{
		{name: "the first is the default", allowed: []Mode{Scan, Enter}, want: Scan},
		{name: "named", allowed: []Mode{Scan, Enter}, mode: Enter, want: Enter},
		{name: "not allowed", allowed: []Mode{Enter}, mode: Scan, err: ErrMode},
		{name: "no mode", allowed: []Mode{Enter}, mode: "typed", err: ErrMode},
		{name: "anonymous", allowed: []Mode{Enter, Scan}, anonymous: true, want: Scan},
		{name: "anonymous, scan not allowed", allowed: []Mode{Enter}, anonymous: true, err: ErrMode},
		{name: "compare", allowed: []Mode{Compare}, auth: true, want: Compare},
		{name: "compare by a page", allowed: []Mode{Compare}, mode: Compare, err: ErrServiceAuth},
	} {
		r := newRig(t)
		r.party.Modes = tc.allowed
		st := Start{Party: *r.party, Asked: &r.alice.token, Mode: tc.mode, Authenticated: tc.auth}
		if tc.anonymous {
			st.Asked = nil
		}
		s, err := r.svc.Start(t.Context(), st)
		if !errors.Is(err, tc.err) || s.Mode != tc.want {
			t.Errorf("%s: %q, %v", tc.name, s.Mode, err)
		}
		if tc.err != nil && r.store.count() != 0 {
			t.Errorf("%s: refused, and a session stored", tc.name)
		}
	}
}

// Nobody but a service that may know learns whether there is anybody to ask.
func TestUnknownIdentities(t *testing.T) {
	r := newRig(t)
	gone := device.NewTokenID()
	revoked, _ := r.store.Identity(t.Context(), r.bob.token)
	r.store.setIdentity(revoked.SetStatus(device.Revoked))
	for _, tc := range []struct {
		name         string
		asked        device.TokenID
		reveal, auth bool
		want         error
	}{
		{"unknown", gone, false, true, nil},
		{"no id of ours", "alice@example.com", false, false, nil},
		{"revoked", r.bob.token, false, true, nil},
		{"unknown, may know but did not prove who it is", gone, true, false, nil},
		{"unknown, may know", gone, true, true, ErrNotEnrolled},
		{"no id of ours, may know", "alice@example.com", true, true, ErrNotEnrolled},
		{"revoked, may know", r.bob.token, true, true, ErrRevoked},
		{"enrolled, may know", r.alice.token, true, true, nil},
	} {
		r.party.RevealUnknown = tc.reveal
		s, err := r.svc.Start(t.Context(), Start{Party: *r.party, Asked: &tc.asked, Authenticated: tc.auth})
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
		if tc.want == nil && (s.Asked != tc.asked || r.svc.Secrets.Code(s, 0) == "") {
			t.Errorf("%s: a decoy that asks for %q", tc.name, s.Asked)
		}
	}
	r.party.RevealUnknown = true
	if _, err := r.svc.Start(t.Context(), Start{Party: *r.party, Authenticated: true}); err != nil {
		t.Errorf("anonymous: %v", err)
	}
}

// A decoy is nobody's: no phone can claim it.
func TestDecoyAtThePhone(t *testing.T) {
	r := newRig(t)
	gone := device.NewTokenID()
	s := r.start(func(st *Start) { st.Asked = &gone })
	if _, err := r.svc.Claim(t.Context(), r.alice.claim(s.ID, "")); !errors.Is(err, device.ErrUnknown) {
		t.Errorf("another's claim: %v", err)
	}
	q := r.alice.claim(s.ID, "")
	q.Token = gone
	if _, err := r.svc.Claim(t.Context(), r.alice.signClaim(q)); !errors.Is(err, device.ErrUnknown) {
		t.Errorf("a claim in its name: %v", err)
	}
}

// idempotent is a start under a key.
func (r *rig) idempotent(key, body, challenge string) Start {
	return Start{Party: *r.party, Asked: &r.alice.token, Idempotency: key, Body: body, Challenge: challenge}
}

func TestIdempotency(t *testing.T) {
	r := newRig(t)
	first, err := r.svc.Start(t.Context(), r.idempotent("k", "body", "c"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		st   Start
		same bool
		err  error
	}{
		{"the same again", r.idempotent("k", "body", "c"), true, nil},
		{"another body", r.idempotent("k", "another", "c"), false, ErrIdempotency},
		{"another key", r.idempotent("l", "body", "c"), false, nil},
		{"another challenge", r.idempotent("k", "body", "d"), false, nil},
		{"neither challenge nor authentication: the key does not count", r.idempotent("k", "body", ""), false, nil},
		{"no key", r.idempotent("", "body", "c"), false, nil},
	} {
		s, err := r.svc.Start(t.Context(), tc.st)
		if !errors.Is(err, tc.err) || (s.ID == first.ID) != tc.same {
			t.Errorf("%s: %s, %v; the first was %s", tc.name, s.ID, err, first.ID)
		}
	}
	open := r.idempotent("k", "body", "")
	a, errA := r.svc.Start(t.Context(), open)
	b, errB := r.svc.Start(t.Context(), open)
	if errA != nil || errB != nil || a.ID == b.ID {
		t.Errorf("neither challenge nor authentication, twice: %s and %s, %v, %v", a.ID, b.ID, errA, errB)
	}
	st := r.idempotent("k", "body", "c")
	st.Party.ID = "other"
	if s, err := r.svc.Start(t.Context(), st); err != nil || s.ID == first.ID {
		t.Errorf("another service with the key: %s, %v", s.ID, err)
	}
	r.mustClaim(r.alice, first, "")
	if s, err := r.svc.Start(t.Context(), r.idempotent("k", "body", "c")); err != nil || s.ID != first.ID || s.State != Claimed {
		t.Errorf("after the claim: %s %s, %v", s.ID, s.State, err)
	}
}

// A service that authenticates needs no challenge for its keys to count.
func TestIdempotencyOfAService(t *testing.T) {
	r := newRig(t)
	st := r.idempotent("k", "body", "")
	st.Authenticated = true
	first, err := r.svc.Start(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := r.svc.Start(t.Context(), st); err != nil || again.ID != first.ID {
		t.Errorf("again: %s, %v", again.ID, err)
	}
}

// A key that outlives its session starts another, under which it is idempotent
// as before, whatever its body.
func TestIdempotencyKeyOutlivesItsSession(t *testing.T) {
	r := newRig(t)
	first, err := r.svc.Start(t.Context(), r.idempotent("k", "body", "c"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.store.Forget(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	second, err := r.svc.Start(t.Context(), r.idempotent("k", "another", "c"))
	if err != nil || second.ID == first.ID {
		t.Fatalf("after it was forgotten: %s, %v", second.ID, err)
	}
	if again, err := r.svc.Start(t.Context(), r.idempotent("k", "another", "c")); err != nil || again.ID != second.ID {
		t.Errorf("again: %s, %v; want %s", again.ID, err, second.ID)
	}
	if _, err := r.svc.Start(t.Context(), r.idempotent("k", "body", "c")); !errors.Is(err, ErrIdempotency) {
		t.Errorf("another body: %v", err)
	}
}

// Of two starts that race under one key one stands, and the other's session is
// gone: the watcher of the one that stands sees the approval.
func TestIdempotencyRace(t *testing.T) {
	for _, tc := range []struct {
		body string
		err  error
	}{{"body", nil}, {"another", ErrIdempotency}} {
		r := newRig(t)
		var inner Session
		r.store.recalled = func() {
			r.store.recalled = nil
			var err error
			if inner, err = r.svc.Start(context.Background(), r.idempotent("k", "body", "c")); err != nil {
				t.Error(err)
			}
		}
		outer, err := r.svc.Start(t.Context(), r.idempotent("k", tc.body, "c"))
		if !errors.Is(err, tc.err) || err == nil && outer.ID != inner.ID {
			t.Errorf("body %q: %s, %v; the quicker was %s", tc.body, outer.ID, err, inner.ID)
		}
		if n := r.store.count(); n != 1 {
			t.Errorf("body %q: %d sessions, want 1", tc.body, n)
		}
	}
}
