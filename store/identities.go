package store

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"countersign/crypto/keyring"
	"countersign/device"

	"github.com/redis/go-redis/v9"
)

// Identity implements device.Store.
func (st *Store) Identity(ctx context.Context, id device.TokenID) (device.Identity, error) {
	i, err := steady(func() (device.Identity, error) {
		value, err := st.db.Get(ctx, st.keys.identity(id)).Result()
		if failed(err) {
			return device.Identity{}, unavailable(err)
		}
		return st.openIdentity(ctx, id, value) // none: unknown
	})
	if errors.Is(err, errOlder) {
		st.tampered(ctx, "identity rolled back", err)
		err = device.ErrUnknown
	}
	return i, err
}

// openIdentity takes a stored identity apart; none, or one that does not
// authenticate, is device.ErrUnknown.
func (st *Store) openIdentity(ctx context.Context, id device.TokenID, value string) (device.Identity, error) {
	if value == "" {
		return device.Identity{}, device.ErrUnknown
	}
	key := st.keys.identity(id)
	version, body, err := splitVersion(value)
	var plain []byte
	var secret keyring.SecretID
	if err == nil {
		plain, secret, err = open(st.Master, key, version, time.Time{}, []byte(body))
	}
	if err == nil && !st.seen.believe(key, version, body) {
		return device.Identity{}, olderError{tag(body)}
	}
	var i device.Identity
	if err == nil {
		i, err = decodeIdentity(plain, st.points)
	}
	if err != nil {
		st.tampered(ctx, "identity", err)
		return device.Identity{}, device.ErrUnknown
	}
	i.ID, i.Version, i.Resealable = id, version, secret != st.Master.First()
	return i, nil
}

// splitVersion takes the version off a record of put.lua.
func splitVersion(value string) (version uint64, body string, err error) {
	v, body, found := strings.Cut(value, "|")
	version, err = strconv.ParseUint(v, 10, 63)
	if err != nil || !found {
		return 0, "", errRecord
	}
	return version, body, nil
}

// SwapIdentity implements device.Store.
func (st *Store) SwapIdentity(ctx context.Context, old, next device.Identity) error {
	if old.Version == 0 {
		// First, as who is listed and not there is passed over.
		if err := st.list(ctx, next.ID); err != nil {
			return err
		}
	}
	return st.swapIdentity(ctx, old, next, "", 0)
}

// swapIdentity swaps an identity, and spends the nonce of that key if there is
// one.
func (st *Store) swapIdentity(ctx context.Context, old, next device.Identity, nonce string, ttl int64) error {
	key := st.keys.identity(next.ID)
	body := string(seal(st.Master, key, next.Version, time.Time{}, encodeIdentity(next)))
	names := []string{key, st.keys.woken(next.ID)}
	if nonce != "" {
		names = append(names, nonce)
	}
	done, err := st.scripts.identity.run(ctx, st.db, names, strconv.FormatUint(old.Version, 10), strconv.FormatUint(next.Version, 10), body,
		st.keys.everyNode(), st.callHint(next.ID), ttl, bit(next.Subscribed())).Int()
	switch {
	case err != nil:
		return unavailable(err)
	case done == 0:
		return device.ErrReplayed
	case done < 0:
		return device.ErrConflict
	}
	st.seen.believe(key, next.Version, body)
	return nil
}

// bit is how scripts are told of what is or is not.
func bit(is bool) string {
	if is {
		return "1"
	}
	return ""
}

// put swaps a versioned record; done is false when it was changed meanwhile.
func (st *Store) put(ctx context.Context, key string, old, next uint64, body string) (done bool, err error) {
	res, err := st.scripts.put.run(ctx, st.db, []string{key}, strconv.FormatUint(old, 10), strconv.FormatUint(next, 10), body).Int()
	return res == 1, unavailable(err)
}

// list puts an identity on the list that IdentityPage reads.
func (st *Store) list(ctx context.Context, id device.TokenID) error {
	return unavailable(st.db.ZAdd(ctx, st.keys.identities(), redis.Z{Member: string(id.Canonical())}).Err())
}

// IdentityPage gives up to n identities, those whose ids come after one, in the order
// of their ids, and the id to go on after; empty: there are no more. What does not
// authenticate is left out.
func (st *Store) IdentityPage(ctx context.Context, after device.TokenID, n int) (page []device.Identity, next device.TokenID, err error) {
	from := "-"
	if after != "" {
		from = "(" + string(after)
	}
	ids, err := st.db.ZRangeByLex(ctx, st.keys.identities(), &redis.ZRangeBy{Min: from, Max: "+", Count: int64(n)}).Result()
	if err != nil {
		return nil, "", unavailable(err)
	}
	for _, id := range ids {
		i, err := st.Identity(ctx, device.TokenID(id))
		if errors.Is(err, device.ErrUnknown) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		page = append(page, i)
	}
	if len(ids) == n {
		next = device.TokenID(ids[n-1])
	}
	return page, next, nil
}

// Identities gives every identity to visit, one at a time and in no order, until
// it fails. What does not authenticate is left out. It looks at every key there is,
// and puts whom it finds on the list of IdentityPage, where those are not whom an
// older version made.
func (st *Store) Identities(ctx context.Context, visit func(device.Identity) error) error {
	var mu sync.Mutex // the masters of a cluster are scanned side by side
	return st.scan(ctx, st.Prefix+":{tok_*}:i", func(key string) error {
		name := strings.TrimSuffix(strings.TrimPrefix(key, st.Prefix+":{"), "}:i")
		i, err := st.Identity(ctx, device.TokenID(name))
		if errors.Is(err, device.ErrUnknown) {
			return nil
		}
		if err == nil {
			err = st.list(ctx, i.ID)
		}
		if err == nil {
			mu.Lock()
			defer mu.Unlock()
			err = visit(i)
		}
		return err
	})
}

// scan gives every key of a pattern to visit, in no order and perhaps some at once,
// until it fails.
func (st *Store) scan(ctx context.Context, pattern string, visit func(key string) error) error {
	scan := func(ctx context.Context, db *redis.Client) error {
		it := db.Scan(ctx, 0, pattern, 500).Iterator()
		for it.Next(ctx) {
			if err := visit(it.Val()); err != nil {
				return err
			}
		}
		return unavailable(it.Err())
	}
	switch db := st.db.(type) {
	case *redis.ClusterClient:
		return db.ForEachMaster(ctx, scan)
	case *redis.Client:
		return scan(ctx, db)
	}
	return errors.New("store: unknown kind of client")
}
