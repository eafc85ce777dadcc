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
	id, body, err := splitIdempotency(value)
	return id, body, err == nil, err
}

// Remember implements session.Idempotency.
func (st *Store) Remember(ctx context.Context, key string, id session.ID, body string, lifetime time.Duration) (session.ID, string, error) {
	value, err := st.scripts.once.run(ctx, st.db, []string{st.keys.idempotency(key)}, string(id)+"|"+body, lifetime.Milliseconds()).Text()
	if err != nil {
		return "", "", unavailable(err)
	}
	return splitIdempotency(value)
}

func splitIdempotency(value string) (session.ID, string, error) {
	id, body, found := strings.Cut(value, "|")
	if !found || !session.ID(id).WellFormed() {
		return "", "", errRecord
	}
	return session.ID(id), body, nil
}
