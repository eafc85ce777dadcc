package system

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign/device"
	"countersign/operation"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"
	"countersign/ws/stomp"
)

// The page, its socket and the phone are each at another node.
func TestNotices(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 3})
	phone := r.Phone(2)
	page := r.Login(1, askName)
	bell := page.Listen(0)
	rig.Timely(t, "a step", func() {
		page.Send(operation.Start, "method", "identify", "user", phone.Token)
		bell.Expect("CONTINUE")
	})
	first := page.Start(false)
	c := r.Claim(phone, first.Session.SessionID, "")
	rig.Timely(t, "what the phone declined", func() {
		if _, err := phone.Verify(rig.Ctx(t), c, session.Deny, "", nil); err != nil {
			t.Fatal(err)
		}
		bell.Expect("CONTINUE")
	})
	if a := page.Send(operation.Status); a.Data.StepResult != "CANCELED" {
		t.Errorf("declined: %+v", a)
	}
	second := page.Start(false) // which is news too: nothing is declined any more
	bell.Expect("CONTINUE")
	rig.Timely(t, "what the phone approved", func() {
		r.Approve(phone, second)
		bell.Expect("DONE")
	})
	bell.ExpectClose(ws.CloseNormal, "DONE")
	if a := page.Send(operation.Status); a.Type != "complete" || a.Data.Location == "" {
		t.Errorf("approved: %+v", a)
	}
	if o, err := page.Take(1); err != nil || o.Approval == nil {
		t.Errorf("given out: %+v, %v", o, err)
	}
}

// Nothing is lost to timing: who registers after the approval is told at once,
// also when the page has not asked in between, and when its browser has gone on.
func TestNoticesOfThePast(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(1)
	page := r.Login(0, askName, func(n *operation.New) { n.Subject = device.TokenID(phone.Token) })
	id := page.WebSocketID()
	r.Approve(phone, page.Start(false))
	for range 2 {
		bell := r.Bell(1, r.Issuer)
		bell.Ask(id)
		bell.Registered(true)
		bell.Expect("DONE")
		bell.ExpectClose(ws.CloseNormal, "DONE")
		page.Send(operation.Status)
		if _, err := page.Take(0); err != nil && !errors.Is(err, operation.ErrSpent) {
			t.Error(err)
		}
	}
	// Of an operation to which nothing has happened there is nothing to tell.
	fresh := r.Login(0)
	bell := fresh.Listen(1)
	fresh.Send(operation.Cancel)
	bell.Expect("FAILED")
	bell.ExpectClose(ws.CloseNormal, "FAILED")
}

// A scan ends by its own time, and the operation by its own; nobody asks.
func TestNoticesByTime(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: func(c *server.Config) { c.Session.TTL = 2 * time.Second }})
	for _, n := range r.Nodes {
		flows := n.Server.Operations().Flows
		short := flows[operation.Login]
		short.Expiry = 4 * time.Second
		flows[operation.Login] = short
	}
	page := r.Login(0)
	bell := page.Listen(1)
	page.Start(true)
	bell.Expect("CONTINUE") // another step
	bell.Expect("CONTINUE") // its session is over
	if a := page.Send(operation.Status); a.Data.StepResult != "AUTH_FAILED" {
		t.Errorf("the session is over: %+v", a)
	}
	bell.Expect("FAILED")
	bell.ExpectClose(ws.CloseNormal, "FAILED")
	if a := page.Send(operation.Status); a.Type != "cancel" || a.Data.Result != "FAILED" {
		t.Errorf("the operation is over: %+v", a)
	}
}

// Without a word between nodes everything is told all the same.
func TestNoticesWithoutHints(t *testing.T) {
	t.Parallel()
	var lose atomic.Bool
	r := rig.New(t, rig.Options{DropHint: lose.Load})
	phone := r.Phone(0)
	page := r.Login(0, askName, func(n *operation.New) { n.Subject = device.TokenID(phone.Token) })
	cancelled := r.Login(1)
	old, other := page.Listen(1), cancelled.Listen(1)
	b := page.Start(false)
	lose.Store(true)
	rig.Timely(t, "a newer page", func() {
		newer := r.Bell(0, r.Issuer)
		newer.Ask(old.ID)
		newer.Registered(true)
		old.ExpectClose(ws.CloseReplaced, "")
		old = newer
	})
	rig.Timely(t, "an approval", func() {
		r.Approve(phone, b)
		old.Expect("DONE")
	})
	rig.Timely(t, "a cancellation", func() {
		cancelled.Send(operation.Cancel)
		other.Expect("FAILED")
	})
}

func TestNoticesNewestWins(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	page := r.Login(0)
	bells := []*rig.Bell{page.Listen(0)}
	for _, n := range []int{0, 1, 1, 0} {
		next := page.Listen(n)
		rig.Timely(t, "the older one's end", func() { bells[len(bells)-1].ExpectClose(ws.CloseReplaced, "") })
		bells = append(bells, next)
	}
	r.Login(1).Listen(1) // another's
	page.Send(operation.Cancel)
	bells[len(bells)-1].Expect("FAILED")
}

// Who knows no webSocketId is told nothing, and replaces nobody.
func TestNoticesRefusals(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	page := r.Login(0)
	bell, late, silent := page.Listen(0), r.Bell(0, ""), r.Bell(0, "")
	begun := time.Now()
	for _, id := range []string{page.ID, strings.Repeat("A", 43), bell.ID[1:] + "A", strings.ToUpper(bell.ID), strings.Repeat("x", 64)} {
		b := r.Bell(0, r.Issuer)
		b.Ask(id)
		b.Registered(false)
	}
	foreign := r.Bell(0, "https://shop.example") // a service's page, and another's operation
	foreign.Ask(bell.ID)
	foreign.ExpectClose(ws.CloseRefused, "")
	for body, message := range map[string]string{
		"": "malformed registration", "{}": "malformed registration", `{"webSocketId":null}`: "malformed registration",
		`{"webSocketId":""}`: "malformed registration", `{"webSocketId":"` + strings.Repeat("x", 65) + `"}`: "malformed registration",
		`{"webSocketId":"a","webSocketId":"b"}`: "malformed registration", `{"webSocketId":"ž"}`: "malformed registration", "[]": "malformed registration",
	} {
		b := r.Bell(0, rig.Origin)
		send := stomp.New(stomp.Send, "destination", ws.RegistrationDestination, "receipt", "r")
		send.Body = []byte(body)
		if err := b.Send(stomp.New(stomp.Connect, "accept-version", "1.2"), send); err != nil {
			t.Fatal(err)
		}
		b.Frame(stomp.Connected)
		if f := b.Frame(stomp.Error); f.Get("message") != message || f.Get("receipt-id") != "r" {
			t.Errorf("%s: %+v", body, f)
		}
		b.ExpectClose(1002, "")
	}
	large := r.Bell(0, "")
	if err := large.SendText("CONNECT\naccept-version:1.2\nhost:" + strings.Repeat("x", 1024) + "\n\n\x00"); err != nil {
		t.Fatal(err)
	}
	large.ExpectClose(ws.CloseTooBig, "")
	if err := late.Send(stomp.New(stomp.Connect, "accept-version", "1.2")); err != nil {
		t.Fatal(err)
	}
	late.Frame(stomp.Connected)
	late.ExpectClose(ws.CloseRefused, "")
	silent.ExpectClose(ws.CloseRefused, "")
	if waited := time.Since(begun); waited < 4*time.Second || waited > 8*time.Second {
		t.Errorf("closed after %v", waited)
	}
	page.Send(operation.Cancel)
	bell.Expect("FAILED") // all the while it was there
}

func TestNoticesUpgrade(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	r.Refused("no upgrade", r.Send(0, http.MethodGet, "/websocket", ""), 426, "upgrade_required")
	for origin, good := range map[string]bool{rig.Origin: true, r.Issuer: true, "https://evil.example": false, "null": false} {
		c, err := ws.DialNotices(rig.Ctx(t), r.NoticesURL(0), ws.DialOptions{Origin: origin})
		if (err == nil) != good || err != nil && !strings.Contains(err.Error(), "HTTP 403") {
			t.Errorf("%s: %v", origin, err)
		}
		if err == nil {
			c.Close()
		}
	}
	c, err := ws.DialPhone(rig.Ctx(t), r.NoticesURL(0), nil, ws.DialOptions{}) // no STOMP
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	r.Line(c).ExpectClose(1002, "")
}

// Old pages know another word for it, and the others do not.
func TestLegacyAuthResult(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: func(c *server.Config) {
		i := slices.IndexFunc(c.Services, func(s server.ServiceConfig) bool { return s.ID == rig.Shop })
		c.Services[i].LegacyAuthResult = true
	}})
	phone := r.Phone(0)
	for service, want := range map[string]string{rig.Service: "DONE", rig.Shop: "CONFIRMED"} {
		page := r.Login(0, askName, func(n *operation.New) { n.Service, n.Subject = service, device.TokenID(phone.Token) })
		bell := page.Listen(1)
		r.Approve(phone, page.Start(false))
		bell.Expect(want)
		bell.ExpectClose(ws.CloseNormal, want)
		failed := r.Login(0, func(n *operation.New) { n.Service = service })
		bell = failed.Listen(1)
		failed.Send(operation.Cancel)
		bell.Expect("FAILED")
	}
}

func TestNoticesAtShutdown(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	page := r.Login(0)
	bell, stranger := page.Listen(1), r.Bell(1, "")
	begun := time.Now()
	stopped := make(chan error, 1)
	go func() { stopped <- r.Nodes[1].Stop() }()
	bell.ExpectClose(ws.CloseGoingAway, "")
	stranger.ExpectClose(ws.CloseGoingAway, "")
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("closed after %v", took)
	}
	again := page.Listen(0)
	page.Send(operation.Cancel)
	again.Expect("FAILED")
	if err := <-stopped; err != nil {
		t.Errorf("stopped with %v", err)
	}
}

// Pages count among the node's connections.
func TestNoticesCount(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) { c.Limits.SocketsPerNode = 2 }})
	page := r.Login(0)
	bell := page.Listen(0)
	b := r.Browser(0).Start(r.Phone(0).Token).Watch()
	b.Expect(session.OTPReady)
	if n := watchers(t, r); n != "2" {
		t.Errorf("%s connections", n)
	}
	r.Bell(0, "").ExpectClose(ws.CloseTryAgain, "")
	if err := bell.Send(stomp.New(stomp.Disconnect, "receipt", "bye")); err != nil {
		t.Fatal(err)
	}
	bell.Frame(stomp.Receipt)
	bell.ExpectClose(ws.CloseNormal, "")
	r.Eventually("its place is free", func() bool { return watchers(t, r) == "1" })
	page.Listen(0)
}

// Without Redis a page that comes is told to come again, and one that is there
// stays.
func TestNoticesWithoutRedis(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	page := r.Login(0)
	bell := page.Listen(0)
	r.Redis.Pause(t)
	late := r.Bell(0, "")
	late.Ask(bell.ID)
	late.ExpectClose(ws.CloseTryAgain, "")
	r.Redis.Resume(t)
	r.Eventually("the page is answered again", func() bool {
		a := page.Put(`{"type":"cancel"}`)
		return a.Err == nil && a.Status == http.StatusOK
	})
	bell.Expect("FAILED")
}
