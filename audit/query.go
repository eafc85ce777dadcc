package audit

import (
	"errors"
	"slices"
	"time"
)

// ErrCursor says that a query goes on from where no page ended.
var ErrCursor = errors.New("audit: not a cursor")

// A Query chooses among the events on record. An empty member leaves the choice
// open.
type Query struct {
	Kinds                                      []Kind
	Session, Operation, Service, Token, Device string
	From, To                                   time.Time // when it was put on record: not before From, before To
	// Before is the Next of the page before.
	Before string
	// Limit is how many events a page has at most; it must be positive.
	Limit int
}

// Chooses says whether an event is one of those, its time aside.
func (q Query) Chooses(e Event) bool {
	if len(q.Kinds) > 0 && !slices.Contains(q.Kinds, e.Kind) {
		return false
	}
	for _, p := range [][2]string{{q.Session, e.Session}, {q.Operation, e.Operation}, {q.Service, e.Service}, {q.Token, e.Token}, {q.Device, e.Device}} {
		if p[0] != "" && p[0] != p[1] {
			return false
		}
	}
	return true
}

// A Page is a part of what a [Query] chooses, the newest first. It may be empty and
// still not be the last: how many events are looked at for one page is bounded.
type Page struct {
	Events []Event
	Next   string // empty: there are no more
}
