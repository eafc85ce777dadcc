package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"countersign/device"
	"countersign/operation"
	"countersign/session"
)

func operationClauses() []clause {
	return []clause{
		{"an operation is read as it was created", operationCreated},
		{"a swap of an operation follows the version that was read", operationCompares},
		{"of fifty swaps of an operation on two nodes one gets through", operationsRace},
		{"an operation is kept for its result's time", operationEnds},
		{"an operation that would never end is refused", operationIncomplete},
	}
}

// operating is the first version of an operation, not stored yet.
func (r *rig) operating() operation.Operation {
	now := r.Now().Truncate(time.Millisecond)
	return operation.Operation{ID: operation.ID("op_" + rand.Text()[:22]), Version: 1, Name: "login", Service: "acme",
		Browser: bytes.Repeat([]byte{3}, 32), CreatedAt: now, ExpiresAt: now.Add(10 * time.Minute), Result: operation.Continue,
		Step: operation.Identify, Subject: device.NewTokenID(), Scopes: []device.Scope{device.Name},
		Finish: "https://login.example/oidc/authorize/" + rand.Text()}
}

// done is the operation as alice's phone has ended it.
func done(o operation.Operation, i device.Identity) operation.Operation {
	o.Version++
	o.Result, o.Step, o.Session, o.Tries, o.Subject = operation.Done, operation.Device, session.NewID(), []operation.Try{{Method: operation.ByPhone, N: 1}}, i.ID
	o.Approval = &operation.Approval{Token: i.ID, Device: i.Devices[0].ID, AMR: []string{"swk", "otp"}, ACR: session.Typed,
		At: o.CreatedAt.Add(time.Minute), Scopes: []device.Scope{device.Name}, Claims: i.Claims}
	return o
}

func spent(o operation.Operation) operation.Operation {
	o.Version++
	o.Spent = true
	return o
}

func (r *rig) wantOperation(want operation.Operation) {
	r.t.Helper()
	got, err := r.Operation(r.t.Context(), want.ID)
	check(r.t, err)
	wantSame(r.t, got, want)
}

func (r *rig) wantNoOperation(id operation.ID) {
	r.t.Helper()
	got, err := r.Operation(r.t.Context(), id)
	wantErr(r.t, err, operation.ErrNotFound)
	wantSame(r.t, got, operation.Operation{})
}

func operationCreated(t *testing.T, b backend) {
	r := newRig(t, b.address)
	o := r.operating()
	r.wantNoOperation(o.ID)
	check(t, r.CreateOperation(t.Context(), o))
	for _, node := range []*rig{r, r.another()} {
		node.wantOperation(o)
		other := o
		other.Service = "another"
		wantErr(t, node.CreateOperation(t.Context(), other), operation.ErrConflict)
		node.wantOperation(o)
	}
	for _, id := range []operation.ID{"", "op_", "op_{x}", operation.ID(strings.Repeat("x", 10_000))} {
		r.wantNoOperation(id)
	}
}

func operationCompares(t *testing.T, b backend) {
	r := newRig(t, b.address)
	first := r.operating()
	check(t, r.CreateOperation(t.Context(), first))
	second := done(first, r.alice())
	check(t, r.SwapOperation(t.Context(), first, second))
	for _, node := range []*rig{r, r.another()} {
		node.wantOperation(second)
		wantErr(t, node.SwapOperation(t.Context(), first, spent(first)), operation.ErrConflict)
	}
	third := spent(second)
	check(t, r.SwapOperation(t.Context(), second, third))
	r.wantOperation(third)
	wantErr(t, r.SwapOperation(t.Context(), second, third), operation.ErrConflict)

	never := r.operating()
	wantErr(t, r.SwapOperation(t.Context(), never, spent(never)), operation.ErrNotFound)
	r.wantNoOperation(never.ID)
}

func operationsRace(t *testing.T, b backend) {
	r := newRig(t, b.address)
	nodes := []*rig{r, r.another()}
	o := r.operating()
	check(t, r.CreateOperation(t.Context(), o))
	next := func(i int) operation.Operation {
		n := spent(o)
		n.Tries = []operation.Try{{Method: operation.ByPhone, N: i}}
		return n
	}
	won := wantOne(t, operation.ErrConflict, func(i int) error {
		return nodes[i%2].SwapOperation(context.Background(), o, next(i))
	})
	if won >= 0 {
		r.wantOperation(next(won))
		nodes[1].wantOperation(next(won))
	}
}

func operationEnds(t *testing.T, b backend) {
	r := newRig(t, b.address)
	o := r.operating()
	check(t, r.CreateOperation(t.Context(), o))
	end := o.ExpiresAt.Add(r.ResultTTL)
	left, err := r.db.PTTL(t.Context(), r.places(operationKind, string(o.ID))[0]).Result()
	check(t, err)
	if absolute(left-end.Sub(r.Now())) > 2*time.Second {
		t.Errorf("%v left", left)
	}
	r.later(end.Sub(r.Now()) - time.Second)
	r.wantOperation(o)
	r.later(time.Second)
	r.wantNoOperation(o.ID)
	wantSame(t, r.events.details("record.tampered"), []string(nil))
}

func operationIncomplete(t *testing.T, b backend) {
	r := newRig(t, b.address)
	o := r.operating()
	for what, change := range map[string]func(*operation.Operation){
		"id": func(o *operation.Operation) { o.ID = "" }, "version": func(o *operation.Operation) { o.Version = 0 },
		"first version": func(o *operation.Operation) { o.Version = 2 },
		"end":           func(o *operation.Operation) { o.ExpiresAt = time.Time{} },
	} {
		bad := o
		change(&bad)
		if err := r.CreateOperation(t.Context(), bad); !errors.Is(err, errIncomplete) {
			t.Errorf("created without %s: %v", what, err)
		}
	}
	check(t, r.CreateOperation(t.Context(), o))
	for what, change := range map[string]func(*operation.Operation){
		"its version": func(o *operation.Operation) { o.Version = 1 }, "the version between": func(o *operation.Operation) { o.Version = 3 },
		"its id": func(x *operation.Operation) { x.ID = r.operating().ID }, "its end": func(o *operation.Operation) { o.ExpiresAt = time.Time{} },
	} {
		bad := spent(o)
		change(&bad)
		if err := r.SwapOperation(t.Context(), o, bad); !errors.Is(err, errIncomplete) {
			t.Errorf("swapped without %s: %v", what, err)
		}
	}
	large := spent(o)
	large.Approval = &operation.Approval{Claims: device.Claims{"name": json.RawMessage(strings.Repeat("x", 64<<10))}}
	wantErr(t, r.SwapOperation(t.Context(), o, large), ErrTooLarge)
	r.wantOperation(o)
}
