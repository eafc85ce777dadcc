package ws

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"countersign/session"
)

func quick(h *Hub) { h.PingEvery, h.PongWithin = 300*time.Millisecond, 600*time.Millisecond }

// A peer that answers pings stays; one that does not is let go, and makes room.
func TestPing(t *testing.T) {
	o := newHouse(t)
	h, base := o.hub("a", quick)
	s, mute := o.begin(nil), o.begin(nil)
	alive, dead := o.watch(base, s), o.watch(base, mute)
	o.want(alive, session.OTPReady)
	o.want(dead, session.OTPReady)
	var pings, ignored atomic.Int64
	answer := raw(alive).PingHandler()
	raw(alive).SetPingHandler(func(data string) error {
		if pings.Add(1) == 4 {
			o.cancel(s) // it was served all the while
		}
		return answer(data)
	})
	raw(dead).SetPingHandler(func(string) error {
		ignored.Add(1)
		return nil
	})
	gone := make(chan error, 1)
	go func() { // pings are answered by who reads
		_, err := dead.Next(t.Context())
		gone <- err
	}()
	o.want(alive, session.CancelledMessage)
	o.wantClose(alive, CloseNormal, "cancelled")
	err := <-gone
	if end, _ := errors.AsType[CloseError](err); end != (CloseError{Code: CloseGoingAway}) {
		t.Errorf("ended with %v", err)
	}
	if n := ignored.Load(); n < 1 || n > 4 {
		t.Errorf("let go after %d pings", n)
	}
	o.eventually("both are gone", func() bool { return h.Count() == 0 })
}

// A peer that only talks, and never answers a ping, is let go too.
func TestPingIsNotAnsweredByMessages(t *testing.T) {
	o := newHouse(t)
	_, base := o.hub("a", quick)
	c := o.watch(base, o.begin(nil))
	o.want(c, session.OTPReady)
	raw(c).SetPingHandler(func(string) error { return c.Send("I am here") })
	o.wantClose(c, CloseGoingAway, "")
}

// An unwatched default would close everybody at once, or nobody ever.
func TestPingDefaults(t *testing.T) {
	h := &Hub{}
	h.start()
	if h.PingEvery != 20*time.Second || h.PongWithin != 10*time.Second {
		t.Errorf("every %v, within %v", h.PingEvery, h.PongWithin)
	}
	out := &socket{}
	now := time.Now()
	if out.gone(now.Add(time.Hour), h.PongWithin) {
		t.Error("gone without a ping")
	}
	out.waiting.Store(now.UnixMilli())
	if out.gone(now.Add(9900*time.Millisecond), h.PongWithin) || !out.gone(now.Add(10*time.Second), h.PongWithin) {
		t.Error("not given up after 10 s")
	}
}
