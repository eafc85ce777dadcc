package system

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"
)

// losses are ways for hints to be lost between nodes.
func losses() map[string]func() bool {
	var n atomic.Int64
	return map[string]func() bool{
		"no hint lost":          nil,
		"every third hint lost": func() bool { return n.Add(1)%3 == 0 },
		"all hints lost":        func() bool { return true },
	}
}

// Whatever the browser has missed when it connects, on whichever node, and
// whichever hints are lost, it is told of the approval in time.
func TestNodesEveryOrder(t *testing.T) {
	t.Parallel()
	for name, drop := range losses() {
		r := rig.New(t, rig.Options{DropHint: drop})
		for _, browser := range []int{0, 1} {
			phone := r.Phone(1 - browser)
			for steps := range 3 { // how many of the phone's the browser misses
				t.Run(fmt.Sprintf("%s, browser on %d, after %d steps", name, browser, steps), func(t *testing.T) {
					r := r.In(t)
					b := r.Browser(browser).Start(phone.Token)
					if steps == 0 {
						b.Watch().Expect(session.OTPReady)
					}
					c := r.Claim(phone, b.Session.SessionID, "")
					switch steps {
					case 0:
						rig.Timely(t, "claimed", func() { b.Expect(session.ClaimedMessage) })
					case 1:
						b.Watch().Expect(session.OTPReady)
						b.Expect(session.ClaimedMessage)
					}
					if _, err := phone.Verify(rig.Ctx(t), c, session.Approve, b.Session.AutoPassword, nil); err != nil {
						t.Fatal(err)
					}
					if steps == 2 {
						b.Watch()
					}
					rig.Timely(t, "approved", func() {
						b.Expect(session.ApprovedMessage)
						rig.ExpectClose(t, b.Socket, ws.CloseNormal, "approved")
					})
				})
			}
		}
	}
}

// Messages keep their order and their ids however hints are lost.
func TestNodesMessagesInOrder(t *testing.T) {
	t.Parallel()
	for name, drop := range losses() {
		r := rig.New(t, rig.Options{DropHint: drop})
		phone := r.Phone(1)
		t.Run(name, func(t *testing.T) {
			r := r.In(t)
			b := r.Browser(0).Start(phone.Token).Watch()
			c := r.Claim(phone, b.Session.SessionID, "")
			for range 3 {
				phone.Verify(rig.Ctx(t), c, session.Approve, rig.WrongCode(b.Session.AutoPassword), nil) //nolint:errcheck // the socket tells
			}
			for i, want := range []session.MessageType{session.OTPReady, session.ClaimedMessage, session.RejectedMessage, session.RejectedMessage, session.RejectedMessage} {
				if m := b.Expect(want); m.ID != i+1 {
					t.Errorf("message %d: %+v", i+1, m)
				}
			}
			rig.ExpectClose(t, b.Socket, ws.CloseNormal, "rejected")
		})
	}
}

// The page's connecting races the phone's approval in every way there is.
func TestNodesConnectRacesApproval(t *testing.T) {
	t.Parallel()
	for name, drop := range losses() {
		r := rig.New(t, rig.Options{DropHint: drop})
		phone := r.Phone(1)
		t.Run(name, func(t *testing.T) {
			r := r.In(t)
			for range 10 {
				b := r.Browser(0).Start(phone.Token)
				var both sync.WaitGroup
				both.Go(func() { r.Approve(phone, b) })
				both.Go(func() { b.Watch() })
				both.Wait()
				rig.Timely(t, "approved", func() { approvedOnly(t, b.Socket) })
			}
		})
	}
}

// approvedOnly reads to the end, wants each message once, and approved last.
func approvedOnly(t *testing.T, c *ws.Client) {
	t.Helper()
	last := ws.Wire{}
	for {
		m, err := c.Next(rig.Ctx(t))
		if err != nil {
			if end, _ := errors.AsType[ws.CloseError](err); end != (ws.CloseError{Code: ws.CloseNormal, Reason: "approved"}) || last.JWT == "" {
				t.Errorf("ended with %v after %+v", err, last)
			}
			return
		}
		if m.ID <= last.ID {
			t.Errorf("message %d after %d", m.ID, last.ID)
		}
		last = m
	}
}

// Forty logins at once, each with its browser and its phone on different nodes.
func TestNodesManyAtOnce(t *testing.T) {
	t.Parallel()
	for name, drop := range losses() {
		r := rig.New(t, rig.Options{DropHint: drop})
		t.Run(name, func(t *testing.T) {
			r := r.In(t)
			var all sync.WaitGroup
			for i := range 40 {
				phone := r.Phone(i % 2)
				b := r.Browser(1 - i%2).Start(phone.Token)
				all.Go(func() {
					b.Watch()
					r.Approve(phone, b)
					approvedOnly(t, b.Socket)
				})
			}
			all.Wait()
		})
	}
}
