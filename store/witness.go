package store

import (
	"crypto/sha256"
	"sync"
)

// A witness remembers the newest version of each record that this node has
// seen, so that an older one, or another one of the same version, put back into
// Redis is not believed here. It remembers the latest hundred thousand or more:
// sessions live ten minutes.
type witness struct {
	mu         sync.Mutex
	young, old map[short]sighting
}

// short is enough to tell records apart that nobody can choose.
type short [8]byte

type sighting struct {
	version uint64
	tag     short // the end of the sealed bytes: their authenticator's
}

// witnessed bounds each of the two generations.
const witnessed = 100_000

func newWitness() *witness { return &witness{young: map[short]sighting{}} }

// believe says whether a record is not older than what was seen of its key, and
// remembers it.
func (w *witness) believe(key string, version uint64, body string) bool {
	name, now := shorten(key), sighting{version, tag(body)}
	w.mu.Lock()
	defer w.mu.Unlock()
	then, seen := w.young[name]
	if !seen {
		then, seen = w.old[name]
	}
	if seen && (version < then.version || version == then.version && now != then) {
		return false
	}
	if len(w.young) >= witnessed {
		w.old, w.young = w.young, map[short]sighting{}
	}
	w.young[name] = now
	return true
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
