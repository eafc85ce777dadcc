package ws

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/session"
)

// settle waits until all that a session's worker has to do is done.
func settle(h *Hub, id session.ID) {
	done := make(chan struct{})
	h.shard(id).queue(func(context.Context) { close(done) })
	<-done
}

// What happens between a takeover and its answer is heard, and told after the
// greeting.
func TestChangeDuringTakeover(t *testing.T) {
	o := newHouse(t)
	o.shelf.blind = true
	h, base := o.hub("a", nil)
	s := o.begin(nil)
	o.shelf.taken = func(int) {
		o.cancel(s)
		settle(h, s.ID)
	}
	c := o.watch(base, s)
	o.want(c, session.OTPReady)
	o.want(c, session.CancelledMessage)
	o.wantClose(c, CloseNormal, "cancelled")
}

// The same with the hint lost: the record is found by the sweep.
func TestChangeDuringTakeoverLost(t *testing.T) {
	o := newHouse(t)
	o.shelf.lost = func(any) bool { return true }
	_, base := o.hub("a", nil)
	s := o.begin(nil)
	o.shelf.taken = func(int) { o.cancel(s) }
	c := o.watch(base, s)
	o.want(c, session.OTPReady)
	o.want(c, session.CancelledMessage)
	o.wantClose(c, CloseNormal, "cancelled")
}

// A connection that was overtaken before its own takeover was answered gives
// way without a word, here and elsewhere.
func TestOvertakenDuringTakeover(t *testing.T) {
	for _, second := range []string{"a", "b"} {
		t.Run(second, func(t *testing.T) {
			o := newHouse(t)
			o.shelf.blind = true
			bases := map[string]string{}
			_, bases["a"] = o.hub("a", nil)
			_, bases["b"] = o.hub("b", nil)
			s := o.begin(nil)
			newer := make(chan *Client, 1)
			o.shelf.taken = func(number int) {
				if number == 1 {
					c := o.watch(bases[second], s)
					o.want(c, session.OTPReady)
					newer <- c
				}
			}
			o.wantClose(o.watch(bases["a"], s), CloseReplaced, "")
			o.cancel(s)
			c := <-newer
			o.want(c, session.CancelledMessage)
			o.wantClose(c, CloseNormal, "cancelled")
		})
	}
}

// Whoever is replaced is told at once, here and elsewhere, and not by the sweep.
func TestReplaced(t *testing.T) {
	o := newHouse(t)
	o.shelf.blind = true
	_, here := o.hub("a", nil)
	_, there := o.hub("b", nil)
	s := o.begin(nil)
	old := o.watch(here, s)
	o.want(old, session.OTPReady)
	for _, base := range []string{here, there, there, here} {
		c := o.watch(base, s)
		o.want(c, session.OTPReady)
		o.wantClose(old, CloseReplaced, "")
		old = c
	}
	o.cancel(s)
	o.want(old, session.CancelledMessage)
	o.wantClose(old, CloseNormal, "cancelled")
}

// News of an older takeover that comes late replaces nobody.
func TestLateTaken(t *testing.T) {
	o := newHouse(t)
	h, base := o.hub("a", nil)
	s := o.begin(nil)
	for range 2 {
		o.want(o.watch(base, s), session.OTPReady)
	}
	c := o.watch(base, s)
	o.want(c, session.OTPReady)
	h.Taken(s.ID, 2)
	h.Taken(s.ID, 3) // its own
	o.cancel(s)
	o.want(c, session.CancelledMessage)
}

// A hint of an older version, or the same again, is not told again.
func TestLateChange(t *testing.T) {
	o := newHouse(t)
	h, base := o.hub("a", nil)
	s := o.begin(nil)
	c := o.watch(base, s)
	o.want(c, session.OTPReady)
	claim := session.Action{Verb: session.DoClaim, Claim: &session.Claim{Platform: "test"}}
	next, _, err := s.Apply(claim, time.Now())
	if err == nil {
		err = o.shelf.Swap(t.Context(), s, next, session.Effects{})
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, again := range []session.Session{next, s, next} {
		h.Changed(s.ID, again.Version, func(context.Context) (session.Session, error) { return again, nil })
	}
	// One that cannot be read is looked up.
	h.Changed(s.ID, 9, func(context.Context) (session.Session, error) { return session.Session{}, errDown })
	o.want(c, session.ClaimedMessage)
	o.cancel(s)
	o.want(c, session.CancelledMessage)
}

// A watched session whose record is gone is closed as one that is not there; a
// store that is down for a while closes nobody.
func TestRecordGone(t *testing.T) {
	o := newHouse(t)
	h, base := o.hub("a", nil)
	s := o.begin(nil)
	c := o.watch(base, s)
	o.want(c, session.OTPReady)
	o.shelf.fail(errDown)
	h.Missed()
	h.Changed(s.ID, 9, func(context.Context) (session.Session, error) { return session.Session{}, errDown })
	settle(h, s.ID)
	o.wantClose(o.watch(base, s), CloseTryAgain, "")
	if h.Count() != 1 {
		t.Errorf("%d connections while the store is down", h.Count())
	}
	o.shelf.fail(nil)
	o.shelf.forget(s.ID)
	o.wantClose(c, CloseNotFound, "")
}

// When hints may have been lost, all is compared at once.
func TestMissed(t *testing.T) {
	o := newHouse(t)
	o.shelf.lost = func(any) bool { return true }
	h, base := o.hub("a", nil)
	const many = 50
	clients := make([]*Client, many)
	sessions := make([]session.Session, many)
	for i := range clients {
		sessions[i] = o.begin(nil)
		clients[i] = o.watch(base, sessions[i])
		o.want(clients[i], session.OTPReady)
	}
	before := o.shelf.sweeps.Load()
	o.eventually("twenty comparisons, many more than come by themselves", func() bool {
		h.Missed()
		return o.shelf.sweeps.Load() >= before+20
	})
	for _, s := range sessions {
		o.cancel(s)
	}
	h.Missed()
	for _, c := range clients {
		o.want(c, session.CancelledMessage)
		o.wantClose(c, CloseNormal, "cancelled")
	}
	o.eventually("all are gone", func() bool { return h.Count() == 0 })
}

// A full queue drops hints and blocks nobody; nothing is lost by it.
func TestQueueFull(t *testing.T) {
	o := newHouse(t)
	h, base := o.hub("a", nil)
	s := o.begin(nil)
	c := o.watch(base, s)
	o.want(c, session.OTPReady)
	stuck, let := make(chan struct{}), make(chan struct{})
	h.shard(s.ID).queue(func(context.Context) {
		close(stuck)
		<-let
	})
	<-stuck
	var read atomic.Int64
	for range queueLength + 100 {
		h.Changed(s.ID, 1, func(context.Context) (session.Session, error) {
			read.Add(1)
			return s, nil
		})
	}
	o.cancel(s) // its hint finds no room
	close(let)
	o.want(c, session.CancelledMessage)
	o.wantClose(c, CloseNormal, "cancelled")
	if n := read.Load(); n > queueLength {
		t.Errorf("%d jobs of a queue for %d", n, queueLength)
	}
}

// However connections come while the node stops, each is told.
func TestDrainRacesConnections(t *testing.T) {
	o := newHouse(t)
	h, base := o.hub("a", nil)
	s := o.begin(nil)
	bound := o.begin(func(s *session.Session) { s.Challenge = session.ChallengeOf("verifier") })
	var all sync.WaitGroup
	ended := make(chan error, 40)
	started := make(chan struct{}, 40)
	for i := range cap(ended) {
		x := []session.Session{s, bound}[i%2]
		all.Go(func() {
			c, err := Dial(t.Context(), base+"/"+string(x.ID)+"?token="+o.svc.Secrets.WSToken(x), DialOptions{})
			started <- struct{}{}
			if err != nil {
				ended <- err
				return
			}
			defer c.Close()
			for err == nil {
				_, err = c.Next(t.Context())
			}
			ended <- err
		})
	}
	for range 10 {
		<-started
	}
	h.Drain(t.Context(), 50*time.Millisecond)
	all.Wait()
	for range cap(ended) {
		err := <-ended
		if end, _ := errors.AsType[CloseError](err); end != (CloseError{Code: CloseGoingAway}) && end != (CloseError{Code: CloseReplaced}) {
			t.Errorf("ended with %v", err)
		}
	}
	if h.Count() != 0 {
		t.Errorf("%d connections left", h.Count())
	}
}

// An ear is a sink that remembers its end.
type ear struct{ codes []int }

func (*ear) send(int, []byte) error             { return nil }
func (*ear) ping() error                        { return nil }
func (*ear) gone(time.Time, time.Duration) bool { return false }
func (e *ear) end(code int, _ string)           { e.codes = append(e.codes, code) }

// A connection that was let in before the node stopped and joins afterwards, or
// that was told its end before it joins, takes nothing over and is not kept.
func TestJoinTooLate(t *testing.T) {
	for name, before := range map[string]func(*Hub, *conn){
		"the node stops": func(h *Hub, _ *conn) { h.Drain(t.Context(), 0) },
		"it was told":    func(_ *Hub, c *conn) { c.finish(CloseGoingAway, "") },
	} {
		o := newHouse(t)
		h, _ := o.hub("a", nil)
		s, out := o.begin(nil), &ear{}
		c := newConn(h, s.ID, out)
		before(h, c)
		if err := c.join(t.Context(), Asker{}, session.Session.Greeting); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(out.codes) != 1 || out.codes[0] != CloseGoingAway || h.Count() != 0 {
			t.Errorf("%s: closed with %v, %d connections", name, out.codes, h.Count())
		}
		if _, holder, _, err := o.shelf.Look(t.Context(), s.ID); err != nil || holder != "" {
			t.Errorf("%s: taken by %q, %v", name, holder, err)
		}
	}
}

// A verifier that comes while the node stops takes nothing over.
func TestDrainBeforeBind(t *testing.T) {
	o := newHouse(t)
	h, base := o.hub("a", nil)
	s := o.begin(func(s *session.Session) { s.Challenge = session.ChallengeOf("verifier") })
	c := o.watch(base, s)
	o.eventually("it is counted", func() bool { return h.Count() == 1 })
	h.Drain(t.Context(), 0)
	if err := c.Send(`{"type":"bind","verifier":"verifier"}`); err != nil {
		t.Fatal(err)
	}
	o.wantClose(c, CloseGoingAway, "")
	if _, holder, _, err := o.shelf.Look(t.Context(), s.ID); err != nil || holder != "" {
		t.Errorf("taken by %q, %v", holder, err)
	}
	o.eventually("it is not counted", func() bool { return h.Count() == 0 })
}

// The list of a session's connections survives any order of coming and going.
func TestConnections(t *testing.T) {
	h := &Hub{}
	h.start()
	conns := make([]*conn, 4)
	for i := range conns {
		conns[i] = newConn(h, "sess", nil)
	}
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}} {
		for _, i := range []int{0, 1, 1, 2, 3, 0} { // some twice
			h.add(conns[i])
		}
		for left, i := range order {
			if h.Count() != len(conns)-left || len(h.of("sess")) != h.Count() || len(h.all(nil)) != h.Count() {
				t.Fatalf("%v: %d connections, %d of the session", order, h.Count(), len(h.of("sess")))
			}
			h.remove(conns[i])
			h.remove(conns[i])
		}
		if h.Count() != 0 || len(h.of("sess")) != 0 {
			t.Fatalf("%v: %d left", order, h.Count())
		}
	}
}

// The issuer's own pages are known by their origin, which has no path.
func TestOriginOfIssuer(t *testing.T) {
	o := newHouse(t)
	h, _ := o.hub("a", nil)
	for origin, want := range map[string]string{
		"https://login.example": "[] <nil>", "https://bank.example": "[demo] <nil>",
		"https://login.example/path": "[] ws: origin not allowed", "null": "[] ws: origin not allowed", "": "[] ws: origin not allowed",
	} {
		services, err := h.origin(map[string][]string{"Origin": {origin}})
		if got := fmt.Sprint(services, err); got != want {
			t.Errorf("%q: %s, want %s", origin, got, want)
		}
	}
	if _, err := h.origin(map[string][]string{"Origin": {"https://bank.example", "https://bank.example"}}); err == nil {
		t.Error("two origins are let in")
	}
	if services, err := h.origin(nil); err != nil || services != nil {
		t.Errorf("no browser: %v, %v", services, err)
	}
}
