package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"countersign/operation"
	"countersign/session"

	"github.com/redis/go-redis/v9"
)

// Recall implements session.Idempotency.
func (st *Store) Recall(ctx context.Context, key string) (session.ID, string, bool, error) {
	return recall[session.ID](ctx, st, key)
}

// Remember implements session.Idempotency.
func (st *Store) Remember(ctx context.Context, key string, id session.ID, body string, lifetime time.Duration) (session.ID, string, error) {
	return remember(ctx, st, key, id, body, lifetime)
}

// RecallOperation implements operation.Repeats.
func (st *Store) RecallOperation(ctx context.Context, key string) (operation.ID, string, bool, error) {
	return recall[operation.ID](ctx, st, key)
}

// RememberOperation implements operation.Repeats.
func (st *Store) RememberOperation(ctx context.Context, key string, id operation.ID, body string, lifetime time.Duration) (operation.ID, string, error) {
	return remember(ctx, st, key, id, body, lifetime)
}

// identifier is the id of what a key stands for.
type identifier interface {
	~string
	WellFormed() bool
}

func recall[T identifier](ctx context.Context, st *Store, key string) (T, string, bool, error) {
	value, err := st.db.Get(ctx, st.keys.idempotency(key)).Result()
	if errors.Is(err, redis.Nil) {
		return "", "", false, nil
	}
	if err != nil {
		return "", "", false, unavailable(err)
	}
	id, body, err := openIdempotency[T](ctx, st, key, value)
	if errors.Is(err, errEnded) {
		return "", "", false, nil
	}
	return id, body, err == nil, err
}

func remember[T identifier](ctx context.Context, st *Store, key string, id T, body string, lifetime time.Duration) (T, string, error) {
	name := st.keys.idempotency(key)
	end := st.Now().Add(lifetime).Truncate(time.Millisecond)
	sealed := seal(st.Master, name, 0, end, []byte(string(id)+"|"+body))
	value, err := st.scripts.once.run(ctx, st.db, []string{name}, sealed, lifetime.Milliseconds()).Text()
	if err != nil {
		return "", "", unavailable(err)
	}
	first, digest, err := openIdempotency[T](ctx, st, key, value)
	if errors.Is(err, errEnded) {
		return id, body, nil // Redis is about to forget it
	}
	return first, digest, err
}

// openIdempotency takes a record apart. It is sealed because who repeats a key
// is given the right to watch the session that it stands for.
func openIdempotency[T identifier](ctx context.Context, st *Store, key, value string) (T, string, error) {
	plain, _, err := open(st.Master, st.keys.idempotency(key), 0, st.Now(), []byte(value))
	id, body, found := strings.Cut(string(plain), "|")
	if err == nil && (!found || !T(id).WellFormed()) {
		err = errRecord
	}
	if err != nil {
		st.tampered(ctx, "idempotency", err)
		return "", "", err
	}
	return T(id), body, nil
}
