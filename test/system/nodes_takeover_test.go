package system

import (
	"errors"
	"sync"
	"testing"

	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"
)

// A page that goes to and fro between nodes always has one connection, the
// last.
func TestNodesTakeoverToAndFro(t *testing.T) {
	t.Parallel()
	for name, drop := range losses() {
		r := rig.New(t, rig.Options{DropHint: drop})
		phone := r.Phone(0)
		t.Run(name, func(t *testing.T) {
			r := r.In(t)
			b := r.Browser(0).Start(phone.Token).Watch()
			b.Expect(session.OTPReady)
			old := []*ws.Client{b.Socket}
			last := b
			for i := range 50 {
				last = b.At((i + 1) % 2).Watch()
				last.Expect(session.OTPReady)
				old = append(old, last.Socket)
			}
			rig.Timely(t, "4009 of all", func() {
				for _, c := range old[:len(old)-1] {
					rig.ExpectClose(t, c, ws.CloseReplaced, "")
				}
			})
			r.Approve(phone, b)
			rig.Timely(t, "approved", func() {
				last.Expect(session.ClaimedMessage)
				last.Expect(session.ApprovedMessage)
				rig.ExpectClose(t, last.Socket, ws.CloseNormal, "approved")
			})
		})
	}
}

// Fifty connections at once on two nodes leave exactly one, which gets the
// approval.
func TestNodesTakeoverAtOnce(t *testing.T) {
	t.Parallel()
	for name, drop := range losses() {
		r := rig.New(t, rig.Options{DropHint: drop})
		phone := r.Phone(0)
		t.Run(name, func(t *testing.T) {
			r := r.In(t)
			b := r.Browser(0).Start(phone.Token)
			const many = 50
			replaced, approved := make(chan error, many), make(chan error, many)
			var connected sync.WaitGroup
			connected.Add(many)
			for i := range many {
				x := b.At(i % 2)
				go func() {
					c, err := ws.Dial(rig.Ctx(t), x.URL(), ws.DialOptions{Verifier: b.Verifier})
					connected.Done()
					for err == nil {
						var m ws.Wire
						if m, err = c.Next(rig.Ctx(t)); m.Type == session.ApprovedMessage {
							approved <- nil
						}
					}
					replaced <- err
				}()
			}
			connected.Wait()
			for range many - 1 {
				err := <-replaced
				if end, _ := errors.AsType[ws.CloseError](err); end != (ws.CloseError{Code: ws.CloseReplaced}) {
					t.Errorf("ended with %v", err)
				}
			}
			r.Approve(phone, b)
			err := <-replaced
			if end, _ := errors.AsType[ws.CloseError](err); end != (ws.CloseError{Code: ws.CloseNormal, Reason: "approved"}) {
				t.Errorf("the last ended with %v", err)
			}
			if len(approved) != 1 {
				t.Errorf("%d connections were told of the approval", len(approved))
			}
		})
	}
}
