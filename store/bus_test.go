package store

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"countersign/session"
	"countersign/ws"
)

// running starts a bus, and waits until it delivers.
func running(t *testing.T, r *rig) (*Bus, *listener) {
	t.Helper()
	bus, hub := r.Bus(), &listener{}
	if bus.Delivers() {
		t.Error("delivers before it runs")
	}
	runBus(t, bus, hub)
	eventually(t, "the bus delivers", bus.Delivers)
	return bus, hub
}

func runBus(t *testing.T, bus *Bus, hub ws.Listener) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		bus.Run(ctx, hub)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
}

// watched is a session that the bus's node watches, and what the node believes.
func watched(t *testing.T, r *rig, bus *Bus) (session.Session, ws.Watched) {
	t.Helper()
	s := r.started()
	taken, err := r.Take(t.Context(), bus.Node(), s.ID, ws.Asker{})
	check(t, err)
	return s, ws.Watched{ID: s.ID, Version: s.Version, Number: taken.Number}
}

// TestBus is the way of a hint from a swap on one node to the hub of another.
func TestBus(t *testing.T) {
	t.Parallel()
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, b.address)
			bus, hub := running(t, r)
			if hub.misses() == 0 {
				t.Error("what came before the subscription was not read again")
			}
			s, _ := watched(t, r, bus)
			ended := r.another().swapped(s, byPage(), session.Effects{})
			eventually(t, "the swap is heard of", func() bool { return len(hub.heardOf()) > 0 })
			wantSame(t, hub.changes(t), []session.Session{ended})

			_, err := r.Take(t.Context(), "another", s.ID, ws.Asker{})
			check(t, err)
			eventually(t, "the takeover is heard of", func() bool { return len(hub.takeovers()) > 0 })
			wantSame(t, hub.takeovers(), []takeover{{s.ID, 2}})
		})
	}
}

// TestBusLosesAHint: what a hint would have said, the record still says.
func TestBusLosesAHint(t *testing.T) {
	t.Parallel()
	_, at := single(t)
	r := newRig(t, at)
	bus, hub := r.Bus(), &listener{}
	var dropped atomic.Int64
	bus.Dropped = func() bool { return dropped.Add(1)%3 == 0 } // every third
	runBus(t, bus, hub)
	eventually(t, "the bus delivers", bus.Delivers)
	var sessions []session.Session
	var believed []ws.Watched
	for range 30 {
		s, w := watched(t, r, bus)
		sessions, believed = append(sessions, s), append(believed, w)
	}
	for _, s := range sessions {
		r.swapped(s, byPage(), session.Effects{})
	}
	eventually(t, "thirty hints come", func() bool { return dropped.Load() == 30 })
	heard := hub.heardOf() // the last of them was dropped
	if len(heard) != 20 {
		t.Errorf("%d of thirty hints were let through, want 20", len(heard))
	}
	var lost []session.ID
	check(t, r.Stale(t.Context(), bus.Node(), believed, func(i int) {
		if id := believed[i].ID; !slices.Contains(heard, id) {
			lost = append(lost, id)
			s, _, _, err := r.Look(t.Context(), id)
			if err != nil || s.State != session.Cancelled {
				t.Errorf("%v, %v", s.State, err)
			}
		}
	}))
	if len(lost) != 10 {
		t.Errorf("%d lost hints were found, want 10", len(lost))
	}
}

// TestBusFallsSilent: the connections stand and nothing comes, as when a master
// hangs. The node notices, and builds its subscription anew.
func TestBusFallsSilent(t *testing.T) {
	t.Parallel()
	server, at := single(t)
	r := newRig(t, at)
	bus, hub := running(t, r)
	server.Pause(t)
	eventually(t, "the silence is noticed", func() bool { return !bus.Delivers() })
	missed := hub.misses()
	eventually(t, "the bus is built anew", func() bool { return hub.misses() > missed })
	if bus.Delivers() {
		t.Error("delivers while Redis stands still")
	}
	server.Resume(t)
	wantDeliveredAnew(t, r, bus, hub)
}

func TestBusSurvivesARestart(t *testing.T) {
	t.Parallel()
	server, at := single(t)
	r := newRig(t, at)
	bus, hub := running(t, r)
	server.Stop()
	eventually(t, "the loss is noticed", func() bool { return !bus.Delivers() })
	server.Restart(t)
	wantDeliveredAnew(t, r, bus, hub)
}

func wantDeliveredAnew(t *testing.T, r *rig, bus *Bus, hub *listener) {
	t.Helper()
	missed := hub.misses()
	eventually(t, "the bus delivers again", bus.Delivers)
	if hub.misses() == 0 || hub.misses() < missed {
		t.Error("what was missed was not read again")
	}
	var s session.Session
	eventually(t, "redis answers", func() bool {
		s = r.begun()
		return r.Create(t.Context(), s) == nil
	})
	_, err := r.Take(t.Context(), bus.Node(), s.ID, ws.Asker{})
	check(t, err)
	ended := r.swapped(s, byPage(), session.Effects{})
	eventually(t, "a swap is heard of", func() bool { return slices.Contains(hub.heardOf(), s.ID) })
	wantSame(t, hub.changes(t), []session.Session{ended})
}

// TestBusThatNobodyHears: the subscription stands, but what is published does
// not arrive, as when the two ends up at different servers. It must never be
// said to deliver, however often it is built anew.
func TestBusThatNobodyHears(t *testing.T) {
	t.Parallel()
	_, at := single(t)
	r := newRig(t, at)
	check(t, r.db.Do(t.Context(), "ACL", "SETUSER", "default", "-publish").Err())
	bus, hub := r.Bus(), &listener{}
	runBus(t, bus, hub)
	eventually(t, "the bus is built anew twice", func() bool {
		if bus.Delivers() {
			t.Fatal("delivers, though nothing that is published arrives")
		}
		return hub.misses() >= 5
	})
}

func TestBusesHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	_, at := single(t)
	r := newRig(t, at)
	names := map[string]bool{}
	for range 100 {
		names[r.Bus().Node()] = true
	}
	if len(names) != 100 {
		t.Errorf("a hundred buses have %d names", len(names))
	}
}

// TestBusStops: the end of its context ends the bus, whatever Redis does.
func TestBusStops(t *testing.T) {
	t.Parallel()
	server, at := single(t)
	r := newRig(t, at)
	bus := r.Bus()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		bus.Run(ctx, &listener{})
	}()
	eventually(t, "the bus delivers", bus.Delivers)
	server.Pause(t)
	stop()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("the bus runs on")
	}
}
