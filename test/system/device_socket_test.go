package system

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign/api"
	"countersign/device"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"
)

// knock opens a phone's socket at node n and says first, or nothing.
func knock(t *testing.T, r *rig.Rig, n int, first string) *rig.Line {
	t.Helper()
	p := r.NewPhone(n)
	l, err := ws.DialPhone(rig.Ctx(t), "ws"+strings.TrimPrefix(p.Client.Base, "http")+"/ws/device", []byte(first), ws.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return r.Line(l)
}

// compare asks for mode compare.
func compare(q *api.StartRequest) {
	mode := string(session.Compare)
	q.Mode = &mode
}

func TestPhoneSocket(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.At(r.Phone(0), 1) // connected to another node than the browsers
	before := r.Browser(0).Start(p.Token)
	l := r.Listen(p)
	if w := l.Expect(ws.SessionFrame); string(w.SessionID) != before.Session.SessionID || w.ServiceName != "Acme Bank" ||
		w.Mode != session.Enter || w.ExpiresAt != before.Session.ExpiresAt || w.AutoPassword != "" {
		t.Errorf("%+v", w)
	}
	l.Expect(ws.ReadyFrame)
	var shown *rig.Browser
	rig.Timely(t, "a call", func() {
		shown = r.Shop(0).Start(p.Token, compare)
		if w := l.Expect(ws.SessionFrame); string(w.SessionID) != shown.Session.SessionID || w.AutoPassword != shown.Session.AutoPassword || w.Mode != session.Compare {
			t.Errorf("%+v", w)
		}
	})
	r.Approve(p, before)
	if w := l.Expect(ws.GoneFrame); string(w.SessionID) != before.Session.SessionID {
		t.Errorf("%+v", w)
	}
	r.Browser(0).Start(r.Phone(0).Token) // another's
	last := r.Browser(1).Start(p.Token)
	if w := l.Expect(ws.SessionFrame); string(w.SessionID) != last.Session.SessionID {
		t.Errorf("%+v", w)
	}
}

// Many and long ones at once are as many frames, none over 1 KiB.
func TestPhoneSocketFrames(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: func(c *server.Config) { c.Services[0].Name = strings.Repeat("<", 100) }})
	p := r.Phone(1)
	waiting := map[session.ID]bool{}
	for range 20 {
		waiting[session.ID(r.Browser(0).Start(p.Token).Session.SessionID)] = true
	}
	l := r.Listen(p)
	for range 20 {
		w := l.Expect(ws.SessionFrame)
		if frame, err := json.Marshal(w); err != nil || len(frame) > 1024 || !waiting[w.SessionID] {
			t.Errorf("%d bytes: %s, %v", len(frame), frame, err)
		}
		delete(waiting, w.SessionID)
	}
	l.Expect(ws.ReadyFrame)
}

// What hints would have said is found all the same.
func TestPhoneSocketWithoutHints(t *testing.T) {
	t.Parallel()
	var lose atomic.Bool
	r := rig.New(t, rig.Options{DropHint: lose.Load})
	p := r.Phone(0)
	l := r.Listen(p)
	l.Expect(ws.ReadyFrame)
	lose.Store(true)
	b := r.Browser(1).Start(p.Token)
	if w := l.Expect(ws.SessionFrame); string(w.SessionID) != b.Session.SessionID {
		t.Errorf("%+v", w)
	}
	r.Join(p, 1, "Alice's tablet")
	if w := l.Expect(ws.AddedFrame); w.DeviceName != "Alice's tablet" || !wholeSecond.MatchString(w.CreatedAt) {
		t.Errorf("%+v", w)
	}
	setStatus(t, r, p.Token, device.Revoked)
	l.ExpectClose(ws.CloseRefused, "unknown_device")
}

// The other phones of an identity are told of a new one, and closed when they are
// revoked or locked, wherever they are connected.
func TestPhoneSocketOfDevices(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	l := r.Listen(r.At(p, 1))
	l.Expect(ws.ReadyFrame)
	var second *api.Phone
	rig.Timely(t, "the notice", func() {
		second = r.Join(p, 0, "Alice's tablet")
		if w := l.Expect(ws.AddedFrame); w.DeviceName != "Alice's tablet" {
			t.Errorf("%+v", w)
		}
	})
	other := r.Listen(second)
	other.Expect(ws.ReadyFrame) // which knows itself and the older one
	rig.Timely(t, "the revocation", func() {
		if _, err := second.Revoke(rig.Ctx(t), p.Device); err != nil {
			t.Fatal(err)
		}
		l.ExpectClose(ws.CloseRefused, "unknown_device")
	})
	r.Listen(p).ExpectClose(ws.CloseRefused, "unknown_device")
	if _, err := second.Rotate(rig.Ctx(t), newKey(t)); err != nil {
		t.Fatal(err)
	}
	other.ExpectClose(ws.CloseTryAgain, "") // somebody may have the old key
	other = r.Listen(second)
	other.Expect(ws.ReadyFrame)
	b := r.Browser(0).Start(second.Token)
	if w := other.Expect(ws.SessionFrame); string(w.SessionID) != b.Session.SessionID {
		t.Errorf("%+v", w)
	}
	rig.Timely(t, "the lock", func() {
		if _, err := second.Lock(rig.Ctx(t), 1); err != nil {
			t.Fatal(err)
		}
		other.ExpectClose(ws.CloseRefused, "locked")
	})
	r.Listen(second).ExpectClose(ws.CloseRefused, "locked")
}

func TestPhoneSocketRefusals(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	hello := func(timestamp int64) map[string]any {
		return rig.Signed(p, device.DevicePurpose(device.ListenVerb), timestamp, p.Token, p.Device, "")
	}
	used := rig.JSON(hello(now()))
	knock(t, r, 0, used).Expect(ws.ReadyFrame)
	without := hello(now())
	delete(without, "nonce")
	for _, q := range []struct{ first, reason string }{
		{used, "replayed"}, {rig.JSON(hello(now() - 60)), "stale_timestamp"}, {rig.JSON(without), "invalid_request"}, {"x", "invalid_request"},
		{rig.JSON(rig.Signed(p, device.DevicePurpose(device.ListVerb), now(), p.Token, p.Device, "")), "invalid_signature"},
		{rig.JSON(rig.Signed(p, device.PendingPurpose, now(), p.Token, p.Device)), "invalid_signature"},
		{rig.JSON(hello(now())) + strings.Repeat(" ", 1024), "invalid_request"},
		{used[:len(used)-1] + `,"tokenId":"x"}`, "invalid_request"},
	} {
		knock(t, r, 1, q.first).ExpectClose(ws.CloseRefused, q.reason)
	}
	late := knock(t, r, 0, "")
	begun := time.Now()
	late.ExpectClose(ws.CloseRefused, "invalid_request")
	if waited := time.Since(begun); waited < 4*time.Second {
		t.Errorf("closed after %v", waited)
	}
	r.Refused("no upgrade", r.Send(0, http.MethodGet, "/ws/device", ""), 426, "upgrade_required")
	for origin, good := range map[string]bool{rig.Origin: true, r.Issuer: true, "https://evil.example": false, "null": false} {
		x := r.At(p, 0)
		x.Client.Origin = origin
		c, err := x.Listen(rig.Ctx(t))
		if (err == nil) != good || err != nil && !strings.Contains(err.Error(), "HTTP 403") {
			t.Errorf("%s: %v", origin, err)
		}
		if err == nil {
			c.Close()
		}
	}
}

func TestPhoneSocketCounts(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) { c.Limits.SocketsPerNode = 4 }})
	p := r.Phone(0)
	oldest := r.Listen(p)
	oldest.Expect(ws.ReadyFrame)
	for range 2 {
		r.Listen(p).Expect(ws.ReadyFrame)
	}
	newest := r.Listen(p)
	newest.Expect(ws.ReadyFrame)
	oldest.ExpectClose(ws.CloseReplaced, "")
	if err := newest.Send(strings.Repeat("x", 1024)); err != nil {
		t.Fatal(err)
	}
	b := r.Browser(0).Start(p.Token).Watch() // the fourth, so the node is full
	b.Expect(session.OTPReady)
	newest.Expect(ws.SessionFrame)
	r.Listen(p).ExpectClose(ws.CloseTryAgain, "")
	if err := newest.Send(strings.Repeat("x", 1025)); err != nil {
		t.Fatal(err)
	}
	newest.ExpectClose(ws.CloseTooBig, "")
}

func TestPhoneSocketAtShutdown(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	l, stranger := r.Listen(r.At(p, 1)), knock(t, r, 1, "")
	l.Expect(ws.ReadyFrame)
	if err := r.Nodes[1].Stop(); err != nil {
		t.Fatal(err)
	}
	l.ExpectClose(ws.CloseGoingAway, "")
	stranger.ExpectClose(ws.CloseGoingAway, "")
	r.Browser(0).Start(p.Token)
	again := r.Listen(p)
	again.Expect(ws.SessionFrame)
	again.Expect(ws.ReadyFrame)
}

// Without Redis a phone that comes is told to come again, and one that is there
// stays.
func TestPhoneSocketWithoutRedis(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	p := r.Phone(0)
	l := r.Listen(p)
	l.Expect(ws.ReadyFrame)
	r.Redis.Pause(t)
	r.Listen(p).ExpectClose(ws.CloseTryAgain, "")
	r.Redis.Resume(t)
	var b *rig.Browser
	r.Eventually("starts succeed again", func() bool {
		b = r.Browser(0)
		return b.TryStart(p.Token) == nil
	})
	for string(l.Expect(ws.SessionFrame).SessionID) != b.Session.SessionID { // those that failed may have come through
	}
}
