package store

import (
	"crypto/sha256"
	"errors"
	"sync"
	"time"
)

// A witness remembers the newest version of each record that this node has
// seen, so that an older one, or another one of the same version, put back into
// Redis is not believed here. It remembers the latest hundred thousand or more,
// for ten to twenty minutes: sessions live ten, and a record that a failover of
// Redis has really thrown back must be believed again some day.
type witness struct {
	mu         sync.Mutex
	since      time.Time // the young generation's beginning
	young, old map[short]sighting
}

// short is enough to tell records apart that nobody can choose.
type short [8]byte

type sighting struct {
	version uint64
	tag     short // the end of the sealed bytes: their authenticator's
}

// How many and how long each of the two generations remembers.
const (
	witnessed    = 100_000
	witnessedFor = 10 * time.Minute
)

func newWitness() *witness { return &witness{young: map[short]sighting{}, since: time.Now()} }

// believe says whether a record is not older than what was seen of its key, and
// remembers it.
func (w *witness) believe(key string, version uint64, body string) bool {
	name, now := shorten(key), sighting{version, tag(body)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.age()
	then, seen := w.young[name]
	if !seen {
		then, seen = w.old[name]
	}
	if seen && (version < then.version || version == then.version && now != then) {
		return false
	}
	w.young[name] = now
	return true
}

// age lets a generation go when it is full or old. w.mu is held.
func (w *witness) age() {
	if len(w.young) >= witnessed || time.Since(w.since) >= witnessedFor {
		w.old, w.young, w.since = w.young, map[short]sighting{}, time.Now()
	}
}

// newest is the newest version seen of a key; 0: none.
func (w *witness) newest(key string) uint64 {
	name := shorten(key)
	w.mu.Lock()
	defer w.mu.Unlock()
	if then, seen := w.young[name]; seen {
		return then.version
	}
	return w.old[name].version
}

func shorten(s string) short {
	sum := sha256.Sum256([]byte(s))
	return short(sum[:len(short{})])
}

// tag is the last bytes of a sealed body, which no other sealing has.
func tag(body string) (t short) {
	copy(t[:], body[max(0, len(body)-len(t)):])
	return t
}

// errOlder: a newer version of the record was seen before. That is no news if
// the record was read while somebody swapped it, and an attack if it was read
// afterwards.
var errOlder = errors.New("store: older than seen before")

// An olderError is errOlder, and says of which record.
type olderError struct{ tag short }

func (olderError) Error() string { return errOlder.Error() }

// Is makes every olderError an errOlder.
func (olderError) Is(target error) bool { return target == errOlder }

// mostLooks bounds how often steady looks.
const mostLooks = 8

// steady looks again while what it gets is older than what was seen: somebody
// swapped it between Redis' answer and now. What is still the same at the next
// look was put back.
func steady[T any](look func() (T, error)) (v T, err error) {
	var last error
	for range mostLooks {
		if v, err = look(); !errors.Is(err, errOlder) || last != nil && errors.Is(err, last) {
			return v, err
		}
		last = err
	}
	return v, err
}
