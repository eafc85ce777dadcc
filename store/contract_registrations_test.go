package store

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/audit"
	"countersign/operation"
	"countersign/session"
	"countersign/ws"
)

func registrationClauses() []clause {
	return []clause{
		{"a webSocketId leads to its operation, as long as that lives", operationNamed},
		{"pages of an operation are counted, and every node is told", registrationsCounted},
		{"a change of an operation is told in the same trip", operationMovements},
		{"what is not so any more is found", registrationsOutdated},
		{"tamper: a webSocketId that leads elsewhere", tamperWebSocketID},
		{"tamper: forged hints of operations", tamperNoticeHints},
	}
}

// A gallery is pages that only remember what they hear, if it is authentic.
type gallery struct {
	mu       sync.Mutex
	moved    []string // handle and version
	replaced []uint64
	forged   int
	missed   int
}

func (x *gallery) hear(authentic func() bool, f func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if authentic() {
		f()
	} else {
		x.forged++
	}
}

func (x *gallery) Moved(handle string, version uint64, authentic func() bool) {
	x.hear(authentic, func() { x.moved = append(x.moved, handle+" "+itoa(int64(version))) })
}

func (x *gallery) Replaced(_ string, number uint64, authentic func() bool) {
	x.hear(authentic, func() { x.replaced = append(x.replaced, number) })
}

func (x *gallery) Missed() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.missed++
}

// look asks for something heard.
func (x *gallery) look(f func() bool) func() bool {
	return func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return f()
	}
}

// showing is a node with pages.
func showing(t *testing.T, r *rig) *gallery {
	t.Helper()
	bus, x := r.Bus(), &gallery{}
	bus.Notices = x
	runBus(t, bus, &listener{})
	eventually(t, "the bus delivers", bus.Delivers)
	if !x.look(func() bool { return x.missed > 0 })() {
		t.Error("what came before the subscription was not read again")
	}
	return x
}

// created is an operation that is stored.
func (r *rig) created() operation.Operation {
	r.t.Helper()
	o := r.operating()
	o.ID = operation.NewID()
	check(r.t, r.CreateOperation(r.t.Context(), o))
	return o
}

// webSocketID is an operation's, as this node tells it.
func (r *rig) webSocketID(o operation.Operation) string {
	return operation.WebSocketID(r.Master, r.Master.First(), o.ID)
}

// wantNamed fails unless the webSocketId leads to the operation, and gives its
// handle.
func (r *rig) wantNamed(webSocketID string, o operation.Operation) string {
	r.t.Helper()
	id, handle, err := r.Named(r.t.Context(), webSocketID)
	check(r.t, err)
	if id != o.ID || handle == "" || strings.Contains(handle, webSocketID) || strings.Contains(handle, string(o.ID)) {
		r.t.Fatalf("leads to %s by %s, want %s", id, handle, o.ID)
	}
	return handle
}

func (r *rig) wantUnnamed(webSocketID string) {
	r.t.Helper()
	id, handle, err := r.Named(r.t.Context(), webSocketID)
	wantErr(r.t, err, operation.ErrNotFound)
	if id != "" || handle != "" {
		r.t.Errorf("leads to %s by %s", id, handle)
	}
}

func operationNamed(t *testing.T, b backend) {
	r := newRig(t, b.address)
	o := r.operating()
	o.ID = operation.NewID()
	name := r.webSocketID(o)
	r.wantUnnamed(name)
	most := int64(1)
	if b.name == "cluster" {
		most = 2 // its pipelines are counted as a whole, and perhaps a redirection
	}
	if n := r.trips.during(func() { check(t, r.CreateOperation(t.Context(), o)) }); n > most {
		t.Errorf("%d trips", n)
	}
	for _, key := range r.names() {
		if value := r.get(key); strings.Contains(key+value, name) || strings.Contains(key+value, string(o.ID)) {
			t.Errorf("%s tells the webSocketId or the operation", key)
		}
	}
	if one, two := r.wantNamed(name, o), r.another().wantNamed(name, o); one != two {
		t.Errorf("nodes call it %s and %s", one, two)
	}
	r.created() // another
	if n := r.trips.during(func() {
		for _, bad := range []string{"", "x", string(o.ID), name + "A", name[1:], strings.Repeat("x", 10_000)} {
			r.wantUnnamed(bad)
		}
	}); n != 0 {
		t.Errorf("%d trips for what has not the form", n)
	}
	// Secrets are replaced while the operation runs.
	before, after, only := r.another(secrets(t, 1, 2)), r.another(secrets(t, 2, 1)), r.another(secrets(t, 2))
	x := before.created()
	for _, node := range []*rig{before, after} {
		for _, says := range []*rig{r, before, after} {
			node.wantNamed(says.webSocketID(x), x)
		}
		node.wantNamed(name, o)
	}
	r.wantNamed(r.webSocketID(x), x)
	y := after.created()
	only.wantNamed(only.webSocketID(y), y)
	only.wantUnnamed(name)
	// A longer life is its name's too.
	longer := spent(o)
	longer.ExpiresAt = o.ExpiresAt.Add(time.Minute)
	check(t, r.SwapOperation(t.Context(), o, longer))
	left, err := r.db.PTTL(t.Context(), r.nameKey(r.Master.First(), operationKind, name)).Result()
	check(t, err)
	if want := longer.ExpiresAt.Add(r.ResultTTL).Sub(r.Now()); absolute(left-want) > 2*time.Second {
		t.Errorf("%v left, want %v", left, want)
	}
	r.later(longer.ExpiresAt.Add(r.ResultTTL).Sub(r.Now()))
	r.wantUnnamed(name)
}

func registrationsCounted(t *testing.T, b backend) {
	r := newRig(t, b.address)
	o := r.created()
	handle := r.wantNamed(r.webSocketID(o), o)
	here, there := showing(t, r), showing(t, r.another(secrets(t, 2, 1)))
	for want := uint64(1); want <= 3; want++ {
		n, err := r.Register(t.Context(), handle, o)
		check(t, err)
		if n != want {
			t.Errorf("number %d, want %d", n, want)
		}
	}
	for _, x := range []*gallery{here, there} {
		eventually(t, "three are heard of", x.look(func() bool { return slices.Equal(x.replaced, []uint64{1, 2, 3}) }))
	}
	left, err := r.db.PTTL(t.Context(), r.keys.pages(handle)).Result()
	check(t, err)
	if want := o.ExpiresAt.Add(r.ResultTTL).Sub(r.Now()); absolute(left-want) > 2*time.Second {
		t.Errorf("%v left, want %v", left, want)
	}
	r.set(r.keys.pages(handle), "-7")
	_, err = r.Register(t.Context(), handle, o)
	wantErr(t, err, ErrUnavailable)
}

func operationMovements(t *testing.T, b backend) {
	r := newRig(t, b.address)
	o := r.created()
	here, young := showing(t, r.another(secrets(t, 2, 1))), showing(t, r.another(secrets(t, 2)))
	next := done(o, r.alice())
	if n := r.trips.during(func() { check(t, r.SwapOperation(t.Context(), o, next)) }); n > 1 {
		t.Errorf("%d trips", n)
	}
	wantErr(t, r.SwapOperation(t.Context(), o, next), operation.ErrConflict)
	handle := r.wantNamed(r.webSocketID(o), o)
	eventually(t, "the change is heard of", here.look(func() bool { return slices.Equal(here.moved, []string{handle + " 2"}) }))
	// Who replaces the secret tells all names.
	both := r.another(secrets(t, 2, 1))
	check(t, both.SwapOperation(t.Context(), next, spent(next)))
	eventually(t, "each is told in the names it knows", young.look(func() bool { return len(young.moved) == 1 && young.forged == 2 }))
}

func registrationsOutdated(t *testing.T, b backend) {
	r := newRig(t, b.address)
	var all []ws.Registration
	var operations []operation.Operation
	for range 2*sweepBatch + 3 {
		operations = append(operations, operation.Operation{})
		all = append(all, ws.Registration{})
	}
	together(8, func(worker int) {
		for i := worker; i < len(all); i += 8 {
			o := r.operating()
			o.ID = operation.NewID()
			if err := r.CreateOperation(t.Context(), o); err != nil {
				t.Error(err)
			}
			operations[i] = o
			handle := r.handle(r.Master.First(), r.webSocketID(o))
			all[i] = ws.Registration{Handle: handle, Number: 1, Operation: o.ID, Version: 1}
		}
	})
	outdated := func(node *rig) map[int]uint64 {
		t.Helper()
		out := map[int]uint64{}
		check(t, node.Outdated(t.Context(), all, func(i int, newest uint64) { out[i] = newest }))
		return out
	}
	wantSame(t, outdated(r), map[int]uint64{})
	check(t, r.SwapOperation(t.Context(), operations[1], done(operations[1], r.alice())))
	for range 2 {
		_, err := r.Register(t.Context(), all[2].Handle, operations[2])
		check(t, err)
	}
	s := r.started()
	all[3].Session, all[3].SessionVersion = s.ID, s.Version
	all[sweepBatch].Session, all[sweepBatch].SessionVersion = s.ID, s.Version+1
	check(t, r.db.Del(t.Context(), r.places(operationKind, string(all[4].Operation))...).Err())
	r.set(r.keys.pages(all[5].Handle), "nonsense")
	last := len(all) - 1
	all[last].Version = 12
	want := map[int]uint64{1: 0, 2: 2, 4: 0, sweepBatch: 0, last: 0}
	for _, node := range []*rig{r, r.another(), r.another(secrets(t, 1, 2)), r.another(secrets(t, 2, 1))} {
		wantSame(t, outdated(node), want)
	}
	r.swapped(s, byPage(), session.Effects{})
	delete(want, sweepBatch) // which believed in that version before
	want[3] = 0
	wantSame(t, outdated(r), want)
	if err := r.Outdated(t.Context(), nil, nil); err != nil {
		t.Error(err)
	}
}

func tamperWebSocketID(t *testing.T, b backend) {
	r := newRig(t, b.address)
	hers, his := r.created(), r.created()
	place := func(o operation.Operation) string {
		return r.nameKey(r.Master.First(), operationKind, r.webSocketID(o))
	}
	value := r.get(place(hers))
	refused := func() {
		t.Helper()
		r.events.details(audit.RecordTampered)
		r.wantUnnamed(r.webSocketID(his))
		wantSame(t, r.events.details(audit.RecordTampered), []string{"operation name"})
	}
	r.set(place(his), value)
	refused()
	// A name of the provider's that leads to the same id is none of an operation's.
	grant := r.granted()
	grant.ID, grant.Names = string(hers.ID), []string{r.webSocketID(his)}
	check(t, r.putNames(t.Context(), grant))
	r.set(place(his), r.get(r.namePlace(grant, grant.Names[0])))
	refused()
	good := r.get(place(hers))
	flips(b, good, func(at int, changed string) {
		r.set(place(hers), changed)
		if id, _, err := r.Named(t.Context(), r.webSocketID(hers)); err == nil {
			t.Fatalf("byte %d changed: leads to %s", at, id)
		}
	})
	r.set(place(hers), good)
	r.wantNamed(r.webSocketID(hers), hers)
}

func tamperNoticeHints(t *testing.T, b backend) {
	r := newRig(t, b.address)
	o, other := r.created(), r.created()
	x := showing(t, r)
	s := r.started()
	good := r.movedHints(spent(o))[0]
	handle, foreign := r.handle(r.Master.First(), r.webSocketID(o)), r.movedHints(spent(other))[0]
	taken, call := r.takenHint(s.ID), r.callHint(r.alice().ID)
	for _, text := range []string{
		"o", "o" + handle, "o" + handle + "|", "o" + handle + "|7", good[:len(good)-1], good + "x", good + "0", // another version
		"o" + handle + foreign[1+len(handle):], // another's
		"r" + good[1:],                         // another kind
		"r" + handle + "|" + taken[2+len(s.ID):2+len(s.ID)+hintMACSize] + "2", // that of a takeover
		"r" + handle + "|" + call[len(call)-hintMACSize:] + "2",               // that of a call
		"r|", "o|",
		r.another(secrets(t, 9)).movedHints(spent(o))[0], // another installation's
	} {
		check(t, r.db.Publish(t.Context(), r.keys.everyNode(), text).Err())
	}
	check(t, r.db.Publish(t.Context(), r.keys.everyNode(), good).Err()) // the last, and good
	eventually(t, "the good one comes", x.look(func() bool { return slices.Equal(x.moved, []string{handle + " 2"}) }))
	if !x.look(func() bool { return len(x.replaced) == 0 && x.forged > 0 })() {
		t.Error("a forged hint was heard")
	}
}
