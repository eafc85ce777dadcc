package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"countersign/crypto/keyring"
	"countersign/device"
	"countersign/passkey"
)

// Wallet implements passkey.Store.
func (st *Store) Wallet(ctx context.Context, id device.TokenID) (passkey.Wallet, error) {
	w, err := steady(func() (passkey.Wallet, error) {
		value, err := st.db.Get(ctx, st.keys.wallet(id)).Result()
		if failed(err) {
			return passkey.Wallet{}, unavailable(err)
		}
		return st.openWallet(ctx, id, value) // none: empty
	})
	if errors.Is(err, errOlder) {
		// Whatever was put back, nothing counts until the true one is there again.
		st.tampered(ctx, "passkeys rolled back", err)
		return passkey.Wallet{Token: id}, nil
	}
	return w, err
}

// openWallet takes a stored wallet apart; of none, and of one that does not
// authenticate, nothing counts.
func (st *Store) openWallet(ctx context.Context, id device.TokenID, value string) (w passkey.Wallet, err error) {
	w.Token = id
	if value == "" {
		return w, nil
	}
	key := st.keys.wallet(id)
	version, body, err := splitVersion(value)
	var plain []byte
	var secret keyring.SecretID
	if err == nil {
		plain, secret, err = open(st.Master, key, version, time.Time{}, []byte(body))
	}
	if err == nil && !st.seen.believe(key, version, body) {
		return w, olderError{tag(body)}
	}
	if err == nil {
		w, err = decodeWallet(plain)
	}
	if err != nil {
		st.tampered(ctx, "passkeys", err)
		return passkey.Wallet{Token: id}, nil
	}
	w.Token, w.Version, w.Resealable = id, version, secret != st.Master.First()
	return w, nil
}

// SwapWallet implements passkey.Store. The handle comes first: one that leads to a
// wallet without it leads nowhere, and a passkey must never be without.
func (st *Store) SwapWallet(ctx context.Context, old, next passkey.Wallet) error {
	if next.Token == "" || len(next.Handle) == 0 || next.Version != old.Version+1 {
		return errIncomplete
	}
	if old.Version == 0 || old.Resealable {
		key := st.keys.handle(next.Handle)
		name := seal(st.Master, key, 0, time.Time{}, []byte(next.Token.Canonical()))
		if err := st.db.Set(ctx, key, name, 0).Err(); err != nil {
			return unavailable(err)
		}
	}
	key := st.keys.wallet(next.Token)
	body := string(seal(st.Master, key, next.Version, time.Time{}, encodeWallet(next)))
	done, err := st.put(ctx, key, old.Version, next.Version, body)
	if err != nil {
		return err
	}
	if !done {
		return passkey.ErrConflict
	}
	st.seen.believe(key, next.Version, body)
	return nil
}

// WalletOf implements passkey.Store.
func (st *Store) WalletOf(ctx context.Context, handle []byte) (device.TokenID, error) {
	key := st.keys.handle(handle)
	value, err := st.db.Get(ctx, key).Result()
	if failed(err) {
		return "", unavailable(err)
	}
	if value == "" {
		return "", nil
	}
	plain, _, err := open(st.Master, key, 0, time.Time{}, []byte(value))
	if err != nil {
		st.tampered(ctx, "passkey handle", err)
		return "", nil
	}
	return device.TokenID(plain), nil
}

// CountPasskey implements passkey.Store, by the rate of typed codes.
func (st *Store) CountPasskey(ctx context.Context, address string) error {
	if err := st.refusedBefore(passkeyRule, address); err != nil {
		return err
	}
	pipe := st.db.Pipeline()
	limit := st.queueLimit(ctx, pipe, passkeyRule, st.Limits.Codes, address)
	if limit == nil {
		return nil
	}
	if err := st.settle(ctx, pipe, limit); err != nil {
		return unavailable(err)
	}
	return st.limited(ctx, passkeyRule, address, limit)
}

// walletSchema is the version of the layout below.
const walletSchema = 1

func encodeWallet(x passkey.Wallet) []byte {
	w := &writer{}
	w.uint(walletSchema)
	w.bytes(x.Handle)
	w.count(len(x.Passkeys))
	for _, p := range x.Passkeys {
		w.bytes(p.ID)
		w.bytes(p.Key)
		w.uint(uint64(p.Count))
		w.bool(p.Synced)
		w.string(string(p.By))
		w.time(p.CreatedAt)
		w.time(p.UsedAt)
	}
	return w.b
}

// decodeWallet is the inverse of encodeWallet.
func decodeWallet(b []byte) (x passkey.Wallet, err error) {
	r := &reader{b: b}
	if r.uint() != walletSchema {
		return x, errRecord
	}
	x.Handle = slices.Clone(r.bytes())
	for range r.count() {
		p := passkey.Passkey{ID: slices.Clone(r.bytes()), Key: slices.Clone(r.bytes())}
		p.Count, p.Synced, p.By = uint32(r.uint()), r.bool(), device.ID(r.string())
		p.CreatedAt, p.UsedAt = r.time(), r.time()
		x.Passkeys = append(x.Passkeys, p)
	}
	return x, r.end()
}
