package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/device"
	"countersign/operation"
	"countersign/session"

	"github.com/redis/go-redis/v9"
)

func operationClauses() []clause {
	return []clause{
		{"an operation is read as it was created", operationCreated},
		{"a swap of an operation follows the version that was read", operationCompares},
		{"of fifty swaps of an operation on two nodes one gets through", operationsRace},
		{"an operation is kept for its result's time", operationEnds},
		{"an operation that would never end is refused", operationIncomplete},
		{"a back end's operation is kept for a day after its end", operationOfBackendEnds},
		{"operations are listed for their service and user, and for no other", operationsListed},
		{"of many operations those that end last stay listed", operationsBounded},
		{"an operation is listed once it is known whom it is about", operationsListedLater},
		{"who is on a list cannot be read", operationListSealed},
		{"a list is found under every accepted master secret", operationListRotated},
		{"an idempotency key stands for the first operation, for all nodes", operationRepeats},
	}
}

// operating is the first version of an operation, not stored yet.
func (r *rig) operating() operation.Operation {
	now := r.Now().Truncate(time.Millisecond)
	return operation.Operation{ID: operation.NewID(), Version: 1, Name: "login", Service: "acme",
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

// ordered is an operation that a service's back end has begun about somebody.
func (r *rig) ordered(service string, user device.TokenID, change ...func(*operation.Operation)) operation.Operation {
	r.t.Helper()
	o := r.operating()
	o.Name, o.Service, o.Browser, o.ByService, o.Named, o.Subject = "authorize_payment", service, nil, true, user != "", user
	o.Data, o.Form = "A1*A100EUR", json.RawMessage(`{"title":"Payment"}`)
	for _, f := range change {
		f(&o)
	}
	check(r.t, r.CreateOperation(r.t.Context(), o))
	check(r.t, r.ListOperation(r.t.Context(), o))
	return o
}

func (r *rig) wantListed(what, service string, user device.TokenID, want ...operation.Operation) {
	r.t.Helper()
	got, err := r.OperationsOf(r.t.Context(), service, user)
	check(r.t, err)
	ids := []operation.ID{}
	for _, o := range want {
		ids = append(ids, o.ID)
	}
	if !slices.Equal(got, ids) && len(got)+len(ids) > 0 {
		r.t.Errorf("%s: %v, want %v", what, got, ids)
	}
}

// ending sets when an operation expires, in minutes from now.
func ending(minutes int) func(*operation.Operation) {
	return func(o *operation.Operation) { o.ExpiresAt = o.CreatedAt.Add(time.Duration(minutes) * time.Minute) }
}

func operationOfBackendEnds(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := device.NewTokenID()
	o := r.ordered("acme", alice)
	end := o.ExpiresAt.Add(operation.BackendKeep)
	left, err := r.db.PTTL(t.Context(), r.places(operationKind, string(o.ID))[0]).Result()
	check(t, err)
	if absolute(left-end.Sub(r.Now())) > 2*time.Second {
		t.Errorf("%v left", left)
	}
	r.later(end.Sub(r.Now()) - time.Second)
	r.wantOperation(o)
	r.wantListed("just before its end", "acme", alice, o)
	r.later(time.Second)
	r.wantNoOperation(o.ID)
	r.wantListed("after its end", "acme", alice)
	wantSame(t, r.events.details("record.tampered"), []string(nil))
}

func operationsListed(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice, bob := device.NewTokenID(), device.NewTokenID()
	r.wantListed("nothing", "acme", alice)
	first, last, middle := r.ordered("acme", alice, ending(5)), r.ordered("acme", alice, ending(30)), r.ordered("acme", alice, ending(10))
	other, bobs := r.ordered("other", alice), r.ordered("acme", bob)
	r.ordered("acme", "")
	page := r.operating() // begun in a browser, and nobody's to ask about
	page.Service, page.Subject, page.Named = "acme", alice, true
	check(t, r.CreateOperation(t.Context(), page))
	check(t, r.ListOperation(t.Context(), page))
	check(t, r.ListOperation(t.Context(), first)) // again
	for _, node := range []*rig{r, r.another()} {
		node.wantListed("alice's at acme", "acme", alice, last, middle, first)
		node.wantListed("alice's at other", "other", alice, other)
		node.wantListed("bob's at acme", "acme", bob, bobs)
		node.wantListed("bob's at other", "other", bob)
		node.wantListed("nobody's", "acme", "")
		node.wantListed("service and user run together", "acm", "e"+alice)
	}
	// A change of anything else does not list it again.
	next := first
	next.Version, next.Step = 2, operation.Device
	check(t, r.SwapOperation(t.Context(), first, next))
	r.wantListed("changed", "acme", alice, last, middle, first)
	left, err := r.db.PTTL(t.Context(), r.operationList(r.Master.First(), "acme", alice)).Result()
	if err != nil || left < operation.BackendKeep || left > 3*operation.BackendKeep {
		t.Errorf("the list has %v left, %v", left, err)
	}
}

func operationsBounded(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := device.NewTokenID()
	var all []operation.Operation
	for i := range operationsMost + 5 {
		all = append(all, r.ordered("acme", alice, ending(10+i)))
	}
	slices.Reverse(all)
	r.wantListed("at most so many", "acme", alice, all[:operationsMost]...)
	r.later(20*time.Minute + operation.BackendKeep)
	o := r.ordered("acme", alice, ending(10))
	if n, err := r.db.ZCard(t.Context(), r.operationList(r.Master.First(), "acme", alice)).Result(); err != nil || n >= operationsMost {
		t.Errorf("%d members are left of those that have ended, %v", n, err)
	}
	got, err := r.OperationsOf(t.Context(), "acme", alice)
	check(t, err)
	if !slices.Contains(got, o.ID) || slices.Contains(got, all[len(all)-1].ID) {
		t.Errorf("listed %v", got)
	}
}

// Who was only told is nobody; who has approved is who it is about, whoever was
// told before.
func operationsListedLater(t *testing.T, b backend) {
	r := newRig(t, b.address)
	i, mallory := r.alice(), device.NewTokenID()
	o := r.ordered("acme", "")
	told := o
	told.Version, told.Subject = 2, mallory
	check(t, r.SwapOperation(t.Context(), o, told))
	r.wantListed("told", "acme", mallory)
	d := done(told, i)
	check(t, r.SwapOperation(t.Context(), told, d))
	for _, node := range []*rig{r, r.another()} {
		node.wantListed("approved by another", "acme", mallory)
		node.wantListed("approved", "acme", i.ID, o)
	}
	wantErr(t, r.SwapOperation(t.Context(), told, done(told, i)), operation.ErrConflict)
	r.wantListed("a change that lost", "acme", i.ID, o)
}

func operationListSealed(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := device.NewTokenID()
	o := r.ordered("acme", alice)
	other := r.ordered("acme", device.NewTokenID())
	key, foreign := r.operationList(r.Master.First(), "acme", alice), r.operationList(r.Master.First(), "acme", other.Subject)
	members, err := r.db.ZRange(t.Context(), key, 0, -1).Result()
	check(t, err)
	if len(members) != 1 || strings.Contains(members[0], string(o.ID)) || strings.Contains(key, "acme") || strings.Contains(key, string(alice)) {
		t.Errorf("%s has %q", key, members)
	}
	// A member of another list, one that was changed, and what is none.
	theirs, err := r.db.ZRange(t.Context(), foreign, 0, -1).Result()
	check(t, err)
	changed := []byte(members[0])
	changed[len(changed)-1] ^= 1
	for score, m := range []string{theirs[0], string(changed), string(o.ID), ""} {
		check(t, r.db.ZAdd(t.Context(), key, redis.Z{Score: 1e15 + float64(score), Member: m}).Err())
	}
	r.wantListed("planted", "acme", alice, o)
	if got := r.events.details("record.tampered"); !slices.Equal(got, []string{"operation list", "operation list", "operation list", "operation list"}) {
		t.Errorf("on record: %q", got)
	}
}

func operationListRotated(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := device.NewTokenID()
	before := r.ordered("acme", alice)
	both := r.another(func(o *Options) { o.Master = master(t, 2, 1) })
	after := both.ordered("acme", alice)
	both.wantListed("under both", "acme", alice, after, before)
	only := r.another(func(o *Options) { o.Master = master(t, 2) })
	only.wantListed("when the old one is gone", "acme", alice, after)
}

func operationRepeats(t *testing.T, b backend) {
	r := newRig(t, b.address)
	nodes := []*rig{r, r.another()}
	first, second := r.ordered("acme", ""), r.ordered("acme", "")
	_, _, known, err := r.RecallOperation(t.Context(), "key")
	check(t, err)
	if known {
		t.Error("a key that nobody used is known")
	}
	id, body, err := r.RememberOperation(t.Context(), "key", first.ID, "body", time.Minute)
	check(t, err)
	wantSame(t, []string{string(id), body}, []string{string(first.ID), "body"})
	for _, node := range nodes {
		id, body, err := node.RememberOperation(t.Context(), "key", second.ID, "another", time.Minute)
		check(t, err)
		wantSame(t, []string{string(id), body}, []string{string(first.ID), "body"})
		id, body, known, err := node.RecallOperation(t.Context(), "key")
		check(t, err)
		if !known || id != first.ID || body != "body" {
			t.Errorf("recalled %s %s %v", id, body, known)
		}
	}
	// A key of operations is none of sessions', whatever either makes of its name.
	r.set(r.keys.idempotency("planted"), string(seal(r.Master, r.keys.idempotency("planted"), 0, r.Now().Add(time.Minute), []byte(string(session.NewID())+"|body"))))
	if _, _, known, err := r.RecallOperation(t.Context(), "planted"); known || err == nil {
		t.Errorf("a session's key stands for an operation: %v", err)
	}
	r.later(2 * time.Minute)
	_, _, known, err = r.RecallOperation(t.Context(), "key")
	check(t, err)
	if known {
		t.Error("a key outlives its time")
	}
}
