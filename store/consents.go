package store

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"countersign/crypto/keyring"
	"countersign/device"
	"countersign/operation"
)

// A storedConsent is a consent as it stands in Redis. Its version is that of whatever
// stands there, so that what does not open can be written over.
type storedConsent struct {
	operation.Consent
	version uint64
}

// Consent implements operation.Consents. What does not authenticate, or is older than
// what was seen, is nothing agreed to: the user is asked again.
func (st *Store) Consent(ctx context.Context, id device.TokenID, service string) (operation.Consent, uint64, error) {
	key := st.keys.consent(id, service)
	x, err := steady(func() (storedConsent, error) {
		value, err := st.db.Get(ctx, key).Result()
		if failed(err) {
			return storedConsent{}, unavailable(err)
		}
		return st.openConsent(ctx, key, value)
	})
	if errors.Is(err, errOlder) {
		st.tampered(ctx, "consent rolled back", err)
		return operation.Consent{}, x.version, nil
	}
	if x.Given() {
		x.Service = service
	}
	return x.Consent, x.version, err
}

func (st *Store) openConsent(ctx context.Context, key, value string) (x storedConsent, err error) {
	if value == "" {
		return x, nil
	}
	version, body, err := splitVersion(value)
	x.version = version
	var plain []byte
	if err == nil {
		plain, _, err = open(st.Master, key, version, time.Time{}, []byte(body))
	}
	if err == nil && !st.seen.believe(key, version, body) {
		return x, olderError{tag(body)}
	}
	if err == nil {
		x.Consent, err = decodeConsent(plain)
	}
	if err != nil {
		st.tampered(ctx, "consent", err)
		return storedConsent{version: version}, nil
	}
	return x, nil
}

// SwapConsent implements operation.Consents.
func (st *Store) SwapConsent(ctx context.Context, id device.TokenID, c operation.Consent, old uint64) error {
	return st.swapConsent(ctx, st.keys.consent(id, c.Service), encodeConsent(c), old)
}

func (st *Store) swapConsent(ctx context.Context, key string, plain []byte, old uint64) error {
	// A record that Redis lost, or had put back, comes back as a newer one than any
	// seen of it.
	next := max(old, st.seen.newest(key)) + 1
	body := string(seal(st.Master, key, next, time.Time{}, plain))
	done, err := st.put(ctx, key, old, next, body)
	switch {
	case err != nil:
		return err
	case !done:
		return operation.ErrConflict
	}
	st.seen.believe(key, next, body)
	return nil
}

// ResealConsents seals every consent anew that is not sealed under the first master
// secret, and gives how many those were.
func (st *Store) ResealConsents(ctx context.Context) (int, error) {
	var count atomic.Int64
	err := st.scan(ctx, st.Prefix+":{tok_*}:c:*", func(key string) error {
		value, err := st.db.Get(ctx, key).Result()
		if failed(err) {
			return unavailable(err)
		}
		plain, version, old := st.resealable(key, value)
		if !old {
			return nil
		}
		count.Add(1)
		if err := st.swapConsent(ctx, key, plain, version); !errors.Is(err, operation.ErrConflict) {
			return err
		}
		return nil // somebody has just written it, under the first
	})
	return int(count.Load()), err
}

// resealable opens a record that is sealed under another master secret than the first;
// old is false if it is not, also if it does not open: whoever asks for it is alarmed.
func (st *Store) resealable(key, value string) (plain []byte, version uint64, old bool) {
	version, body, err := splitVersion(value)
	var secret keyring.SecretID
	if err == nil {
		plain, secret, err = open(st.Master, key, version, time.Time{}, []byte(body))
	}
	return plain, version, err == nil && secret != st.Master.First()
}

// consentSchema is the version of the layout below.
const consentSchema = 1

func encodeConsent(c operation.Consent) []byte {
	w := &writer{}
	w.uint(consentSchema)
	w.string(c.Version)
	w.strings(c.Options)
	w.time(c.GrantedAt)
	w.time(c.Until)
	w.time(c.RevokedAt)
	w.count(len(c.History))
	for _, e := range c.History {
		w.time(e.At)
		w.string(string(e.Change))
		w.string(e.Version)
		w.strings(e.Options)
		w.string(string(e.Operation))
		w.string(e.By)
	}
	return w.b
}

// decodeConsent is the inverse of encodeConsent, but for the service, which the key has.
func decodeConsent(b []byte) (c operation.Consent, err error) {
	r := &reader{b: b}
	if r.uint() != consentSchema {
		return c, errRecord
	}
	c.Version, c.Options = r.string(), readStrings[string](r)
	c.GrantedAt, c.Until, c.RevokedAt = r.time(), r.time(), r.time()
	for range r.count() {
		c.History = append(c.History, operation.ConsentEntry{At: r.time(), Change: operation.ConsentChange(r.string()), Version: r.string(),
			Options: readStrings[string](r), Operation: operation.ID(r.string()), By: r.string()})
	}
	return c, r.end()
}
