package store

import (
	"context"
	"sync"
	"testing"

	"countersign/session"
)

// A listener is a hub that only remembers what it hears.
type listener struct {
	mu      sync.Mutex
	openers []func(context.Context) (session.Session, error)
	ids     []session.ID
	taken   []takeover
	missed  int
}

type takeover struct {
	ID     session.ID
	Number uint64
}

func (l *listener) Changed(id session.ID, _ uint64, open func(context.Context) (session.Session, error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids = append(l.ids, id)
	l.openers = append(l.openers, open)
}

func (l *listener) Taken(id session.ID, number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = append(l.taken, takeover{id, number})
}

func (l *listener) Missed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.missed++
}

func (l *listener) takeovers() []takeover {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken
}

// heardOf are the sessions that changed, as the hints have them unopened.
func (l *listener) heardOf() []session.ID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ids
}

func (l *listener) misses() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.missed
}

// changes opens every hint; one that does not open is left out.
func (l *listener) changes(t *testing.T) (out []session.Session) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, open := range l.openers {
		if s, err := open(t.Context()); err == nil {
			out = append(out, s)
		}
	}
	return out
}
