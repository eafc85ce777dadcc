package rig

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"countersign/operation"
	"countersign/ws"
	"countersign/ws/stomp"
)

// A Bell is a page's socket of notices.
type Bell struct {
	t testing.TB
	*ws.NoticeClient
	ID string // webSocketId
}

// Bell opens a socket of notices at node n, and says nothing yet.
func (r *Rig) Bell(n int, origin string) *Bell {
	r.T.Helper()
	c, err := ws.DialNotices(Ctx(r.T), r.NoticesURL(n), ws.DialOptions{Origin: origin})
	if err != nil {
		r.T.Fatalf("notices: %v", err)
	}
	r.T.Cleanup(func() { c.Close() })
	return &Bell{t: r.T, NoticeClient: c}
}

// NoticesURL is where pages listen at node n.
func (r *Rig) NoticesURL(n int) string {
	return "ws" + strings.TrimPrefix(r.Nodes[n].Base, "http") + "/websocket"
}

// WebSocketID asks for the name of the operation's notices.
func (p *Page) WebSocketID() string {
	p.t.Helper()
	a := p.Send(operation.Init)
	if a.Data.WebSocketID == "" {
		p.t.Fatalf("init answered %+v", a)
	}
	return a.Data.WebSocketID
}

// Listen registers the page for its notices, at node n.
func (p *Page) Listen(n int) *Bell {
	p.t.Helper()
	b := p.rig.Bell(n, p.rig.Issuer)
	b.Ask(p.WebSocketID())
	b.Registered(true)
	return b
}

// Ask says all that has to be said to register.
func (b *Bell) Ask(webSocketID string) {
	b.t.Helper()
	b.ID = webSocketID
	if err := b.Register(webSocketID); err != nil {
		b.t.Fatalf("register: %v", err)
	}
	b.Frame(stomp.Connected)
}

// Frame takes the next frame.
func (b *Bell) Frame(want stomp.Command) stomp.Frame {
	b.t.Helper()
	f, err := b.Next(Ctx(b.t))
	if err != nil || f.Command != want {
		b.t.Fatalf("got %+v %s, %v, want %s", f, f.Body, err, want)
	}
	return f
}

// Registered takes the answer to a registration.
func (b *Bell) Registered(want bool) {
	b.t.Helper()
	var w ws.RegistrationWire
	if b.message(ws.RegistrationTopic, "NoticeRegistered", &w); w != (ws.RegistrationWire{WebSocketID: b.ID, Succeeded: want}) {
		b.t.Fatalf("answered %+v, want %v", w, want)
	}
}

// Expect takes a notice.
func (b *Bell) Expect(authResult string) {
	b.t.Helper()
	var w ws.NoticeWire
	if b.message(ws.AuthorizationTopic, "Notice", &w); w != (ws.NoticeWire{WebSocketID: b.ID, AuthResult: authResult}) {
		b.t.Fatalf("told %+v, want %s", w, authResult)
	}
}

func (b *Bell) message(topic, schema string, into any) {
	b.t.Helper()
	f := b.Frame(stomp.Message)
	if f.Get("destination") != topic {
		b.t.Fatalf("on %s: %s, want %s", f.Get("destination"), f.Body, topic)
	}
	CheckNotice(b.t, schema, f.Body)
	if err := json.Unmarshal(f.Body, into); err != nil {
		b.t.Fatal(err)
	}
}

// ExpectClose waits for the end and checks its code and reason.
func (b *Bell) ExpectClose(code int, reason string) {
	b.t.Helper()
	f, err := b.Next(Ctx(b.t))
	if end, closed := errors.AsType[ws.CloseError](err); !closed || end != (ws.CloseError{Code: code, Reason: reason}) {
		b.t.Fatalf("got %+v %s, %v, want close %d %q", f, f.Body, err, code, reason)
	}
}
