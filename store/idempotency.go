package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"countersign/session"

	"github.com/redis/go-redis/v9"
)

// Recall implements session.Idempotency.
func (st *Store) Recall(ctx context.Context, key string) (session.ID, string, bool, error) {
	value, err := st.db.Get(ctx, st.keys.idempotency(key)).Result()
	if errors.Is(err, redis.Nil) {
		return "", "", false, nil
	}
	if err != nil {
		return "", "", false, unavailable(err)
	}
	id, body, err := st.openIdempotency(ctx, key, value)
	if errors.Is(err, errEnded) {
		return "", "", false, nil
	}
	return id, body, err == nil, err
}

// Remember implements session.Idempotency.
func (st *Store) Remember(ctx context.Context, key string, id session.ID, body string, lifetime time.Duration) (session.ID, string, error) {
	name := st.keys.idempotency(key)
	end := st.Now().Add(lifetime).Truncate(time.Millisecond)
	sealed := seal(st.Master, name, 0, end, []byte(string(id)+"|"+body))
	value, err := st.scripts.once.run(ctx, st.db, []string{name}, sealed, lifetime.Milliseconds()).Text()
	if err != nil {
		return "", "", unavailable(err)
	}
	first, digest, err := st.openIdempotency(ctx, key, value)
	if errors.Is(err, errEnded) {
		return id, body, nil // Redis is about to forget it
	}
	return first, digest, err
}

// openIdempotency takes a record apart. It is sealed because who repeats a key
// is given the right to watch the session that it stands for.
func (st *Store) openIdempotency(ctx context.Context, key, value string) (session.ID, string, error) {
	plain, _, err := open(st.Master, st.keys.idempotency(key), 0, st.Now(), []byte(value))
	id, body, found := strings.Cut(string(plain), "|")
	if err == nil && (!found || !session.ID(id).WellFormed()) {
		err = errRecord
	}
	if err != nil {
		st.tampered(ctx, "idempotency", err)
		return "", "", err
	}
	return session.ID(id), body, nil
}
