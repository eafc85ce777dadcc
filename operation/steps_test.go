package operation

import (
	"errors"
	"slices"
	"testing"
	"time"

	"countersign/session"
)

// offers are the ids of what an answer offers.
func offers(a Answer) (ids []Method) {
	for _, w := range a.Ways {
		ids = append(ids, w.ID)
	}
	return ids
}

// In a review nothing is approved before something was chosen, and only what is
// offered can be.
func TestReview(t *testing.T) {
	r := newRig(t)
	b := r.open(r.desk("demo").order().ID)
	a := b.send(Message{Type: Init})
	if a.Operation.Step != Review || !slices.Equal(offers(a), []Method{ByPhone, ByOffline}) || a.Remaining != sessionsMost {
		t.Fatalf("init: %+v", a)
	}
	for _, m := range []Message{startPhone(false), startPhone(true), {Type: Start, Method: ByReview}, {Type: Verify, Method: ByReview}, startName(string(r.bob.token))} {
		if a := b.send(m); a.Reason != OutOfStep {
			t.Errorf("%s %s: %+v", m.Type, m.Method, a)
		}
	}
	for _, m := range []Method{"", ByName, ByReview, "passkey"} {
		if a := b.send(Message{Type: Choose, Method: m}); a.Type != Failure || a.Text != notOfferedHere || a.Operation.Step != Review || a.Reason != "" {
			t.Errorf("choosing %q: %+v", m, a)
		}
	}
	if a := b.send(Message{Type: Choose, Method: ByPhone}); a.Type != Init || a.Operation.Step != Device || a.Operation.Chosen != ByPhone {
		t.Errorf("chosen: %+v", a)
	}
	if a := b.send(Message{Type: Choose, Method: ByPhone}); a.Reason != OutOfStep {
		t.Errorf("chosen again: %+v", a)
	}
	if r.store.open() != 0 {
		t.Error("a session was started")
	}
}

// A review whose choices are all closed cannot be taken.
func TestReviewOfNothing(t *testing.T) {
	r := newRig(t)
	// Whoever declines reviews again.
	again := FlowStep{Name: Device, Ways: []Way{{Method: ByPhone}}, On: map[StepResult][]Target{AuthMethodFailed: {Target(Review)}}}
	r.flow(Payment, step(ByName), step(ByReview), again)
	b := r.chosen(r.desk("demo").order())
	r.decide(r.alice, b.start(false), session.Report)
	if a := b.send(Message{Type: Status}); a.Type != Cancel || a.Operation.Result != Failed || a.Operation.Reason != string(causeReported) {
		t.Errorf("%+v", a)
	}
}

// While it is not known who pays, nothing is approved: scanning identifies only
// where the next step is the phone's.
func TestScanDoesNotSkipTheReview(t *testing.T) {
	r := newRig(t)
	b := r.open(r.desk("demo").order(unnamed).ID)
	if a := b.send(Message{Type: Init}); a.Operation.Step != Identify || !slices.Equal(offers(a), []Method{ByName}) {
		t.Errorf("init: %+v", a)
	}
	if a := b.send(startPhone(true)); a.Reason != OutOfStep || r.store.open() != 0 {
		t.Errorf("scanning: %+v", a)
	}
	if a := b.send(startName(string(r.alice.token))); a.Operation.Step != Review || !slices.Equal(offers(a), []Method{ByPhone, ByOffline, ByName}) {
		t.Errorf("named: %+v", a)
	}
	if a := b.send(startName(string(r.bob.token))); a.Operation.Step != Review || a.Operation.Subject != r.bob.token {
		t.Errorf("renamed: %+v", a)
	}
}

// Whom the back end has named, nobody else stands in for: by no name, by no scan,
// and not where a flow leads back to the step that asks.
func TestNamed(t *testing.T) {
	r := newRig(t)
	r.flow(Payment, step(ByName), FlowStep{Name: Device, Ways: []Way{{Method: ByPhone}}, On: map[StepResult][]Target{Canceled: {Target(Identify)}}})
	b := r.open(r.desk("demo").order().ID)
	if a := b.send(Message{Type: Init}); a.Operation.Step != Device || !slices.Equal(offers(a), []Method{ByPhone}) {
		t.Fatalf("init: %+v", a)
	}
	if a := b.send(startName(string(r.bob.token))); a.Reason != OutOfStep || b.stored().Subject != r.alice.token {
		t.Errorf("renamed: %+v", a)
	}
	s := b.start(true)
	if s.Asked != r.alice.token || s.Mode != session.Enter {
		t.Errorf("whoever scans: %+v", s)
	}
	r.decide(r.alice, s, session.Deny)
	if a := b.send(Message{Type: Status}); a.Type != Cancel || a.Operation.Reason != string(causeDeclined) {
		t.Errorf("declined: %+v", a)
	}
	// Who only told a name may tell another.
	b = r.open(r.desk("demo").order(unnamed).ID)
	b.send(startName(string(r.alice.token)))
	r.decide(r.alice, b.start(false), session.Deny)
	if a := b.send(Message{Type: Status}); a.Operation.Step != Identify {
		t.Errorf("declined: %+v", a)
	}
	if a := b.send(startName(string(r.bob.token))); a.Operation.Step != Device || a.Operation.Subject != r.bob.token {
		t.Errorf("another name: %+v", a)
	}
}

// Who has proven who they are is no longer asked, nor replaced.
func TestNamedByAPhone(t *testing.T) {
	r := newRig(t)
	first := FlowStep{Name: "first", Ways: []Way{{Method: ByPhone}}}
	second := FlowStep{Name: "second", Ways: []Way{{Method: ByPhone}}, On: map[StepResult][]Target{AuthFailed: {Target(Identify), ToAgain}}}
	r.flow("twice", step(ByName), first, second)
	b := r.open(r.desk("demo").order(of("twice"), unnamed).ID)
	s := b.start(true)
	scan := r.scan(s)
	if err := r.bob.decide(r.bob.claim(s.ID, scan), session.Approve, "qr:"+scan); err != nil {
		t.Fatal(err)
	}
	if a := b.send(Message{Type: Status}); a.Operation.Step != "second" || a.Operation.Subject != r.bob.token {
		t.Fatalf("scanned: %+v", a)
	}
	b.start(false)
	r.clock.pass(3 * time.Minute)
	if a := b.send(Message{Type: Init}); a.Operation.Step != "second" || a.StepResult != AuthFailed || !slices.Equal(offers(a), []Method{ByPhone}) {
		t.Errorf("expired: %+v", a)
	}
	s = b.start(true)
	if s.Asked != r.bob.token || s.Mode == session.Scan {
		t.Errorf("asks for %q in mode %s", s.Asked, s.Mode)
	}
	r.decide(r.bob, s, session.Approve)
	if a := b.send(Message{Type: Status}); a.Type != Complete || a.Operation.Approval.Token != r.bob.token {
		t.Errorf("approved: %+v", a)
	}
}

// Two factors of two people are none, whatever the records say.
func TestTwoPeople(t *testing.T) {
	r := newRig(t)
	r.flow("twice", FlowStep{Name: "first", Ways: []Way{{Method: ByPhone}}}, FlowStep{Name: "second", Ways: []Way{{Method: ByPhone}}})
	b := r.open(r.desk("demo").order(of("twice")).ID)
	r.decide(r.alice, b.start(false), session.Approve)
	b.send(Message{Type: Status})
	s := b.start(false)
	forged := r.state(s.ID)
	forged.Asked = r.bob.token
	r.store.sessions[s.ID] = forged
	r.decide(r.bob, forged, session.Approve)
	if a, err := b.try(Message{Type: Status}); !errors.Is(err, session.ErrProof) || a.Location != "" {
		t.Errorf("%+v, %v", a, err)
	}
	if o := b.stored(); o.Result != Continue || o.Approval.Token != r.alice.token {
		t.Errorf("%+v", o)
	}
}

// A step's own time ends it, however often it is tried, and no later step's.
func TestStepExpiry(t *testing.T) {
	limited := func(r *rig, on ...Target) *browser {
		slow := FlowStep{Name: Device, Ways: []Way{{Method: ByPhone}}, Expiry: time.Minute, On: map[StepResult][]Target{}}
		if on != nil {
			slow.On[AuthMethodFailed] = on
		}
		r.flow(Payment, step(ByReview), slow)
		r.clock.pass(5 * time.Minute) // the clock of an operation is its own
		return r.open(r.desk("demo").order().ID)
	}
	r := newRig(t)
	b := limited(r)
	r.clock.pass(2 * time.Minute)
	if a := b.send(Message{Type: Choose, Method: ByPhone}); a.Type != Init || !a.Operation.StepEnds.Equal(r.clock.now().Add(time.Minute)) {
		t.Fatalf("the step before has a time: %+v", a)
	}
	r.clock.pass(30 * time.Second)
	s := b.start(false)
	if !s.ExpiresAt.Equal(b.stored().StepEnds) {
		t.Errorf("a session until %s in a step until %s", s.ExpiresAt, b.stored().StepEnds)
	}
	r.clock.pass(30*time.Second - 1)
	if a := b.send(Message{Type: Init}); a.Type != Init || a.Operation.Result != Continue {
		t.Errorf("just before: %+v", a)
	}
	r.clock.pass(1)
	if a := b.send(Message{Type: Init}); a.Type != Cancel || a.Operation.Result != Failed || a.Operation.Reason != string(causeExpired) || a.Location != over(b.id) {
		t.Errorf("over: %+v", a)
	}
	if got := r.state(s.ID); got.State != session.Expired {
		t.Errorf("its session is %s", got.State)
	}

	// The last moment's approval counts, also if nobody asks before the time is up.
	r = newRig(t)
	b = limited(r)
	b.send(Message{Type: Choose, Method: ByPhone})
	r.decide(r.alice, b.start(false), session.Approve)
	r.clock.pass(time.Hour)
	if a := b.send(Message{Type: Init}); a.Type != Complete {
		t.Errorf("approved: %+v", a)
	}

	// A flow may lead on, but the method that took too long stays closed.
	r = newRig(t)
	b = limited(r, Target(Review), ToFail)
	b.send(Message{Type: Choose, Method: ByPhone})
	r.clock.pass(time.Minute)
	if a := b.send(Message{Type: Status}); a.Type != Cancel || a.Operation.Reason != string(causeExpired) || !slices.Equal(a.Operation.Closed, []Method{ByPhone}) {
		t.Errorf("leads on: %+v", a)
	}
}

// A flow may let a method be tried less often, or more, than it lets itself.
func TestAttempts(t *testing.T) {
	for _, n := range []int{1, 2, 7} {
		r := newRig(t)
		r.flow(Payment, FlowStep{Name: Device, Ways: []Way{{Method: ByPhone, Attempts: n}}, On: map[StepResult][]Target{Canceled: {ToAgain}}})
		b := r.open(r.desk("demo").order().ID)
		for i := range n {
			if a := b.send(Message{Type: Init}); a.Remaining != n-i {
				t.Errorf("%d: %d left after %d", n, a.Remaining, i)
			}
			b.start(false)
		}
		if a := b.send(startPhone(false)); a.Type != Failure || a.Text != triedTooOften || a.Location != over(b.id) || a.Operation.Reason != string(causeTooMany) {
			t.Errorf("%d: one more: %+v", n, a)
		}
		if r.store.open() != 0 {
			t.Errorf("%d: a session is open", n)
		}
	}
	// The last one that ends by time ends the method with it.
	r := newRig(t)
	r.flow(Payment, FlowStep{Name: Device, Ways: []Way{{Method: ByPhone, Attempts: 1}}})
	b := r.open(r.desk("demo").order().ID)
	b.start(false)
	r.clock.pass(3 * time.Minute)
	if a := b.send(Message{Type: Status}); a.Type != Cancel || a.Operation.Reason != string(causeTooMany) || a.StepResult != AuthMethodFailed {
		t.Errorf("the last one expired: %+v", a)
	}
	// Who declines the last one is not told to try again what cannot be tried.
	r = newRig(t)
	r.flow(Payment, FlowStep{Name: Device, Ways: []Way{{Method: ByPhone, Attempts: 1}}, On: map[StepResult][]Target{Canceled: {ToAgain}}})
	b = r.open(r.desk("demo").order().ID)
	r.decide(r.alice, b.start(false), session.Deny)
	if a := b.send(Message{Type: Status}); a.Type != Cancel || a.Operation.Reason != string(causeDeclined) || a.StepResult != Canceled {
		t.Errorf("the last one was declined: %+v", a)
	}
	// One more is no end where the flow leads elsewhere.
	r = newRig(t)
	r.flow(Payment, step(ByName), FlowStep{Name: Device, Ways: []Way{{Method: ByPhone, Attempts: 1}}, On: map[StepResult][]Target{AuthMethodFailed: {Target(Identify)}}})
	b = r.open(r.desk("demo").order(unnamed).ID)
	b.send(startName(string(r.alice.token)))
	b.start(false)
	if a := b.send(startPhone(false)); a.Type != Init || a.Operation.Step != Identify || !slices.Equal(a.Operation.Closed, []Method{ByPhone}) || r.store.open() != 0 {
		t.Errorf("one more, and led on: %+v", a)
	}
}

// A method that was closed in one step is closed in every later one.
func TestClosedMethodsStayClosed(t *testing.T) {
	for name, act := range map[string]func(*rig, session.Session){
		"reported":    func(r *rig, s session.Session) { r.decide(r.alice, s, session.Report) },
		"wrong codes": func(r *rig, s session.Session) { r.wrongs(r.alice, s) },
	} {
		r := newRig(t)
		on := map[StepResult][]Target{AuthMethodFailed: {ToNext}}
		r.flow(Payment, FlowStep{Name: "one", Ways: []Way{{Method: ByPhone}}, On: on}, FlowStep{Name: "two", Ways: []Way{{Method: ByPhone}}, On: map[StepResult][]Target{AuthMethodFailed: {Target("one")}}},
			FlowStep{Name: "three", Ways: []Way{{Method: ByPhone}}})
		b := r.open(r.desk("demo").order().ID)
		act(r, b.start(false))
		a := b.send(Message{Type: Status})
		if a.Type != Cancel || !slices.Equal(a.Operation.Closed, []Method{ByPhone}) || a.StepResult != AuthMethodFailed {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// What was chosen in a review is offered first in the step after it, if it can be
// taken.
func TestChosenComesFirst(t *testing.T) {
	f := Flow{Name: "x", Steps: []FlowStep{step(ByName, ByPhone)}}
	for chosen, want := range map[Method][]Method{"": {ByName, ByPhone}, ByName: {ByName, ByPhone}, ByPhone: {ByPhone, ByName}, ByReview: {ByName, ByPhone}} {
		v := view{whole: f}.at(Operation{Step: Step(ByName), Result: Continue, Subject: "tok_", Chosen: chosen})
		if got := offers(Answer{Ways: v.ways()}); !slices.Equal(got, want) {
			t.Errorf("chosen %q: %v", chosen, got)
		}
	}
	v := view{whole: f}.at(Operation{Step: Step(ByName), Result: Continue, Subject: "tok_", Chosen: ByPhone, Closed: []Method{ByPhone}})
	if got := offers(Answer{Ways: v.ways()}); !slices.Equal(got, []Method{ByName}) {
		t.Errorf("closed: %v", got)
	}
}
