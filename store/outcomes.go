package store

import (
	"context"
	"errors"
	"time"

	"countersign/notify"
	"countersign/notify/webhook"
	"countersign/session"

	"github.com/redis/go-redis/v9"
)

// outcomeOf gives where it is kept how an announced session ended, and what.
func (st *Store) outcomeOf(s session.Session) (key string, args []any, err error) {
	body, err := webhook.SessionEvent(s)
	if err != nil {
		return "", nil, err
	}
	key, until := st.keys.outcome(s.ID), webhook.Until(s.ExpiresAt).Add(noticeSpare).Truncate(time.Millisecond)
	return key, []any{string(seal(st.Master, key, 0, until, body)), st.left(until)}, nil
}

// Outcome implements webhook.Outcomes. What does not authenticate is an error, and not
// absent: that would say that nobody has ended the session.
func (st *Store) Outcome(ctx context.Context, id session.ID) ([]byte, error) {
	key := st.keys.outcome(id)
	sealed, err := st.db.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return nil, session.ErrNotFound
	}
	if err != nil {
		return nil, unavailable(err)
	}
	body, _, err := open(st.Master, key, 0, st.Now(), []byte(sealed))
	if err != nil {
		st.tampered(ctx, "outcome", err)
		return nil, errRecord
	}
	return body, nil
}

// dropOutcome forgets the notice of a session's end, and how it ended. Nothing of it
// need be left: the notice is put once, with the session.
func (st *Store) dropOutcome(ctx context.Context, n notify.Notice) error {
	pipe := st.db.Pipeline()
	pipe.Del(ctx, st.keys.outcome(webhook.SessionOf(n)))
	for _, place := range st.places(noticeKind, n.ID) {
		pipe.Del(ctx, place)
	}
	pipe.ZRem(ctx, st.keys.notices(), n.ID) // last: what is on the list is looked after
	return unavailable(st.settle(ctx, pipe))
}
