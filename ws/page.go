package ws

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"countersign/operation"
	"countersign/ws/stomp"
)

// A page is one connection of a page that shows an operation.
type page struct {
	notices  *Notices
	out      *socket
	services []string // whose operations its origin may hear of; nil: any's
	read     func(body []byte) (string, error)
	due      atomic.Int64 // when its operation is looked at next, unix ms
	heard    atomic.Int64 // when it last sent something, unix ms

	mu     sync.Mutex
	closed bool
	talk   talk

	// Set by the registration.
	id     string // webSocketId
	handle string
	number uint64 // 0: not registered
	taken  uint64 // highest number heard of

	known operation.Standing
	told  mark // what it was told, or would have been if it had subscribed
	// What it has yet to be told: an answer to a registration, and a result.
	answer, notice []byte

	pingAt, beatAt, leaveAt int64         // unix ms; leaveAt 0: stays
	beat, silence           time.Duration // how often it is sent something; how long it may be silent; 0: never, for ever
}

// A mark is what makes a notice: when it changes, the page is to ask.
type mark struct {
	result operation.Result
	step   operation.Step
	how    operation.StepResult
	// How much is in its history, of which the oldest may have left, and of when
	// the last is, unix ms.
	noted int
	last  int64
}

func markOf(o operation.Operation) mark {
	m := mark{result: o.Result, step: o.Step, how: o.How, noted: len(o.History)}
	if m.noted > 0 {
		m.last = o.History[m.noted-1].At.UnixMilli()
	}
	return m
}

const never = math.MaxInt64

func newPage(n *Notices, out *socket, services []string, read func([]byte) (string, error)) *page {
	p := &page{notices: n, out: out, services: services, read: read, pingAt: time.Now().Add(n.Hub.PingEvery).UnixMilli()}
	p.due.Store(never)
	return p
}

// serve takes what the page sends until it is gone.
func (p *page) serve() {
	err := p.out.ws.SetReadDeadline(time.Now().Add(p.notices.RegisterWithin))
	for err == nil {
		var message []byte
		if message, err = p.next(); err == nil && !p.ended() {
			p.hear(message)
		}
	}
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() && !p.registered() && !p.ended() {
		p.finish(CloseRefused, "")
		p.out.drainLine() // gorilla reads no more after its deadline
	}
	p.finish(CloseNormal, "")
	p.out.leave(nil, err)
}

func (p *page) next() ([]byte, error) {
	_, message, err := p.out.ws.NextReader()
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(message)
	p.heard.Store(time.Now().UnixMilli())
	return b, err
}

// hear takes a message's frames in turn.
func (p *page) hear(message []byte) {
	frames, err := stomp.Parse(message)
	for _, f := range frames {
		if p.ended() {
			return
		}
		p.take(f)
	}
	if err != nil {
		p.refuse(stomp.Frame{}, refusal{message: err.Error()})
	}
}

// join makes the page the one of its webSocketId that is told. It is known by its
// handle before the operation is read, so that what happens meanwhile is heard,
// and counted only after it is known to be the page of an operation.
func (p *page) join(ctx context.Context, webSocketID string) error {
	n := p.notices
	id, handle, err := n.Registrations.Named(ctx, webSocketID)
	if err != nil {
		return err
	}
	if !p.called(handle) {
		return nil // it has ended
	}
	st, err := n.Operations.Present(ctx, id)
	if err == nil && p.services != nil && !slices.Contains(p.services, st.Operation.Service) {
		err = ErrRefused
	}
	var number uint64
	if err == nil {
		number, err = n.Registrations.Register(ctx, handle, st.Operation)
	}
	if err != nil {
		p.nameless()
		return err
	}
	for _, other := range n.shard(handle).of(handle) {
		if other != p {
			other.takenBy(number)
			p.takenBy(other.registration())
		}
	}
	p.begin(webSocketID, st, number)
	return nil
}

// called makes the page known by a handle; false: it has ended.
func (p *page) called(handle string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.handle = handle
	p.notices.add(handle, p)
	return true
}

// nameless undoes called.
func (p *page) nameless() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget()
	p.taken = 0
}

// forget makes the page unknown. p.mu is held.
func (p *page) forget() {
	if p.handle != "" {
		p.notices.remove(p.handle, p)
		p.handle = ""
	}
}

// begin answers the registration and tells how the operation stands, unless
// nothing has happened to it yet.
func (p *page) begin(webSocketID string, st operation.Standing, number uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.number = number
	switch {
	case p.closed:
		return
	case p.taken > number:
		p.close(CloseReplaced, "")
		return
	}
	p.notices.strangers.release(p.out)
	if p.out.ws.SetReadDeadline(time.Time{}) != nil {
		p.close(CloseGoingAway, "")
		return
	}
	p.id, p.answer = webSocketID, registered(webSocketID, true)
	if len(st.Operation.History) == 0 {
		p.told = markOf(st.Operation)
	}
	p.learn(st)
}

// tell tells the page how its operation stands, if that is news.
func (p *page) tell(st operation.Standing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.learn(st)
	}
}

// learn is begin's and tell's. p.mu is held.
func (p *page) learn(st operation.Standing) {
	o := st.Operation
	// The rest may be kilobytes, which a waiting page must not keep.
	p.known = operation.Standing{Session: st.Session, Operation: operation.Operation{ID: o.ID, Version: o.Version, Service: o.Service,
		Result: o.Result, Session: o.Session}}
	if !st.Next.IsZero() {
		p.again(time.Now().Add(st.Next.Sub(p.notices.Hub.Sessions.Now())))
	}
	if m := markOf(o); m != p.told {
		p.told = m
		p.notice, _ = json.Marshal(NoticeWire{WebSocketID: p.id, AuthResult: p.authResult()}) // texts always have JSON
	}
	p.settle()
}

// settle sends what the page has yet to be told, and closes after the last.
// p.mu is held.
func (p *page) settle() {
	p.pay(RegistrationTopic, &p.answer)
	p.pay(AuthorizationTopic, &p.notice)
	switch {
	case p.number == 0 || p.known.Operation.Result == operation.Continue:
	case p.notice == nil:
		p.close(CloseNormal, p.authResult())
	case p.leaveAt == 0:
		p.leaveAt = time.Now().Add(p.notices.RegisterWithin).UnixMilli()
	}
}

// authResult is the operation's result as the page knows its name. p.mu is held.
func (p *page) authResult() string {
	o := p.known.Operation
	if party, _ := p.notices.Hub.Sessions.Parties.Party(o.Service); o.Result == operation.Done && party.LegacyAuthResult {
		return string(operation.Confirmed)
	}
	return string(o.Result)
}

// isDue says whether the operation is to be looked at now, and puts it off: what
// is heard from here on makes it due again. One who registers looks by itself.
func (p *page) isDue(now time.Time) bool {
	if due := p.due.Load(); now.UnixMilli() < due || !p.registered() {
		return false
	}
	p.due.Store(never)
	return true
}

// again makes the operation due at a time, unless it is due already.
func (p *page) again(at time.Time) { p.due.CompareAndSwap(never, at.UnixMilli()) }

// moved makes the operation due if the page does not know that version.
func (p *page) moved(version uint64) {
	if !p.mu.TryLock() { // it may be writing, for which the bus does not wait
		p.due.Store(0)
		return
	}
	defer p.mu.Unlock()
	if version > p.known.Operation.Version {
		p.due.Store(0)
	}
}

// takenBy gives way to a newer page, here or elsewhere.
func (p *page) takenBy(number uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = max(p.taken, number)
	if p.number != 0 && p.taken > p.number {
		p.close(CloseReplaced, "")
	}
}

// registration is the page's number; 0: none yet.
func (p *page) registration() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.number
}

func (p *page) registered() bool { return p.registration() != 0 }

// operation is that of a registered page.
func (p *page) operation() operation.ID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known.Operation.ID
}

// believes is what the sweep compares; ok is false before the registration.
func (p *page) believes() (r Registration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.known.Operation
	return Registration{Handle: p.handle, Number: p.number, Operation: o.ID, Version: o.Version, Session: o.Session,
		SessionVersion: p.known.Session}, p.number != 0 && !p.closed
}

// turn does what is due at a moment: a ping, a heart-beat, giving up on a page
// that answers neither, and letting one go that was told all.
func (p *page) turn(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ms, h := now.UnixMilli(), p.notices.Hub
	switch {
	case p.closed:
		return
	case p.out.gone(now, h.PongWithin), p.silence > 0 && ms-p.heard.Load() > p.silence.Milliseconds():
		p.close(CloseGoingAway, "")
		return
	case p.leaveAt != 0 && ms >= p.leaveAt:
		p.close(CloseNormal, p.authResult())
		return
	}
	var err error
	if ms >= p.pingAt {
		p.pingAt = now.Add(h.PingEvery).UnixMilli()
		err = p.out.ping()
	}
	if err == nil && p.beat > 0 && ms >= p.beatAt {
		p.beatAt = now.Add(p.beat).UnixMilli()
		err = p.out.send(0, []byte(stomp.EOL))
	}
	if err != nil {
		p.close(CloseGoingAway, "")
	}
}

func (p *page) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// finish ends the connection from outside.
func (p *page) finish(code int, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.close(code, reason)
}

// close ends the connection once. p.mu is held.
func (p *page) close(code int, reason string) {
	if p.closed {
		return
	}
	p.closed = true
	p.notices.strangers.release(p.out)
	p.forget()
	p.notices.Hub.count.Add(-1)
	p.out.end(code, reason)
}
