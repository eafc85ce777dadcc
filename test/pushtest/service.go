package pushtest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"
)

// A Service is a push service on this machine.
type Service struct {
	*httptest.Server
	t    testing.TB
	got  chan Push
	mu   sync.Mutex
	apps map[string]App // by path
	// statuses are what it answers next; then 201.
	statuses []int
}

// NewService starts a push service, which answers with these statuses first.
func NewService(t testing.TB, statuses ...int) *Service {
	t.Helper()
	s := &Service{t: t, got: make(chan Push, 64), apps: map[string]App{}, statuses: statuses}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.apps[r.URL.Path].Open(r)
	if err != nil {
		s.t.Errorf("a push that is none: %v", err)
	}
	if p.Claims.Audience != s.URL {
		s.t.Errorf("signed for %s", p.Claims.Audience)
	}
	status := http.StatusCreated
	if len(s.statuses) > 0 {
		status, s.statuses = s.statuses[0], s.statuses[1:]
	}
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	s.got <- p
}

// Subscribe makes a subscription of an app.
func (s *Service) Subscribe() App {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := "/app/" + strconv.Itoa(len(s.apps))
	a := NewApp(s.t, s.URL+path)
	s.apps[path] = a
	return a
}

// Answer has it answer with these statuses next.
func (s *Service) Answer(statuses ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statuses = statuses
}

// Next waits for a push.
func (s *Service) Next() Push {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	select {
	case p := <-s.got:
		return p
	case <-ctx.Done():
		s.t.Fatal("nothing was pushed")
		return Push{}
	}
}

// Waiting is how many pushes nobody has asked for with Next.
func (s *Service) Waiting() int { return len(s.got) }
