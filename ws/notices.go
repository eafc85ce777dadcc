package ws

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"

	"countersign/operation"
	"countersign/session"
)

// Operations say how an operation stands.
type Operations interface {
	// Present brings an operation up to the present. operation.ErrNotFound.
	Present(ctx context.Context, id operation.ID) (operation.Standing, error)
}

// A Registration is what a node believes of a page that is registered here.
type Registration struct {
	// Handle is what nodes call the webSocketId; it tells neither that nor the
	// operation.
	Handle    string
	Number    uint64 // counted up per handle
	Operation operation.ID
	Version   uint64 // of the operation
	// Session of the operation that is open, and its version; 0: none is.
	Session        session.ID
	SessionVersion uint64
}

// Registrations keep which operation a webSocketId leads to, and which of the
// pages that registered for it came last.
type Registrations interface {
	// Named gives the operation that a webSocketId leads to, and its handle.
	// operation.ErrNotFound.
	Named(ctx context.Context, webSocketID string) (id operation.ID, handle string, err error)
	// Register counts one more page of an operation, and tells every node.
	Register(ctx context.Context, handle string, o operation.Operation) (number uint64, err error)
	// Outdated visits those that are not so any more: another page has come, or
	// the operation or its session has another version. Newest is the highest
	// number.
	Outdated(ctx context.Context, all []Registration, visit func(i int, newest uint64)) error
}

// A NoticeListener hears what nodes tell each other about operations. None of its
// methods block; authentic says whether a node has said it, and is asked only
// where it matters.
type NoticeListener interface {
	// Moved: the operation of a handle has that version by now.
	Moved(handle string, version uint64, authentic func() bool)
	// Replaced: a page has registered for a handle, under that number.
	Replaced(handle string, number uint64, authentic func() bool)
	// Missed: some of it may have been lost.
	Missed()
}

// Notices are the pages of operations that are connected to one node by STOMP,
// and are told that their operation has changed, so that they ask what has.
//
// What a page is told is read from the operation and never from what nodes tell
// each other: that only makes a page due. What was lost on the way, or was never
// said because a node died, is found by a sweep that compares what this node
// believes with the records. Of several pages
// of one webSocketId in the whole cluster the newest stays. A page that nobody
// knows yet, or that no operation knows, replaces nobody.
//
// Each of the shards has one worker that reads and writes, so a page's notices
// keep their order. All that is ever written to one connection is some kilobytes,
// because what a page may say is bounded, so none blocks the others.
//
// Its exported members are set before [Notices.Run].
type Notices struct {
	// Hub is the node's: pages share its count and bound of connections, its
	// rule of origins, its pings, its clock and its end.
	Hub           *Hub
	Operations    Operations
	Registrations Registrations
	// RegisterWithin is how long a page may take to register, and to subscribe to
	// the end of its operation, 5 s if zero; HeartBeat is how often each side
	// sends something if the page wants to, 20 s if zero.
	RegisterWithin, HeartBeat time.Duration

	once      sync.Once
	seed      maphash.Seed
	shards    []*noticeShard
	strangers strangers // have not registered yet
	sweepNow  chan struct{}
}

// A noticeShard has the pages of some of the handles.
type noticeShard struct {
	mu    sync.Mutex
	pages map[string][]*page
	wake  chan struct{}
}

// NoticeProtocol is the subprotocol of pages that listen for notices.
const NoticeProtocol = "v12.stomp"

// closeProtocol ends a connection that does not keep to STOMP, as RFC 6455 §7.4.1
// has it.
const closeProtocol = 1002

const (
	noticeReadLimit = 1 << 10
	heartBeat       = 20 * time.Second
	presentAgain    = time.Second // when a look failed
)

func (n *Notices) start() {
	n.once.Do(func() {
		n.Hub.start()
		n.RegisterWithin, n.HeartBeat = cmp.Or(n.RegisterWithin, bindWithin), cmp.Or(n.HeartBeat, heartBeat)
		n.seed, n.sweepNow = maphash.MakeSeed(), make(chan struct{}, 1)
		for range 2 * runtime.GOMAXPROCS(0) {
			n.shards = append(n.shards, &noticeShard{pages: map[string][]*page{}, wake: make(chan struct{}, 1)})
		}
	})
}

func (n *Notices) shard(handle string) *noticeShard {
	n.start()
	return n.shards[maphash.String(n.seed, handle)%uint64(len(n.shards))]
}

// Run tells pages until ctx ends.
func (n *Notices) Run(ctx context.Context) {
	n.start()
	var wg sync.WaitGroup
	for _, sh := range n.shards {
		wg.Go(func() { n.work(ctx, sh) })
	}
	wg.Go(func() { n.wheel(ctx) })
	wg.Go(func() { n.sweeper(ctx) })
	wg.Wait()
}

func (n *Notices) work(ctx context.Context, sh *noticeShard) {
	tick := time.NewTicker(wheelTurn)
	defer tick.Stop()
	var pages []*page
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-sh.wake:
		}
		pages = sh.all(pages)
		for i, p := range pages {
			if p.isDue(time.Now()) {
				n.look(ctx, p)
			}
			pages[i] = nil // the slice must not keep it alive
		}
	}
}

// wheel turns all pages: beside the workers, which may be waiting for the store.
func (n *Notices) wheel(ctx context.Context) {
	tick := time.NewTicker(wheelTurn)
	defer tick.Stop()
	var pages []*page
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, sh := range n.shards {
				pages = sh.all(pages)
				for i, p := range pages {
					p.turn(now)
					pages[i] = nil
				}
			}
		}
	}
}

// look reads how a page's operation stands, and tells the page.
func (n *Notices) look(ctx context.Context, p *page) {
	st, err := n.Operations.Present(ctx, p.operation())
	switch {
	case errors.Is(err, operation.ErrNotFound):
		p.finish(CloseNotFound, "")
	case err != nil:
		if ctx.Err() == nil {
			n.Hub.Log.WarnContext(ctx, "a page was not told of its operation", "error", err)
		}
		p.again(time.Now().Add(presentAgain))
	default:
		p.tell(st)
	}
}

// all gives the pages of a shard, in a slice that is used again.
func (sh *noticeShard) all(into []*page) []*page {
	into = into[:0]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, pages := range sh.pages {
		into = append(into, pages...)
	}
	return into
}

// of gives the pages of a handle. The list is never written to.
func (sh *noticeShard) of(handle string) []*page {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.pages[handle]
}

// rouse wakes the worker, which may be at work already.
func (sh *noticeShard) rouse() {
	select {
	case sh.wake <- struct{}{}:
	default:
	}
}

// add makes a page known by its handle.
func (n *Notices) add(handle string, p *page) {
	sh := n.shard(handle)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.pages[handle] = append(slices.Clone(sh.pages[handle]), p)
}

// remove makes a page unknown.
func (n *Notices) remove(handle string, p *page) {
	sh := n.shard(handle)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(sh.pages[handle]), func(x *page) bool { return x == p })
	if sh.pages[handle] = left; len(left) == 0 {
		delete(sh.pages, handle)
	}
}

// Moved implements [NoticeListener].
func (n *Notices) Moved(handle string, version uint64, authentic func() bool) {
	sh := n.shard(handle)
	if pages := sh.of(handle); len(pages) > 0 && authentic() {
		for _, p := range pages {
			p.moved(version)
		}
		sh.rouse()
	}
}

// Replaced implements [NoticeListener].
func (n *Notices) Replaced(handle string, number uint64, authentic func() bool) {
	if pages := n.shard(handle).of(handle); len(pages) > 0 && authentic() {
		for _, p := range pages {
			go p.takenBy(number) // which says goodbye, and a peer that does not read makes that wait
		}
	}
}

// Missed implements [NoticeListener].
func (n *Notices) Missed() {
	n.start()
	select {
	case n.sweepNow <- struct{}{}:
	default:
	}
}

// sweeper compares what the node believes with the records, so that what was lost
// between nodes is late and not lost.
func (n *Notices) sweeper(ctx context.Context) {
	wait := time.NewTimer(sweepEvery)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		case <-n.sweepNow:
		}
		n.sweep(ctx)
		wait.Reset(sweepEvery + jitter(sweepJitter))
	}
}

func (n *Notices) sweep(ctx context.Context) {
	var pages []*page
	var believed []Registration
	for _, sh := range n.shards {
		for _, p := range sh.all(nil) {
			if r, ok := p.believes(); ok {
				pages, believed = append(pages, p), append(believed, r)
			}
		}
	}
	if len(believed) == 0 {
		return
	}
	err := n.Registrations.Outdated(ctx, believed, func(i int, newest uint64) {
		pages[i].takenBy(newest)
		pages[i].due.Store(0)
		n.shard(believed[i].Handle).rouse()
	})
	if err != nil && ctx.Err() == nil {
		n.Hub.Log.WarnContext(ctx, "operations with pages could not be compared", "error", err)
	}
}

// Socket serves GET /websocket. It returns once the connection is upgraded and
// goes on without the request; address is whom the caller is counted as. Read
// takes a registration apart, after the request is gone. ErrNotUpgrade and
// ErrOrigin come before the upgrade; all later trouble is a close code.
func (n *Notices) Socket(w http.ResponseWriter, r *http.Request, address string, read func(body []byte) (webSocketID string, err error)) error {
	n.start()
	if !isUpgrade(r) {
		return ErrNotUpgrade
	}
	services, err := n.Hub.origin(r.Header)
	if err != nil {
		return err
	}
	u := n.Hub.upgrader(r, NoticeProtocol)
	sock, err := u.Upgrade(w, r, nil)
	if err != nil {
		return nil //nolint:nilerr // Upgrade has answered
	}
	out := newSocket(sock)
	out.ws.SetReadLimit(noticeReadLimit)
	code := n.Hub.full()
	if code == 0 && sock.Subprotocol() != NoticeProtocol {
		code = closeProtocol
	}
	if code != 0 {
		go out.dismiss(code)
		return nil
	}
	p := newPage(n, out, services, read)
	if !n.strangers.hold(out, address, func() { p.finish(CloseGoingAway, "") }) {
		go out.dismiss(CloseTryAgain)
		return nil
	}
	n.Hub.count.Add(1)
	if n.Hub.draining.Load() { // since it was let in; Drain may have missed it
		p.finish(CloseGoingAway, "")
	}
	go p.serve()
	return nil
}

// Drain closes every connection with 1001, spread over a time. The hub is drained
// beside it, which refuses new ones.
func (n *Notices) Drain(ctx context.Context, over time.Duration) {
	n.start()
	sayGoodbye(ctx, over, n.ends)
}

// ends gives, for each connection, what says goodbye to it.
func (n *Notices) ends() []func() {
	out := n.strangers.ends()
	for _, sh := range n.shards {
		for _, p := range sh.all(nil) {
			out = append(out, func() { p.finish(CloseGoingAway, "") })
		}
	}
	return out
}
