package notify

import (
	"context"
	"sync"
	"time"
)

// A server that hangs takes 5 s of each delivery. So that it holds up nobody
// else's, each service has a lane of its own.
const (
	atOnce = 4                // deliveries of one node to a service
	inLine = 32               // notices of a service that a node has claimed: those, and what waits for its turn
	putOff = 30 * time.Second // the most that what finds the lane full is put off
)

type lanes struct {
	mu   sync.Mutex
	of   map[string]*lane
	busy sync.WaitGroup // everything that is claimed
}

type lane struct {
	claimed int // guarded by lanes
	refused int // since the lane was empty; guarded by lanes
	slots   chan struct{}
}

// enter gives the lane of a service; nil: it is full, and the notice is to come again
// so much later, the later the more were refused: what waits for a server that hangs
// is not to keep the nodes busy.
func (s *lanes) enter(service string) (*lane, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.of[service]
	if l == nil {
		l = &lane{slots: make(chan struct{}, atOnce)}
		s.of[service] = l
	}
	if l.claimed == inLine {
		l.refused++
		return nil, min(putOff, every*time.Duration(1+l.refused/inLine))
	}
	l.claimed++
	return l, 0
}

func (s *lanes) leave(service string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[service].claimed--; s.of[service].claimed == 0 {
		delete(s.of, service)
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
