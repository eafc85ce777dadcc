package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
)

// herald remembers what it was told.
type herald struct {
	mu                sync.Mutex
	expected, forgets []ID
	err               error
}

func (h *herald) ExpectSession(ctx context.Context, s Session) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.expected = append(h.expected, s.ID)
	return errors.Join(h.err, ctx.Err())
}

func (h *herald) ForgetSession(_ context.Context, s Session) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forgets = append(h.forgets, s.ID)
	return nil
}

// The herald expects the sessions of services that have a webhook, and no others.
func TestAnnounced(t *testing.T) {
	r := newRig(t)
	h := &herald{}
	r.svc.Herald = h
	if s := r.start(); s.Announced || len(h.expected) != 0 {
		t.Errorf("announced: %v, expected: %v", s.Announced, h.expected)
	}
	r.party.Webhook = true
	s := r.start(func(st *Start) { st.Party = *r.party })
	if !s.Announced || !r.get(s.ID).Announced || !slices.Equal(h.expected, []ID{s.ID}) || len(h.forgets) != 0 {
		t.Errorf("announced: %v, expected: %v, forgotten: %v", s.Announced, h.expected, h.forgets)
	}
}

// A session whose end could not be told has not begun.
func TestAnnounceFails(t *testing.T) {
	r := newRig(t)
	h := &herald{err: errors.New("gone")}
	r.svc.Herald, r.party.Webhook = h, true
	if _, err := r.svc.Start(t.Context(), Start{Party: *r.party, Asked: &r.alice.token}); !errors.Is(err, h.err) || r.store.count() != 0 {
		t.Errorf("%v, %d sessions", err, r.store.count())
	}
}

// Of many starts with one key one session stands, and the ends of the others are not
// told: nobody knows them.
func TestAnnouncedOnce(t *testing.T) {
	r := newRig(t)
	h := &herald{}
	r.svc.Herald, r.party.Webhook = h, true
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := r.svc.Start(t.Context(), r.idempotent("k", "body", "c")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	left := slices.DeleteFunc(slices.Clone(h.expected), func(id ID) bool { return slices.Contains(h.forgets, id) })
	if len(left) != 1 || r.store.count() != 1 {
		t.Errorf("%d are expected, %d stored", len(left), r.store.count())
	}
}
