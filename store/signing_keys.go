package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"countersign/crypto/keyring"

	"github.com/redis/go-redis/v9"
)

const (
	// KeyLead is how long a new signing key is published before it signs, so
	// that everybody who caches keys has it by then.
	KeyLead = 10 * time.Minute
	// KeyKeep is how long a key stays published after the next one signs: the
	// longest life of a token, and a session that was approved just before.
	KeyKeep = 24*time.Hour + 20*time.Minute
	// refreshKeys is how often a node asks for keys made elsewhere.
	refreshKeys = 5 * time.Second
	// searchKeys bounds how often an unknown kid makes a node ask.
	searchKeys = 250 * time.Millisecond
)

// ErrNoKey says that there is no signing key of that id.
var ErrNoKey = errors.New("store: no such signing key")

// SigningKeys are the ES256 keys that all nodes share, sealed in one record.
// It implements session.Keys.
type SigningKeys struct {
	st   *Store
	ring atomic.Pointer[keyring.Ring]

	mu     sync.Mutex
	looked time.Time
}

// SigningKeys gives the keys of the store; [SigningKeys.Load] fetches them.
func (st *Store) SigningKeys() *SigningKeys {
	k := &SigningKeys{st: st}
	k.ring.Store(&keyring.Ring{})
	return k
}

// Ring gives the keys known now.
func (k *SigningKeys) Ring() keyring.Ring { return *k.ring.Load() }

// Active implements session.Keys.
func (k *SigningKeys) Active(now time.Time) (keyring.Key, bool) { return k.Ring().Active(now) }

// Find implements session.Keys.
func (k *SigningKeys) Find(ctx context.Context, kid string) (keyring.Key, error) {
	if key, ok := k.Ring().Find(kid); ok {
		return key, nil
	}
	if k.maySearch() {
		if _, _, err := k.load(ctx); err != nil {
			return keyring.Key{}, err
		}
	}
	if key, ok := k.Ring().Find(kid); ok {
		return key, nil
	}
	return keyring.Key{}, ErrNoKey
}

func (k *SigningKeys) maySearch() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.looked) < searchKeys {
		return false
	}
	k.looked = time.Now()
	return true
}

// Run keeps the keys fresh until ctx ends.
func (k *SigningKeys) Run(ctx context.Context, trouble func(error)) {
	tick := time.NewTicker(refreshKeys)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := k.Load(ctx); err != nil && ctx.Err() == nil {
				trouble(err)
			}
		}
	}
}

// Load fetches the keys, makes the first one if there is none, and seals them
// anew when they are sealed under an older master secret.
func (k *SigningKeys) Load(ctx context.Context) error {
	for range changeTries {
		version, old, err := k.load(ctx)
		if err != nil {
			return err
		}
		_, active := k.Ring().Active(k.st.Now())
		if active && !old {
			return nil
		}
		ring := k.Ring()
		if !active {
			ring, _, err = ring.Rotate(k.st.Now(), 0, KeyKeep)
			if errors.Is(err, keyring.ErrPending) {
				// Made by a node whose clock is ahead of this one's: it signs soon,
				// and what there is must stay as it is.
				return nil
			}
			if err != nil {
				return err
			}
		}
		if done, err := k.save(ctx, version, ring); err != nil || done {
			return err
		}
	}
	return ErrConflict
}

// Rotate makes a new key that signs after lead.
func (k *SigningKeys) Rotate(ctx context.Context, lead time.Duration) (keyring.Key, error) {
	for range changeTries {
		version, _, err := k.load(ctx)
		if err != nil {
			return keyring.Key{}, err
		}
		ring, key, err := k.Ring().Rotate(k.st.Now(), lead, KeyKeep)
		if err != nil {
			return keyring.Key{}, err
		}
		if done, err := k.save(ctx, version, ring); err != nil || done {
			return key, err
		}
	}
	return keyring.Key{}, ErrConflict
}

// ErrConflict says that a record was changed by others again and again.
var ErrConflict = errors.New("store: changed meanwhile")

const changeTries = 5

// load reads the record; old says that it is to be written again: sealed under
// a master secret that is not the first, or lost or thrown back by Redis while
// this node knows the keys that tokens were signed with.
func (k *SigningKeys) load(ctx context.Context) (version uint64, old bool, err error) {
	r, err := steady(func() (ringRecord, error) { return k.read(ctx) })
	switch {
	case errors.Is(err, redis.Nil):
		return 0, len(k.Ring().Keys()) > 0, nil
	case errors.Is(err, errOlder):
		k.st.tampered(ctx, "signing keys rolled back", err)
		return r.version, true, nil
	case err != nil:
		return 0, false, err
	}
	k.ring.Store(&r.ring)
	return r.version, r.secret != k.st.Master.First(), nil
}

// A ringRecord is the stored keys, and what they were stored as.
type ringRecord struct {
	ring    keyring.Ring
	version uint64
	secret  keyring.SecretID
}

// read takes the record apart. redis.Nil: there is none; errOlder, with its
// version: a newer one was seen before.
func (k *SigningKeys) read(ctx context.Context) (r ringRecord, err error) {
	key := k.st.keys.signingKeys()
	value, err := k.st.db.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return r, err
	}
	if err != nil {
		return r, unavailable(err)
	}
	var body string
	if r.version, body, err = splitVersion(value); err != nil {
		return r, err
	}
	plain, secret, err := open(k.st.Master, key, r.version, time.Time{}, []byte(body))
	if err != nil {
		k.st.tampered(ctx, "signing keys", err)
		return r, err
	}
	if !k.st.seen.believe(key, r.version, body) {
		return r, olderError{tag(body)}
	}
	r.secret = secret
	r.ring, err = decodeRing(k.st.Master, plain)
	return r, err
}

func (k *SigningKeys) save(ctx context.Context, version uint64, ring keyring.Ring) (done bool, err error) {
	key := k.st.keys.signingKeys()
	// A record that Redis lost comes back as a newer one than any seen of it,
	// or the nodes that saw those would take it for a rollback.
	next := max(version, k.st.seen.newest(key)) + 1
	body := string(seal(k.st.Master, key, next, time.Time{}, encodeRing(k.st.Master, ring)))
	if done, err = k.st.put(ctx, key, version, next, body); err != nil || !done {
		return false, err
	}
	k.st.seen.believe(key, next, body)
	k.ring.Store(&ring)
	return true, nil
}

func encodeRing(m *keyring.Master, ring keyring.Ring) []byte {
	w := &writer{}
	keys := ring.Keys()
	w.count(len(keys))
	for _, key := range keys {
		w.time(key.Created)
		w.time(key.ActiveFrom)
		w.time(key.RetireAt)
		w.bytes(key.Seal(m))
	}
	return w.b
}

func decodeRing(m *keyring.Master, b []byte) (keyring.Ring, error) {
	r := &reader{b: b}
	var keys []keyring.Key
	for range r.count() {
		created, from, retire := r.time(), r.time(), r.time()
		key, _, err := keyring.OpenKey(m, r.bytes(), created, from, retire)
		if err != nil {
			return keyring.Ring{}, err
		}
		keys = append(keys, key)
	}
	return keyring.NewRing(keys...), r.end()
}
