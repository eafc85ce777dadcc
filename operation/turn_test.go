package operation

import (
	"sync"
	"testing"

	"countersign/audit"
	"countersign/session"
)

// initIn shows an operation in a browser that has a browser login.
func (b *browser) initIn(login string) Answer {
	b.r.t.Helper()
	a, err := b.r.svc.Handle(b.r.t.Context(), b.id, b.secret, Message{Type: Init}, Requester{Login: login})
	if err != nil {
		b.r.t.Fatal(err)
	}
	return a
}

// What a browser login begins anew ends what it was at before, and nothing else.
func TestTurns(t *testing.T) {
	r := newRig(t)
	first, second, elsewhere, nowhere := r.begin(r.ofAlice), r.begin(r.ofAlice), r.begin(r.ofAlice), r.begin(r.ofAlice)
	first.initIn("one")
	elsewhere.initIn("two")
	nowhere.initIn("")
	s := first.start(false)
	if a := second.initIn("one"); a.Type != Init || a.Operation.Result != Continue {
		t.Fatalf("the second: %+v", a)
	}
	if o := first.stored(); o.Result != Failed || o.Reason != "INTERRUPTED_OPERATION" {
		t.Errorf("the first: %s %s", o.Result, o.Reason)
	}
	if got := r.state(s.ID); got.State != session.Cancelled || got.Outcome().By != session.ByReplaced {
		t.Errorf("its session is %s by %s", got.State, got.Outcome().By)
	}
	for what, b := range map[string]*browser{"another login's": elsewhere, "one of no login": nowhere, "the new one": second} {
		if o := b.stored(); o.Result != Continue {
			t.Errorf("%s: %s", what, o.Result)
		}
	}
	// Shown again, or ended, none ends another.
	second.initIn("one")
	first.initIn("one")
	if o := second.stored(); o.Result != Continue {
		t.Errorf("after a reload: %s", o.Result)
	}
	if got := r.audit.of(audit.OperationFailed); len(got) != 1 || got[0] != "INTERRUPTED_OPERATION" {
		t.Errorf("on record: %v", got)
	}
}

// What is done stays done, whatever is begun after it.
func TestTurnAfterTheEnd(t *testing.T) {
	r := newRig(t)
	first, second := r.begin(r.ofAlice), r.begin(r.ofAlice)
	first.initIn("one")
	r.decide(r.alice, first.start(false), session.Approve)
	second.initIn("one")
	if o := first.stored(); o.Result != Done {
		t.Errorf("%s %s", o.Result, o.Reason)
	}
}

// Of many that are shown in a browser login at the same moment, one goes on.
func TestTurnsTogether(t *testing.T) {
	for range 20 {
		r := newRig(t)
		var all []*browser
		for range 5 {
			all = append(all, r.begin(r.ofAlice))
		}
		var wg sync.WaitGroup
		for _, b := range all {
			wg.Go(func() { b.initIn("one") })
		}
		wg.Wait()
		left := 0
		for _, b := range all {
			if b.stored().Result == Continue {
				left++
			}
		}
		if left != 1 {
			t.Fatalf("%d go on", left)
		}
	}
}
