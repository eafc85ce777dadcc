package ws

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"countersign/session"
)

// The close codes of a watcher.
const (
	CloseNormal    = 1000 // the session has ended; the reason is its end state
	CloseGoingAway = 1001 // this node is shutting down
	CloseTooBig    = 1009 // the client sent over 512 bytes
	CloseTryAgain  = 1013 // this node is full, or cannot reach Redis
	CloseRefused   = 4001 // wsToken, verifier or origin
	CloseNotFound  = 4004 // no such session
	CloseReplaced  = 4009 // a newer connection took over
)

// What a watcher may be refused with.
var (
	// ErrVerifierMissing: the session needs a verifier, and none came yet.
	ErrVerifierMissing = errors.New("ws: verifier missing")
	// ErrRefused: the wsToken, the verifier or the origin is wrong.
	ErrRefused = errors.New("ws: refused")
	// ErrNotUpgrade: the request is no WebSocket upgrade.
	ErrNotUpgrade = errors.New("ws: not a websocket upgrade")
	// ErrOrigin: the page's origin is no service's.
	ErrOrigin = errors.New("ws: origin not allowed")
)

// An Asker is what a watcher shows besides the wsToken.
type Asker struct {
	Challenge string   // of its verifier; empty: none was shown
	Services  []string // that its page may watch; nil: any
}

// Taken is a session that a connection has taken over.
type Taken struct {
	Session session.Session
	Number  uint64 // of the takeover, counted up per session
}

// Watched is what a node believes of a session it watches.
type Watched struct {
	ID              session.ID
	Version, Number uint64
}

// Watches keeps who watches what.
type Watches interface {
	// Take makes a node the holder of a session's one watcher.
	// session.ErrNotFound, ErrVerifierMissing, ErrRefused: nobody was replaced.
	Take(ctx context.Context, node string, id session.ID, a Asker) (Taken, error)
	// Stale visits those that have another version or holder by now.
	Stale(ctx context.Context, node string, watched []Watched, visit func(i int)) error
	// Look reads a session with its holder. session.ErrNotFound.
	Look(ctx context.Context, id session.ID) (s session.Session, holder string, number uint64, err error)
}

// A Listener hears what other nodes tell this one. None of its methods block.
type Listener interface {
	// Changed: the session has that version; open authenticates and reads it.
	Changed(id session.ID, version uint64, open func(context.Context) (session.Session, error))
	// Taken: the takeover of that number happened elsewhere.
	Taken(id session.ID, number uint64)
	// Missed: hints may have been lost.
	Missed()
}

// A Hub holds the connections of one node. Its exported members are set before
// [Hub.Run].
type Hub struct {
	Node     string // this node's name
	Sessions *session.Service
	Watches  Watches
	Issuer   string // its own pages may watch every session
	Most     int    // connections at once; 0: no bound
	Log      *slog.Logger
	// PingEvery is how often a watcher is pinged, 20 s if zero; PongWithin is
	// how long it may take to answer, 10 s if zero. The wheel turns every 0.2 s.
	PingEvery, PongWithin time.Duration
	// Sent, if set, is told of each message that a watcher is about to get; for
	// development only.
	Sent func(id session.ID, messageID int, frame []byte)

	once     sync.Once
	writers  sync.Pool // of write buffers
	seed     maphash.Seed
	shards   []*shard
	count    atomic.Int64
	draining atomic.Bool
	sweepNow chan struct{}
	drained  chan struct{} // closed when the hub drains; long polls end
}

// A shard has some of the sessions, and one worker that writes to their
// watchers, so that a session's messages keep their order.
type shard struct {
	mu    sync.Mutex
	conns map[session.ID]*conn // linked by conn.next
	polls map[session.ID]int   // long polls that wait
	jobs  chan func(context.Context)
}

const (
	queueLength = 1024
	wheelTurn   = 200 * time.Millisecond
	sweepEvery  = 800 * time.Millisecond
	sweepJitter = 100 * time.Millisecond
	pingEvery   = 20 * time.Second
	pongWithin  = 10 * time.Second
)

// start makes the hub's inner parts, once.
func (h *Hub) start() {
	h.once.Do(func() {
		h.PingEvery, h.PongWithin = cmp.Or(h.PingEvery, pingEvery), cmp.Or(h.PongWithin, pongWithin)
		h.seed = maphash.MakeSeed()
		h.sweepNow = make(chan struct{}, 1)
		h.drained = make(chan struct{})
		for range 2 * runtime.GOMAXPROCS(0) {
			h.shards = append(h.shards, &shard{conns: map[session.ID]*conn{}, polls: map[session.ID]int{}, jobs: make(chan func(context.Context), queueLength)})
		}
	})
}

func (h *Hub) shard(id session.ID) *shard {
	h.start()
	return h.shards[maphash.String(h.seed, string(id))%uint64(len(h.shards))]
}

// Count is how many connections are open.
func (h *Hub) Count() int { return int(h.count.Load()) }

// Run writes to watchers until ctx ends.
func (h *Hub) Run(ctx context.Context) {
	h.start()
	var wg sync.WaitGroup
	for _, sh := range h.shards {
		wg.Go(func() { sh.work(ctx) })
	}
	wg.Go(func() { h.wheel(ctx) })
	wg.Go(func() { h.sweeper(ctx) })
	wg.Wait()
}

func (sh *shard) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case job := <-sh.jobs:
			job(ctx)
		}
	}
}

// queue gives a job to the session's worker; a full queue drops it, and the
// sweep finds what it would have brought.
func (sh *shard) queue(job func(context.Context)) {
	select {
	case sh.jobs <- job:
	default:
	}
}

// add makes a connection known; it may be called again.
func (h *Hub) add(c *conn) {
	sh := h.shard(c.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for at := sh.conns[c.id]; at != nil; at = at.next {
		if at == c {
			return
		}
	}
	c.next = sh.conns[c.id]
	sh.conns[c.id] = c
	h.count.Add(1)
}

// remove makes a connection unknown; it may be called again.
func (h *Hub) remove(c *conn) {
	sh := h.shard(c.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for at := sh.conns[c.id]; at != nil; at = at.next {
		if at == c {
			h.count.Add(-1)
		}
	}
	sh.conns[c.id] = sh.conns[c.id].without(c)
	if sh.conns[c.id] == nil {
		delete(sh.conns, c.id)
	}
}

// without gives the list that begins at c with x taken out.
func (c *conn) without(x *conn) *conn {
	switch c {
	case nil:
		return nil
	case x:
		return c.next
	}
	c.next = c.next.without(x)
	return c
}

// of gives the session's connections here.
func (h *Hub) of(id session.ID) []*conn {
	sh := h.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var out []*conn
	for c := sh.conns[id]; c != nil; c = c.next {
		out = append(out, c)
	}
	return out
}

// all gives every connection, in a slice that is used again.
func (h *Hub) all(into []*conn) []*conn {
	into = into[:0]
	for _, sh := range h.shards {
		sh.mu.Lock()
		for _, c := range sh.conns {
			for ; c != nil; c = c.next {
				into = append(into, c)
			}
		}
		sh.mu.Unlock()
	}
	return into
}

// Changed implements [Listener].
func (h *Hub) Changed(id session.ID, version uint64, open func(context.Context) (session.Session, error)) {
	conns := h.of(id)
	if len(conns) == 0 {
		return
	}
	h.shard(id).queue(func(ctx context.Context) {
		s, err := open(ctx)
		if err != nil {
			// A hint that cannot be read is no worse than a lost one.
			h.look(ctx, id)
			return
		}
		for _, c := range h.of(id) {
			c.update(ctx, s)
		}
	})
}

// Taken implements [Listener].
func (h *Hub) Taken(id session.ID, number uint64) {
	for _, c := range h.of(id) {
		go c.takenBy(number) // the bus waits for no peer
	}
}

// Missed implements [Listener].
func (h *Hub) Missed() {
	h.start()
	select {
	case h.sweepNow <- struct{}{}:
	default:
	}
}

// look reads a watched session again and tells its connections.
func (h *Hub) look(ctx context.Context, id session.ID) {
	s, holder, number, err := h.Watches.Look(ctx, id)
	for _, c := range h.of(id) {
		switch {
		case errors.Is(err, session.ErrNotFound):
			c.finish(CloseNotFound, "")
		case err != nil: // the sweep comes again
		case holder != h.Node:
			c.takenBy(number)
		default:
			c.takenBy(number)
			c.update(ctx, s)
		}
	}
}

// Drain closes every connection with 1001, spread over a time, and refuses new
// ones from now on.
func (h *Hub) Drain(ctx context.Context, over time.Duration) {
	h.start()
	if h.draining.Swap(true) {
		return
	}
	close(h.drained)
	conns := h.all(nil)
	if len(conns) == 0 {
		return
	}
	pause := over / time.Duration(len(conns))
	begun := time.Now()
	for i, c := range conns {
		c.finish(CloseGoingAway, "")
		if ahead := time.Duration(i)*pause - time.Since(begun); ahead > time.Millisecond {
			select {
			case <-ctx.Done():
			case <-time.After(ahead):
			}
		}
	}
	for _, c := range h.all(nil) { // came in between
		c.finish(CloseGoingAway, "")
	}
}
