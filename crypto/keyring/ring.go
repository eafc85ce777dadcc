package keyring

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Ring is a set of signing keys, at most one of each ID, in the order in which
// they sign. It is an immutable value; the zero value is empty.
type Ring struct {
	keys []Key
}

// NewRing returns a ring of the given keys. Of keys with the same ID it takes the
// first.
func NewRing(keys ...Key) Ring {
	var r Ring
	for _, k := range keys {
		if _, twice := r.Find(k.ID); !twice {
			r.keys = append(r.keys, k)
		}
	}
	slices.SortFunc(r.keys, func(a, b Key) int {
		return cmp.Or(a.ActiveFrom.Compare(b.ActiveFrom), strings.Compare(a.ID, b.ID))
	})
	return r
}

// Keys returns the keys, sorted by ActiveFrom. The caller may change the slice.
func (r Ring) Keys() []Key { return slices.Clone(r.keys) }

// Active returns the key that signs at the given time: the newest whose
// ActiveFrom has come. It reports false when there is none, and never returns a
// key that is not published.
func (r Ring) Active(now time.Time) (Key, bool) {
	for _, k := range slices.Backward(r.keys) {
		if !k.ActiveFrom.After(now) && !k.retired(now) {
			return k, true
		}
	}
	return Key{}, false
}

// Find returns the key with the given ID, whether it signs or not.
func (r Ring) Find(kid string) (Key, bool) {
	for _, k := range r.keys {
		if k.ID == kid {
			return k, true
		}
	}
	return Key{}, false
}

// Rotate returns the ring with a new key, and that key. It is published at once
// and signs after lead: longer than anyone caches a key set. The keys it takes
// over from get their RetireAt keep after that: longer than any token lives. Keys
// that are retired by now are dropped. In a ring in which no key can sign, the
// new one signs at once: there is nobody to take over from, and waiting would
// only lengthen the outage.
//
// While a key waits to become active the error is [ErrPending], so that a
// rotation asked for twice, or on two nodes, is one. Times count in whole seconds.
func (r Ring) Rotate(now time.Time, lead, keep time.Duration) (Ring, Key, error) {
	if len(r.keys) > 0 && r.keys[len(r.keys)-1].ActiveFrom.After(now) {
		return Ring{}, Key{}, ErrPending
	}
	activeFrom := now.Add(lead)
	if _, ok := r.Active(now); !ok {
		activeFrom = now
	}
	added, err := NewKey(now, activeFrom)
	if err != nil {
		return Ring{}, Key{}, err
	}
	keys := []Key{added}
	for _, k := range r.keys {
		if k.retired(now) {
			continue
		}
		if k.RetireAt.IsZero() {
			k.RetireAt = wholeSecond(added.ActiveFrom.Add(keep))
		}
		keys = append(keys, k)
	}
	return NewRing(keys...), added, nil
}

func (k Key) retired(now time.Time) bool {
	return !k.RetireAt.IsZero() && !now.Before(k.RetireAt)
}

// Public returns the keys that are published at the given time.
func (r Ring) Public(now time.Time) PublicSet {
	var s PublicSet
	for _, k := range r.keys {
		if !k.retired(now) {
			s.keys = append(s.keys, publicKey{k.ID, k.Public()})
		}
	}
	return s
}

// JWKS returns the published keys as a JSON Web Key Set (RFC 7517 §5), those that
// wait to sign and those that signed before included, in a stable order.
func (r Ring) JWKS(now time.Time) []byte { return r.Public(now).JWKS() }
