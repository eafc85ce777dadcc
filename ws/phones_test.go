package ws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/audit"
	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"
)

// A directory has identities and what is listed to them, in memory: all that
// phones are looked up in.
type directory struct {
	session.Phones
	device.Store

	mu         sync.Mutex
	identities map[device.TokenID]device.Identity
	waiting    map[device.TokenID][]session.Session
	early      bool
	fails      error
	nonces     map[device.Nonce]bool
	looks      int
}

func (x *directory) Phone(_ context.Context, r session.Request) (session.Opened, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return session.Opened{Identity: x.identities[r.Token]}, x.fails
}

func (x *directory) Listed(_ context.Context, phones []session.Phone) (out []session.Listed, _ error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.looks++
	for _, p := range phones {
		l := session.Listed{Sessions: x.waiting[p.Token], Early: x.early, Err: x.fails}
		l.Identity = x.identities[p.Token]
		out = append(out, l)
	}
	return out, nil
}

func (x *directory) SpendNonce(_ context.Context, _ device.TokenID, _ device.ID, n device.Nonce, _ time.Time) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.nonces[n] {
		return device.ErrReplayed
	}
	x.nonces[n] = true
	return nil
}

func (x *directory) SwapSpending(context.Context, device.Identity, device.Identity, device.ID, device.Nonce, time.Time) error {
	return device.ErrConflict
}

// change does something to the directory.
func (x *directory) change(f func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f()
}

// An exchange is a node with phones.
type exchange struct {
	*house
	book   *directory
	phones *Phones
	url    string
	key    p256.PrivateKey
	alice  device.Identity
}

// newExchange runs a node whose phones are looked after when called, and else so
// rarely that only a test which wants to see it does.
func newExchange(t *testing.T, change func(*Phones)) *exchange {
	t.Helper()
	o := &exchange{house: newHouse(t), book: &directory{identities: map[device.TokenID]device.Identity{},
		waiting: map[device.TokenID][]session.Session{}, nonces: map[device.Nonce]bool{}}}
	o.svc.Phones, o.svc.Lists = o.book, o.book
	o.svc.Devices = &device.Registry{Issuer: o.svc.Issuer, Store: o.book, Nonces: o.book, Audit: audit.Discard{}, Now: time.Now}
	var err error
	if o.key, err = p256.GenerateKey(); err != nil {
		t.Fatal(err)
	}
	o.alice = device.Identity{ID: device.NewTokenID(), Version: 1, Devices: []device.Device{{ID: device.NewID(), Key: o.key.Public(), UsedV1: true}}}
	o.book.identities[o.alice.ID] = o.alice
	hub := &Hub{Node: "A", Sessions: o.svc, Watches: o.shelf, Issuer: o.svc.Issuer, Log: slog.New(slog.DiscardHandler)}
	o.phones = &Phones{Hub: hub, LookEvery: time.Hour}
	if change != nil {
		change(o.phones)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := o.phones.Socket(w, r, r.URL.Query().Get("from"), readHello); err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
		}
	}))
	o.url = "ws" + strings.TrimPrefix(s.URL, "http")
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.phones.Run(ctx)
	}()
	t.Cleanup(func() {
		hub.Drain(ctx, 0)
		o.phones.Drain(ctx, 0)
		stop()
		<-done
		s.Close()
	})
	return o
}

func readHello(first []byte) (session.VerbRequest, error) {
	q := session.VerbRequest{Verb: device.ListenVerb}
	return q, json.Unmarshal(first, &q.Signed)
}

// hello is a good first message of alice's phone.
func (o *exchange) hello() []byte {
	q := session.Signed{Token: o.alice.ID, Device: o.alice.Devices[0].ID, Timestamp: time.Now().Unix(), Nonce: device.Nonce(session.NewID())}
	q.Signature = o.key.Sign(device.VerbText(device.ListenVerb, o.svc.Issuer, q.Token, q.Device, "", q.Timestamp, q.Nonce)).String()
	b, err := json.Marshal(q)
	if err != nil {
		o.t.Fatal(err)
	}
	return b
}

func (o *exchange) dial(first []byte) *PhoneClient {
	o.t.Helper()
	c, err := DialPhone(o.t.Context(), o.url, first, DialOptions{})
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { c.Close() })
	return c
}

func (o *exchange) expect(c *PhoneClient, want PhoneFrame) PhoneWire {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), 10*time.Second)
	defer cancel()
	w, err := c.Next(ctx)
	if err != nil || w.Type != want {
		o.t.Fatalf("got %+v, %v, want %s", w, err, want)
	}
	return w
}

func (o *exchange) expectClose(c *PhoneClient, code int, reason string) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), 10*time.Second)
	defer cancel()
	w, err := c.Next(ctx)
	if end, _ := errors.AsType[CloseError](err); end != (CloseError{Code: code, Reason: reason}) {
		o.t.Fatalf("got %+v, %v, want close %d %q", w, err, code, reason)
	}
}

// lists makes a session wait for alice.
func (o *exchange) lists(change func(*session.Session)) session.Session {
	s := o.begin(func(s *session.Session) {
		s.Asked = o.alice.ID
		if change != nil {
			change(s)
		}
	})
	o.book.change(func() { o.book.waiting[o.alice.ID] = append(o.book.waiting[o.alice.ID], s) })
	return s
}

func TestPhoneIsToldWhatWaits(t *testing.T) {
	o := newExchange(t, nil)
	one := o.lists(nil)
	c := o.dial(o.hello())
	if w := o.expect(c, SessionFrame); w.SessionID != one.ID || w.Mode != session.Enter || w.AutoPassword != "" || w.ExpiresAt != wireTime(one.ExpiresAt) {
		t.Errorf("%+v", w)
	}
	o.expect(c, ReadyFrame)
	two := o.lists(func(s *session.Session) { s.Mode = session.Compare })
	if o.phones.Called(device.NewTokenID()); !o.phones.Has(o.alice.ID) || o.phones.Has(device.NewTokenID()) {
		t.Error("who is here is not known")
	}
	o.phones.Called(o.alice.ID)
	if w := o.expect(c, SessionFrame); w.SessionID != two.ID || w.AutoPassword != string(o.svc.Secrets.Code(two, 0)) {
		t.Errorf("%+v", w)
	}
	o.phones.Called(o.alice.ID) // nothing new
	o.book.change(func() { o.book.waiting[o.alice.ID] = o.book.waiting[o.alice.ID][1:] })
	o.phones.Missed()
	if w := o.expect(c, GoneFrame); w.SessionID != one.ID {
		t.Errorf("%+v", w)
	}
	o.book.change(func() {
		i, _ := o.alice.With(device.Device{ID: device.NewID(), Key: o.key.Public(), Name: "Alice’s new phone", CreatedAt: time.Now()})
		o.book.identities[i.ID] = i
	})
	o.phones.Called(o.alice.ID)
	if w := o.expect(c, AddedFrame); w.DeviceName != "Alice’s new phone" || w.CreatedAt == "" {
		t.Errorf("%+v", w)
	}
	o.book.change(func() { o.book.identities[o.alice.ID] = o.alice.SetStatus(device.Revoked) })
	o.phones.Called(o.alice.ID)
	o.expectClose(c, CloseRefused, "unknown_device")
	o.eventually("nobody is left", func() bool { return o.phones.Hub.Count() == 0 && !o.phones.Has(o.alice.ID) })
}

// A call that is lost is late, and a session that is listed before it is there is
// looked for again soon.
func TestPhoneIsLookedAfter(t *testing.T) {
	o := newExchange(t, func(p *Phones) { p.LookEvery = 300 * time.Millisecond })
	c := o.dial(o.hello())
	o.expect(c, ReadyFrame)
	o.lists(nil) // and nobody calls
	o.expect(c, SessionFrame)
	o.book.change(func() { o.book.fails = errDown })
	looks := 0
	o.book.change(func() { looks = o.book.looks })
	o.eventually("a look failed", func() bool {
		o.book.mu.Lock()
		defer o.book.mu.Unlock()
		return o.book.looks > looks
	})
	o.book.change(func() { o.book.fails = nil })
	o.lists(nil)
	o.expect(c, SessionFrame)
	o.phones.Hub.Drain(t.Context(), 0)
	o.phones.Drain(t.Context(), 0)
	o.expectClose(c, CloseGoingAway, "")

	o = newExchange(t, nil)
	o.book.early = true
	c = o.dial(o.hello())
	o.expect(c, ReadyFrame)
	o.lists(nil)
	o.expect(c, SessionFrame)
}

// A connection ends with the key that it was opened with.
func TestPhoneThatRotated(t *testing.T) {
	o := newExchange(t, nil)
	old := o.dial(o.hello())
	o.expect(old, ReadyFrame)
	next, err := p256.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	stolen := o.hello()
	rotated, err := o.alice.RotateDevice(o.alice.Devices[0].ID, next.Public())
	if err != nil {
		t.Fatal(err)
	}
	o.book.change(func() { o.book.identities[o.alice.ID] = rotated })
	o.lists(nil)
	o.phones.Called(o.alice.ID)
	o.expectClose(old, CloseTryAgain, "")
	o.expectClose(o.dial(stolen), CloseRefused, "invalid_signature")
	o.key = next
	o.expect(o.dial(o.hello()), SessionFrame)
}

func TestPhoneIsRefused(t *testing.T) {
	o := newExchange(t, func(p *Phones) { p.GreetWithin = 100 * time.Millisecond })
	change := func(f func(*session.Signed)) []byte {
		var q session.Signed
		if err := json.Unmarshal(o.hello(), &q); err != nil {
			t.Fatal(err)
		}
		f(&q)
		b, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	used := o.hello()
	o.expect(o.dial(used), ReadyFrame)
	for reason, first := range map[string][]byte{
		"stale_timestamp":   change(func(q *session.Signed) { q.Timestamp -= 60 }),
		"unknown_device":    change(func(q *session.Signed) { q.Device = device.NewID() }),
		"invalid_signature": change(func(q *session.Signed) { q.Nonce += "x" }),
		"replayed":          used,
		"invalid_request":   []byte("{"),
	} {
		o.expectClose(o.dial(first), CloseRefused, reason)
	}
	o.expectClose(o.dial(nil), CloseRefused, "invalid_request") // says nothing
	o.expectClose(o.dial([]byte(strings.Repeat(" ", 1024)+string(o.hello()))), CloseRefused, "invalid_request")
	o.book.change(func() { o.book.fails = errDown })
	o.expectClose(o.dial(o.hello()), CloseTryAgain, "")
	o.book.change(func() {
		o.book.fails = nil
		o.book.identities[o.alice.ID] = o.alice.Lock(time.Now().Add(time.Hour))
	})
	o.expectClose(o.dial(o.hello()), CloseRefused, "locked")
	o.eventually("none of them is counted", func() bool { return o.phones.Hub.Count() == 1 })
}

func TestPhoneOnFullNode(t *testing.T) {
	o := newExchange(t, func(p *Phones) { p.Hub.Most = 1 })
	c := o.dial(o.hello())
	o.expect(c, ReadyFrame)
	o.expectClose(o.dial(o.hello()), CloseTryAgain, "")
	if err := c.Send("ignored " + strings.Repeat("x", 1000)); err != nil {
		t.Fatal(err)
	}
	o.lists(nil)
	o.phones.Called(o.alice.ID)
	o.expect(c, SessionFrame)
	if err := c.Send(strings.Repeat("x", 1025)); err != nil {
		t.Fatal(err)
	}
	o.expectClose(c, CloseTooBig, "")
	o.eventually("it has gone", func() bool { return o.phones.Hub.Count() == 0 })
	o.expect(o.dial(o.hello()), SessionFrame)
	o.phones.Hub.Drain(t.Context(), 0)
	o.expectClose(o.dial(o.hello()), CloseGoingAway, "")
}

// A device may be connected three times to a node; the oldest gives way. One that
// has not said who it is goes with the node too.
func TestPhoneConnections(t *testing.T) {
	o := newExchange(t, nil)
	var open []*PhoneClient
	for range phonesMost {
		c := o.dial(o.hello())
		o.expect(c, ReadyFrame)
		open = append(open, c)
	}
	fourth := o.dial(o.hello())
	o.expect(fourth, ReadyFrame)
	o.expectClose(open[0], CloseReplaced, "")
	stranger := o.dial(nil)
	o.eventually("five were counted, and one has gone", func() bool { return o.phones.Hub.Count() == phonesMost+1 })
	o.lists(nil)
	o.phones.Called(o.alice.ID)
	for _, c := range []*PhoneClient{open[1], open[2], fourth} {
		o.expect(c, SessionFrame)
	}
	o.phones.Hub.Drain(t.Context(), 0)
	o.phones.Drain(t.Context(), 0)
	for _, c := range []*PhoneClient{open[1], open[2], fourth, stranger} {
		o.expectClose(c, CloseGoingAway, "")
	}
}

// Whoever opens connections and says nothing leaves room for the others: for
// phones at other addresses, and for browsers.
func TestStrangers(t *testing.T) {
	o := newExchange(t, func(p *Phones) { p.GreetWithin = time.Hour })
	base, open := o.url, 0
	strangers := func(from string, n int) {
		o.url = base + "?from=" + from
		for range n {
			o.dial(nil)
		}
		open += n
		o.eventually("they are counted", func() bool { return o.phones.Hub.Count() == open })
	}
	strangers("198.51.100.0", strangersPerAddress)
	o.expectClose(o.dial(o.hello()), CloseTryAgain, "")
	o.url = base + "?from=198.51.100.1"
	c := o.dial(o.hello())
	o.expect(c, ReadyFrame) // and is no stranger any more
	open++
	strangers("198.51.100.1", strangersPerAddress)
	for k := 2; k < strangersMost/strangersPerAddress; k++ {
		strangers(fmt.Sprintf("198.51.100.%d", k), strangersPerAddress)
	}
	o.url = base + "?from=203.0.113.1"
	o.expectClose(o.dial(o.hello()), CloseTryAgain, "")
	o.phones.Called(o.alice.ID)
	o.lists(nil)
	o.phones.Called(o.alice.ID)
	o.expect(c, SessionFrame)
}

func TestPhoneThatIsGone(t *testing.T) {
	o := newExchange(t, func(p *Phones) { p.Hub.PingEvery, p.Hub.PongWithin = 100*time.Millisecond, 300*time.Millisecond })
	o.expect(o.dial(o.hello()), ReadyFrame) // and reads no more, so it answers no ping
	o.eventually("it is given up", func() bool { return o.phones.Hub.Count() == 0 })
}

func TestPhoneOrigin(t *testing.T) {
	o := newExchange(t, nil)
	for origin, good := range map[string]bool{"": true, "https://login.example": true, "https://bank.example": true,
		"https://evil.example": false, "null": false} {
		c, err := DialPhone(t.Context(), o.url, o.hello(), DialOptions{Origin: origin})
		if (err == nil) != good {
			t.Errorf("%q: %v", origin, err)
		}
		if err == nil {
			o.expect(c, ReadyFrame)
			c.Close()
		}
	}
	resp, err := http.Get("http" + strings.TrimPrefix(o.url, "ws"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusTeapot {
		t.Errorf("no upgrade: %d", resp.StatusCode)
	}
}
