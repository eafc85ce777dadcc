package ws

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"
)

// A PhoneFrame is what a connected phone is told.
type PhoneFrame string

// The frames.
const (
	SessionFrame PhoneFrame = "session"      // a session waits, or its code is another by now
	GoneFrame    PhoneFrame = "gone"         // it waits no more
	ReadyFrame   PhoneFrame = "ready"        // what waited at the beginning was told
	AddedFrame   PhoneFrame = "device_added" // another device of the identity was enrolled
)

// A PhoneWire is one frame to a phone, at most 1 KiB. Which members it has
// depends on its type (docs/protocol.md, The phone's socket).
type PhoneWire struct {
	Type PhoneFrame `json:"type"`

	SessionID    session.ID   `json:"sessionId,omitempty"`
	ServiceName  string       `json:"serviceName,omitempty"`
	Mode         session.Mode `json:"mode,omitempty"`
	ExpiresAt    string       `json:"expiresAt,omitempty"`
	AutoPassword string       `json:"autoPassword,omitempty"` // mode compare

	DeviceName string `json:"deviceName,omitempty"`
	CreatedAt  string `json:"createdAt,omitempty"`
}

// phoneReadLimit bounds every message of a phone. The first is refused when it is
// longer, later ones end the connection with 1009.
const phoneReadLimit = 1 << 10

// A phone is one connection of one.
type phone struct {
	phones *Phones
	who    session.Phone
	key    p256.PublicKey // that it showed to have
	out    *socket
	due    atomic.Int64 // when it is looked after next, unix ms

	mu      sync.Mutex
	devices map[device.ID]bool    // of the identity, as far as it was told
	told    map[session.ID]string // what waits, with its code, as far as it was told
	early   int                   // looks in a row that came too early
	greeted bool
	closed  bool
	pingAt  int64 // unix ms
}

// greet finds out who is there, and begins to look after them.
func (p *Phones) greet(out *socket, read func([]byte) (session.VerbRequest, error)) {
	owner, err := p.first(out, read)
	p.strangers.release(out)
	if err != nil {
		p.Hub.count.Add(-1)
		code, reason := phoneCode(err)
		if p.Hub.draining.Load() {
			code, reason = CloseGoingAway, ""
		}
		out.end(code, reason)
		out.serve(nil)
		return
	}
	ph := &phone{phones: p, who: session.Phone{Token: owner.Identity.ID, Device: owner.Device.ID}, key: owner.Device.Key, out: out,
		devices: map[device.ID]bool{}, told: map[session.ID]string{}, pingAt: time.Now().Add(p.Hub.PingEvery).UnixMilli()}
	for _, d := range owner.Identity.Devices {
		ph.devices[d.ID] = true
	}
	p.add(ph)
	go ph.serve() // with a small stack again
}

// first takes the first message and admits the phone that it names.
func (p *Phones) first(out *socket, read func([]byte) (session.VerbRequest, error)) (device.Owner, error) {
	out.ws.SetReadLimit(0) // a first message that is too long is a bad one, and not read to its end
	if err := out.ws.SetReadDeadline(time.Now().Add(p.GreetWithin)); err != nil {
		return device.Owner{}, err
	}
	_, message, err := out.ws.NextReader()
	if err != nil {
		return device.Owner{}, ErrRefused
	}
	b, err := io.ReadAll(io.LimitReader(message, phoneReadLimit+1))
	if err != nil || len(b) > phoneReadLimit {
		return device.Owner{}, ErrRefused
	}
	q, err := read(b)
	if err != nil {
		return device.Owner{}, ErrRefused
	}
	ctx, cancel := context.WithTimeout(context.Background(), takeWithin)
	defer cancel()
	owner, err := p.Hub.Sessions.Connect(ctx, q)
	if err != nil {
		return owner, err
	}
	out.ws.SetReadLimit(phoneReadLimit)
	return owner, out.ws.SetReadDeadline(time.Time{})
}

// reasons are the texts that a refused phone's connection is closed with: the
// codes that its requests would get.
var reasons = []struct {
	err    error
	reason string
}{
	{ErrRefused, "invalid_request"},
	{device.ErrStale, "stale_timestamp"},
	{device.ErrUnknown, "unknown_device"},
	{device.ErrSignature, "invalid_signature"},
	{device.ErrReplayed, "replayed"},
}

// phoneCode is what a phone that is not admitted, or no longer, is closed with.
func phoneCode(err error) (code int, reason string) {
	if _, locked := errors.AsType[device.LockedError](err); locked {
		return CloseRefused, "locked"
	}
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return CloseRefused, r.reason
		}
	}
	return CloseTryAgain, ""
}

// refused says whether an error is about the phone, and not about the way to the
// store.
func refused(err error) bool {
	code, _ := phoneCode(err)
	return code == CloseRefused
}

// serve takes what the phone sends, and ignores it, until it is gone.
func (ph *phone) serve() {
	for {
		_, message, err := ph.out.ws.NextReader()
		if err == nil {
			err = discard(message)
		}
		if err != nil {
			ph.finish(CloseNormal, "")
			ph.out.leave(nil, err)
			return
		}
	}
}

// isDue says whether the phone is to be looked after now, and puts it off until
// the next time. A call that comes from here on makes it due again.
func (ph *phone) isDue(now time.Time) bool {
	if now.UnixMilli() < ph.due.Load() {
		return false
	}
	ph.again(ph.phones.LookEvery - jitter(min(lookJitter, ph.phones.LookEvery)))
	return true
}

func (ph *phone) again(in time.Duration) { ph.due.Store(time.Now().Add(in).UnixMilli()) }

// tell tells the phone what is new.
func (ph *phone) tell(c session.Called) {
	ph.mu.Lock()
	defer ph.mu.Unlock()
	switch {
	case ph.closed:
		return
	case c.Err != nil && (refused(c.Err) || !ph.greeted):
		ph.close(phoneCode(c.Err))
		return
	case c.Err != nil:
		ph.again(lookAgain)
		return
	case !ph.proven(c.Identity):
		ph.close(CloseTryAgain, "")
		return
	}
	for _, w := range ph.news(c) {
		frame, err := json.Marshal(w)
		if err == nil && ph.phones.Sent != nil {
			ph.phones.Sent(ph.who, frame)
		}
		if err == nil {
			err = ph.out.send(0, frame)
		}
		if err != nil {
			ph.close(CloseGoingAway, "")
			return
		}
	}
	if ph.early++; c.Early && ph.early <= lookEarlyMost {
		ph.again(lookEarly)
	} else {
		ph.early = 0
	}
}

// proven says whether the device still has the key that this connection showed to
// have. After a rotation whoever has the new one connects again, and whoever took
// the old one is told no more.
func (ph *phone) proven(i device.Identity) bool {
	d, known := i.Device(ph.who.Device)
	return known && d.Key.Equal(ph.key)
}

// news is what the phone was not told yet; from here on it counts as told. ph.mu
// is held.
func (ph *phone) news(c session.Called) (out []PhoneWire) {
	waiting := make(map[session.ID]string, len(c.Waiting))
	for _, w := range c.Waiting {
		id := w.Session.ID
		waiting[id] = w.Code
		if code, known := ph.told[id]; !known || code != w.Code {
			out = append(out, PhoneWire{Type: SessionFrame, SessionID: id, ServiceName: w.Service, Mode: w.Session.Mode,
				ExpiresAt: wireTime(w.Session.ExpiresAt), AutoPassword: w.Code})
		}
	}
	for id := range ph.told {
		if _, still := waiting[id]; !still {
			out = append(out, PhoneWire{Type: GoneFrame, SessionID: id})
		}
	}
	ph.told = waiting
	for _, d := range c.Identity.Active() {
		if !ph.devices[d.ID] {
			ph.devices[d.ID] = true
			out = append(out, PhoneWire{Type: AddedFrame, DeviceName: d.Name, CreatedAt: wireTime(d.CreatedAt)})
		}
	}
	if !ph.greeted {
		ph.greeted = true
		out = append(out, PhoneWire{Type: ReadyFrame})
	}
	return out
}

func wireTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// turn pings when it is time to, and gives up on a phone that has not answered.
func (ph *phone) turn(now time.Time) {
	ph.mu.Lock()
	defer ph.mu.Unlock()
	h := ph.phones.Hub
	switch {
	case ph.closed:
	case ph.out.gone(now, h.PongWithin):
		ph.close(CloseGoingAway, "")
	case now.UnixMilli() >= ph.pingAt:
		ph.pingAt = now.Add(h.PingEvery).UnixMilli()
		if ph.out.ping() != nil {
			ph.close(CloseGoingAway, "")
		}
	}
}

// finish ends the connection from outside.
func (ph *phone) finish(code int, reason string) {
	ph.mu.Lock()
	defer ph.mu.Unlock()
	ph.close(code, reason)
}

// close ends the connection once. ph.mu is held.
func (ph *phone) close(code int, reason string) {
	if ph.closed {
		return
	}
	ph.closed = true
	ph.phones.remove(ph)
	ph.out.end(code, reason)
}
