package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"countersign/device"
	"countersign/session"
)

// TestBatchKeepsAnswersApart: requests that travel together get their own
// answers, also those beside one that fails or gives up on the way.
func TestBatchKeepsAnswersApart(t *testing.T) {
	t.Parallel()
	_, at := single(t)
	r := newRig(t, at, limits(allLimits))
	const many = 3 * batchMost
	identities := make([]device.Identity, many)
	for i := range identities {
		identities[i] = r.alice()
	}
	hash := session.NewID() // a key of another type, that GET fails for
	check(t, r.db.HSet(t.Context(), r.keys.session(hash), "a", "b").Err())
	n := r.trips.during(func() {
		together(many, func(i int) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			switch i % 4 {
			case 0: // gives up at once
				cancel()
				_, err := r.Phone(ctx, session.Request{Route: session.PendingRoute, Token: identities[i].ID})
				if err != nil && !errors.Is(err, ErrUnavailable) {
					t.Errorf("request %d: %v", i, err)
				}
			case 1: // fails
				_, err := r.Open(ctx, session.Request{Route: session.ClaimRoute, Session: hash, Token: identities[i].ID})
				if !errors.Is(err, ErrUnavailable) {
					t.Errorf("request %d: error is %v, want ErrUnavailable", i, err)
				}
			default:
				o, err := r.Phone(ctx, session.Request{Route: session.PendingRoute, Token: identities[i].ID})
				if err != nil || o.Identity.ID != identities[i].ID {
					t.Errorf("request %d: identity %q, %v", i, o.Identity.ID, err)
				}
			}
		})
	})
	if n >= many {
		t.Errorf("%d requests at once took %d trips", many, n)
	}
}

// TestBatchOnHungRedis: while Redis hangs every request is refused, however many
// wait, and when it goes on so do they.
func TestBatchOnHungRedis(t *testing.T) {
	t.Parallel()
	server, at := single(t)
	r := newRig(t, at)
	server.Pause(t)
	together(500, func(i int) {
		err := r.Create(context.Background(), r.begun())
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("request %d: error is %v, want ErrUnavailable", i, err)
		}
	})
	server.Resume(t)
	eventually(t, "redis is written to", func() bool { return r.Create(t.Context(), r.begun()) == nil })
}

// TestBatchEnds: a closed store answers, and leaves no worker behind.
func TestBatchEnds(t *testing.T) {
	t.Parallel()
	_, at := single(t)
	r := newRig(t, at)
	check(t, r.Close())
	done := make(chan error, 1)
	go func() { done <- r.Create(context.Background(), r.begun()) }()
	select {
	case err := <-done:
		wantErr(t, err, ErrUnavailable)
	case <-time.After(10 * time.Second):
		t.Error("a request waits for ever")
	}
}
