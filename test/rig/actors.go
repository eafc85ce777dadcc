package rig

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"countersign/api"
	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"
	"countersign/ws"
)

// A Browser is a page of a service that starts a session and watches it.
type Browser struct {
	t        testing.TB
	rig      *Rig
	Client   *api.Client
	Verifier string
	Session  api.StartResponse
	Socket   *ws.Client
}

// Browser gives a page of the public service, talking to node n.
func (r *Rig) Browser(n int) *Browser {
	return &Browser{t: r.T, rig: r, Client: &api.Client{Issuer: r.Issuer, Base: r.Nodes[n].Base, HTTP: r.HTTP, Origin: Origin}}
}

// Shop gives the back end of the service that authenticates.
func (r *Rig) Shop(n int) *Browser {
	return &Browser{t: r.T, rig: r, Client: &api.Client{Issuer: r.Issuer, Base: r.Nodes[n].Base, HTTP: r.HTTP, ServiceID: Shop, Secret: ShopSecret}}
}

// Ctx is a context that ends soon enough to see what a test hangs on.
func Ctx(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// NewVerifier makes a verifier, as PKCE's.
func NewVerifier() string { return rand.Text() + rand.Text() }

// TryStart starts a session with a challenge; q may be changed first.
func (b *Browser) TryStart(token string, change ...func(*api.StartRequest)) error {
	b.Verifier = NewVerifier()
	challenge, service := session.ChallengeOf(b.Verifier), Service
	q := api.StartRequest{ServiceID: &service, Challenge: &challenge}
	if b.Client.Secret != "" {
		q.ServiceID = nil
	}
	if token != "" {
		q.TokenID = &token
	}
	for _, f := range change {
		f(&q)
	}
	if q.Challenge == nil {
		b.Verifier = ""
	}
	var err error
	b.Session, err = b.Client.Start(Ctx(b.t), q, "")
	return err
}

// Start starts a session for a phone's identity, or for nobody in particular.
func (b *Browser) Start(token string, change ...func(*api.StartRequest)) *Browser {
	b.t.Helper()
	if err := b.TryStart(token, change...); err != nil {
		b.t.Fatalf("start: %v", err)
	}
	return b
}

// URL is the session's wsUrl on the browser's node.
func (b *Browser) URL() string {
	return "ws" + strings.TrimPrefix(b.Client.Base, "http") + strings.TrimPrefix(b.Session.WSURL, "ws"+strings.TrimPrefix(b.Client.Issuer, "http"))
}

// Watch opens the socket.
func (b *Browser) Watch() *Browser {
	b.t.Helper()
	b.Socket = b.Dial()
	return b
}

// Dial opens another socket of the same session.
func (b *Browser) Dial() *ws.Client {
	b.t.Helper()
	c, err := ws.Dial(Ctx(b.t), b.URL(), ws.DialOptions{Verifier: b.Verifier, Origin: b.Client.Origin})
	if err != nil {
		b.t.Fatalf("dial: %v", err)
	}
	b.t.Cleanup(func() { c.Close() })
	return c
}

// Expect takes the next message and checks its type.
func (b *Browser) Expect(want session.MessageType) ws.Wire {
	b.t.Helper()
	return Expect(b.t, b.Socket, want)
}

// Expect takes the next message of a socket and checks its type.
func Expect(t testing.TB, c *ws.Client, want session.MessageType) ws.Wire {
	t.Helper()
	m, err := c.Next(Ctx(t))
	if err != nil {
		t.Fatalf("waiting for %s: %v", want, err)
	}
	frame, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	CheckMessage(t, frame)
	if m.Type != want {
		t.Fatalf("got %+v, want %s", m, want)
	}
	return m
}

// ExpectClose waits for the end of a socket and checks its code and reason.
func ExpectClose(t testing.TB, c *ws.Client, code int, reason string) {
	t.Helper()
	m, err := c.Next(Ctx(t))
	var closed ws.CloseError
	if !errors.As(err, &closed) {
		t.Fatalf("got %+v, %v, want close %d", m, err, code)
	}
	if closed.Code != code || closed.Reason != reason {
		t.Fatalf("closed with %d %q, want %d %q", closed.Code, closed.Reason, code, reason)
	}
}

// Phone enrols a phone of a new identity, talking to node n.
func (r *Rig) Phone(n int) *api.Phone {
	r.T.Helper()
	p := r.NewPhone(n)
	if _, err := p.Enrol(Ctx(r.T), "", "Alice's phone", "test"); err != nil {
		r.T.Fatalf("enrol: %v", err)
	}
	return p
}

// PhoneOf enrols a phone of a new identity with claims, talking to node n.
func (r *Rig) PhoneOf(n int, claims device.Claims) *api.Phone {
	r.T.Helper()
	registry := r.Nodes[n].Server.Registry()
	identity, err := registry.Add(Ctx(r.T), claims)
	if err != nil {
		r.T.Fatal(err)
	}
	code, _, err := registry.NewCode(Ctx(r.T), identity.ID)
	if err != nil {
		r.T.Fatal(err)
	}
	p := r.NewPhone(n)
	if _, err := p.Enrol(Ctx(r.T), string(code), "Alice's phone", "test"); err != nil {
		r.T.Fatalf("enrol: %v", err)
	}
	return p
}

// NewPhone gives a phone that is not enrolled.
func (r *Rig) NewPhone(n int) *api.Phone {
	r.T.Helper()
	key, err := p256.GenerateKey()
	if err != nil {
		r.T.Fatal(err)
	}
	return &api.Phone{Client: &api.Client{Issuer: r.Issuer, Base: r.Nodes[n].Base, HTTP: r.HTTP}, Key: key}
}

// Claim opens a session on a phone.
func (r *Rig) Claim(p *api.Phone, sessionID, scan string) api.Claimed {
	r.T.Helper()
	c, err := p.Claim(Ctx(r.T), sessionID, scan)
	if err != nil {
		r.T.Fatalf("claim: %v", err)
	}
	return c
}

// Approve claims a session and approves it with its code.
func (r *Rig) Approve(p *api.Phone, b *Browser) {
	r.T.Helper()
	c := r.Claim(p, b.Session.SessionID, "")
	if _, err := p.Verify(Ctx(r.T), c, session.Approve, b.Session.AutoPassword, []string{"identity:name"}); err != nil {
		r.T.Fatalf("verify: %v", err)
	}
}
