package session

import (
	"errors"
	"testing"
	"time"

	"countersign/audit"
	"countersign/crypto/p256"
	"countersign/device"
)

// The request that decided a session may be sent again, for as long as the
// result is kept, and gets the same answer; nothing else happens twice.
func TestRepeatOfTheDecidingRequest(t *testing.T) {
	for _, d := range []Decision{Approve, Deny, Report} {
		r := newRig(t)
		s := r.claimed()
		code := ""
		if d == Approve {
			code = r.code(s)
		}
		v := r.alice.verification(s, d, code)
		r.clock.pass(time.Second)
		first, err := r.verify(v)
		if err != nil {
			t.Fatal(err)
		}
		version, events := r.get(s.ID).Version, len(r.audit.events)
		for _, later := range []time.Duration{0, 20 * time.Second, time.Minute, time.Hour} {
			r.clock.pass(later)
			out, err := r.verify(v)
			if err != nil || out != first {
				t.Errorf("%s again after %s: %+v, %v; first %+v", d, later, out, err, first)
			}
		}
		if after := r.get(s.ID); after.Version != version || len(r.audit.events) != events {
			t.Errorf("%s: a repeat changed something", d)
		}
	}
}

// The same signature in another form is the same request: the text counts.
func TestRepeatInAnotherForm(t *testing.T) {
	r := newRig(t)
	s := r.claimed()
	v := r.alice.verification(s, Approve, r.code(s))
	if _, err := r.verify(v); err != nil {
		t.Fatal(err)
	}
	sig, err := p256.DecodeSignature(v.Signature)
	if err != nil {
		t.Fatal(err)
	}
	v.Signature = encodeStd(sig.DER())
	if out, err := r.verify(v); err != nil || out.Status != "approved" {
		t.Errorf("the same in DER: %+v, %v", out, err)
	}
}

// The identical repeat is of that phone's making: with another's signature it
// is no repeat.
func TestForgedRepeat(t *testing.T) {
	r := newRig(t)
	s := r.claimed()
	v := r.alice.verification(s, Approve, r.code(s))
	if _, err := r.verify(v); err != nil {
		t.Fatal(err)
	}
	v.Signature = r.second.key.Sign(v.text(testIssuer, testService)).String()
	if _, err := r.verify(v); !errors.Is(err, device.ErrSignature) {
		t.Errorf("forged repeat: %v", err)
	}
	r.clock.pass(time.Minute)
	if _, err := r.verify(v); !errors.Is(err, device.ErrStale) {
		t.Errorf("forged and stale repeat: %v", err)
	}
}

// Any other request whose nonce was spent is replayed: a wrong code, a claim.
func TestReplays(t *testing.T) {
	r := newRig(t)
	s := r.start()
	claim := r.alice.claim(s.ID, "")
	s, err := r.svc.Claim(t.Context(), claim)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.svc.Claim(t.Context(), claim); !errors.Is(err, device.ErrReplayed) {
		t.Errorf("claim again: %v", err)
	}
	wrong := r.alice.verification(s, Approve, r.wrong(s, 1))
	if _, err := r.verify(wrong); !errors.Is(err, ErrCode) {
		t.Fatal(err)
	}
	if _, err := r.verify(wrong); !errors.Is(err, device.ErrReplayed) {
		t.Errorf("wrong code again: %v", err)
	}
	crossed := r.alice.verification(s, Approve, r.code(s))
	crossed.Nonce = claim.Nonce
	if _, err := r.verify(r.alice.sign(crossed)); !errors.Is(err, device.ErrReplayed) {
		t.Errorf("the claim's nonce in a verify: %v", err)
	}
	r.clock.pass(31 * time.Second)
	if _, err := r.verify(wrong); !errors.Is(err, device.ErrStale) {
		t.Errorf("wrong code again, stale: %v", err)
	}
	if after := r.get(s.ID); after.Attempts != 1 {
		t.Errorf("%d attempts, want 1", after.Attempts)
	}
}

// A nonce is remembered for as long as its request is fresh, and no longer.
func TestNoncesAreForgottenWhenStale(t *testing.T) {
	r := newRig(t)
	s := r.claimed()
	first := s.Nonces[0]
	r.clock.pass(30*time.Second + 999*time.Millisecond)
	s = r.mustClaim(r.alice, s, "")
	if !s.Seen(first.Nonce) || !device.Fresh(first.Until.Add(-31*time.Second).Unix(), r.clock.now()) {
		t.Error("a nonce was forgotten while its request was fresh")
	}
	r.clock.pass(time.Millisecond)
	s = r.mustClaim(r.alice, s, "")
	if s.Seen(first.Nonce) || len(s.Nonces) != 2 {
		t.Errorf("%d nonces kept, a stale one among them: %v", len(s.Nonces), s.Seen(first.Nonce))
	}
}

// Wrong codes with a good signature lock the device for a while, and the
// identity after too many in a row, over all sessions.
func TestLocks(t *testing.T) {
	r := newRig(t)
	r.store.lockAt, r.store.lockFor, r.svc.MaxWrong = 2, time.Minute, 4
	s := r.claimed()
	guess := func(p *phone, k int) error {
		_, err := r.verify(p.verification(s, Approve, r.wrong(s, k)))
		return err
	}
	if err := errors.Join(guess(r.alice, 1), guess(r.alice, 2)); !errors.Is(err, ErrCode) {
		t.Fatal(err)
	}
	var locked device.LockedError
	if err := guess(r.alice, 3); !errors.As(err, &locked) || locked.After != time.Minute {
		t.Fatalf("third guess, locked after two: %v", err)
	}
	if _, err := r.svc.Claim(t.Context(), r.alice.claim(s.ID, "")); !errors.As(err, &locked) {
		t.Errorf("a locked device claims: %v", err)
	}
	if _, err := r.svc.Pending(t.Context(), r.alice.pending()); !errors.As(err, &locked) {
		t.Errorf("a locked device asks what waits: %v", err)
	}
	if n := r.audit.count(audit.DeviceLocked); n != 1 {
		t.Errorf("%d events of a locked device, want 1", n)
	}
	r.clock.pass(time.Minute)
	if err := guess(r.alice, 3); !errors.Is(err, ErrTooManyAttempts) {
		t.Fatalf("after the lock: %v", err)
	}
	s = r.mustClaim(r.second, r.start(), "")
	if err := guess(r.second, 4); !errors.Is(err, ErrCode) {
		t.Fatal(err)
	}
	if err := guess(r.second, 5); !errors.As(err, &locked) || locked.After != 0 {
		t.Errorf("after four in a row: %v, want a lock that an operator lifts", err)
	}
	if n := r.audit.count(audit.IdentityLocked); n != 1 {
		t.Errorf("%d events of a locked identity, want 1", n)
	}
}

// A success clears what was counted against identity and device, and only then
// asks the store to.
func TestSuccessClears(t *testing.T) {
	r := newRig(t)
	s := r.claimed()
	if _, err := r.verify(r.alice.verification(s, Approve, r.wrong(s, 1))); !errors.Is(err, ErrCode) {
		t.Fatal(err)
	}
	if _, err := r.verify(r.alice.verification(s, Approve, r.code(s))); err != nil {
		t.Fatal(err)
	}
	if n := r.store.wrong[r.alice.token]; n != 0 {
		t.Errorf("%d wrong codes still counted", n)
	}
	s = r.claimed()
	if _, err := r.verify(r.alice.verification(s, Approve, r.code(s))); err != nil {
		t.Fatal(err)
	}
	if e := r.store.swaps[len(r.store.swaps)-1].effects; e.Clear != "" || e.Browser != "" {
		t.Errorf("nothing was counted and the browser is known, and yet: %+v", e)
	}
}

// A report freezes the service's requests to that identity for 15 minutes:
// what it starts meanwhile are decoys, also afterwards. What it started before
// and what others start is as before.
func TestReportFreezes(t *testing.T) {
	r := newRig(t)
	other := *r.party
	other.ID, other.Name = "other", "Other"
	r.svc.Parties = parties{testService: r.party, "other": &other}
	s, before := r.claimed(), r.start()
	r.clock.pass(time.Second)
	if _, err := r.verify(r.alice.verification(s, Report, "")); err != nil {
		t.Fatal(err)
	}
	claim := func(p *phone, s Session) error {
		_, err := r.svc.Claim(t.Context(), p.claim(s.ID, ""))
		return err
	}
	r.clock.pass(time.Second)
	during := r.start()
	if err := claim(r.alice, during); !errors.Is(err, device.ErrUnknown) {
		t.Errorf("a session started during the freeze: %v", err)
	}
	for name, s := range map[string]Session{
		"started before":      before,
		"another service":     r.start(func(st *Start) { st.Party = other }),
		"for another's phone": r.start(func(st *Start) { st.Asked = &r.bob.token }),
	} {
		p := r.alice
		if s.Asked == r.bob.token {
			p = r.bob
		}
		if err := claim(p, s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.clock.pass(FreezeTime - 2*time.Second)
	late := r.start()
	r.clock.pass(time.Second)
	if err := claim(r.alice, late); !errors.Is(err, device.ErrUnknown) {
		t.Errorf("started in the last second of the freeze, claimed after it: %v", err)
	}
	if waiting, err := r.svc.Pending(t.Context(), r.alice.pending()); err != nil || len(waiting) != 0 {
		t.Errorf("decoys are listed: %v, %v", waiting, err)
	}
	if err := claim(r.alice, r.start()); err != nil {
		t.Errorf("started after the freeze: %v", err)
	}
}
