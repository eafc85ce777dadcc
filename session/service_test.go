package session

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
)

// Cancelling may be repeated; any other end stands.
func TestCancel(t *testing.T) {
	r := newRig(t)
	s := r.claimed()
	for range 2 {
		got, err := r.svc.Cancel(t.Context(), s.ID, ByService)
		if err != nil || got.State != Cancelled || got.Outcome().By != ByService {
			t.Errorf("%s by %s, %v", got.State, got.Outcome().By, err)
		}
	}
	if n := r.audit.count(audit.SessionCancelled); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	if _, err := r.svc.Cancel(t.Context(), r.approve().ID, ByPage); !errors.Is(err, ErrResolved) {
		t.Errorf("approved: %v", err)
	}
	locked := r.claimed()
	for k := range 3 {
		if _, err := r.verify(r.alice.verification(locked, Approve, r.wrong(locked, k+1))); err == nil {
			t.Fatal("a wrong code was accepted")
		}
	}
	if _, err := r.svc.Cancel(t.Context(), locked.ID, ByPage); !errors.Is(err, ErrResolved) {
		t.Errorf("three wrong codes: %v", err)
	}
	late := r.start()
	r.clock.pass(2 * time.Minute)
	if got, err := r.svc.Cancel(t.Context(), late.ID, ByPage); !errors.Is(err, ErrResolved) || got.State != Expired || r.get(late.ID).State != Expired {
		t.Errorf("too late: %s, %v", got.State, err)
	}
	for _, id := range []ID{NewID(), "sess_1", ""} {
		if _, err := r.svc.Cancel(t.Context(), id, ByPage); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// A session expires exactly at its deadline, by whoever looks first, once.
func TestTickExpires(t *testing.T) {
	r := newRig(t)
	s := r.start()
	if at := r.svc.NextTick(s); !at.Equal(s.ExpiresAt) {
		t.Errorf("next looked at %s, want %s", at, s.ExpiresAt)
	}
	r.clock.pass(s.ExpiresAt.Sub(r.clock.now()) - time.Nanosecond)
	if got, err := r.svc.Tick(t.Context(), s); err != nil || got.Version != s.Version {
		t.Errorf("a nanosecond early: %s, %v", got.State, err)
	}
	r.clock.pass(time.Nanosecond)
	for range 2 {
		got, err := r.svc.Tick(t.Context(), s)
		if err != nil || got.State != Expired || got.Version != s.Version+1 {
			t.Errorf("at the deadline: %s version %d, %v", got.State, got.Version, err)
		}
	}
	after := r.get(s.ID)
	if n := r.audit.count(audit.SessionExpired); n != 1 || !after.EndedAt.Equal(s.ExpiresAt) {
		t.Errorf("%d events, ended %s", n, after.EndedAt)
	}
	if at := r.svc.NextTick(after); !at.IsZero() {
		t.Errorf("an ended session is looked at again at %s", at)
	}
	if err := r.store.Forget(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if _, err := r.svc.Tick(t.Context(), s); !errors.Is(err, ErrNotFound) {
		t.Errorf("forgotten: %v", err)
	}
}

// A new period is announced once, with a new id, in the place of the one before;
// periods nobody was there for are left out.
func TestTickRotates(t *testing.T) {
	r := newRig(t)
	r.svc.Period = 30 * time.Second
	s := r.claimed()
	for _, step := range []struct {
		pass         time.Duration
		period       int64
		id           int
		next         time.Duration // from the start
		greets, last int
	}{
		{0, 0, 1, 30 * time.Second, 1, 2},
		{30 * time.Second, 1, 3, 60 * time.Second, 3, 3},
		{29 * time.Second, 1, 3, 60 * time.Second, 3, 3},
		{31 * time.Second, 3, 4, 120 * time.Second, 4, 4},
	} {
		r.clock.pass(step.pass)
		for range 2 {
			var err error
			if s, err = r.svc.Tick(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		ready, ok := s.Ready()
		if s.Period != step.period || !ok || ready.ID != step.id || s.LastID != step.last || s.Greeting()[0].ID != step.greets {
			t.Errorf("period %d announced as %d, last %d; want %+v", s.Period, ready.ID, s.LastID, step)
		}
		if at := r.svc.NextTick(s); !at.Equal(s.CreatedAt.Add(step.next)) {
			t.Errorf("period %d: next %s after the start", s.Period, at.Sub(s.CreatedAt))
		}
	}
}

// A tick that finds the session changed by another goes on from there.
func TestTickAfterAChange(t *testing.T) {
	r := newRig(t)
	s := r.start()
	r.mustClaim(r.alice, s, "")
	r.clock.pass(2 * time.Minute)
	if got, err := r.svc.Tick(t.Context(), s); err != nil || got.State != Expired || got.Claim == nil {
		t.Errorf("%s, claim %v, %v", got.State, got.Claim, err)
	}
	s = r.start()
	r.clock.pass(2 * time.Minute)
	r.store.conflicts = tries
	if _, err := r.svc.Tick(t.Context(), s); !errors.Is(err, ErrConflict) {
		t.Errorf("nothing but conflicts: %v", err)
	}
}

// Claims in their order of answers; the ones of verify are tested there.
func TestClaimAnswers(t *testing.T) {
	r := newRig(t)
	anonymous := r.start(func(st *Start) { st.Asked = nil })
	if _, err := r.svc.Claim(t.Context(), r.bob.claim(anonymous.ID, "")); !errors.Is(err, ErrScan) {
		t.Errorf("anonymous without a scan: %v", err)
	}
	anonymous = r.mustClaim(r.bob, anonymous, r.scan(anonymous))
	if anonymous.Subject() != r.bob.token {
		t.Errorf("belongs to %s", anonymous.Subject())
	}
	if _, err := r.svc.Claim(t.Context(), r.alice.claim(anonymous.ID, "bad")); !errors.Is(err, ErrAlreadyClaimed) {
		t.Errorf("a second phone, with a bad scan: %v", err)
	}
	s := r.start()
	if _, err := r.svc.Claim(t.Context(), r.bob.claim(s.ID, "")); !errors.Is(err, device.ErrUnknown) {
		t.Errorf("another's session: %v", err)
	}
	stale := r.alice.claim("sess_1", "")
	r.clock.pass(31 * time.Second)
	if _, err := r.svc.Claim(t.Context(), stale); !errors.Is(err, device.ErrStale) {
		t.Errorf("stale, and no session: %v", err)
	}
	for _, id := range []ID{"sess_1", NewID()} {
		if _, err := r.svc.Claim(t.Context(), r.alice.claim(id, "")); !errors.Is(err, ErrNotFound) {
			t.Errorf("claim of %s: %v", id, err)
		}
	}
	r.clock.pass(89 * time.Second)
	if _, err := r.svc.Claim(t.Context(), r.alice.claim(s.ID, "")); !errors.Is(err, ErrExpired) || r.get(s.ID).State != Expired {
		t.Errorf("too late: %v, %s", err, r.get(s.ID).State)
	}
	if _, err := r.svc.Claim(t.Context(), r.alice.claim(r.approve().ID, "bad")); !errors.Is(err, ErrResolved) {
		t.Errorf("approved, with a bad scan: %v", err)
	}
	r.store.refuse = device.LimitedError{After: time.Second}
	var limited device.LimitedError
	if _, err := r.svc.Claim(t.Context(), r.alice.claim(s.ID, "")); !errors.As(err, &limited) {
		t.Errorf("too often: %v", err)
	}
}

// What the phone shows, member by member.
func TestDisplay(t *testing.T) {
	r := newRig(t)
	s := r.claimed(func(st *Start) {
		st.Authenticated = true
		st.Requester.ByService = true
		st.Operation = &Operation{Name: "pay", Data: "A1*A100CZK<&>", Form: json.RawMessage(`{"title":"Pay"}`)}
	})
	want := `{"issuer":"https://login.example.com","service":{"id":"demo","name":"Acme Bank"},"origin":"https://bank.example",` +
		`"scopes":["identity:age_over_18","identity:name"],"mode":"enter",` +
		`"requester":{"ip":"203.0.113.9","userAgent":"Firefox on Linux","firstSeen":true,"byService":true},` +
		`"operation":{"name":"pay","data":"A1*A100CZK<&>","form":{"title":"Pay"}}}`
	if s.Claim.Display != want {
		t.Errorf("shows %s\nwant  %s", s.Claim.Display, want)
	}
	bare := r.claimed(func(st *Start) { st.Origin, st.Requester, st.Scopes = "", nil, []string{} })
	want = `{"issuer":"https://login.example.com","service":{"id":"demo","name":"Acme Bank"},"scopes":[],"mode":"enter"}`
	if bare.Claim.Display != want {
		t.Errorf("shows %s\nwant  %s", bare.Claim.Display, want)
	}
}

// A requester is new to an identity until it has approved from it once.
func TestFirstSeen(t *testing.T) {
	r := newRig(t)
	if !r.claimed().Claim.FirstSeen {
		t.Error("the first time is not the first time")
	}
	if !r.approve().Claim.FirstSeen {
		t.Error("claiming alone made the requester known")
	}
	if r.claimed().Claim.FirstSeen {
		t.Error("an approval did not make the requester known")
	}
	elsewhere := func(st *Start) { st.Requester = &Requester{IP: "198.51.100.1", UserAgent: "Firefox on Linux"} }
	if !r.claimed(elsewhere).Claim.FirstSeen {
		t.Error("another address is known")
	}
}

// What waits for a phone: open sessions that ask for its identity, the code
// only where the phone is to be told.
func TestPending(t *testing.T) {
	r := newRig(t)
	ctx := context.Background()
	enter := r.start()
	compare := r.start(func(st *Start) { st.Mode, st.Authenticated = Compare, true })
	r.start(func(st *Start) { st.Asked = &r.bob.token })
	r.start(func(st *Start) { st.Asked = nil })
	if _, err := r.svc.Cancel(ctx, r.start().ID, ByPage); err != nil {
		t.Fatal(err)
	}
	q := r.alice.pending()
	waiting, err := r.svc.Pending(ctx, q)
	if err != nil || len(waiting) != 2 {
		t.Fatalf("%d wait, %v", len(waiting), err)
	}
	for _, w := range waiting {
		want := map[ID]string{enter.ID: "", compare.ID: r.code(compare)}[w.Session.ID]
		if w.Code != want || w.Service != "Acme Bank" {
			t.Errorf("%s waits with code %q of %q, want %q", w.Session.Mode, w.Code, w.Service, want)
		}
	}
	if _, err := r.svc.Pending(ctx, q); !errors.Is(err, device.ErrReplayed) {
		t.Errorf("again: %v", err)
	}
	forged := r.alice.pending()
	forged.Signature = r.bob.pending().Signature
	if _, err := r.svc.Pending(ctx, forged); !errors.Is(err, device.ErrSignature) {
		t.Errorf("forged: %v", err)
	}
	stranger := r.alice.pending()
	stranger.Device = r.bob.id
	if _, err := r.svc.Pending(ctx, stranger); !errors.Is(err, device.ErrUnknown) {
		t.Errorf("another's device: %v", err)
	}
	fresh := r.alice.pending()
	r.clock.pass(31 * time.Second)
	if _, err := r.svc.Pending(ctx, fresh); !errors.Is(err, device.ErrStale) {
		t.Errorf("stale: %v", err)
	}
	r.clock.pass(time.Minute + 29*time.Second)
	if waiting, err := r.svc.Pending(ctx, r.alice.pending()); err != nil || len(waiting) != 0 {
		t.Errorf("at the deadline: %d wait, %v", len(waiting), err)
	}
}
