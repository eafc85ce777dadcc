package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"countersign/device"
)

// A fault is one thing wrong with a verification, and its answer. Faults of
// one rank exclude each other.
type fault struct {
	name string
	rank int
	want error // kind of error wanted
	do   func(*verifyCase)
}

// A verifyCase is a verification and all it is judged by, to be spoilt.
type verifyCase struct {
	r      *rig
	s      Session
	alice  device.Identity
	v      Verification
	forged bool
	locked time.Time
}

// faults are those of the protocol's table of answers to a verify, in its order.
func faults() []fault {
	end := func(s State, m Message) func(*verifyCase) {
		return func(c *verifyCase) { c.s.end(s, m) }
	}
	return []fault{
		{"clock behind", 1, device.ErrStale, func(c *verifyCase) { c.v.Timestamp -= 31 }},
		{"clock ahead", 1, device.ErrStale, func(c *verifyCase) { c.v.Timestamp += 31 }},
		{"never existed", 2, ErrNotFound, func(c *verifyCase) { c.v.Session = NewID() }},
		{"no id of ours", 2, ErrNotFound, func(c *verifyCase) { c.v.Session = "sess_1" }},
		{"another identity", 3, device.ErrUnknown, func(c *verifyCase) { c.v.Token, c.v.Device = c.r.bob.token, c.r.bob.id }},
		{"unknown identity", 3, device.ErrUnknown, func(c *verifyCase) { c.v.Token = device.NewTokenID(); c.s.Asked = c.v.Token }},
		{"unknown device", 3, device.ErrUnknown, func(c *verifyCase) { c.v.Device = device.NewID() }},
		{"device of another", 3, device.ErrUnknown, func(c *verifyCase) { c.v.Device = c.r.bob.id }},
		{"device revoked", 3, device.ErrUnknown, func(c *verifyCase) { c.alice, _ = c.alice.RevokeDevice(c.v.Device) }},
		{"identity revoked", 3, device.ErrUnknown, func(c *verifyCase) { c.alice = c.alice.SetStatus(device.Revoked) }},
		{"bad signature", 4, device.ErrSignature, func(c *verifyCase) { c.forged = true }},
		{"nonce seen", 5, device.ErrReplayed, func(c *verifyCase) { c.s.Nonces = append(c.s.Nonces, nonceOf(c.v.Nonce, c.v.Timestamp)) }},
		{"identity locked", 6, device.LockedError{}, func(c *verifyCase) { c.alice = c.alice.SetStatus(device.Locked) }},
		{"device locked", 6, device.LockedError{After: time.Minute}, func(c *verifyCase) { c.locked = c.r.clock.now().Add(time.Minute) }},
		{"expired", 7, ErrExpired, end(Expired, Message{Type: ExpiredMessage})},
		{"due", 7, ErrExpired, func(c *verifyCase) { c.s.ExpiresAt = c.r.clock.now() }},
		{"three codes", 7, ErrTooManyAttempts, end(Rejected, Message{Type: RejectedMessage, Reason: TooManyAttempts, Final: true})},
		{"declined", 7, ErrResolved, end(Rejected, Message{Type: RejectedMessage, Reason: Declined, Final: true})},
		{"approved", 7, ErrResolved, end(Approved, Message{Type: ApprovedMessage})},
		{"cancelled", 7, ErrResolved, end(Cancelled, Message{Type: CancelledMessage, By: ByPage})},
		{"not claimed", 8, ErrNotClaimed, func(c *verifyCase) { c.s.State, c.s.Claim = Pending, nil }},
		{"claimed by another", 8, ErrAlreadyClaimed, func(c *verifyCase) {
			other := *c.s.Claim
			other.Device = c.r.second.id
			c.s.Claim = &other
		}},
		{"another display", 9, ErrDisplay, func(c *verifyCase) { c.v.Display = DisplayHash("{}") }},
		{"scope not asked", 10, ErrScope, func(c *verifyCase) { c.v.Scopes = append(c.v.Scopes, string(device.Email)) }},
		{"required scope missing", 10, ErrScope, func(c *verifyCase) { c.v.Scopes = []string{string(device.AgeOver18)} }},
		{"wrong code", 11, ErrCode, func(c *verifyCase) { c.v.OTP = c.r.wrong(c.s, 1) }},
		{"another scan", 11, ErrCode, func(c *verifyCase) { c.v.OTP = scanned + c.r.scan(c.s) }},
		{"third wrong code", 12, ErrTooManyAttempts, func(c *verifyCase) { c.v.OTP = c.r.wrong(c.s, 1); c.s.Attempts = MaxAttempts - 1 }},
	}
}

// end puts a session into an end as Apply would, but for its proof.
func (s *Session) end(state State, m Message) {
	s.State, s.EndedAt = state, s.CreatedAt
	s.say(m)
}

func newVerifyCase(r *rig) *verifyCase {
	s := r.claimed()
	alice, err := r.store.Identity(context.Background(), r.alice.token)
	if err != nil {
		r.t.Fatal(err)
	}
	return &verifyCase{r: r, s: s, alice: alice, v: r.alice.verification(s, Approve, r.code(s))}
}

// send stores what the faults made of the case, signs the request and sends it.
func (c *verifyCase) send() error {
	c.r.store.setSession(c.s)
	c.r.store.setIdentity(c.alice)
	c.r.store.mu.Lock()
	c.r.store.locks[c.v.Device] = c.locked
	c.r.store.mu.Unlock()
	signer := c.r.alice
	if c.forged {
		signer = c.r.second
	}
	_, err := c.r.verify(signer.sign(c.v))
	return err
}

func sameError(got, want error) bool {
	if errors.Is(got, want) {
		return true
	}
	var g, w device.LockedError
	return errors.As(got, &g) && errors.As(want, &w) && g == w
}

// Each wrong thing has its answer; of two at once the earlier in the table
// wins. What costs nothing changes nothing.
func TestVerifyAnswersInOrder(t *testing.T) {
	r := newRig(t)
	alice, _ := r.store.Identity(context.Background(), r.alice.token)
	all := faults()
	for i, first := range all {
		for j, second := range all[i:] {
			if j > 0 && (first.rank == second.rank || first.rank >= 11) {
				continue
			}
			r.store.setIdentity(alice)
			delete(r.store.locks, r.alice.id)
			c := newVerifyCase(r)
			second.do(c)
			first.do(c)
			name := first.name + ", " + second.name
			if err := c.send(); !sameError(err, first.want) {
				t.Errorf("%s: %v, want %v", name, err, first.want)
			}
			if err := c.cost(first); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// cost says whether a fault cost the session what it should.
func (c *verifyCase) cost(f fault) error {
	before, after := c.s, c.r.get(c.s.ID)
	wantVersion, wantAttempts, wantBad := before.Version, before.Attempts, before.BadSignatures
	switch {
	case f.rank == 4 && before.State.Open() && !before.Due(c.r.clock.now()):
		wantVersion, wantBad = before.Version+1, before.BadSignatures+1
	case f.name == "due":
		wantVersion = before.Version + 1
		if after.State != Expired {
			return fmt.Errorf("a session that is due was left %s", after.State)
		}
	case f.rank >= 11:
		wantVersion, wantAttempts = before.Version+1, before.Attempts+1
	}
	if after.Version != wantVersion || after.Attempts != wantAttempts || after.BadSignatures != wantBad {
		return fmt.Errorf("version %d, attempts %d, bad signatures %d; want %d, %d, %d",
			after.Version, after.Attempts, after.BadSignatures, wantVersion, wantAttempts, wantBad)
	}
	return nil
}

// Nothing wrong: each decision has its answer and its end.
func TestVerifyAccepts(t *testing.T) {
	for _, tc := range []struct {
		decision Decision
		status   string
		state    State
		last     Message
	}{
		{Approve, "approved", Approved, Message{Type: ApprovedMessage}},
		{Deny, "denied", Rejected, Message{Type: RejectedMessage, Reason: Declined, Final: true, Remaining: 3}},
		{Report, "reported", Rejected, Message{Type: RejectedMessage, Reason: Reported, Final: true, Remaining: 3}},
	} {
		r := newRig(t)
		s := r.claimed()
		code := ""
		if tc.decision == Approve {
			code = r.code(s)
		}
		out, err := r.verify(r.alice.verification(s, tc.decision, code))
		if err != nil || out.Status != tc.status {
			t.Errorf("%s: %+v, %v", tc.decision, out, err)
		}
		after := r.get(s.ID)
		last := after.Log[len(after.Log)-1]
		last.ID = 0
		if after.State != tc.state || last != tc.last || after.Proof == nil || (after.Grant != nil) != (tc.decision == Approve) {
			t.Errorf("%s: %s with %+v", tc.decision, after.State, last)
		}
	}
}

// The third wrong code is the last that is judged: afterwards the right one is
// worth nothing.
func TestThreeWrongCodes(t *testing.T) {
	r := newRig(t)
	s := r.claimed()
	for k, remaining := range []int{2, 1} {
		out, err := r.verify(r.alice.verification(s, Approve, r.wrong(s, k+1)))
		if !errors.Is(err, ErrCode) || out.Remaining != remaining {
			t.Errorf("wrong code %d: %+v, %v", k+1, out, err)
		}
	}
	third := r.alice.verification(s, Approve, r.wrong(s, 3))
	for range 2 {
		if _, err := r.verify(third); !errors.Is(err, ErrTooManyAttempts) {
			t.Errorf("third wrong code: %v", err)
		}
	}
	if _, err := r.verify(r.alice.verification(s, Approve, r.code(s))); !errors.Is(err, ErrTooManyAttempts) {
		t.Errorf("right code after three wrong ones: %v", err)
	}
	var reasons []Reason
	for _, m := range r.get(s.ID).Log {
		if m.Type == RejectedMessage {
			reasons = append(reasons, m.Reason)
		}
	}
	if want := []Reason{InvalidOTP, InvalidOTP, TooManyAttempts}; !slices.Equal(reasons, want) {
		t.Errorf("told %v, want %v", reasons, want)
	}
	if n := r.store.wrong[r.alice.token]; n != 3 {
		t.Errorf("%d wrong codes counted against the identity, want 3", n)
	}
}

// A bad signature costs no attempt, and is told at most three times, and only
// if it names the session's own identity.
func TestBadSignatures(t *testing.T) {
	r := newRig(t)
	s := r.claimed()
	for range 5 {
		v := r.alice.verification(s, Approve, r.wrong(s, 1))
		v.Signature = r.bob.key.Sign([]byte("another text")).String()
		if _, err := r.verify(v); !errors.Is(err, device.ErrSignature) {
			t.Fatal(err)
		}
	}
	after := r.get(s.ID)
	if after.Attempts != 0 || after.BadSignatures != 3 || after.LastID != s.LastID+3 {
		t.Errorf("attempts %d, told %d times, last message %d", after.Attempts, after.BadSignatures, after.LastID)
	}
	if len(r.store.wrong) != 0 {
		t.Error("a bad signature counts toward a lock")
	}
	if _, err := r.verify(r.alice.verification(s, Approve, r.code(s))); err != nil {
		t.Errorf("after bad signatures: %v", err)
	}
	for _, sig := range []string{"", "AA", "not base64!"} {
		v := r.alice.verification(r.claimed(), Approve, "123456")
		v.Signature = sig
		if _, err := r.verify(v); !errors.Is(err, device.ErrSignature) {
			t.Errorf("signature %q: %v", sig, err)
		}
	}
}

// An anonymous session waits for whoever scans it: a stranger's bad signature
// is not its affair.
func TestBadSignatureBeforeAnybodyClaimed(t *testing.T) {
	r := newRig(t)
	s := r.start(func(st *Start) { st.Asked = nil })
	v := r.bob.verification(s, Approve, "123456")
	v.Signature = r.alice.key.Sign([]byte("another text")).String()
	if _, err := r.verify(v); !errors.Is(err, device.ErrSignature) {
		t.Error(err)
	}
	if after := r.get(s.ID); after.Version != s.Version {
		t.Error("a bad signature of nobody in particular changed an anonymous session")
	}
}
