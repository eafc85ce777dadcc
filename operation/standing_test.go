package operation

import (
	"errors"
	"slices"
	"testing"
	"time"

	"countersign/audit"
	"countersign/session"
)

// present is the operation as it stands.
func (b *browser) present() Standing {
	b.r.t.Helper()
	x, err := b.r.svc.Present(b.r.t.Context(), b.id)
	if err != nil {
		b.r.t.Fatal(err)
	}
	return x
}

// What the phone decides counts without the page's asking; the page is answered
// and given what it would have been.
func TestPresentTakesOver(t *testing.T) {
	r := newRig(t)
	b := r.begin(r.ofAlice)
	if x := b.present(); x.Operation.Result != Continue || x.Operation.Version != 1 || x.Session != 0 || !x.Next.Equal(x.Operation.ExpiresAt) {
		t.Errorf("begun: %+v", x)
	}
	s := b.start(false)
	if x := b.present(); x.Session != s.Version || x.Operation.Session != s.ID || !x.Next.Equal(s.ExpiresAt) {
		t.Errorf("started: %+v", x)
	}
	r.decide(r.alice, s, session.Deny)
	if x := b.present(); x.Operation.Result != Continue || x.Operation.How != Canceled || x.Session != 0 || !x.Next.Equal(x.Operation.ExpiresAt) {
		t.Errorf("declined: %+v", x)
	}
	r.decide(r.alice, b.start(false), session.Approve)
	for range 2 {
		if x := b.present(); x.Operation.Result != Done || x.Session != 0 || !x.Next.IsZero() {
			t.Errorf("approved: %+v", x)
		}
	}
	if got := r.audit.of(audit.OperationDone); !slices.Equal(got, []string{""}) {
		t.Errorf("on record: %q", got)
	}
	if a := b.send(Message{Type: Status}); a.Type != Complete || a.Location != testFinish {
		t.Errorf("the page is answered %+v", a)
	}
	if o, err := b.take(); err != nil || o.Approval == nil || o.Approval.Token != r.alice.token {
		t.Errorf("the page is given %+v, %v", o, err)
	}
	if x := b.present(); x.Operation.Result != Done || x.Operation.Approval != nil {
		t.Errorf("taken: %+v", x)
	}
}

// Time is noticed too: that of the session, that of a step, and that of the
// operation.
func TestPresentEndsByTime(t *testing.T) {
	r := newRig(t)
	b := r.begin(r.ofAlice)
	s := b.start(false)
	r.clock.pass(s.ExpiresAt.Sub(r.clock.now()))
	if x := b.present(); x.Operation.Result != Continue || x.Operation.How != AuthFailed || r.state(s.ID).State != session.Expired {
		t.Errorf("its session is over: %+v", x)
	}
	r.clock.pass(b.stored().ExpiresAt.Sub(r.clock.now()) - time.Second)
	if x := b.present(); x.Operation.Result != Continue || !x.Next.Equal(r.clock.now().Add(time.Second)) {
		t.Errorf("a second before its end: %+v", x)
	}
	r.clock.pass(time.Second)
	if x := b.present(); x.Operation.Result != Failed || !x.Next.IsZero() {
		t.Errorf("its time is up: %+v", x)
	}
	if got := r.audit.of(audit.OperationFailed); !slices.Equal(got, []string{"expired"}) {
		t.Errorf("on record: %q", got)
	}
	short := r.begin(r.ofAlice)
	r.store.mu.Lock()
	o := r.store.operations[short.id]
	o.StepEnds = r.clock.now().Add(time.Minute)
	r.store.operations[short.id] = o
	r.store.mu.Unlock()
	if x := short.present(); !x.Next.Equal(r.clock.now().Add(time.Minute)) {
		t.Errorf("a step with a time of its own: %+v", x)
	}
	r.clock.pass(time.Minute)
	if x := short.present(); x.Operation.Result != Failed {
		t.Errorf("the step's time is up: %+v", x)
	}
}

func TestPresentRaces(t *testing.T) {
	r := newRig(t)
	b := r.begin(r.ofAlice)
	r.decide(r.alice, b.start(false), session.Approve)
	together(func() {
		if x, err := r.svc.Present(t.Context(), b.id); err != nil || x.Operation.Result != Done {
			t.Errorf("%+v, %v", x, err)
		}
	})
	if got := r.audit.of(audit.OperationDone); len(got) != 1 {
		t.Errorf("%d times on record", len(got))
	}
	if _, err := r.svc.Present(t.Context(), NewID()); !errors.Is(err, ErrNotFound) {
		t.Errorf("of none: %v", err)
	}
	b = r.begin(r.ofAlice)
	r.decide(r.alice, b.start(false), session.Approve)
	r.store.mu.Lock()
	r.store.conflicts = 1000
	r.store.mu.Unlock()
	if _, err := r.svc.Present(t.Context(), b.id); !errors.Is(err, ErrConflict) {
		t.Errorf("always too late: %v", err)
	}
}

func TestWebSocketID(t *testing.T) {
	r := newRig(t)
	one, two := NewID(), NewID()
	id := r.svc.WebSocketID(one)
	if !WellFormedWebSocketID(id) || id != r.svc.WebSocketID(one) || id == r.svc.WebSocketID(two) {
		t.Errorf("%s, %s", id, r.svc.WebSocketID(two))
	}
	if WellFormedWebSocketID(id[1:]) || WellFormedWebSocketID(id[1:]+"=") || WellFormedWebSocketID("") || WellFormedWebSocketID(string(one)) {
		t.Error("another form is taken for one")
	}
	m := r.svc.Sessions.Secrets.Master
	if m.WSToken(m.First(), string(one)) == id {
		t.Error("made for another purpose")
	}
}
