package ws

import (
	"context"
	"hash/maphash"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"

	"countersign/device"
	"countersign/session"
)

// A PhoneListener hears what nodes tell each other about phones. None of its
// methods block.
type PhoneListener interface {
	// Has says whether a phone of an identity is connected here.
	Has(id device.TokenID) bool
	// Called: something waits for the identity's phones, or the identity or its
	// devices have changed.
	Called(id device.TokenID)
	// Missed: calls may have been lost.
	Missed()
}

// Phones are the phones connected to one node. Each is told what waits for its
// identity, and of devices that join it, for as long as it is connected.
//
// A call only makes a phone due; what it is told is read like the answer to
// POST /auth/pending, many phones in one trip. Every phone is due every few
// seconds anyway, so a lost call is late and not lost. Each of the shards has
// one worker that reads and writes, so a phone's frames keep their order.
//
// Its exported members are set before [Phones.Run].
type Phones struct {
	// Hub is the node's: phones share its count and bound of connections, its
	// rule of origins, its pings and its end.
	Hub *Hub
	// LookEvery is how often every phone is looked after, 5 s if zero;
	// GreetWithin is how long one may take to say who it is, 5 s if zero.
	LookEvery, GreetWithin time.Duration
	// Sent, if set, is told of each frame that a phone is about to get; for
	// development only.
	Sent func(to session.Phone, frame []byte)

	once      sync.Once
	seed      maphash.Seed
	shards    []*phoneShard
	strangers strangers // have not said yet who they are
}

// A phoneShard has the phones of some of the identities.
type phoneShard struct {
	mu     sync.Mutex
	phones map[device.TokenID][]*phone // oldest first
	wake   chan struct{}
}

const (
	lookEvery     = 5 * time.Second
	lookJitter    = 500 * time.Millisecond // of the time between looks
	lookAgain     = time.Second            // when a look failed
	lookEarly     = 100 * time.Millisecond // when a session was not there yet
	lookEarlyMost = 5                      // such looks in a row
	lookAtOnce    = 64                     // phones in one trip
	phonesMost    = 3                      // connections of one device on one node
)

func (p *Phones) start() {
	p.once.Do(func() {
		p.Hub.start()
		if p.LookEvery <= 0 {
			p.LookEvery = lookEvery
		}
		if p.GreetWithin <= 0 {
			p.GreetWithin = bindWithin
		}
		p.seed = maphash.MakeSeed()
		for range 2 * runtime.GOMAXPROCS(0) {
			p.shards = append(p.shards, &phoneShard{phones: map[device.TokenID][]*phone{}, wake: make(chan struct{}, 1)})
		}
	})
}

func (p *Phones) shard(id device.TokenID) *phoneShard {
	p.start()
	return p.shards[maphash.String(p.seed, string(id))%uint64(len(p.shards))]
}

// Run looks after phones until ctx ends.
func (p *Phones) Run(ctx context.Context) {
	p.start()
	var wg sync.WaitGroup
	for _, sh := range p.shards {
		wg.Go(func() { p.work(ctx, sh) })
	}
	wg.Wait()
}

func (p *Phones) work(ctx context.Context, sh *phoneShard) {
	tick := time.NewTicker(wheelTurn)
	defer tick.Stop()
	var phones []*phone
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-sh.wake:
		}
		now := time.Now()
		phones = sh.all(phones)
		due := phones[:0:0]
		for i, ph := range phones {
			ph.turn(now)
			if ph.isDue(now) {
				due = append(due, ph)
			}
			phones[i] = nil // the slice must not keep it alive
		}
		for some := range slices.Chunk(due, lookAtOnce) {
			p.look(ctx, some)
		}
	}
}

// all gives the phones of a shard, in a slice that is used again.
func (sh *phoneShard) all(into []*phone) []*phone {
	into = into[:0]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, phones := range sh.phones {
		into = append(into, phones...)
	}
	return into
}

// look reads what waits for phones, and tells them.
func (p *Phones) look(ctx context.Context, phones []*phone) {
	who := make([]session.Phone, len(phones))
	for i, ph := range phones {
		who[i] = ph.who
	}
	called, err := p.Hub.Sessions.Calls(ctx, who)
	for i, ph := range phones {
		var c session.Called
		if c.Err = err; err == nil {
			c = called[i]
		}
		if c.Err != nil && ctx.Err() == nil && !refused(c.Err) {
			p.Hub.Log.WarnContext(ctx, "a phone was not looked after", "error", c.Err)
		}
		ph.tell(c)
	}
}

// Has implements [PhoneListener].
func (p *Phones) Has(id device.TokenID) bool {
	sh := p.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return len(sh.phones[id]) > 0
}

// Called implements [PhoneListener].
func (p *Phones) Called(id device.TokenID) {
	sh := p.shard(id)
	sh.mu.Lock()
	for _, ph := range sh.phones[id] {
		ph.due.Store(0)
	}
	sh.mu.Unlock()
	sh.rouse()
}

// Missed implements [PhoneListener].
func (p *Phones) Missed() {
	p.start()
	for _, sh := range p.shards {
		for _, ph := range sh.all(nil) {
			ph.due.Store(0)
		}
		sh.rouse()
	}
}

// rouse wakes the worker, which may be at work already.
func (sh *phoneShard) rouse() {
	select {
	case sh.wake <- struct{}{}:
	default:
	}
}

// Socket serves GET /ws/device. It returns once the connection is upgraded and
// goes on without the request; address is whom the caller is counted as. Read
// takes the first message apart, after the request is gone. ErrNotUpgrade and
// ErrOrigin come before the upgrade; all later trouble is a close code.
func (p *Phones) Socket(w http.ResponseWriter, r *http.Request, address string, read func(first []byte) (session.VerbRequest, error)) error {
	p.start()
	if !isUpgrade(r) {
		return ErrNotUpgrade
	}
	if _, err := p.Hub.origin(r.Header); err != nil {
		return err
	}
	u := p.Hub.upgrader(r, Subprotocol)
	sock, err := u.Upgrade(w, r, nil)
	if err != nil {
		return nil //nolint:nilerr // Upgrade has answered
	}
	out := newSocket(sock)
	if code := p.Hub.full(); code != 0 {
		go out.dismiss(code)
		return nil
	}
	if !p.strangers.hold(out, address, func() { out.end(CloseGoingAway, "") }) {
		go out.dismiss(CloseTryAgain)
		return nil
	}
	p.Hub.count.Add(1)
	go p.greet(out, read)
	return nil
}

// add makes a phone known, in the place of the device's oldest connection if it
// has too many here.
func (p *Phones) add(ph *phone) {
	sh := p.shard(ph.who.Token)
	sh.mu.Lock()
	var same []*phone
	for _, other := range sh.phones[ph.who.Token] {
		if other.who.Device == ph.who.Device {
			same = append(same, other)
		}
	}
	sh.phones[ph.who.Token] = append(sh.phones[ph.who.Token], ph)
	sh.mu.Unlock()
	if len(same) >= phonesMost {
		same[0].finish(CloseReplaced, "")
	}
	if p.Hub.draining.Load() { // since it was let in; Drain may have missed it
		ph.finish(CloseGoingAway, "")
	}
	sh.rouse()
}

// remove makes a phone unknown; it is called once.
func (p *Phones) remove(ph *phone) {
	sh := p.shard(ph.who.Token)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	// A new list: somebody may be reading the old one.
	left := slices.DeleteFunc(slices.Clone(sh.phones[ph.who.Token]), func(x *phone) bool { return x == ph })
	if sh.phones[ph.who.Token] = left; len(left) == 0 {
		delete(sh.phones, ph.who.Token)
	}
	p.Hub.count.Add(-1)
}

// Drain closes every connection with 1001, spread over a time. The hub is drained
// beside it, which refuses new ones.
func (p *Phones) Drain(ctx context.Context, over time.Duration) {
	p.start()
	sayGoodbye(ctx, over, p.ends)
}

// ends gives, for each connection, what says goodbye to it.
func (p *Phones) ends() []func() {
	out := p.strangers.ends()
	for _, sh := range p.shards {
		for _, ph := range sh.all(nil) {
			out = append(out, func() { ph.finish(CloseGoingAway, "") })
		}
	}
	return out
}
