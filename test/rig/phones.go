package rig

import (
	"encoding/json"
	"errors"
	"testing"

	"countersign/api"
	"countersign/device"
	"countersign/ws"
)

// A Line is a phone's socket.
type Line struct {
	t testing.TB
	*ws.PhoneClient
}

// At is the same phone, talking to node n.
func (r *Rig) At(p *api.Phone, n int) *api.Phone {
	x, c := *p, *p.Client
	c.Base = r.Nodes[n].Base
	x.Client = &c
	return &x
}

// Join enrols one more phone of the same identity, talking to node n.
func (r *Rig) Join(p *api.Phone, n int, name string) *api.Phone {
	r.T.Helper()
	code, err := p.NewCode(Ctx(r.T))
	if err != nil {
		r.T.Fatalf("code: %v", err)
	}
	x := r.NewPhone(n)
	if _, err := x.Enrol(Ctx(r.T), code.EnrollmentCode, name, "test"); err != nil {
		r.T.Fatalf("enrol: %v", err)
	}
	return x
}

// Listen opens the phone's socket.
func (r *Rig) Listen(p *api.Phone) *Line {
	r.T.Helper()
	c, err := p.Listen(Ctx(r.T))
	if err != nil {
		r.T.Fatalf("listen: %v", err)
	}
	r.T.Cleanup(func() { c.Close() })
	return r.Line(c)
}

// Line is a socket that a test opened by itself.
func (r *Rig) Line(c *ws.PhoneClient) *Line { return &Line{r.T, c} }

// Expect takes the next frame and checks its type.
func (l *Line) Expect(want ws.PhoneFrame) ws.PhoneWire {
	l.t.Helper()
	w, err := l.Next(Ctx(l.t))
	if err != nil {
		l.t.Fatalf("waiting for %s: %v", want, err)
	}
	frame, err := json.Marshal(w)
	if err != nil {
		l.t.Fatal(err)
	}
	CheckDeviceMessage(l.t, frame)
	if w.Type != want {
		l.t.Fatalf("got %+v, want %s", w, want)
	}
	return w
}

// ExpectClose waits for the end and checks its code and reason.
func (l *Line) ExpectClose(code int, reason string) {
	l.t.Helper()
	w, err := l.Next(Ctx(l.t))
	if end, closed := errors.AsType[ws.CloseError](err); !closed || end != (ws.CloseError{Code: code, Reason: reason}) {
		l.t.Fatalf("got %+v, %v, want close %d %q", w, err, code, reason)
	}
}

// VerbBody is a good request of a phone about its identity's devices.
func VerbBody(p *api.Phone, v device.Verb, argument string, timestamp int64) map[string]any {
	m := Signed(p, device.DevicePurpose(v), timestamp, p.Token, p.Device, argument)
	m["argument"] = argument
	return m
}
