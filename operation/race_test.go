package operation

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"countersign/audit"
	"countersign/session"
)

const many = 50

// together runs f many times at once.
func together(f func()) {
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for range many {
		wg.Go(func() {
			<-begin
			f()
		})
	}
	close(begin)
	wg.Wait()
}

// Of many that take one approval, one gets it.
func TestTakenOnce(t *testing.T) {
	r := newRig(t)
	b := r.begin(r.ofAlice)
	r.decide(r.alice, b.start(false), session.Approve)
	b.send(Message{Type: Status})
	var got, spent atomic.Int64
	together(func() {
		o, err := b.take()
		switch {
		case err == nil && o.Approval != nil:
			got.Add(1)
		case errors.Is(err, ErrSpent) && o.Approval == nil:
			spent.Add(1)
		default:
			t.Errorf("%+v, %v", o, err)
		}
	})
	if got.Load() != 1 || spent.Load() != many-1 || len(r.audit.of(audit.OperationTaken)) != 1 {
		t.Errorf("%d got it, %d were told that it is spent", got.Load(), spent.Load())
	}
}

// Of many that see an approval, all are told, and it is recorded once.
func TestDoneOnce(t *testing.T) {
	r := newRig(t)
	b := r.begin(r.ofAlice)
	r.decide(r.alice, b.start(false), session.Approve)
	together(func() {
		if a, err := b.try(Message{Type: Status}); err != nil || a.Type != Complete {
			t.Errorf("%+v, %v", a, err)
		}
	})
	if n := len(r.audit.of(audit.OperationDone)); n != 1 {
		t.Errorf("recorded %d times", n)
	}
}

// Many starts at once: no more sessions than may be are given out, and one at
// most is open in the end.
func TestStartsTogether(t *testing.T) {
	r := newRig(t)
	b := r.begin(r.ofAlice)
	var started, failed atomic.Int64
	together(func() {
		a, err := b.try(startPhone(false))
		switch {
		case errors.Is(err, ErrConflict):
			failed.Add(1)
		case err != nil:
			t.Error(err)
		case a.Started != nil:
			started.Add(1)
		default:
			failed.Add(1)
		}
	})
	if n := started.Load(); n == 0 || n > sessionsMost || n+failed.Load() != many {
		t.Errorf("%d started, %d did not", n, failed.Load())
	}
	if n := r.store.open(); n > 1 {
		t.Errorf("%d sessions are open", n)
	}
}

// An approval and a cancel at once: one of them wins, and the loser does not undo
// it.
func TestCancelAgainstStatus(t *testing.T) {
	r := newRig(t)
	b := r.begin(r.ofAlice)
	r.decide(r.alice, b.start(false), session.Approve)
	var turn, completed, cancelled atomic.Int64
	together(func() {
		m := Message{Type: Status}
		if turn.Add(1)%2 == 0 {
			m.Type = Cancel
		}
		switch a, err := b.try(m); {
		case err != nil:
			t.Error(err)
		case a.Type == Complete:
			completed.Add(1)
		case a.Type == Cancel:
			cancelled.Add(1)
		}
	})
	if (completed.Load() != many) == (cancelled.Load() != many) {
		t.Errorf("%d were told that it is done, %d that it is not", completed.Load(), cancelled.Load())
	}
	if done, failed := len(r.audit.of(audit.OperationDone)), len(r.audit.of(audit.OperationFailed)); done+failed != 1 {
		t.Errorf("recorded as done %d times, as failed %d times", done, failed)
	}
}

// A conflict is tried again, and the session of a try that lost is over.
func TestConflict(t *testing.T) {
	r := newRig(t)
	b := r.begin(r.ofAlice)
	r.store.conflicts = 3
	s := b.start(false)
	if got := r.state(s.ID); got.State != session.Pending || r.store.open() != 1 || len(r.store.sessions) != 4 {
		t.Errorf("%s, %d open of %d", got.State, r.store.open(), len(r.store.sessions))
	}
	r.store.conflicts = tries + 1
	if _, err := b.try(Message{Type: Cancel}); !errors.Is(err, ErrConflict) {
		t.Errorf("for ever: %v", err)
	}
}
