package store

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/device"
	"countersign/session"
)

func deviceClauses() []clause {
	return []clause{
		{"a device's nonce is spent once, whatever for", deviceNonceOnce},
		{"an identity is swapped together with the nonce, or neither", swapsSpending},
		{"of many swaps with one nonce one gets through", swapsSpendingOnce},
		{"connected phones are told what is listed", listsToPhones},
		{"a phone's list has its identity and what is held against it", listsStandings},
		{"a listed session that is not there is early", listsEarly},
		{"a lock of the owner's is kept", keepsLock},
		{"starts and changed identities are told to nodes with such a phone", callsPhones},
		{"a forged call is not heard", forgedCalls},
		{"whom a session wakes is known by the trip that lists it", wakes},
		{"sessions that wake an identity's phones are counted", countsPushes},
	}
}

func deviceNonceOnce(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice, nonce, until := r.alice(), newNonce(), r.Now().Add(time.Minute)
	d := alice.Devices[0].ID
	check(t, r.SpendNonce(t.Context(), alice.ID, d, nonce, until))
	wantErr(t, r.another().SpendNonce(t.Context(), alice.ID, d, nonce, until), device.ErrReplayed)
	_, err := pendingOf(t, r, alice, nonce)
	wantErr(t, err, device.ErrReplayed)
	check(t, r.SpendNonce(t.Context(), alice.ID, device.NewID(), nonce, until)) // another phone may happen on the same
	// Once the request is stale its nonce is forgotten, and one that is stale
	// already is still good for something.
	short := newNonce()
	check(t, r.SpendNonce(t.Context(), alice.ID, d, short, r.Now().Add(-time.Second)))
	eventually(t, "the nonce is forgotten", func() bool { return r.SpendNonce(t.Context(), alice.ID, d, short, until) == nil })
}

func swapsSpending(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice, nonce, until := r.alice(), newNonce(), r.Now().Add(time.Minute)
	d := alice.Devices[0].ID
	renamed, err := alice.RenameDevice(d, "Alice's old phone")
	check(t, err)
	stale := alice
	stale.Version = 0
	wantErr(t, r.SwapSpending(t.Context(), stale, renamed, d, nonce, until), device.ErrConflict)
	check(t, r.SwapSpending(t.Context(), alice, renamed, d, nonce, until)) // a conflict spends nothing
	locked := renamed.Lock(r.Now().Add(time.Hour))
	wantErr(t, r.SwapSpending(t.Context(), renamed, locked, d, nonce, until), device.ErrReplayed)
	wantErr(t, r.SwapSpending(t.Context(), alice, renamed, d, nonce, until), device.ErrReplayed) // before the conflict
	got, err := r.another().Identity(t.Context(), alice.ID)
	check(t, err)
	wantSame(t, got, renamed)
}

func swapsSpendingOnce(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice, nonce, until := r.alice(), newNonce(), r.Now().Add(time.Minute)
	next, err := alice.RenameDevice(alice.Devices[0].ID, "Alice's old phone")
	check(t, err)
	var won atomic.Int64
	together(20, func(int) {
		switch err := r.SwapSpending(t.Context(), alice, next, alice.Devices[0].ID, nonce, until); {
		case err == nil:
			won.Add(1)
		case !errors.Is(err, device.ErrReplayed):
			t.Error(err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("%d of twenty got through", won.Load())
	}
}

// phoneOf is the first phone of an identity, as connected.
func phoneOf(i device.Identity) session.Phone {
	return session.Phone{Token: i.ID, Device: i.Devices[0].ID}
}

func listsToPhones(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice, bob := r.alice(), r.alice()
	one, two := r.started(asked(alice.ID)), r.started(asked(alice.ID))
	ended := r.started(asked(alice.ID))
	r.swapped(ended, byPage(), session.Effects{})
	lists, err := r.Listed(t.Context(), []session.Phone{phoneOf(bob), phoneOf(alice), {Token: device.NewTokenID(), Device: "dev_"}})
	check(t, err)
	if len(lists) != 3 || len(lists[0].Sessions) != 0 || len(lists[2].Sessions) != 0 || lists[2].Identity.ID != "" {
		t.Fatalf("%+v", lists)
	}
	var got []session.ID
	for _, s := range lists[1].Sessions {
		got = append(got, s.ID)
	}
	slices.Sort(got)
	want := []session.ID{one.ID, two.ID}
	slices.Sort(want)
	wantSame(t, got, want)
	for i, want := range []device.Identity{bob, alice} {
		check(t, lists[i].Err)
		wantSame(t, lists[i].Identity, want)
		if lists[i].Early {
			t.Error("early, though nothing is")
		}
	}
	if n := r.trips.during(func() { _, _ = r.Listed(t.Context(), []session.Phone{phoneOf(bob), phoneOf(bob)}) }); b.name != "cluster" && n != 1 {
		t.Errorf("nothing waits, and it took %d trips", n)
	}
}

func listsStandings(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(*Limits) {}))
	alice := r.alice()
	for range 10 {
		_, _, err := r.CountWrong(t.Context(), alice.ID, alice.Devices[0].ID)
		check(t, err)
	}
	lists, err := r.Listed(t.Context(), []session.Phone{phoneOf(alice), {Token: alice.ID, Device: device.NewID()}})
	check(t, err)
	if !lists[0].Standing.Locked.After(r.Now()) || lists[1].Standing.Locked.After(r.Now()) {
		t.Errorf("locked until %v, another phone until %v", lists[0].Standing.Locked, lists[1].Standing.Locked)
	}
}

func listsEarly(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	s := r.started(asked(alice.ID))
	check(t, r.db.Del(t.Context(), r.keys.session(s.ID)).Err())
	lists, err := r.Listed(t.Context(), []session.Phone{phoneOf(alice)})
	check(t, err)
	if !lists[0].Early || len(lists[0].Sessions) != 0 {
		t.Errorf("%+v", lists[0])
	}
}

func keepsLock(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	locked := alice.Lock(r.Now().Add(time.Hour).Truncate(time.Second))
	check(t, r.SwapIdentity(t.Context(), alice, locked))
	got, err := r.another().Identity(t.Context(), alice.ID)
	check(t, err)
	wantSame(t, got, locked)
	if got.LockedAt(r.Now()) == nil {
		t.Error("not locked")
	}
}

// switchboard is phones that only remember what they hear.
type switchboard struct {
	mu     sync.Mutex
	here   []device.TokenID
	called []device.TokenID
	missed int
}

func (x *switchboard) Has(id device.TokenID) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Contains(x.here, id)
}

func (x *switchboard) Called(id device.TokenID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.called = append(x.called, id)
}

func (x *switchboard) Missed() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.missed++
}

func (x *switchboard) misses() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.missed
}

// calls is how often an identity's phones were called; "" is everybody's.
func (x *switchboard) calls(id device.TokenID) (n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range x.called {
		if c == id || id == "" {
			n++
		}
	}
	return n
}

// listening is a node with phones of these identities.
func listening(t *testing.T, r *rig, here ...device.TokenID) *switchboard {
	t.Helper()
	bus, x := r.Bus(), &switchboard{here: here}
	bus.Phones = x
	runBus(t, bus, &listener{})
	eventually(t, "the bus delivers", bus.Delivers)
	if x.misses() == 0 {
		t.Error("what came before the subscription was not read again")
	}
	return x
}

func callsPhones(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice, bob := r.alice(), r.alice()
	one, two := listening(t, r.another(), alice.ID), listening(t, r.another(), alice.ID, bob.ID)
	old := listening(t, r.another(func(o *Options) { o.Master = master(t, 2, 1) }), alice.ID)
	r.started(asked(alice.ID))
	for _, x := range []*switchboard{one, two, old} {
		eventually(t, "the start is heard of", func() bool { return x.calls(alice.ID) >= 1 })
	}
	r.started()                           // of nobody
	r.started(asked(device.NewTokenID())) // of somebody unknown
	check(t, r.SwapIdentity(t.Context(), bob, bob.SetStatus(device.Revoked)))
	eventually(t, "the revocation is heard of", func() bool { return two.calls(bob.ID) >= 1 })
	next, err := alice.RenameDevice(alice.Devices[0].ID, "Alice's old phone")
	check(t, err)
	check(t, r.SwapSpending(t.Context(), alice, next, alice.Devices[0].ID, newNonce(), r.Now().Add(time.Minute)))
	// A call may come twice, for it only says that there is something to read.
	eventually(t, "the new name is heard of", func() bool { return one.calls(alice.ID) >= 2 && two.calls(alice.ID) >= 2 })
	if one.calls(bob.ID) != 0 || two.calls("") != two.calls(alice.ID)+two.calls(bob.ID) {
		t.Errorf("%d calls of bob where he is not, %d in all where both are", one.calls(bob.ID), two.calls(""))
	}
}

func forgedCalls(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice, bob := r.alice(), r.alice()
	x := listening(t, r, alice.ID, bob.ID)
	good := r.callHint(alice.ID)
	for _, text := range []string{"d", "d" + string(alice.ID), "d" + string(alice.ID) + "|", good[:len(good)-1],
		"d" + string(bob.ID) + good[len("d"+string(alice.ID)):]} {
		check(t, r.db.Publish(t.Context(), r.keys.everyNode(), text).Err())
	}
	check(t, r.db.Publish(t.Context(), r.keys.everyNode(), r.callHint(bob.ID)).Err()) // the last, and good
	eventually(t, "the good one comes", func() bool { return x.calls(bob.ID) == 1 })
	if x.calls(alice.ID) != 0 {
		t.Error("a forged call was heard")
	}
}
