package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/operation"
	"countersign/session"
)

func limitClauses() []clause {
	return []clause{
		{"a burst, and then the rate", gcra},
		{"who was refused costs no trip", refusedCheaply},
		{"forty at once are let through as many as may", gcraRace},
		{"messages are counted per user, whoever asks, and per address", messagesLimited},
		{"typed codes are held for a week, and longer once they have the method off", codesHeld},
		{"every route of a phone is counted by itself", routesApart},
		{"a refused start leaves nothing", refusedStart},
		{"a session that ends soon makes no list forget the others", shortBesideLong},
		{"there is room for half per service and a hundredth per address", censusBounds},
		{"every node knows all sessions", censusShared},
		{"an end that is told before its start still counts", censusOvertaken},
		{"what has expired makes room", censusExpires},
		{"a census that Redis does not take is not lost", censusKept},
	}
}

// phoneFrom is a phone's request that only its address is of interest in.
func phoneFrom(r *rig, route session.Route, from string) error {
	_, err := r.Phone(r.t.Context(), session.Request{Route: route, Token: device.NewTokenID(), Address: from})
	return err
}

func gcra(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.Phone = Rate{6, time.Minute} }))
	ask := func() error {
		r.refused = newRefusals() // as another node
		return phoneFrom(r, session.PendingRoute, address(1))
	}
	for range 6 {
		check(t, ask())
	}
	for range 3 {
		wantLimited(t, ask(), 10*time.Second) // being refused costs nothing
	}
	for range 4 { // and then one every ten seconds
		r.later(10*time.Second + 100*time.Millisecond)
		check(t, ask())
		wantLimited(t, ask(), 10*time.Second)
	}
	r.later(2 * time.Minute)
	for range 6 { // after a pause a burst again, no longer than the first
		check(t, ask())
	}
	wantLimited(t, ask(), 10*time.Second)
	check(t, phoneFrom(r, session.PendingRoute, address(2)))
}

func refusedCheaply(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.Phone, l.Initiate = Rate{1, time.Hour}, Rate{1, time.Hour} }))
	check(t, phoneFrom(r, session.ClaimRoute, address(1)))
	check(t, r.Create(t.Context(), r.begun(from(address(1)))))
	wantLimited(t, phoneFrom(r, session.ClaimRoute, address(1)), time.Hour)
	wantLimited(t, r.Create(t.Context(), r.begun(from(address(1)))), time.Hour)
	n := r.trips.during(func() {
		for range 10 {
			wantLimited(t, phoneFrom(r, session.ClaimRoute, address(1)), time.Hour)
			wantLimited(t, r.Create(t.Context(), r.begun(from(address(1)))), time.Hour)
		}
	})
	if n != 0 {
		t.Errorf("twenty refusals cost %d trips", n)
	}
	wantSame(t, r.events.details(audit.RequestsLimited), []string{"claim", "initiate"})
}

func messagesLimited(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.Messages, l.MessagesPerUser = Rate{4, time.Hour}, Rate{2, time.Hour} }))
	alice, nobody := r.alice().ID, device.TokenID("nobody")
	send := func(id device.TokenID, from int) error {
		r.refused = newRefusals() // as another node
		return r.CountSend(t.Context(), id, address(from))
	}
	for _, id := range []device.TokenID{alice, nobody} {
		check(t, send(id, 1))
		check(t, send(id, 2))
		wantLimited(t, send(id, 3), 30*time.Minute)
		wantLimited(t, r.CountSend(t.Context(), id, address(4)), 30*time.Minute) // told by this node
	}
	check(t, send("bob", 1))
	check(t, send("bob", 1))
	wantLimited(t, send("carol", 1), 15*time.Minute)
	check(t, send("carol", 2)) // who was refused by address has lost nothing
	check(t, send("carol", 2))
	wantSame(t, r.events.details(audit.RequestsLimited), []string{"message_user", "message_user", "message"})
}

func gcraRace(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.Phone = Rate{5, time.Hour} }))
	let := make(chan bool, 40)
	together(40, func(int) { let <- phoneFrom(r, session.VerifyRoute, address(1)) == nil })
	n := 0
	for range 40 {
		if <-let {
			n++
		}
	}
	// The fifth may be told to wait for the millisecond by which it read the
	// clock before the first did.
	if n != 5 && n != 4 {
		t.Errorf("%d of forty got through, want 5", n)
	}
}

func routesApart(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.Phone = Rate{1, time.Hour} }))
	for _, route := range []session.Route{session.ClaimRoute, session.VerifyRoute, session.PendingRoute} {
		check(t, phoneFrom(r, route, address(1)))
		wantLimited(t, phoneFrom(r, route, address(1)), time.Hour)
	}
}

func refusedStart(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.Initiate = Rate{1, time.Hour} }))
	alice := r.alice()
	first := r.started(asked(alice.ID), from(address(1)))
	refused := r.begun(asked(alice.ID), from(address(1)))
	wantLimited(t, r.Create(t.Context(), refused), time.Hour)
	_, err := r.Session(t.Context(), refused.ID)
	wantErr(t, err, session.ErrNotFound)
	wantPending(t, r, alice, first.ID)
	if got := r.counted(allSessions); got != 1 {
		t.Errorf("%d sessions are counted, want 1", got)
	}
}

// counted is how many sessions of a part Redis counts.
func (r *rig) counted(part string) int64 {
	r.t.Helper()
	r.flushCensus(r.t.Context())
	n, err := r.db.ZCard(r.t.Context(), r.keys.census(part)).Result()
	check(r.t, err)
	return n
}

func of(service string) func(*session.Session) {
	return func(s *session.Session) { s.Service = service }
}

func censusBounds(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.Outstanding = 200 }))
	one := r.started(from(address(1)))
	r.started(from(address(1)))
	wantLimited(t, r.Create(t.Context(), r.begun(from(address(1)))), retryOutstanding)
	r.swapped(one, byPage(), session.Effects{})
	r.flushCensus(t.Context())
	r.started(from(address(1))) // its end made room
	wantLimited(t, r.Create(t.Context(), r.begun(from(address(1)))), retryOutstanding)

	for i := range 98 { // acme has two
		check(t, r.Create(t.Context(), r.begun(from(address(2+i/2)))))
	}
	wantLimited(t, r.Create(t.Context(), r.begun(from(address(60)))), retryOutstanding)
	for i := range 50 {
		r.started(of("bob"), from(address(100+i)))
		r.started(of("carol"), from(address(100+i)))
	}
	wantErr(t, r.Create(t.Context(), r.begun(of("dan"), from(address(201)))), session.ErrFull)
}

func censusShared(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.Outstanding = 4 }))
	node := r.another()
	one, two := r.started(from(address(1))), r.started(from(address(2)))
	r.flushCensus(t.Context())
	node.flushCensus(t.Context())
	node.started(of("bob"), from(address(3)))
	node.started(of("bob"), from(address(4)))
	wantErr(t, node.Create(t.Context(), node.begun(of("carol"), from(address(5)))), session.ErrFull)
	node.flushCensus(t.Context())
	r.flushCensus(t.Context())
	wantErr(t, r.Create(t.Context(), r.begun(of("carol"), from(address(5)))), session.ErrFull)

	// Any node may end it.
	node.swapped(one, byPage(), session.Effects{})
	node.swapped(two, byPage(), session.Effects{})
	if got := node.counted(allSessions); got != 2 {
		t.Errorf("%d sessions are counted, want 2", got)
	}
	r.flushCensus(t.Context())
	r.started(of("carol"), from(address(5)))
}

func censusOvertaken(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.Outstanding = 2 }))
	node := r.another()
	one := r.started(from(address(1)))
	node.swapped(one, byPage(), session.Effects{})
	node.flushCensus(t.Context()) // the start is not sent yet
	if got := r.counted(allSessions); got != 1 {
		t.Errorf("%d sessions are counted, want the one whose end was overtaken", got)
	}
	if got := node.counted(allSessions); got != 0 {
		t.Errorf("%d sessions are counted, and all have ended", got)
	}
}

func censusExpires(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.Outstanding = 2 }))
	r.started(from(address(1)))
	r.started(of("bob"), from(address(2)))
	r.flushCensus(t.Context())
	wantErr(t, r.Create(t.Context(), r.begun(of("carol"), from(address(3)))), session.ErrFull)
	r.later(2 * time.Minute)
	r.flushCensus(t.Context())
	r.started(from(address(1)))
}

func censusKept(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.Outstanding = 2 }))
	r.started(from(address(1)))
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	r.flushCensus(cut) // Redis does not answer
	r.started(of("bob"), from(address(2)))
	if err := r.Create(t.Context(), r.begun(of("carol"), from(address(3)))); !errors.Is(err, session.ErrFull) {
		t.Errorf("what was not sent is not counted: %v", err)
	}
	if got := r.counted(allSessions); got != 2 {
		t.Errorf("%d sessions are counted, want 2", got)
	}
}

func codesHeld(t *testing.T, b backend) {
	r := newRig(t, b.address)
	id := device.NewTokenID()
	held := func() time.Duration {
		t.Helper()
		left, err := r.db.PTTL(t.Context(), r.keys.standing(id)).Result()
		check(t, err)
		return left
	}
	for n := 1; n <= operation.TypedInARow; n++ {
		got, err := r.CountCode(t.Context(), id, operation.ByMessage, "192.0.2.1")
		check(t, err)
		wantSame(t, got, n)
		if left := held(); n < operation.TypedInARow && (left > guessTTL || left < guessTTL-time.Hour) {
			t.Fatalf("%d codes are held for %v", n, left)
		}
	}
	if left := held(); left > guessTTLOff || left < guessTTLOff-time.Hour {
		t.Errorf("too many are held for %v", left)
	}
	check(t, r.UncountCode(t.Context(), id, operation.ByMessage))
	r.guard.full.Store(true)
	defer r.guard.full.Store(false)
	if _, err := r.CountCode(t.Context(), id, operation.ByMessage, "192.0.2.1"); !errors.Is(err, session.ErrFull) {
		t.Errorf("a full store: %v", err)
	}
}
