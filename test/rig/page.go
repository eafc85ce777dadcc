package rig

import (
	"net/http"
	"strings"
	"testing"

	"countersign/api"
	"countersign/operation"
	"countersign/session"
)

// A Page is the login page of an operation, in the browser it was begun in.
type Page struct {
	t      testing.TB
	rig    *Rig
	node   int
	ID     string
	Cookie string // the whole header; empty: another browser
}

// Page gives the page of an operation, talking to node n, with the cookies of its
// browser as a Cookie header has them.
func (r *Rig) Page(n int, id, cookie string) *Page {
	return &Page{t: r.T, rig: r, node: n, ID: id, Cookie: cookie}
}

// Login begins a login at the public service, and gives its page on node n;
// change has the last word.
func (r *Rig) Login(n int, change ...func(*operation.New)) *Page {
	r.T.Helper()
	w := operation.New{Name: operation.Login, Service: Service, Finish: r.Issuer + "/finish"}
	for _, f := range change {
		f(&w)
	}
	o, secret, err := r.Nodes[n].Server.Operations().Begin(Ctx(r.T), w)
	if err != nil {
		r.T.Fatal(err)
	}
	return r.Page(n, string(o.ID), "countersign-"+string(o.ID)+"="+secret)
}

// Put sends a body as it is; head is names and values in turn.
func (p *Page) Put(body string, head ...string) Answer {
	return p.rig.Send(p.node, http.MethodPut, "/authn/"+p.ID, body, append([]string{"Origin", p.rig.Issuer, "Cookie", p.Cookie}, head...)...)
}

// Send sends a message; data is names and values in turn.
func (p *Page) Send(kind operation.Type, data ...any) api.AuthnResponse {
	p.t.Helper()
	members := map[string]any{}
	for i := 0; i+1 < len(data); i += 2 {
		members[data[i].(string)] = data[i+1]
	}
	var a api.AuthnResponse
	p.rig.Into(p.Put(JSON(map[string]any{"type": kind, "data": members})), &a)
	return a
}

// Start starts the device step, and gives its session as that of any page.
func (p *Page) Start(scan bool) *Browser {
	p.t.Helper()
	b := p.rig.Browser(p.node)
	b.Client.Origin, b.Verifier = p.rig.Issuer, NewVerifier()
	a := p.Send(operation.Start, "method", "device", "challenge", session.ChallengeOf(b.Verifier), "scan", scan)
	if a.Type != string(operation.Start) {
		p.t.Fatalf("start answered %+v", a)
	}
	d := a.Data
	b.Session = api.StartResponse{SessionID: d.SessionID, AutoPassword: d.AutoPassword, WSToken: d.WSToken, ExpiresAt: d.ExpiresAt,
		WSURL: d.WSURL, QRKey: d.QRKey, QRURL: d.QRURL, Mode: d.Mode}
	return b
}

// Decide has the user of a phone go through the page: they say who they are, the
// phone decides, and where the page then goes is given. Who approves grants scopes.
func (p *Page) Decide(phone *api.Phone, how session.Decision, scopes ...string) string {
	p.t.Helper()
	if a := p.Send(operation.Start, "method", "identify", "user", phone.Token); !a.Success {
		p.t.Fatalf("identify answered %+v", a)
	}
	b, ends, code := p.Start(false), operation.Status, ""
	if how == session.Approve {
		code = b.Session.AutoPassword
	} else {
		ends, scopes = operation.Cancel, nil // the page offers another try, and the user wants none
	}
	if _, err := phone.Verify(Ctx(p.t), p.rig.Claim(phone, b.Session.SessionID, ""), how, code, scopes); err != nil {
		p.t.Fatalf("verify: %v", err)
	}
	a := p.Send(ends)
	if a.Data.Location == "" {
		p.t.Fatalf("the page goes nowhere: %+v", a)
	}
	return a.Data.Location
}

// Take gives the operation's end, as whoever began it takes it: on node n.
func (p *Page) Take(n int) (operation.Operation, error) {
	_, secret, _ := strings.Cut(p.Cookie, "=")
	return p.rig.Nodes[n].Server.Operations().Take(Ctx(p.t), operation.ID(p.ID), secret)
}
