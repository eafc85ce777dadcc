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

// approvedMeanwhile is an order whose phone approves between the look of whoever
// gives its session up and the end of that session. The node of the phone does not
// come to the operation by itself.
func approvedMeanwhile(t *testing.T) (*rig, *desk, *browser, Operation) {
	t.Helper()
	r := newRig(t)
	d := r.desk("demo")
	o := d.order()
	b := r.chosen(o)
	s := b.start(false)
	claimed, code := r.alice.claim(s.ID, ""), r.code(s)
	r.store.meanwhile = func() {
		if err := r.alice.decide(claimed, session.Approve, code); err != nil {
			t.Errorf("the phone: %v", err)
		}
	}
	return r, d, b, o
}

// What a phone has decided stays, whoever gives the session up at that moment.
func TestApprovalAgainstGivingUp(t *testing.T) {
	for name, end := range map[string]func(*rig, *desk, *browser, Operation){
		"the back end cancels": func(_ *rig, d *desk, _ *browser, o Operation) {
			if _, err := d.giveUp(o.ID); !errors.Is(err, ErrFinished) {
				t.Errorf("%v", err)
			}
		},
		"the page cancels": func(_ *rig, _ *desk, b *browser, _ Operation) {
			if a := b.send(Message{Type: Cancel}); a.Type != Complete {
				t.Errorf("%+v", a)
			}
		},
		"the page begins another session": func(_ *rig, _ *desk, b *browser, _ Operation) {
			if a := b.send(startPhone(false)); a.Type != Complete {
				t.Errorf("%+v", a)
			}
		},
		"another operation takes its turn": func(r *rig, _ *desk, b *browser, _ Operation) {
			if err := r.svc.interrupt(t.Context(), b.id, ""); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, d, b, o := approvedMeanwhile(t)
			end(r, d, b, o)
			if got := d.ask(o.ID); got.Result != Done || got.Approval == nil || got.Approval.Proof == nil {
				t.Errorf("%s %s", got.Result, got.Reason)
			}
		})
	}
}

// Whoever stops between the end of a session and what it ended for leaves an
// operation that goes on.
func TestGivenUpHalfway(t *testing.T) {
	for by, want := range map[session.Canceller]Result{session.ByPage: Continue, session.ByReplaced: Continue, session.ByService: Failed} {
		r := newRig(t)
		d := r.desk("demo")
		o := d.order()
		b := r.chosen(o)
		s := b.start(false)
		if err := r.svc.cancel(t.Context(), s.ID, by); err != nil {
			t.Fatal(err)
		}
		got := d.ask(o.ID)
		if got.Result != want || want == Failed && got.Reason != string(causeCancelled) {
			t.Errorf("%s: %s %s", by, got.Result, got.Reason)
		}
		if want != Continue {
			continue
		}
		if r.decide(r.alice, b.start(false), session.Approve); d.ask(o.ID).Result != Done {
			t.Errorf("%s: it does not go on", by)
		}
	}
}

// A phone is told of an approval when the operation has it: at a node that does not
// know the flow it is not, and nobody ends the operation there.
func TestApprovalWithoutFlow(t *testing.T) {
	r := newRig(t)
	r.settles()
	d := r.desk("demo")
	o := d.order()
	b := r.chosen(o)
	s := b.start(false)
	claimed, code := r.alice.claim(s.ID, ""), r.code(s)
	flow := r.svc.Flows[o.Name]
	delete(r.svc.Flows, o.Name)
	if err := r.alice.decide(claimed, session.Approve, code); !errors.Is(err, ErrLost) {
		t.Errorf("the phone: %v", err)
	}
	if got, err := d.giveUp(o.ID); !errors.Is(err, ErrLost) || got.Result != Continue {
		t.Errorf("%s %v", got.Result, err)
	}
	r.svc.Flows[o.Name] = flow
	if got, err := d.giveUp(o.ID); !errors.Is(err, ErrFinished) || d.ask(o.ID).Result != Done {
		t.Errorf("%s %v", got.Result, err)
	}
}
