package notify

import (
	"context"
	"sync"
	"time"
)

// A server that hangs takes 5 s of each delivery. So that it holds up nobody
// else's, each kind of notice of a service has a lane of its own: what is told of one
// service goes to several servers, and of one kind there may be far more than of another.
const (
	atOnce = 4  // deliveries of one node in a lane
	inLine = 32 // notices of a lane that a node has claimed: those, and what waits for its turn
	// putOff is the most that what finds the lane full is put off: as long as what was
	// tried. Shorter, the nodes would do nothing but put off what is left of a day.
	putOff = longest
)

// A place says in which lane a notice waits.
type place struct {
	service string
	kind    Kind
}

func placeOf(n Notice) place { return place{n.Service, n.Kind} }

type lanes struct {
	mu   sync.Mutex
	of   map[place]*lane
	busy sync.WaitGroup // everything that is claimed
}

type lane struct {
	claimed int // guarded by lanes
	refused int // since the lane was empty; guarded by lanes
	slots   chan struct{}
}

// enter gives the lane of a place; nil: it is full, and the notice is to come again
// so much later, the later the more were refused: what waits for a server that hangs
// is not to keep the nodes busy.
func (s *lanes) enter(at place) (*lane, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.of[at]
	if l == nil {
		l = &lane{slots: make(chan struct{}, atOnce)}
		s.of[at] = l
	}
	if l.claimed == inLine {
		l.refused++
		return nil, min(putOff, every*time.Duration(1+l.refused/inLine))
	}
	l.claimed++
	return l, 0
}

func (s *lanes) leave(at place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[at].claimed--; s.of[at].claimed == 0 {
		delete(s.of, at)
	}
}

// turn waits for a slot until it is too late; whether there is one.
func (l *lane) turn(ctx context.Context, late time.Time) bool {
	ctx, cancel := context.WithDeadline(ctx, late)
	defer cancel()
	if ctx.Err() != nil {
		return false
	}
	select {
	case l.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (l *lane) done() { <-l.slots }
