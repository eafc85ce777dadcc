package operation

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"countersign/device"
	"countersign/session"
)

const (
	testData = "A1*A100EUR*IDE89370400440532013000*NRent"
	testBack = "https://bank.example/paid"
)

// A desk is a back end, which asks for what it has ordered.
type desk struct {
	r       *rig
	service string
}

func (r *rig) desk(service string) *desk { return &desk{r, service} }

// party changes a service.
func (r *rig) party(id string, change func(*session.RelyingParty)) {
	all, _ := r.svc.Parties.(parties)
	p := all[id]
	p.ID = id
	change(&p)
	all[id] = p
}

// flow makes a flow of these steps and has operations of its name go through it.
func (r *rig) flow(name string, steps ...FlowStep) {
	r.t.Helper()
	f := Flow{Name: name, Expiry: 10 * time.Minute, Steps: steps}
	if faults := f.Check(); len(faults) > 0 {
		r.t.Fatalf("%s: %v", name, faults)
	}
	r.svc.Flows[name] = f
}

// step is a step of a flow that is named as its first method.
func step(methods ...Method) FlowStep {
	s := FlowStep{Name: Step(methods[0])}
	for _, m := range methods {
		s.Ways = append(s.Ways, Way{Method: m})
	}
	return s
}

// try orders a payment by alice; change may change it first.
func (d *desk) try(change ...func(*Order)) (Operation, error) {
	w := Order{Name: Payment, Service: d.service, Data: testData, Form: json.RawMessage(`{"title":"Payment"}`), Subject: d.r.alice.token,
		Scopes: []device.Scope{device.Name}, Return: testBack, Body: "body"}
	for _, f := range change {
		f(&w)
	}
	return d.r.svc.Create(d.r.t.Context(), w)
}

// order is try, and wants an operation.
func (d *desk) order(change ...func(*Order)) Operation {
	d.r.t.Helper()
	o, err := d.try(change...)
	if err != nil {
		d.r.t.Fatal(err)
	}
	return o
}

// over is where the browser of a back end's operation goes at its end.
func over(id ID) string { return testIssuer + "/done?operation=" + string(id) }

func (d *desk) ask(id ID) Operation {
	d.r.t.Helper()
	o, err := d.r.svc.Ask(d.r.t.Context(), d.service, id)
	if err != nil {
		d.r.t.Fatal(err)
	}
	return o
}

func (d *desk) giveUp(id ID) (Operation, error) {
	return d.r.svc.GiveUp(d.r.t.Context(), d.service, id)
}

// of gives the ids of a user's operations.
func (d *desk) of(user device.TokenID) (ids []ID) {
	d.r.t.Helper()
	list, err := d.r.svc.Of(d.r.t.Context(), d.service, user)
	if err != nil {
		d.r.t.Fatal(err)
	}
	for _, o := range list {
		ids = append(ids, o.ID)
	}
	return ids
}

// open opens an operation's page in a browser that nobody opened it in.
func (r *rig) open(id ID) *browser {
	r.t.Helper()
	_, secret, err := r.svc.Open(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return &browser{r, id, secret}
}

// chosen opens the page, and chooses the phone in its review.
func (r *rig) chosen(o Operation) *browser {
	r.t.Helper()
	b := r.open(o.ID)
	if a := b.send(Message{Type: Choose, Method: ByPhone}); a.Type != Init || a.Operation.Step != Device {
		r.t.Fatalf("chosen: %+v", a)
	}
	return b
}

// settles has the operation go on when its session ends, as a node does.
func (r *rig) settles() {
	r.svc.Sessions.Ended = r.svc.Ended
}

// named and unnamed say whom an order is about.
func named(user device.TokenID) func(*Order) { return func(w *Order) { w.Subject = user } }

func unnamed(w *Order) { w.Subject = "" }

func of(name string) func(*Order) { return func(w *Order) { w.Name = name } }

// wantIDs compares ids in their order.
func wantIDs(t *testing.T, what string, got []ID, want ...ID) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
