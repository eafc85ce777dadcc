package ws

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/audit"
	"countersign/crypto/keyring"
	"countersign/session"

	"github.com/gorilla/websocket"
)

// A shelf keeps sessions in memory as the store does in Redis: it is the
// Watches and the session.Store of the hubs of one test. Hooks let a test act
// in the middle of a trip.
type shelf struct {
	session.Store // what is not needed here is not there

	sweeps atomic.Int64

	mu       sync.Mutex
	sessions map[session.ID]*shelved
	fails    error               // what every trip ends with
	taken    func(number int)    // called after a takeover, before its answer arrives
	listens  map[string]*Hub     // by node: who gets hints
	lost     func(hint any) bool // says which hints are lost
	blind    bool                // the sweep finds nothing: hints alone must do
}

type shelved struct {
	now    session.Session
	holder string
	number uint64
}

func (x *shelf) get(id session.ID) (*shelved, error) {
	if x.fails != nil {
		return nil, x.fails
	}
	s := x.sessions[id]
	if s == nil {
		return nil, session.ErrNotFound
	}
	return s, nil
}

func (x *shelf) Session(_ context.Context, id session.ID) (session.Session, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s, err := x.get(id)
	if err != nil {
		return session.Session{}, err
	}
	return s.now, nil
}

func (x *shelf) Swap(_ context.Context, old, next session.Session, _ session.Effects) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	s, err := x.get(next.ID)
	switch {
	case err != nil:
		return err
	case s.now.Version != old.Version:
		return session.ErrConflict
	}
	s.now = next
	if h := x.listens[s.holder]; h != nil && (x.lost == nil || !x.lost(next)) {
		h.Changed(next.ID, next.Version, func(context.Context) (session.Session, error) { return next, nil })
	}
	return nil
}

func (x *shelf) Take(_ context.Context, node string, id session.ID, a Asker) (Taken, error) {
	t, err := x.take(node, id, a)
	if err == nil && x.taken != nil {
		x.taken(int(t.Number))
	}
	return t, err
}

func (x *shelf) take(node string, id session.ID, a Asker) (Taken, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s, err := x.get(id)
	switch {
	case err != nil:
		return Taken{}, err
	case s.now.Challenge != "" && a.Challenge == "":
		return Taken{}, ErrVerifierMissing
	case s.now.Challenge != "" && s.now.Challenge != a.Challenge:
		return Taken{}, ErrRefused
	}
	s.number++
	if h := x.listens[s.holder]; h != nil && s.holder != node && (x.lost == nil || !x.lost(s.number)) {
		h.Taken(id, s.number)
	}
	s.holder = node
	return Taken{Session: s.now, Number: s.number}, nil
}

func (x *shelf) Stale(_ context.Context, node string, watched []Watched, visit func(i int)) error {
	x.sweeps.Add(1)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.fails != nil || x.blind {
		return x.fails
	}
	for i, w := range watched {
		if s := x.sessions[w.ID]; s == nil || s.now.Version != w.Version || s.number != w.Number || s.holder != node {
			visit(i)
		}
	}
	return nil
}

func (x *shelf) Look(_ context.Context, id session.ID) (session.Session, string, uint64, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s, err := x.get(id)
	if err != nil {
		return session.Session{}, "", 0, err
	}
	return s.now, s.holder, s.number, nil
}

func (x *shelf) forget(id session.ID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.sessions, id)
}

func (x *shelf) fail(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.fails = err
}

// errDown is a store that cannot be reached.
var errDown = errors.New("shelf: down")

// Party and ByOrigin implement session.Parties.
func (x *shelf) Party(id string) (session.RelyingParty, bool) {
	return session.RelyingParty{ID: id, TokenTTL: time.Hour, LegacyAuthResult: id == "legacy"}, id == "demo" || id == "legacy"
}

func (x *shelf) ByOrigin(origin string) []string {
	if origin == "https://bank.example" {
		return []string{"demo"}
	}
	return nil
}

// A house is one shelf with its nodes.
type house struct {
	t     *testing.T
	shelf *shelf
	svc   *session.Service
}

func newHouse(t *testing.T) *house {
	t.Helper()
	master, err := keyring.NewMaster(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	x := &shelf{sessions: map[session.ID]*shelved{}, listens: map[string]*Hub{}}
	return &house{t: t, shelf: x, svc: &session.Service{Issuer: "https://login.example/path", Secrets: session.Secrets{Master: master},
		Store: x, Parties: x, Audit: audit.Discard{}, Now: time.Now}}
}

// hub runs a node until the test ends, and gives the address of its server.
func (o *house) hub(name string, change func(*Hub)) (*Hub, string) {
	o.t.Helper()
	h := &Hub{Node: name, Sessions: o.svc, Watches: o.shelf, Issuer: o.svc.Issuer, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(h)
	}
	o.shelf.mu.Lock()
	o.shelf.listens[name] = h
	o.shelf.mu.Unlock()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h.Socket(w, r, strings.TrimPrefix(r.URL.Path, "/")); err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
		}
	}))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.Run(ctx)
	}()
	o.t.Cleanup(func() {
		h.Drain(ctx, 0)
		stop()
		<-done
		s.Close()
	})
	return h, "ws" + strings.TrimPrefix(s.URL, "http")
}

// begin puts an open session on the shelf.
func (o *house) begin(change func(*session.Session)) session.Session {
	now := time.Now().Truncate(time.Millisecond)
	s := session.Session{ID: session.NewID(), Secret: o.svc.Secrets.Master.First(), Service: "demo", Mode: session.Enter,
		CreatedAt: now, ExpiresAt: now.Add(time.Minute)}
	if change != nil {
		change(&s)
	}
	s, _ = session.Begin(s)
	o.shelf.mu.Lock()
	defer o.shelf.mu.Unlock()
	o.shelf.sessions[s.ID] = &shelved{now: s}
	return s
}

// cancel ends a session.
func (o *house) cancel(s session.Session) {
	o.t.Helper()
	if _, err := o.svc.Cancel(o.t.Context(), s.ID, session.ByPage); err != nil {
		o.t.Fatal(err)
	}
}

// watch opens a socket of a session.
func (o *house) watch(base string, s session.Session) *Client {
	o.t.Helper()
	c, err := Dial(o.t.Context(), base+"/"+string(s.ID)+"?token="+o.svc.Secrets.WSToken(s), DialOptions{})
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { c.Close() })
	return c
}

// want takes the next message.
func (o *house) want(c *Client, want session.MessageType) Wire {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), 10*time.Second)
	defer cancel()
	m, err := c.Next(ctx)
	if err != nil || m.Type != want {
		o.t.Fatalf("got %+v, %v, want %s", m, err, want)
	}
	return m
}

// wantClose takes the end.
func (o *house) wantClose(c *Client, code int, reason string) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), 10*time.Second)
	defer cancel()
	m, err := c.Next(ctx)
	if end, _ := errors.AsType[CloseError](err); end != (CloseError{Code: code, Reason: reason}) {
		o.t.Fatalf("got %+v, %v, want close %d %q", m, err, code, reason)
	}
}

// raw is the connection under a client.
func raw(c *Client) *websocket.Conn { return c.conn }

// eventually waits until a condition holds.
func (o *house) eventually(what string, holds func() bool) {
	o.t.Helper()
	timeout := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-timeout:
			o.t.Fatalf("not in time: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
