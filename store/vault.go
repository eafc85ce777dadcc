package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"countersign/crypto/keyring"
	"countersign/oidc"
	"countersign/session"

	"github.com/redis/go-redis/v9"
)

// Save implements oidc.Vault. A value has at most 64 KiB, or it is [ErrTooLarge];
// an empty name names nothing; a Redis nearly full begins no request
// ([session.ErrFull]). A name stays until the latest end that it was saved with.
// An end that has passed takes the record away, if its version is the next.
//
// The names come first, the record after them, because on Redis Cluster they lie
// in different slots and no step has both:
//   - Whoever gets a code or a token, gets it after both, so it is always found.
//   - A caller that stops in between, or loses against another, leaves names of
//     secrets that nobody was given. They lead to a record that does not have
//     them, or to none; and what they lead to is the record's decision.
//   - The other way round, a stop in between would leave a record whose token
//     nobody can use, and whose token of before counts as used.
//
// Only the record is compared, so of many callers one gets through.
func (st *Store) Save(ctx context.Context, r oidc.Record) error {
	x := record{kind: string(r.Kind), id: r.ID, version: r.Version, value: r.Value, until: r.Until}
	if err := x.complete(); err != nil {
		return err
	}
	if r.Kind == oidc.RequestKind && r.Version == 1 && st.guard.full.Load() {
		return session.ErrFull
	}
	if err := st.putNames(ctx, r); err != nil {
		return err
	}
	done, err := st.putRecord(ctx, x)
	if err == nil && done != recordWritten {
		err = oidc.ErrConflict
	}
	return err
}

// putNames makes the record's names lead to it, all in one trip. A name that
// leads to another record already is oidc.ErrConflict: none changes its meaning.
func (st *Store) putNames(ctx context.Context, r oidc.Record) error {
	pipe := st.db.Pipeline()
	var calls []*call
	for _, name := range r.Names {
		if name != "" {
			calls = append(calls, st.queueName(ctx, pipe, st.Master.First(), r.Kind, name, r.ID, r.Until))
		}
	}
	if len(calls) == 0 {
		return nil
	}
	if err := st.settle(ctx, pipe, calls...); err != nil {
		return unavailable(err)
	}
	for _, c := range calls {
		switch done, err := c.Int(); {
		case err != nil:
			return unavailable(err)
		case done == 0:
			return oidc.ErrConflict
		}
	}
	return nil
}

func (st *Store) queueName(ctx context.Context, pipe redis.Pipeliner, secret keyring.SecretID, kind oidc.Kind, name, id string, until time.Time) *call {
	key, until := st.nameKey(secret, kind, name), until.Truncate(time.Millisecond)
	return st.scripts.name.queue(ctx, pipe, key, st.target(secret, kind, id), seal(st.Master, key, 0, until, []byte(id)), st.left(until))
}

func (st *Store) nameKey(secret keyring.SecretID, kind oidc.Kind, name string) string {
	return st.keys.name(string(kind), st.veil(secret, "name", string(kind), name))
}

// target is what a name begins with in clear, so that a script can tell whether
// it leads to the same record, and nobody can tell to which.
func (st *Store) target(secret keyring.SecretID, kind oidc.Kind, id string) string {
	return st.veil(secret, "target", string(kind), id) + "|"
}

// Load implements oidc.Vault.
func (st *Store) Load(ctx context.Context, kind oidc.Kind, id string) (oidc.Record, error) {
	x, err := st.getRecord(ctx, string(kind), id)
	switch {
	case errors.Is(err, errAbsent):
		return oidc.Record{}, oidc.ErrNotFound
	case err != nil:
		return oidc.Record{}, err
	}
	return oidc.Record{Kind: kind, ID: x.id, Version: x.version, Value: x.value, Until: x.until}, nil
}

// Find implements oidc.Vault. A name without a record is not found: its record
// has ended, or was never written.
func (st *Store) Find(ctx context.Context, kind oidc.Kind, name string) (oidc.Record, error) {
	ids, err := st.named(ctx, kind, name)
	if err != nil {
		return oidc.Record{}, err
	}
	for _, id := range ids {
		if r, err := st.Load(ctx, kind, id); !errors.Is(err, oidc.ErrNotFound) {
			return r, err
		}
	}
	return oidc.Record{}, oidc.ErrNotFound
}

// named are the ids that a name leads to, under every accepted master secret.
// More than one there are only while a secret is replaced.
func (st *Store) named(ctx context.Context, kind oidc.Kind, name string) (ids []string, err error) {
	if name == "" {
		return nil, nil
	}
	secrets := st.Master.IDs()
	keys := make([]string, len(secrets))
	for i, secret := range secrets {
		keys[i] = st.nameKey(secret, kind, name)
	}
	values, err := st.values(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i, value := range values {
		if value == "" {
			continue
		}
		if id, ok := st.openName(ctx, kind, secrets[i], keys[i], value); ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// openName gives the id that a stored name leads to. What does not authenticate
// leads nowhere.
func (st *Store) openName(ctx context.Context, kind oidc.Kind, secret keyring.SecretID, key, value string) (id string, ok bool) {
	target, body, _ := strings.Cut(value, "|")
	plain, _, err := open(st.Master, key, 0, st.Now(), []byte(body))
	id = string(plain)
	if err == nil && target+"|" != st.target(secret, kind, id) {
		err = errRecord
	}
	if err != nil {
		st.tampered(ctx, string(kind)+" name", err)
	}
	return id, err == nil
}

// Once implements oidc.Vault. It takes the name under every accepted master
// secret, in an order that all nodes share. Two nodes that are at different
// steps of replacing a secret have one in common, and only one of them gets the
// name under that.
func (st *Store) Once(ctx context.Context, name string, until time.Time) (bool, error) {
	if until.UnixMilli() <= 0 {
		return false, errIncomplete
	}
	secrets := st.Master.IDs()
	slices.Sort(secrets)
	// What a caller finds of itself, it wrote before it lost the answer.
	mine := []byte(rand.Text())
	for _, secret := range secrets {
		pipe := st.db.Pipeline()
		c := st.scripts.once.queue(ctx, pipe, st.keys.once(st.veil(secret, "once", name)), mine, st.left(until))
		if err := st.settle(ctx, pipe, c); err != nil {
			return false, unavailable(err)
		}
		stands, err := c.Text()
		if err != nil {
			return false, unavailable(err)
		}
		if !bytes.Equal([]byte(stands), mine) {
			return false, nil
		}
	}
	return true, nil
}
