package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
)

// atOnce runs n calls at once and counts their answers by errors.
func atOnce(n int, call func(k int) error) map[error]int {
	known := []error{ErrCode, ErrTooManyAttempts, ErrResolved, ErrAlreadyClaimed, ErrConflict, device.ErrReplayed}
	var mu sync.Mutex
	var wg sync.WaitGroup
	answers := map[error]int{}
	begin := make(chan struct{})
	for k := range n {
		wg.Go(func() {
			<-begin
			err := call(k)
			for _, e := range known {
				if errors.Is(err, e) {
					err = e
				}
			}
			mu.Lock()
			defer mu.Unlock()
			answers[err]++
		})
	}
	close(begin)
	wg.Wait()
	return answers
}

func wantAnswers(t *testing.T, got, want map[error]int) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("answers %v, want %v", got, want)
	}
}

// Any number of guesses at once: three are judged.
func TestGuessesAtOnce(t *testing.T) {
	r := newRig(t)
	s := r.claimed()
	var guesses []Verification
	for k := range 100 {
		guesses = append(guesses, r.alice.verification(s, Approve, r.wrong(s, k+1)))
	}
	wantAnswers(t, atOnce(100, func(k int) error {
		_, err := r.verify(guesses[k])
		return err
	}), map[error]int{ErrCode: 2, ErrTooManyAttempts: 98})
	if after := r.get(s.ID); after.Attempts != 3 || r.store.wrong[r.alice.token] != 3 {
		t.Errorf("%d attempts, %d counted against the identity; want 3", after.Attempts, r.store.wrong[r.alice.token])
	}
}

// The right code among guesses: judged once, if ever, and never a fourth.
func TestRightCodeAmongGuesses(t *testing.T) {
	for range 20 {
		r := newRig(t)
		s := r.claimed()
		var guesses []Verification
		for k := range 10 {
			code := r.wrong(s, k+1)
			if k == 5 {
				code = r.code(s)
			}
			guesses = append(guesses, r.alice.verification(s, Approve, code))
		}
		answers := atOnce(10, func(k int) error {
			_, err := r.verify(guesses[k])
			return err
		})
		after := r.get(s.ID)
		judged := after.Attempts + answers[nil]
		if judged > 3 || answers[nil] > 1 || (after.State == Approved) != (answers[nil] == 1) {
			t.Errorf("%d judged, %s, answers %v", judged, after.State, answers)
		}
	}
}

// Right answers at once, each signed by itself: one approves.
func TestRightAnswersAtOnce(t *testing.T) {
	r := newRig(t)
	s := r.claimed()
	var right []Verification
	for range 40 {
		right = append(right, r.alice.verification(s, Approve, r.code(s)))
	}
	wantAnswers(t, atOnce(40, func(k int) error {
		_, err := r.verify(right[k])
		return err
	}), map[error]int{nil: 1, ErrResolved: 39})
	if n := r.audit.count(audit.SessionApproved); n != 1 {
		t.Errorf("%d events of an approval, want 1", n)
	}
}

// One request sent many times at once is one request: all get its answer.
func TestOneAnswerManyTimesAtOnce(t *testing.T) {
	r := newRig(t)
	s := r.claimed()
	v := r.alice.verification(s, Approve, r.code(s))
	wantAnswers(t, atOnce(40, func(int) error {
		_, err := r.verify(v)
		return err
	}), map[error]int{nil: 40})
	wrong := r.alice.verification(r.claimed(), Approve, "x")
	wrong.OTP = r.wrong(r.get(wrong.Session), 1)
	wrong = r.alice.sign(wrong)
	wantAnswers(t, atOnce(40, func(int) error {
		_, err := r.verify(wrong)
		return err
	}), map[error]int{ErrCode: 1, device.ErrReplayed: 39})
}

// Of two phones that claim at once one wins.
func TestClaimsAtOnce(t *testing.T) {
	r := newRig(t)
	s := r.start()
	claims := []ClaimRequest{r.alice.claim(s.ID, ""), r.second.claim(s.ID, "")}
	wantAnswers(t, atOnce(2, func(k int) error {
		_, err := r.svc.Claim(t.Context(), claims[k])
		return err
	}), map[error]int{nil: 1, ErrAlreadyClaimed: 1})
}

// Approving and cancelling at once: what came first stands, and both are told so.
func TestApproveAndCancelAtOnce(t *testing.T) {
	for range 20 {
		r := newRig(t)
		s := r.claimed()
		v := r.alice.verification(s, Approve, r.code(s))
		wantAnswers(t, atOnce(2, func(k int) error {
			if k == 0 {
				_, err := r.verify(v)
				return err
			}
			_, err := r.svc.Cancel(t.Context(), s.ID, ByPage)
			return err
		}), map[error]int{nil: 1, ErrResolved: 1})
	}
}

// A verify that was read for is judged to its end, though its caller hung up
// before, meanwhile or on a conflict.
func TestVerifyOutlivesItsCaller(t *testing.T) {
	for _, tc := range []struct {
		name      string
		before    bool
		conflicts int
	}{{"gone while reading", false, 0}, {"gone before", true, 0}, {"gone, and a conflict", false, 3}} {
		r := newRig(t)
		s := r.claimed()
		v := r.alice.verification(s, Approve, r.code(s))
		ctx, hangUp := context.WithCancel(t.Context())
		if tc.before {
			hangUp()
		}
		r.store.afterRead, r.store.conflicts = hangUp, tc.conflicts
		if out, err := r.svc.Verify(ctx, v); err != nil || out.Status != "approved" {
			t.Errorf("%s: %+v, %v", tc.name, out, err)
		}
		if ctx.Err() == nil {
			t.Errorf("%s: the caller did not hang up", tc.name)
		}
		if after := r.get(s.ID); after.State != Approved {
			t.Errorf("%s: %s", tc.name, after.State)
		}
		hangUp()
	}
}

// The same holds for the third wrong code: hanging up saves no attempt.
func TestHangingUpSavesNoAttempt(t *testing.T) {
	r := newRig(t)
	s := r.claimed()
	for k := range 3 {
		ctx, hangUp := context.WithCancel(t.Context())
		r.store.afterRead = hangUp
		if _, err := r.svc.Verify(ctx, r.alice.verification(s, Approve, r.wrong(s, k+1))); err == nil {
			t.Error("a wrong code was accepted")
		}
		hangUp()
	}
	if after := r.get(s.ID); after.State != Rejected || after.Attempts != 3 {
		t.Errorf("%s after %d attempts", after.State, after.Attempts)
	}
}

// Conflicts are tried again without end to the user, but not for ever.
func TestConflictsAreTriedAgain(t *testing.T) {
	r := newRig(t)
	s := r.claimed()
	r.store.conflicts = tries - 1
	if _, err := r.verify(r.alice.verification(s, Approve, r.code(s))); err != nil {
		t.Errorf("after %d conflicts: %v", tries-1, err)
	}
	s = r.claimed()
	r.store.conflicts = tries
	if _, err := r.verify(r.alice.verification(s, Approve, r.code(s))); !errors.Is(err, ErrConflict) {
		t.Errorf("after %d conflicts: %v", tries, err)
	}
	if after := r.get(s.ID); after.State != Claimed {
		t.Errorf("refused, and %s", after.State)
	}
}

// A session that ends between reading and storing is judged by its end.
func TestEndBetweenReadAndStore(t *testing.T) {
	r := newRig(t)
	s := r.claimed()
	v := r.alice.verification(s, Approve, r.code(s))
	r.store.afterRead = func() {
		r.store.afterRead = nil
		if _, err := r.svc.Cancel(t.Context(), s.ID, ByPage); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.verify(v); !errors.Is(err, ErrResolved) {
		t.Errorf("cancelled meanwhile: %v", err)
	}
	if after := r.get(s.ID); after.State != Cancelled || after.Grant != nil {
		t.Errorf("%s, grant %v", after.State, after.Grant)
	}
}

// Time that runs out between the decision and its storing ends the session, and
// the decision has no effect anywhere.
func TestTimeUpWhileDeciding(t *testing.T) {
	r := newRig(t)
	s := r.claimed()
	v := r.alice.verification(s, Report, "")
	looks := 0
	r.svc.Now = func() time.Time {
		if looks++; looks > 2 { // the first is for the timestamp, the second judges
			return s.ExpiresAt
		}
		return r.clock.now()
	}
	if _, err := r.verify(v); !errors.Is(err, ErrExpired) {
		t.Errorf("time up: %v", err)
	}
	if after := r.get(s.ID); after.State != Expired {
		t.Errorf("%s", after.State)
	}
	if x := r.store.standings[r.alice.token]; len(x.Frozen) != 0 {
		t.Errorf("a report that was too late freezes: %v", x.Frozen)
	}
}
