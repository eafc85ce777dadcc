package store

import (
	"slices"
	"testing"
	"time"

	"countersign/device"
	"countersign/session"
	"countersign/ws"
)

func watchClauses() []clause {
	return []clause{
		{"taking a session over counts up and gives it", takes},
		{"the challenge is asked for before anybody is replaced", takeChallenge},
		{"a page watches its own services alone", takeServices},
		{"the old holder is told when another node takes over", takeTells},
		{"taking over is no new version", takeKeepsVersion},
		{"forty takeovers have forty numbers", takesRace},
		{"what changed is stale", stale},
		{"looking gives session and watcher", looks},
		{"a swap tells the holder", swapTells},
	}
}

func takes(t *testing.T, b backend) {
	r := newRig(t, b.address)
	s := r.started()
	for want := uint64(1); want <= 3; want++ {
		got, err := r.Take(t.Context(), "one", s.ID, ws.Asker{})
		check(t, err)
		wantSame(t, got, ws.Taken{Session: s, Number: want})
	}
	_, err := r.Take(t.Context(), "one", session.NewID(), ws.Asker{})
	wantErr(t, err, session.ErrNotFound)
}

// wantHolder fails unless this node has the session, with that takeover.
func wantHolder(t *testing.T, r *rig, id session.ID, node string, number uint64) {
	t.Helper()
	_, holder, n, err := r.Look(t.Context(), id)
	check(t, err)
	if holder != node || n != number {
		t.Fatalf("held by %q with %d, want %q with %d", holder, n, node, number)
	}
}

func takeChallenge(t *testing.T, b backend) {
	r := newRig(t, b.address)
	right := session.ChallengeOf("verifier")
	s := r.started(func(s *session.Session) { s.Challenge = right })
	_, err := r.Take(t.Context(), "one", s.ID, ws.Asker{})
	wantErr(t, err, ws.ErrVerifierMissing)
	_, err = r.Take(t.Context(), "one", s.ID, ws.Asker{Challenge: session.ChallengeOf("guess")})
	wantErr(t, err, ws.ErrRefused)
	wantHolder(t, r, s.ID, "", 0)

	got, err := r.Take(t.Context(), "one", s.ID, ws.Asker{Challenge: right})
	check(t, err)
	wantSame(t, got, ws.Taken{Session: s, Number: 1})
	for _, wrong := range []string{"", session.ChallengeOf("guess"), right + "|", right[:len(right)-1]} {
		if _, err := r.Take(t.Context(), "two", s.ID, ws.Asker{Challenge: wrong}); err == nil {
			t.Errorf("taken over with challenge %q", wrong)
		}
	}
	wantHolder(t, r, s.ID, "one", 1)
}

func takeServices(t *testing.T, b backend) {
	r := newRig(t, b.address)
	s := r.started()
	for _, services := range [][]string{{}, {"bob"}, {"acm", "acme,", ","}, {""}} {
		_, err := r.Take(t.Context(), "one", s.ID, ws.Asker{Services: services})
		wantErr(t, err, ws.ErrRefused)
	}
	wantHolder(t, r, s.ID, "", 0)
	for n, services := range [][]string{{"acme"}, {"bob", "acme"}, nil} {
		_, err := r.Take(t.Context(), "one", s.ID, ws.Asker{Services: services})
		check(t, err)
		wantHolder(t, r, s.ID, "one", uint64(n)+1)
	}
}

func takeTells(t *testing.T, b backend) {
	r := newRig(t, b.address)
	s := r.started()
	one, two := r.heard("one"), r.heard("two")
	for _, node := range []string{"one", "one", "two", "one"} {
		_, err := r.Take(t.Context(), node, s.ID, ws.Asker{})
		check(t, err)
	}
	// Number 2 went from one to itself and is no news; 3 and 4 are.
	hub := &listener{}
	bus := r.Bus()
	bus.hear(t.Context(), next(t, one), hub)
	bus.hear(t.Context(), next(t, two), hub)
	wantSame(t, hub.takeovers(), []takeover{{s.ID, 3}, {s.ID, 4}})
	if len(one)+len(two) > 0 {
		t.Error("more was told than had happened")
	}
}

func takeKeepsVersion(t *testing.T, b backend) {
	r := newRig(t, b.address)
	s := r.started()
	next := r.apply(s, byPage())
	_, err := r.Take(t.Context(), "one", s.ID, ws.Asker{})
	check(t, err)
	check(t, r.Swap(t.Context(), s, next, session.Effects{}))
	wantHolder(t, r, s.ID, "one", 1)
	got, err := r.Take(t.Context(), "two", s.ID, ws.Asker{})
	check(t, err)
	wantSame(t, got, ws.Taken{Session: next, Number: 2})
}

func takesRace(t *testing.T, b backend) {
	r := newRig(t, b.address)
	s := r.started()
	numbers := make([]uint64, 40)
	together(len(numbers), func(i int) {
		got, err := r.Take(t.Context(), "one", s.ID, ws.Asker{})
		if err != nil {
			t.Error(err)
		}
		numbers[i] = got.Number
	})
	slices.Sort(numbers)
	for i, n := range numbers {
		if n != uint64(i)+1 {
			t.Fatalf("numbers are %v", numbers)
		}
	}
}

func stale(t *testing.T, b backend) {
	r := newRig(t, b.address)
	const many = 2*sweepBatch + 7
	watched := make([]ws.Watched, many)
	sessions := make([]session.Session, many)
	together(8, func(worker int) {
		for i := worker; i < many; i += 8 {
			s := r.begun()
			if err := r.Create(t.Context(), s); err != nil {
				t.Error(err)
			}
			taken, err := r.Take(t.Context(), "one", s.ID, ws.Asker{})
			if err != nil {
				t.Error(err)
			}
			sessions[i], watched[i] = s, ws.Watched{ID: s.ID, Version: s.Version, Number: taken.Number}
		}
	})
	wantStale(t, r, watched)
	r.swapped(sessions[0], byPage(), session.Effects{}) // another version
	_, err := r.Take(t.Context(), "two", sessions[sweepBatch].ID, ws.Asker{})
	check(t, err)                                                              // another holder
	_, err = r.Take(t.Context(), "one", sessions[sweepBatch+1].ID, ws.Asker{}) // another connection
	check(t, err)
	check(t, r.Forget(t.Context(), sessions[many-1])) // gone
	wantStale(t, r, watched, 0, sweepBatch, sweepBatch+1, many-1)
	wantStale(t, r, nil)
}

func wantStale(t *testing.T, r *rig, watched []ws.Watched, want ...int) {
	t.Helper()
	var got []int
	check(t, r.Stale(t.Context(), "one", watched, func(i int) { got = append(got, i) }))
	slices.Sort(got)
	wantSame(t, got, want)
}

func looks(t *testing.T, b backend) {
	r := newRig(t, b.address)
	s := r.started()
	got, holder, number, err := r.Look(t.Context(), s.ID)
	check(t, err)
	wantSame(t, got, s)
	if holder != "" || number != 0 {
		t.Errorf("held by %q with %d before anybody took it", holder, number)
	}
	_, _, _, err = r.Look(t.Context(), session.NewID())
	wantErr(t, err, session.ErrNotFound)
}

func swapTells(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	s := r.started(asked(alice.ID))
	messages := r.heard("one")
	claimed := r.swapped(s, claimBy(alice), session.Effects{}) // nobody watches yet
	_, err := r.Take(t.Context(), "one", s.ID, ws.Asker{})
	check(t, err)
	approved := r.swapped(claimed, approval(alice), session.Effects{})
	node := r.another()
	hub := &listener{}
	node.Bus().hear(t.Context(), next(t, messages), hub)
	wantSame(t, hub.changes(t), []session.Session{approved})
	if len(messages) > 0 {
		t.Error("more was told than had happened")
	}
	// Nobody is told of a swap that did not happen.
	wantErr(t, r.Swap(t.Context(), s, r.apply(s, byPage()), session.Effects{}), session.ErrConflict)
	check(t, r.db.Publish(t.Context(), r.keys.node("one"), "last").Err())
	if got := next(t, messages); got != "last" {
		t.Errorf("told %q", got)
	}
}

// pendingOf asks for what waits for alice's phone, with a nonce.
func pendingOf(t *testing.T, r *rig, i device.Identity, n device.Nonce) ([]session.Session, error) {
	t.Helper()
	return r.Pending(t.Context(), session.Request{Route: session.PendingRoute, Token: i.ID, Device: i.Devices[0].ID},
		session.SeenNonce{Nonce: n, Until: r.Now().Add(time.Minute)})
}
