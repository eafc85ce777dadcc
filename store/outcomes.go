package store

import (
	"context"
	"errors"
	"slices"
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
// absent: that would say that nobody has ended the session. Nor is what was told and
// forgotten since the caller claimed the notice.
func (st *Store) Outcome(ctx context.Context, id session.ID) ([]byte, error) {
	key := st.keys.outcome(id)
	sealed, err := st.db.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return nil, st.untold(ctx, id)
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

// untold is why there is no outcome: nobody has ended the session, or its notice is
// gone too, which goes first.
func (st *Store) untold(ctx context.Context, id session.ID) error {
	values, err := st.values(ctx, st.places(noticeKind, webhook.NoticeOf(id)))
	if err != nil {
		return err
	}
	if slices.ContainsFunc(values, func(v string) bool { return v != "" }) {
		return session.ErrNotFound
	}
	return notify.ErrNobody
}

// dropOutcome forgets the notice of a session's end, and then how it ended: a node that
// claimed the notice as well must not take what was told for what nobody has ended.
// Nothing of it need be left: the notice is put once, with the session.
func (st *Store) dropOutcome(ctx context.Context, n notify.Notice) error {
	pipe := st.db.Pipeline()
	for _, place := range st.places(noticeKind, n.ID) {
		pipe.Del(ctx, place)
	}
	if err := st.settle(ctx, pipe); err != nil {
		return unavailable(err)
	}
	pipe = st.db.Pipeline()
	pipe.Del(ctx, st.keys.outcome(webhook.SessionOf(n)))
	pipe.ZRem(ctx, st.keys.notices(), n.ID) // last: what is on the list is looked after
	return unavailable(st.settle(ctx, pipe))
}
