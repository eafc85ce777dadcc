package operation

import (
	"errors"
	"slices"
	"testing"
	"time"

	"countersign/audit"
	"countersign/session"
)

// Operations whose flow was taken out of the configuration can be read, listed and
// given up, and time ends them; only their pages cannot go on.
func TestFlowThatIsGone(t *testing.T) {
	for name, change := range map[string]func(*rig){
		"the flow": func(r *rig) { delete(r.svc.Flows, Payment) },
		"its step": func(r *rig) { r.flow(Payment, step(ByName), FlowStep{Name: "phone", Ways: []Way{{Method: ByPhone}}}) },
	} {
		r := newRig(t)
		d := r.desk("demo")
		done, running, given := d.order(), d.order(), d.order()
		r.decide(r.alice, r.chosen(done).start(false), session.Approve)
		b := r.open(running.ID)
		change(r)
		if o := d.ask(running.ID); o.Result != Continue || len(r.svc.Due(o)) != 0 {
			t.Errorf("%s is gone: %+v", name, o)
		}
		if a, err := b.try(Message{Type: Init}); !errors.Is(err, errUnknown) || a.Operation.ID != "" {
			t.Errorf("%s is gone: the page is answered %+v, %v", name, a, err)
		}
		if ids := d.of(r.alice.token); len(ids) != 3 {
			t.Errorf("%s is gone: listed %v", name, ids)
		}
		if o, err := d.giveUp(given.ID); err != nil || o.Result != Failed {
			t.Errorf("%s is gone: given up %+v, %v", name, o, err)
		}
		r.clock.pass(10 * time.Minute)
		if o := d.ask(running.ID); o.Result != Failed || o.Reason != string(causeExpired) {
			t.Errorf("%s is gone, and the time: %+v", name, o)
		}
		if a := b.send(Message{Type: Status}); a.Type != Cancel || a.Location != over(running.ID) {
			t.Errorf("%s is gone, and the time: the page is answered %+v", name, a)
		}
	}
}

// What has ended stays as it is, also when its flow is gone.
func TestDoneAndItsFlowIsGone(t *testing.T) {
	r := newRig(t)
	r.settles()
	d := r.desk("demo")
	o := d.order()
	r.decide(r.alice, r.chosen(o).start(false), session.Approve)
	delete(r.svc.Flows, Payment)
	r.clock.pass(time.Hour)
	if o := d.ask(o.ID); o.Result != Done || o.Approval == nil {
		t.Errorf("%+v", o)
	}
	if got := r.audit.of(audit.OperationFailed); !slices.Equal(got, nil) {
		t.Errorf("on record: %v", got)
	}
}
