package store

import (
	"context"
	"time"

	"countersign/crypto/p256"
)

// This file is the keys that are made once, by whichever node comes first, and that
// all nodes share from then on.

// serviceKeysSize is the response key and the subject key.
const serviceKeysSize = 64

// ServiceKeys gives the response key and the subject key of a service, made
// once by whichever node comes first, and sealed anew under a new master
// secret.
func (st *Store) ServiceKeys(ctx context.Context, service string, fresh func() []byte) (response, subject []byte, err error) {
	plain, err := st.madeOnce(ctx, st.keys.service(service), "service keys", serviceKeysSize, func() ([]byte, error) {
		return append(fresh(), fresh()...), nil
	})
	if err != nil {
		return nil, nil, err
	}
	return plain[:serviceKeysSize/2], plain[serviceKeysSize/2:], nil
}

// scalarSize is a private scalar of P-256.
const scalarSize = 32

// OfflineKey implements device.OfflineKeys, with a key that is made and kept as
// [Store.ServiceKeys] are.
func (st *Store) OfflineKey(ctx context.Context) (p256.PrivateKey, error) {
	return st.signingKey(ctx, st.keys.offline(), "offline key")
}

// PushKey gives the key by which push services know that a push is this
// installation's (RFC 8292). It is made and kept likewise.
func (st *Store) PushKey(ctx context.Context) (p256.PrivateKey, error) {
	return st.signingKey(ctx, st.keys.push(), "push key")
}

func (st *Store) signingKey(ctx context.Context, name, what string) (p256.PrivateKey, error) {
	plain, err := st.madeOnce(ctx, name, what, scalarSize, func() ([]byte, error) {
		key, err := p256.GenerateKey()
		if err != nil {
			return nil, err
		}
		return key.Scalar(), nil
	})
	if err != nil {
		return p256.PrivateKey{}, err
	}
	return p256.NewPrivateKey(plain)
}

// madeOnce reads a record of so many bytes; if there is none it keeps a fresh one,
// unless another node is quicker.
func (st *Store) madeOnce(ctx context.Context, key, what string, size int, fresh func() ([]byte, error)) ([]byte, error) {
	for range changeTries {
		value, err := st.db.Get(ctx, key).Result()
		if failed(err) {
			return nil, unavailable(err)
		}
		version, plain, current, err := st.openMade(key, value, size)
		if err != nil {
			st.tampered(ctx, what, err)
			return nil, err
		}
		if current {
			return plain, nil
		}
		if plain == nil {
			if plain, err = fresh(); err != nil {
				return nil, err
			}
		}
		next := string(seal(st.Master, key, version+1, time.Time{}, plain))
		if _, err := st.put(ctx, key, version, version+1, next); err != nil {
			return nil, err
		}
	}
	return nil, ErrConflict
}

// openMade takes the record apart; current is false when there is none, or it is
// to be sealed anew.
func (st *Store) openMade(key, value string, size int) (version uint64, plain []byte, current bool, err error) {
	if value == "" {
		return 0, nil, false, nil
	}
	version, body, err := splitVersion(value)
	if err != nil {
		return 0, nil, false, err
	}
	plain, id, err := open(st.Master, key, version, time.Time{}, []byte(body))
	if err == nil && len(plain) != size {
		err = errRecord
	}
	return version, plain, id == st.Master.First(), err
}
