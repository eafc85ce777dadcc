package store

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"time"

	"countersign/crypto/keyring"

	"github.com/redis/go-redis/v9"
)

// ErrTooLarge says that a record has more than 64 KiB.
var ErrTooLarge = errors.New("store: record too large")

var (
	// errIncomplete: a record that nobody could find again, or that would never
	// end; a mistake of the caller.
	errIncomplete = errors.New("store: record without id, version or end")
	// errAbsent: there is no such record, or none that authenticates.
	errAbsent = errors.New("store: no such record")
)

// recordMost bounds what a record keeps, in bytes.
const recordMost = 64 << 10

// A record is what is kept for a caller under an id until its end: a request, a
// grant or a login of the provider (vault.go), or an operation (operations.go).
//
// It stands in Redis as version|sealed. Its key has a MAC of kind and id, so
// Redis knows the ids as little as the values. The MAC is under one of the
// accepted master secrets, and a record stays where it was first written: its
// next versions are sealed under the secret in use, but looked for under every
// accepted one, and are gone when the secret of its key is taken away.
//
// An id is drawn at random by whoever writes its first version, or is made of such
// an id and written by whoever first came to it ([Store.Once]); it is never used
// for another record, also not after the end: that would look like the old one
// put back.
type record struct {
	kind, id string
	version  uint64
	value    []byte
	until    time.Time

	// beside is written in the same trip, whatever becomes of the record.
	beside func(ctx context.Context, pipe redis.Pipeliner) []*call
	// hints are what every node is told if the record was written.
	hints []string
}

// complete says whether a record may be written.
func (x record) complete() error {
	switch {
	case x.kind == "" || x.id == "" || x.version == 0 || x.until.UnixMilli() <= 0:
		return errIncomplete
	case len(x.value) > recordMost:
		return ErrTooLarge
	}
	return nil
}

// What became of a record that was to be written.
type outcome int

const (
	recordChanged outcome = -1 // another version is stored
	recordGone    outcome = 0  // none is
	recordWritten outcome = 1
)

// putRecord writes a record if the version before it is stored; the first, if
// none is. Its end may have passed, which takes it away.
func (st *Store) putRecord(ctx context.Context, x record) (outcome, error) {
	if err := x.complete(); err != nil {
		return recordGone, err
	}
	places := st.places(x.kind, x.id)
	if x.version == 1 {
		// Nobody else writes it at this moment, for nobody else knows the id: so
		// it is enough to look before.
		values, err := st.values(ctx, places[1:])
		if err != nil {
			return recordGone, err
		}
		if slices.ContainsFunc(values, func(v string) bool { return v != "" }) {
			return recordChanged, nil
		}
		places = places[:1]
	}
	for _, place := range places {
		if done, err := st.putAt(ctx, place, x); err != nil || done != recordGone {
			return done, err
		}
	}
	return recordGone, nil
}

func (st *Store) putAt(ctx context.Context, place string, x record) (outcome, error) {
	if st.seen.newest(place) >= x.version {
		// This node knows that the version is taken, also when somebody has put
		// the one before it back into Redis to have it written once more.
		return recordChanged, nil
	}
	until := x.until.Truncate(time.Millisecond)
	body := string(seal(st.Master, place, x.version, until, x.value))
	args := []any{strconv.FormatUint(x.version-1, 10), strconv.FormatUint(x.version, 10), body, st.left(until)}
	for _, hint := range x.hints {
		args = append(args, st.keys.everyNode(), hint)
	}
	pipe := st.db.Pipeline()
	var calls []*call
	if x.beside != nil {
		calls = x.beside(ctx, pipe)
	}
	put := st.scripts.record.queue(ctx, pipe, place, args...)
	if err := st.settle(ctx, pipe, append(calls, put)...); err != nil {
		return recordGone, unavailable(err)
	}
	done, err := put.Int()
	if err != nil {
		return recordGone, unavailable(err)
	}
	if outcome(done) == recordWritten {
		st.seen.believe(place, x.version, body)
	}
	return outcome(done), nil
}

// getRecord reads a record, or fails with errAbsent.
func (st *Store) getRecord(ctx context.Context, kind, id string) (record, error) {
	x, err := steady(func() (record, error) { return st.lookUp(ctx, kind, id) })
	if errors.Is(err, errOlder) {
		st.tampered(ctx, kind+" rolled back", err)
		err = errAbsent
	}
	return x, err
}

func (st *Store) lookUp(ctx context.Context, kind, id string) (record, error) {
	places := st.places(kind, id)
	values, err := st.values(ctx, places)
	if err != nil {
		return record{}, err
	}
	for i, place := range places {
		if values[i] == "" {
			continue
		}
		if x, err := st.openRecord(ctx, place, kind, values[i]); !errors.Is(err, errAbsent) {
			x.id = id
			return x, err
		}
	}
	return record{}, errAbsent
}

// openRecord takes a stored record apart. What does not authenticate is absent.
func (st *Store) openRecord(ctx context.Context, place, kind, value string) (record, error) {
	version, body, err := splitVersion(value)
	var plain []byte
	if err == nil {
		plain, _, err = open(st.Master, place, version, st.Now(), []byte(body))
	}
	if err != nil {
		st.tampered(ctx, kind, err)
		return record{}, errAbsent
	}
	if !st.seen.believe(place, version, body) {
		return record{}, olderError{tag(body)}
	}
	until := fromMillis(int64(binary.BigEndian.Uint64([]byte(body[:endSize]))))
	return record{kind: kind, version: version, value: plain, until: until}, nil
}

// places are the keys that a record may stand under, the one for a new record
// first.
func (st *Store) places(kind, id string) []string {
	secrets := st.Master.IDs()
	out := make([]string, len(secrets))
	for i, secret := range secrets {
		out[i] = st.keys.record(kind, st.veil(secret, "record", kind, id))
	}
	return out
}

// veil is what stands in a key's name for something that Redis must not know:
// 128 bits of a MAC.
func (st *Store) veil(secret keyring.SecretID, parts ...string) string {
	list := make([][]byte, len(parts))
	for i, part := range parts {
		list[i] = []byte(part)
	}
	sum, _ := st.Master.MAC(secret, keyring.RecordName, list...) // the secret is one of its own
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// values reads keys in one trip; "" is none.
func (st *Store) values(ctx context.Context, keys []string) ([]string, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	pipe := st.db.Pipeline()
	gets := make([]*redis.StringCmd, len(keys))
	for i, key := range keys {
		gets[i] = pipe.Get(ctx, key)
	}
	if err := st.settle(ctx, pipe); err != nil {
		return nil, unavailable(err)
	}
	out := make([]string, len(keys))
	for i, get := range gets {
		out[i] = get.Val()
	}
	return out, nil
}

// left is the time to live, in milliseconds, of what ends then.
func (st *Store) left(end time.Time) int64 { return max(1, end.Sub(st.Now()).Milliseconds()) }
