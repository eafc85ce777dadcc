package ws

import (
	"context"
	"errors"
	"sync"
	"time"

	"countersign/session"
)

// A sink is the way to one watcher: a WebSocket, or an event stream.
type sink interface {
	// send writes one message.
	send(id int, frame []byte) error
	// end says goodbye and lets the reader go.
	end(code int, reason string)
	// ping shows that the server is there; a socket's peer must answer.
	ping() error
	// gone says whether the peer has left a ping unanswered for too long.
	gone(now time.Time, within time.Duration) bool
}

// A conn is one watcher of one session on this node.
type conn struct {
	hub *Hub
	id  session.ID
	out sink

	next *conn // another connection of the same session; under shard.mu

	mu      sync.Mutex
	number  uint64           // of its takeover; 0: not taken over yet
	taken   uint64           // highest takeover heard of
	version uint64           // of the session last told
	seen    int              // id of the message last sent
	due     int64            // when the session needs a tick, unix ms
	pingAt  int64            // unix ms
	early   *session.Session // newest heard before its own takeover
	closed  bool
}

func newConn(h *Hub, id session.ID, out sink) *conn {
	h.start()
	return &conn{hub: h, id: id, out: out, pingAt: time.Now().Add(h.PingEvery).UnixMilli()}
}

// join takes the session over and greets: first is called with the session to
// say what the watcher gets at once. After ErrVerifierMissing the connection
// stays known, so that it counts and is told when the node stops, and may join
// again.
func (c *conn) join(ctx context.Context, a Asker, first func(session.Session) []session.Message) error {
	h := c.hub
	if !c.id.WellFormed() {
		return session.ErrNotFound
	}
	h.add(c)
	if h.draining.Load() { // since it was let in; Drain may have missed it
		c.finish(CloseGoingAway, "")
	}
	if c.ended() {
		h.remove(c)
		return nil
	}
	t, err := h.Watches.Take(ctx, h.Node, c.id, a)
	if err == nil {
		// A session whose time is up is ended before it is shown.
		t.Session, err = h.Sessions.Tick(ctx, t.Session)
	}
	if err != nil {
		if !errors.Is(err, ErrVerifierMissing) {
			h.remove(c)
		}
		return err
	}
	for _, other := range h.of(c.id) {
		if other != c {
			other.takenBy(t.Number)
			c.takenBy(other.takeover())
		}
	}
	c.begin(ctx, t, first(t.Session))
	return nil
}

// ended says whether the connection was told its end.
func (c *conn) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// forget makes sure that nobody who still knows the connection writes to it.
func (c *conn) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

// takeover is the number of the connection's takeover.
func (c *conn) takeover() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.number
}

// begin sends the greeting, and then what was heard too early.
func (c *conn) begin(ctx context.Context, t Taken, greeting []session.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.number = t.Number
	if c.closed {
		return
	}
	if c.taken > c.number {
		c.close(CloseReplaced, "")
		return
	}
	c.tell(ctx, t.Session, greeting)
	if c.early != nil && c.early.Version > c.version {
		c.tell(ctx, *c.early, c.early.Since(c.seen))
	}
	c.early = nil
}

// update tells the watcher what is new in a session.
func (c *conn) update(ctx context.Context, s session.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
	case c.number == 0:
		if c.early == nil || s.Version > c.early.Version {
			c.early = &s
		}
	case s.Version > c.version:
		c.tell(ctx, s, s.Since(c.seen))
	}
}

// tell sends messages, and closes if the session has ended. c.mu is held.
func (c *conn) tell(ctx context.Context, s session.Session, messages []session.Message) {
	for _, m := range messages {
		frame, err := c.hub.render(ctx, s, m)
		if err != nil {
			c.hub.Log.ErrorContext(ctx, "message not delivered", "type", m.Type, "error", err)
			c.close(CloseTryAgain, "")
			return
		}
		if err := c.out.send(m.ID, frame); err != nil {
			c.close(CloseGoingAway, "")
			return
		}
	}
	c.seen, c.version = s.LastID, s.Version
	if !s.State.Open() {
		c.close(CloseNormal, s.State.String())
		return
	}
	c.due = c.hub.Sessions.NextTick(s).UnixMilli()
}

// takenBy gives way to a newer connection, here or elsewhere.
func (c *conn) takenBy(number uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = max(c.taken, number)
	if c.number != 0 && c.taken > c.number {
		c.close(CloseReplaced, "")
	}
}

// finish ends the connection from outside.
func (c *conn) finish(code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.close(code, reason)
}

// close ends the connection once. c.mu is held.
func (c *conn) close(code int, reason string) {
	if c.closed {
		return
	}
	c.closed = true
	c.hub.remove(c)
	c.out.end(code, reason)
}

// believes is what the sweep compares; ok is false before the takeover.
func (c *conn) believes() (w Watched, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Watched{ID: c.id, Version: c.version, Number: c.number}, c.number != 0 && !c.closed
}

// turn does what is due at a moment: a ping, giving up on a peer that does not
// answer one, and asking for a tick of the session.
func (c *conn) turn(now time.Time) (tick bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed || c.number == 0:
		return false
	case c.out.gone(now, c.hub.PongWithin):
		c.close(CloseGoingAway, "")
		return false
	}
	if now.UnixMilli() >= c.pingAt {
		c.pingAt = now.Add(c.hub.PingEvery).UnixMilli()
		if c.out.ping() != nil {
			c.close(CloseGoingAway, "")
			return false
		}
	}
	return c.due != 0 && c.hub.Sessions.Now().UnixMilli() >= c.due
}

// wheel turns all connections, instead of a timer for each.
func (h *Hub) wheel(ctx context.Context) {
	tick := time.NewTicker(wheelTurn)
	defer tick.Stop()
	var conns []*conn
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			conns = h.all(conns)
			for i, c := range conns {
				if c.turn(now) {
					h.shard(c.id).queue(c.tick)
				}
				conns[i] = nil // the slice must not keep it alive
			}
		}
	}
}

// tick brings the session up to the present and tells its watchers.
func (c *conn) tick(ctx context.Context) {
	s, _, _, err := c.hub.Watches.Look(ctx, c.id)
	if err == nil {
		s, err = c.hub.Sessions.Tick(ctx, s)
	}
	switch {
	case errors.Is(err, session.ErrNotFound):
		c.finish(CloseNotFound, "")
	case err != nil: // the wheel comes round again
	default:
		for _, other := range c.hub.of(c.id) {
			other.update(ctx, s)
		}
	}
}

// sweeper compares what the node believes with the records, so that a lost hint
// is late and not lost.
func (h *Hub) sweeper(ctx context.Context) {
	var conns []*conn
	var watched []Watched
	wait := time.NewTimer(sweepEvery)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		case <-h.sweepNow:
		}
		conns, watched = h.sweep(ctx, conns, watched)
		wait.Reset(sweepEvery + jitter(sweepJitter))
	}
}

func (h *Hub) sweep(ctx context.Context, conns []*conn, watched []Watched) ([]*conn, []Watched) {
	conns = h.all(conns)
	watched = watched[:0]
	for i, c := range conns {
		if w, ok := c.believes(); ok {
			watched = append(watched, w)
		}
		conns[i] = nil
	}
	err := h.Watches.Stale(ctx, h.Node, watched, func(i int) {
		id := watched[i].ID
		h.shard(id).queue(func(ctx context.Context) { h.look(ctx, id) })
	})
	if err != nil && ctx.Err() == nil {
		h.Log.WarnContext(ctx, "watched sessions could not be compared", "error", err)
	}
	return conns, watched
}
