package store

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"countersign/device"
	"countersign/session"
)

func phoneClauses() []clause {
	return []clause{
		{"an identity is swapped by its version", swapsIdentity},
		{"all identities are visited", visitsIdentities},
		{"no more sessions are listed than may wait", pendingCapped},
		{"what has expired is not listed", pendingExpires},
		{"a nonce is spent once", nonceOnce},
		{"ten wrong codes lock, and every further one longer", wrongCodesLock},
		{"wrong codes long ago do not count", wrongCodesForgotten},
		{"an operator lifts what is counted", clearsWrong},
	}
}

func swapsIdentity(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	node := r.another()
	got, err := node.Identity(t.Context(), alice.ID)
	check(t, err)
	wantSame(t, got, alice)
	_, err = r.Identity(t.Context(), device.NewTokenID())
	wantErr(t, err, device.ErrUnknown)

	var won atomic.Int64
	together(20, func(i int) {
		err := r.SwapIdentity(t.Context(), alice, alice.SetStatus(device.Status(i%2)))
		switch {
		case err == nil:
			won.Add(1)
		case !errors.Is(err, device.ErrConflict):
			t.Error(err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("%d of twenty swaps of one version got through", won.Load())
	}
	wantErr(t, r.SwapIdentity(t.Context(), device.Identity{}, alice), device.ErrConflict)

	// Under a new first master secret it is said to need sealing anew.
	rotated := r.another(func(o *Options) { o.Master = master(t, 2, 1) })
	got, err = rotated.Identity(t.Context(), alice.ID)
	check(t, err)
	if !got.Resealable {
		t.Error("sealed under the second secret, and not said so")
	}
	next := got.SetStatus(device.Locked)
	check(t, rotated.SwapIdentity(t.Context(), got, next))
	got, err = rotated.Identity(t.Context(), alice.ID)
	check(t, err)
	if got.Resealable {
		t.Error("still sealed under the second secret")
	}
}

func visitsIdentities(t *testing.T, b backend) {
	r := newRig(t, b.address)
	want := map[device.TokenID]device.Identity{}
	for range 50 {
		i := r.alice()
		want[i.ID] = i
	}
	got := map[device.TokenID]device.Identity{}
	check(t, r.Identities(t.Context(), func(i device.Identity) error {
		got[i.ID] = i
		return nil
	}))
	wantSame(t, got, want)
	wantErr(t, r.Identities(t.Context(), func(device.Identity) error { return device.ErrConflict }), device.ErrConflict)
}

func pendingCapped(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.PendingPerUser = 3 }))
	alice, bob := r.alice(), r.alice()
	var listed []session.ID
	for range 3 {
		listed = append(listed, r.started(asked(alice.ID)).ID)
	}
	over := r.started(asked(alice.ID)) // answered as any other, but not listed
	_, err := r.Session(t.Context(), over.ID)
	check(t, err)
	wantPending(t, r, alice, listed...)
	wantPending(t, r, bob)
	r.started() // of nobody
	wantPending(t, r, bob)
}

func pendingExpires(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.PendingPerUser = 2 }))
	alice := r.alice()
	one := r.started(asked(alice.ID))
	r.later(time.Minute)
	two := r.started(asked(alice.ID))
	wantPending(t, r, alice, one.ID, two.ID)
	r.later(time.Minute + time.Second)
	wantPending(t, r, alice, two.ID)
	three := r.started(asked(alice.ID)) // there is room again
	wantPending(t, r, alice, two.ID, three.ID)
}

func nonceOnce(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice, bob := r.alice(), r.alice()
	r.started(asked(alice.ID))
	nonce := newNonce()
	var let atomic.Int64
	together(20, func(int) {
		_, err := r.Pending(t.Context(), session.Request{Token: alice.ID, Device: alice.Devices[0].ID},
			session.SeenNonce{Nonce: nonce, Until: r.Now().Add(time.Minute)})
		switch {
		case err == nil:
			let.Add(1)
		case !errors.Is(err, device.ErrReplayed):
			t.Error(err)
		}
	})
	if let.Load() != 1 {
		t.Errorf("a nonce was good %d times", let.Load())
	}
	// Another identity's phone may happen on the same.
	_, err := pendingOf(t, r, bob, nonce)
	check(t, err)
}

func wrongCodesLock(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(*Limits) {}))
	alice := r.alice()
	phone := alice.Devices[0].ID
	locks := []time.Duration{0, 0, 0, 0, 0, 0, 0, 0, 0, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute,
		8 * time.Minute}
	for i, want := range locks {
		inARow, lock, err := r.CountWrong(t.Context(), alice.ID, phone)
		check(t, err)
		if inARow != i+1 || lock != want {
			t.Fatalf("wrong code %d: %d in a row, locked for %v, want %v", i+1, inARow, lock, want)
		}
		until := r.standingOf(alice).Locked
		if want == 0 && !until.IsZero() || want > 0 && absolute(until.Sub(r.Now().Add(want))) > time.Second {
			t.Fatalf("wrong code %d: locked until %v, now %v, want %v", i+1, until, r.Now(), want)
		}
		r.later(time.Second)
	}
	for range 5 { // ten more in the window, up to the longest
		_, lock, err := r.CountWrong(t.Context(), alice.ID, phone)
		check(t, err)
		if lock > time.Hour {
			t.Fatalf("locked for %v", lock)
		}
	}
	if _, lock, err := r.CountWrong(t.Context(), alice.ID, phone); err != nil || lock != time.Hour {
		t.Errorf("locked for %v, %v, want the longest", lock, err)
	}
	// Another phone of alice's is not locked by this one's.
	if _, lock, err := r.CountWrong(t.Context(), alice.ID, device.NewID()); err != nil || lock != 0 {
		t.Errorf("another phone is locked for %v, %v", lock, err)
	}
}

func absolute(d time.Duration) time.Duration { return max(d, -d) }

func wrongCodesForgotten(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(*Limits) {}))
	alice := r.alice()
	for i := range 30 {
		inARow, lock, err := r.CountWrong(t.Context(), alice.ID, alice.Devices[0].ID)
		check(t, err)
		if lock != 0 || inARow != i+1 {
			t.Fatalf("wrong code %d: %d in a row, locked for %v", i+1, inARow, lock)
		}
		r.later(15*time.Minute/9 + time.Second) // ten take longer than the window
	}
}

func clearsWrong(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(*Limits) {}))
	alice := r.alice()
	for range 10 {
		_, _, err := r.CountWrong(t.Context(), alice.ID, alice.Devices[0].ID)
		check(t, err)
	}
	if r.standingOf(alice).Locked.IsZero() {
		t.Fatal("not locked")
	}
	check(t, r.ClearWrong(t.Context(), alice.ID))
	wantSame(t, r.standingOf(alice), session.Standing{})
}
