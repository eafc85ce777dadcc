package store

import (
	"testing"
	"time"

	"countersign/session"
)

// A session that ends soon takes those that were counted with it neither out of the
// limit nor off the phone.
func shortBesideLong(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.Outstanding = 10 }))
	alice := r.alice()
	long := r.started(asked(alice.ID))
	r.flushCensus(t.Context())
	r.started(asked(alice.ID), func(s *session.Session) { s.ExpiresAt = r.Now().Add(time.Second).Truncate(time.Second) })
	r.flushCensus(t.Context())
	for _, key := range []string{r.keys.pending(alice.ID), r.keys.census(allSessions)} {
		left, err := r.db.PTTL(t.Context(), key).Result()
		check(t, err)
		if left < long.ExpiresAt.Sub(r.Now())-time.Second {
			t.Errorf("%s lives %v", key, left)
		}
	}
}
