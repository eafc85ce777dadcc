package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/device"
	"countersign/session"
)

func sessionClauses() []clause {
	return []clause{
		{"a session is read as it was created", createdSession},
		{"a swap replaces the version that was read and no other", swapCompares},
		{"a swap may be repeated", swapRepeats},
		{"of forty swaps of one version one gets through", swapsRace},
		{"what is forgotten is gone", forgottenSession},
		{"what found no room is listed later", relistedSession},
		{"opening reads session, identity and standing in one trip", openedSession},
		{"an unknown identity is a zero one", openedUnknown},
		{"an ended session leaves the list", endLeavesList},
		{"a report freezes a service", freezes},
		{"twenty browsers are remembered", browsersCapped},
		{"an approval clears what is counted against a device", clears},
		{"an idempotency key stands for the first session", idempotency},
	}
}

func createdSession(t *testing.T, b backend) {
	r := newRig(t, b.address)
	s := r.started(asked(device.NewTokenID()), from(address(1)))
	for _, node := range []*rig{r, r.another()} {
		got, err := node.Session(t.Context(), s.ID)
		check(t, err)
		wantSame(t, got, s)
	}
	_, err := r.Session(t.Context(), session.NewID())
	wantErr(t, err, session.ErrNotFound)

	// The same id again: the first stands.
	other := s
	other.Service = "another"
	check(t, r.Create(t.Context(), other))
	got, err := r.another().Session(t.Context(), s.ID)
	check(t, err)
	wantSame(t, got, s)
}

func swapCompares(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	first := r.started(asked(alice.ID))
	second := r.swapped(first, claimBy(alice), session.Effects{})
	got, err := r.Session(t.Context(), first.ID)
	check(t, err)
	wantSame(t, got, second)

	wantErr(t, r.Swap(t.Context(), first, r.apply(first, byPage()), session.Effects{}), session.ErrConflict)
	got, err = r.Session(t.Context(), first.ID)
	check(t, err)
	wantSame(t, got, second)

	never := r.begun()
	wantErr(t, r.Swap(t.Context(), never, r.apply(never, byPage()), session.Effects{}), session.ErrNotFound)
	_, err = r.Session(t.Context(), never.ID)
	wantErr(t, err, session.ErrNotFound)
}

// swapRepeats: a client that lost the answer sends the same command again, and
// must not be told that somebody else was quicker.
func swapRepeats(t *testing.T, b backend) {
	r := newRig(t, b.address)
	s := r.started()
	next := r.apply(s, byPage())
	body, ttl := r.sealSession(next)
	for range 3 {
		done, err := r.scripts.swap.run(t.Context(), r.db, []string{r.keys.session(s.ID)}, "1", "2", body, ttl,
			r.keys.node(""), changeHint(s.ID, 2)).Int()
		check(t, err)
		if done != 1 {
			t.Fatalf("answered %d", done)
		}
	}
	// The same version with another body is somebody else's.
	wantErr(t, r.Swap(t.Context(), s, next, session.Effects{}), session.ErrConflict)
}

func swapsRace(t *testing.T, b backend) {
	r := newRig(t, b.address)
	s := r.started()
	var mu sync.Mutex
	won := []session.Session{}
	together(40, func(i int) {
		next := r.apply(s, byPage())
		next.ClientNonce = fmt.Sprint(i)
		err := r.Swap(t.Context(), s, next, session.Effects{})
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			won = append(won, next)
		case !errors.Is(err, session.ErrConflict):
			t.Errorf("swap %d: %v", i, err)
		}
	})
	if len(won) != 1 {
		t.Fatalf("%d swaps got through", len(won))
	}
	got, err := r.Session(t.Context(), s.ID)
	check(t, err)
	wantSame(t, got, won[0])
}

func forgottenSession(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	s := r.started(asked(alice.ID))
	check(t, r.Forget(t.Context(), s))
	_, err := r.Session(t.Context(), s.ID)
	wantErr(t, err, session.ErrNotFound)
	wantErr(t, r.Swap(t.Context(), s, r.apply(s, byPage()), session.Effects{}), session.ErrNotFound)
	wantPending(t, r, alice)
}

// What found no room on the phones is listed once there is some, and once.
func relistedSession(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.PendingPerUser = 1 }))
	alice := r.alice()
	first, second := r.started(asked(alice.ID)), r.started(asked(alice.ID))
	check(t, r.Relist(t.Context(), second))
	wantPending(t, r, alice, first.ID)
	check(t, r.Forget(t.Context(), first))
	for range 2 {
		check(t, r.Relist(t.Context(), second))
		wantPending(t, r, alice, second.ID)
	}
}

func openedSession(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.Phone = Rate{60, time.Minute} }))
	alice := r.alice()
	s := r.started(asked(alice.ID))
	_, _, err := r.CountWrong(t.Context(), alice.ID, alice.Devices[0].ID)
	check(t, err)
	req := session.Request{Route: session.VerifyRoute, Session: s.ID, Token: alice.ID, Device: alice.Devices[0].ID, Address: address(1)}
	var o session.Opened
	n := r.trips.during(func() { o, err = r.Open(t.Context(), req) })
	check(t, err)
	if n != 1 {
		t.Errorf("%d trips", n)
	}
	wantSame(t, o.Session, s)
	wantSame(t, o.Identity, alice)
	req.Session = session.NewID()
	_, err = r.Open(t.Context(), req)
	wantErr(t, err, session.ErrNotFound)
}

func openedUnknown(t *testing.T, b backend) {
	r := newRig(t, b.address)
	s := r.started()
	for _, token := range []device.TokenID{device.NewTokenID(), "", "tok_{x}:s", device.TokenID(strings.Repeat("x", 1000))} {
		o, err := r.Open(t.Context(), session.Request{Route: session.ClaimRoute, Session: s.ID, Token: token, Device: "dev_?"})
		check(t, err)
		wantSame(t, o, session.Opened{Session: s})
	}
	if tampered := r.events.details("record.tampered"); len(tampered) > 0 {
		t.Errorf("on record as tampered with: %q", tampered)
	}
}

func endLeavesList(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	one, two := r.started(asked(alice.ID)), r.started(asked(alice.ID))
	wantPending(t, r, alice, one.ID, two.ID)
	r.swapped(one, byPage(), session.Effects{})
	wantPending(t, r, alice, two.ID)
	r.swapped(two, claimBy(alice), session.Effects{})
	wantPending(t, r, alice, two.ID)
}

// wantPending fails unless exactly these sessions are listed to the identity.
func wantPending(t *testing.T, r *rig, i device.Identity, want ...session.ID) {
	t.Helper()
	sessions, err := r.Pending(t.Context(), session.Request{Route: session.PendingRoute, Token: i.ID, Device: i.Devices[0].ID},
		session.SeenNonce{Nonce: newNonce(), Until: r.Now().Add(time.Minute)})
	check(t, err)
	got := map[session.ID]bool{}
	for _, s := range sessions {
		got[s.ID] = true
	}
	wanted := map[session.ID]bool{}
	for _, id := range want {
		wanted[id] = true
	}
	wantSame(t, got, wanted)
}

// standingOf reads what is held for and against alice.
func (r *rig) standingOf(i device.Identity) session.Standing {
	r.t.Helper()
	o, err := r.Phone(r.t.Context(), session.Request{Route: session.PendingRoute, Token: i.ID, Device: i.Devices[0].ID})
	check(r.t, err)
	wantSame(r.t, o.Identity, i)
	return o.Standing
}

func freezes(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	s := r.started(asked(alice.ID))
	s = r.swapped(s, claimBy(alice), session.Effects{})
	from := r.Now().Truncate(time.Millisecond)
	freeze := session.Freeze{From: from, Until: from.Add(session.FreezeTime)}
	r.swapped(s, session.Action{Verb: session.DoReport}, session.Effects{Freeze: &freeze})
	wantSame(t, r.standingOf(alice), session.Standing{Frozen: map[string]session.Freeze{"acme": freeze}})
}

func browsersCapped(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	for i := range fieldsMax + 5 {
		s := r.swapped(r.started(asked(alice.ID)), claimBy(alice), session.Effects{})
		r.swapped(s, approval(alice), session.Effects{Browser: fmt.Sprint("b", i)})
		r.later(time.Second)
	}
	got := map[string]bool{}
	for _, mark := range r.standingOf(alice).Browsers {
		got[mark] = true
	}
	want := map[string]bool{}
	for i := range fieldsMax {
		want[fmt.Sprint("b", i+5)] = true // the five oldest are forgotten
	}
	wantSame(t, got, want)
}

func clears(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(*Limits) {}))
	alice := r.alice()
	other := device.NewID()
	for _, d := range []device.ID{alice.Devices[0].ID, other} {
		_, _, err := r.CountWrong(t.Context(), alice.ID, d)
		check(t, err)
	}
	wantSame(t, r.standingOf(alice), session.Standing{Wrong: 2, Counted: true})
	s := r.swapped(r.started(asked(alice.ID)), claimBy(alice), session.Effects{})
	r.swapped(s, approval(alice), session.Effects{Clear: alice.Devices[0].ID})
	wantSame(t, r.standingOf(alice), session.Standing{})
	fields, err := r.db.HGetAll(t.Context(), r.keys.standing(alice.ID)).Result()
	check(t, err)
	if _, kept := fields[deviceField+string(other)]; !kept || len(fields) != 1 {
		t.Errorf("another device's wrong codes are not the only ones left: %v", fields)
	}
}

func idempotency(t *testing.T, b backend) {
	r := newRig(t, b.address)
	_, _, ok, err := r.Recall(t.Context(), "key")
	check(t, err)
	if ok {
		t.Fatal("a key that nobody used stands for something")
	}
	var mu sync.Mutex
	stands := map[session.ID]bool{}
	together(20, func(int) {
		id, body, err := r.Remember(t.Context(), "key", session.NewID(), "body", time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if err != nil || body != "body" {
			t.Errorf("%q, %v", body, err)
		}
		stands[id] = true
	})
	id, body, ok, err := r.another().Recall(t.Context(), "key")
	check(t, err)
	if !ok || body != "body" || len(stands) != 1 || !stands[id] {
		t.Fatalf("stands for %v, recalled %q %q %v", stands, id, body, ok)
	}
	r.later(time.Minute)
	if _, _, ok, err = r.Recall(t.Context(), "key"); ok || err != nil {
		t.Errorf("after its time: recalled %v, %v", ok, err)
	}
}

// limits sets limits; a test changes those it is about.
func limits(change func(*Limits)) func(*Options) {
	return func(o *Options) {
		o.Limits = Limits{WrongCodes: Rate{10, 15 * time.Minute}, FirstLock: 30 * time.Second, LongestLock: time.Hour, PendingPerUser: 3}
		change(&o.Limits)
	}
}
