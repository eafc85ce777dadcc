package ws

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"countersign/session"
)

// A Watcher is who watches by HTTP: with the wsToken as bearer token and, if
// the session was started with a challenge, the verifier in a header.
type Watcher struct {
	ID       session.ID
	Token    string
	Verifier string
}

// Allow checks a watcher and gives the session. ErrRefused, before anything is
// asked of the store if the token is wrong; session.ErrNotFound.
func (h *Hub) Allow(ctx context.Context, w Watcher) (session.Session, error) {
	if !h.Sessions.Secrets.CheckWSToken(w.ID, w.Token) {
		return session.Session{}, ErrRefused
	}
	s, err := h.Sessions.Get(ctx, w.ID)
	if err == nil && !s.Bound(w.Verifier) {
		return session.Session{}, ErrRefused
	}
	return s, err
}

// Events serves GET /auth/session/{id}/events. It returns an error only before
// anything is written: those of [Hub.Allow], and session.ErrFull.
func (h *Hub) Events(w http.ResponseWriter, r *http.Request, who Watcher, after int) error {
	h.start()
	if _, err := h.Allow(r.Context(), who); err != nil {
		return err
	}
	out := newStream(w)
	switch code := h.full(); code {
	case 0:
	case CloseTryAgain:
		return session.ErrFull // unlike a socket's, a stream's status can be read
	default:
		out.end(code, "")
		return nil
	}
	a := Asker{Challenge: session.ChallengeOf(who.Verifier)}
	c := newConn(h, who.ID, out)
	err := c.join(r.Context(), a, func(s session.Session) []session.Message { return missed(s, after) })
	if err != nil {
		c.forget()
		return err
	}
	select {
	case <-out.done:
	case <-r.Context().Done():
		c.finish(CloseNormal, "")
	}
	return nil
}

// missed is what an event stream begins with: otp_ready while the session is
// open, seen or not, and then what is newer than the last id seen.
func missed(s session.Session, after int) []session.Message {
	ready, ok := s.Ready()
	if !ok {
		return s.Since(after)
	}
	out := []session.Message{ready}
	for _, m := range s.Since(after) {
		if m.ID != ready.ID {
			out = append(out, m)
		}
	}
	return out
}

// A stream is the sink of an event stream. Its handler waits until done.
type stream struct {
	mu    sync.Mutex // a ping may come while a message is written
	w     http.ResponseWriter
	rc    *http.ResponseController
	begun bool
	done  chan struct{}
}

func newStream(w http.ResponseWriter) *stream {
	return &stream{w: w, rc: http.NewResponseController(w), done: make(chan struct{})}
}

func (s *stream) write(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun {
		s.begun = true
		head := s.w.Header()
		head.Set("Content-Type", "text/event-stream")
		head.Set("Cache-Control", "no-store")
		head.Set("X-Accel-Buffering", "no") // nginx would keep messages back
		s.w.WriteHeader(http.StatusOK)
	}
	if err := s.rc.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return err
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.rc.Flush()
}

func (s *stream) send(id int, frame []byte) error {
	return s.write("id: " + strconv.Itoa(id) + "\ndata: " + string(frame) + "\n\n")
}

func (s *stream) end(code int, _ string) {
	// The stream is over whether or not the peer hears why.
	_ = s.write(fmt.Sprintf("event: close\ndata: {\"code\":%d}\n\n", code))
	close(s.done)
}

func (s *stream) ping() error { return s.write(": ping\n\n") }

// gone is never known of a stream but by a failing write.
func (s *stream) gone(time.Time, time.Duration) bool { return false }

// A Polled is the answer to a long poll.
type Polled struct {
	Status   session.State
	Messages []json.RawMessage
}

// pollEvery is how often a waiting poll reads the record.
const pollEvery = 200 * time.Millisecond

// pollsMost is how many polls of one session wait on a node: one, and one that
// its client has given up.
const pollsMost = 2

// mayWait says whether one more poll of a session may wait, and counts it; who
// may not gets what there is at once.
func (sh *shard) mayWait(id session.ID) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.polls[id] >= pollsMost {
		return false
	}
	sh.polls[id]++
	return true
}

func (sh *shard) waited(id session.ID) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.polls[id]--; sh.polls[id] == 0 {
		delete(sh.polls, id)
	}
}

// Poll gives what a watcher has missed since message after, waiting for news up
// to wait if there is none. It takes nothing over.
func (h *Hub) Poll(ctx context.Context, who Watcher, after int, wait time.Duration) (Polled, error) {
	h.start()
	s, err := h.Allow(ctx, who)
	if err != nil {
		return Polled{}, err
	}
	sh := h.shard(who.ID)
	switch {
	case wait <= 0:
	case h.full() != 0 || !sh.mayWait(who.ID):
		wait = 0
	default:
		h.count.Add(1) // it takes a connection as a socket does
		defer h.count.Add(-1)
		defer sh.waited(who.ID)
	}
	until := time.NewTimer(wait)
	defer until.Stop()
	for {
		if s, err = h.Sessions.Tick(ctx, s); err != nil {
			return Polled{}, err
		}
		p, err := h.polled(ctx, s, after)
		if err != nil || len(p.Messages) > 0 || !s.State.Open() || wait <= 0 {
			return p, err
		}
		select {
		case <-ctx.Done():
			return p, nil
		case <-h.drained:
			return p, nil
		case <-until.C:
			wait = 0 // one last look
		case <-time.After(pollEvery):
		}
		if s, err = h.Sessions.Get(ctx, who.ID); err != nil {
			return Polled{}, err
		}
	}
}

func (h *Hub) polled(ctx context.Context, s session.Session, after int) (Polled, error) {
	p := Polled{Status: s.State, Messages: []json.RawMessage{}}
	for _, m := range s.Since(after) {
		frame, err := h.render(ctx, s, m)
		if err != nil {
			return p, err
		}
		p.Messages = append(p.Messages, frame)
	}
	return p, nil
}
