package system

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/api"
	"countersign/device"
	"countersign/operation"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"
)

// askName lets a login ask for the name.
func askName(n *operation.New) { n.Scopes = []device.Scope{device.Name} }

// A login from the page's first question to what is given out, over two nodes.
func TestOperationLogsIn(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(1)
	page := r.Login(0, askName)
	first := page.Send(operation.Init)
	d := first.Data
	if !first.Success || first.Type != "init" || first.ReplyTo != "init" || d.OperationID != page.ID || d.Step != "identify" || d.Service.Name != "Acme Bank" {
		t.Errorf("init: %+v", first)
	}
	if len(d.Methods) != 2 || d.Methods[0].ID != "identify" || d.Methods[0].Label == "" || d.Methods[1].ID != "device" || d.Methods[1].Label == "" {
		t.Errorf("methods: %+v", d.Methods)
	}
	if a := page.Send(operation.Start, "method", "identify", "user", phone.Token); a.Type != "init" || a.ReplyTo != "start" || a.Data.Step != "device" {
		t.Errorf("identify: %+v", a)
	}
	b := page.Start(false).Watch()
	b.Expect(session.OTPReady)
	waiting, err := phone.Pending(rig.Ctx(t))
	if err != nil || len(waiting.Sessions) != 1 || waiting.Sessions[0].SessionID != b.Session.SessionID {
		t.Errorf("the phone is told of %+v, %v", waiting, err)
	}
	c := r.Claim(phone, b.Session.SessionID, "")
	if !strings.Contains(c.Display, `"origin":"`+r.Issuer+`"`) {
		t.Errorf("shows %s", c.Display)
	}
	b.Expect(session.ClaimedMessage)
	if a := page.Send(operation.Status); a.Data.Result != "CONTINUE" || a.Data.StepResult != "" {
		t.Errorf("claimed: %+v", a)
	}
	if _, err := phone.Verify(rig.Ctx(t), c, session.Approve, b.Session.AutoPassword, []string{"identity:name"}); err != nil {
		t.Fatal(err)
	}
	silent(t, b.Expect(session.ApprovedMessage))
	a := page.Send(operation.Status)
	if !a.Success || a.Type != "complete" || a.Data.Location != r.Issuer+"/finish" || a.Data.Result != "DONE" {
		t.Errorf("approved: %+v", a)
	}
	o, err := page.Take(1)
	if err != nil || o.Approval == nil || string(o.Approval.Token) != phone.Token || string(o.Approval.Device) != phone.Device ||
		!slices.Equal(o.Approval.Scopes, []device.Scope{device.Name}) {
		t.Errorf("given out: %+v, %v", o, err)
	}
}

// silent checks that a message says that a session was approved, and nothing
// more.
func silent(t *testing.T, m ws.Wire) {
	t.Helper()
	if m.Type != session.ApprovedMessage || m.JWT != "" || m.Hash != "" || m.Random != "" || m.ExpiresAt != "" {
		t.Errorf("a page is told %+v", m)
	}
}

// The page never gets a token, whichever way it watches, during the session and
// after it.
func TestOperationTellsNoToken(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(0)
	b := r.Login(0, askName, func(n *operation.New) { n.Subject = device.TokenID(phone.Token) }).Start(false)
	r.Approve(phone, b)
	path := "/auth/session/" + b.Session.SessionID
	head := []string{"Authorization", "Bearer " + b.Session.WSToken, "Countersign-Verifier", b.Verifier}
	for n := range r.Nodes {
		b.Client.Base = r.Nodes[n].Base
		socket := b.Watch()
		silent(t, socket.Expect(session.ApprovedMessage))
		poll, err := b.Client.Poll(rig.Ctx(t), b.Session, b.Verifier, 0, 0)
		if err != nil || poll.Status != "approved" {
			t.Errorf("poll: %+v, %v", poll, err)
		}
		for _, body := range []string{
			string(r.Send(n, http.MethodGet, path, "", head...).Body),
			string(r.Send(n, http.MethodGet, path+"/events", "", head...).Body),
		} {
			if !strings.Contains(body, `"approved"`) {
				t.Errorf("no end in %s", body)
			}
			for _, secret := range []string{"jwt", "eyJ", "hash", "random"} {
				if strings.Contains(body, secret) {
					t.Errorf("%s in %s", secret, body)
				}
			}
		}
	}
}

// What another browser sees of an operation is what everybody sees of none.
func TestOperationOfAnotherBrowser(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	mine, theirs := r.Login(0), r.Login(0)
	unknown := r.Page(0, "op_AAAAAAAAAAAAAAAAAAAAAA", mine.Cookie)
	want := unknown.Put(`{"type":"init"}`)
	show := func(p *rig.Page) rig.Answer {
		return r.Send(0, http.MethodGet, "/login?operation="+p.ID, "", "Cookie", p.Cookie, "Accept-Language", "de")
	}
	none := show(unknown)
	if none.Status != http.StatusNotFound || !strings.Contains(string(none.Body), `<html lang="de"`) || !strings.Contains(string(none.Body), "Browser") {
		t.Errorf("no operation: %d %s", none.Status, none.Body)
	}
	for name, p := range map[string]*rig.Page{
		"no cookie":               r.Page(0, mine.ID, ""),
		"the cookie of another":   r.Page(0, mine.ID, theirs.Cookie),
		"the secret of another":   r.Page(0, mine.ID, strings.Replace(theirs.Cookie, theirs.ID, mine.ID, 1)),
		"one letter more":         r.Page(0, mine.ID, mine.Cookie+"A"),
		"under the name of https": r.Page(0, mine.ID, "__Host-"+mine.Cookie),
		"planted beside":          r.Page(0, mine.ID, mine.Cookie+"; "+strings.Replace(theirs.Cookie, theirs.ID, mine.ID, 1)),
		"no id of ours":           r.Page(0, "op_1", mine.Cookie),
	} {
		for _, body := range []string{`{"type":"init"}`, `{"type":"status"}`, `{"type":"cancel"}`, `{"type":"complete"}`} {
			kind := strings.Split(body, `"`)[3]
			if got := p.Put(body); got.Err != nil || string(got.Body) != strings.Replace(string(want.Body), "init", kind, 1) {
				t.Errorf("%s, %s: %d %s, want %s", name, kind, got.Status, got.Body, want.Body)
			}
		}
		if got := show(p); got.Status != none.Status || string(got.Body) != string(none.Body) {
			t.Errorf("%s: the page is %d %s", name, got.Status, got.Body)
		}
	}
	page := show(mine)
	if page.Status != http.StatusOK || !strings.Contains(string(page.Body), `data-operation="`+mine.ID+`"`) || !strings.Contains(string(page.Body), `data-service-name="Acme Bank"`) {
		t.Errorf("mine: %d %s", page.Status, page.Body)
	}
	if a := mine.Send(operation.Init); !a.Success {
		t.Errorf("mine: %+v", a)
	}
	both := r.Page(0, mine.ID, theirs.Cookie+"; "+mine.Cookie)
	if a := both.Send(operation.Init); !a.Success {
		t.Errorf("two operations of one browser: %+v", a)
	}
}

// Only this server's own pages speak to an operation.
func TestOperationOrigin(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	p := r.Login(0)
	for _, origin := range []string{rig.Origin, "null", r.Issuer + "/", strings.ToUpper(r.Issuer), "https://evil.example"} {
		a := p.Put(`{"type":"init"}`, "Origin", origin)
		// The page's own header stays beside it.
		r.Refused(origin, a, http.StatusForbidden, "origin_not_allowed")
		a = r.Send(0, http.MethodPut, "/authn/"+p.ID, `{"type":"init"}`, "Origin", origin, "Cookie", p.Cookie)
		r.Refused(origin, a, http.StatusForbidden, "origin_not_allowed")
		if a.Head.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s may read the answer", origin)
		}
	}
	a := r.Send(0, http.MethodOptions, "/authn/"+p.ID, "", "Origin", rig.Origin, "Access-Control-Request-Method", "PUT")
	for name := range a.Head {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("a preflight got %v", a.Head)
		}
	}
}

// What does not parse is a problem; what parses is answered 200.
func TestOperationForm(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	p := r.Login(0)
	for body, want := range map[string]string{
		`{`:                                  "invalid_request",
		`{}`:                                 "invalid_request",
		`{"type":1}`:                         "invalid_request",
		`{"type":null}`:                      "invalid_request",
		`{"type":""}`:                        "invalid_request",
		`{"type":"a b"}`:                     "invalid_request",
		`{"type":"init","type":"init"}`:      "invalid_request",
		`{"type":"init","data":[]}`:          "invalid_request",
		`{"type":"start","data":{"scan":1}}`: "invalid_request",
		`{"type":"start","data":{"user":7}}`: "invalid_request",
		`{"type":"init"} x`:                  "invalid_request",
	} {
		r.Refused(body, p.Put(body), http.StatusBadRequest, want)
	}
	r.Refused("too large", p.Put(`{"type":"`+strings.Repeat("a", 16<<10)+`"}`), http.StatusRequestEntityTooLarge, "too_large")
	r.Refused("no JSON", p.Put(`{"type":"init"}`, "Content-Type", "text/plain"), http.StatusUnsupportedMediaType, "unsupported_media_type")
	for body, want := range map[string]string{
		`{"type":"complete","data":{}}`:                                          "unsupported_type",
		`{"type":"failure","data":{}}`:                                           "unsupported_type",
		`{"type":"INIT"}`:                                                        "unsupported_type",
		`{"type":"verify","data":{"otp":"123456"}}`:                              "wrong_step",
		`{"type":"start","data":{"method":"passkey"}}`:                           "wrong_step",
		`{"type":"start","data":{"method":"device","scan":true}}`:                "invalid_request",
		`{"type":"start","data":{"method":"device","challenge":"a"}}`:            "invalid_request",
		`{"type":"start","data":{"method":"device","challenge":"` + s256 + `"}}`: "wrong_step",
	} {
		var a api.AuthnResponse
		r.Into(p.Put(body), &a)
		if a.Success || a.Type != "failure" || a.Reason != want || a.Data.Message != nil {
			t.Errorf("%s: %+v, want %s", body, a, want)
		}
	}
	if a := p.Send(operation.Start, "method", "identify", "user", ""); !a.Success || a.Type != "failure" || a.Data.Message == nil || a.Data.Message.Text == "" {
		t.Errorf("nobody: %+v", a)
	}
}

const s256 = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

// Names that nobody has, or had, are answered byte for byte as good ones, but for
// what is random.
func TestOperationHidesWhoIsEnrolled(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	phone := r.Phone(0)
	seen := map[string]bool{}
	for _, name := range []string{phone.Token, string(device.NewTokenID()), "alice", "alice@bank.example "} {
		p := r.Login(0)
		a := p.Put(rig.JSON(map[string]any{"type": "start", "data": map[string]any{"method": "identify", "user": name}}))
		var x api.AuthnResponse
		r.Into(a, &x)
		body := strings.NewReplacer(p.ID, "", x.Data.WebSocketID, "", x.Data.ExpiresAt, "").Replace(string(a.Body))
		seen[body] = true
		b := p.Start(false).Watch()
		b.Expect(session.OTPReady)
		if a := p.Send(operation.Status); a.Type != "status" || a.Data.Result != "CONTINUE" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if len(seen) != 1 {
		t.Errorf("the answers differ: %v", seen)
	}
}

// A new start ends the one before, and tells its page; after five nothing more is
// started.
func TestOperationStartsAgain(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(0)
	p := r.Login(1, func(n *operation.New) { n.Subject = device.TokenID(phone.Token) })
	var last *rig.Browser
	for range 5 {
		b := p.Start(false).Watch()
		b.Expect(session.OTPReady)
		if last != nil {
			if m := last.Expect(session.CancelledMessage); m.By != session.ByReplaced {
				t.Errorf("ended by %s", m.By)
			}
		}
		last = b
	}
	a := p.Send(operation.Start, "method", "device", "challenge", s256)
	if !a.Success || a.Type != "failure" || a.Data.Location != r.Issuer+"/finish" || a.Data.Message.Text == "" {
		t.Errorf("the sixth: %+v", a)
	}
	last.Expect(session.CancelledMessage)
	if a := p.Send(operation.Init); a.Type != "cancel" || a.Data.Result != "FAILED" || a.Data.Location == "" {
		t.Errorf("after it: %+v", a)
	}
}

// Whoever scans logs in; who declines or reports does not.
func TestOperationEnds(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(1)
	p := r.Login(0)
	b := p.Start(true)
	c := r.Claim(phone, b.Session.SessionID, scanOf(t, b.Session, 0))
	if _, err := phone.Verify(rig.Ctx(t), c, session.Deny, "", nil); err != nil {
		t.Fatal(err)
	}
	if a := p.Send(operation.Status); a.Data.Result != "CONTINUE" || a.Data.StepResult != "CANCELED" {
		t.Errorf("declined: %+v", a)
	}
	b = p.Start(true)
	c = r.Claim(phone, b.Session.SessionID, scanOf(t, b.Session, 0))
	if _, err := phone.Verify(rig.Ctx(t), c, session.Report, "", nil); err != nil {
		t.Fatal(err)
	}
	if a := p.Send(operation.Status); a.Type != "cancel" || a.Data.StepResult != "AUTH_METHOD_FAILED" || a.Data.Location == "" {
		t.Errorf("reported: %+v", a)
	}
	other := r.Login(0)
	running := other.Start(true).Watch()
	running.Expect(session.OTPReady)
	if a := other.Send(operation.Cancel); a.Type != "cancel" || a.Data.Location != r.Issuer+"/finish" {
		t.Errorf("cancelled: %+v", a)
	}
	if m := running.Expect(session.CancelledMessage); m.By != session.ByPage {
		t.Errorf("by %s", m.By)
	}
	if o, err := other.Take(1); err != nil || o.Result != operation.Failed || o.Approval != nil {
		t.Errorf("%+v, %v", o, err)
	}
}

// Of many that take one approval, on two nodes, one gets it.
func TestOperationIsTakenOnce(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(0)
	p := r.Login(0, askName, func(n *operation.New) { n.Subject = device.TokenID(phone.Token) })
	r.Approve(phone, p.Start(false))
	p.Send(operation.Status)
	var got atomic.Int64
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			o, err := p.Take(i % 2)
			switch {
			case err == nil && o.Approval != nil:
				got.Add(1)
			case !errors.Is(err, operation.ErrSpent):
				t.Errorf("%+v, %v", o, err)
			}
		})
	}
	wg.Wait()
	if got.Load() != 1 {
		t.Errorf("%d got it", got.Load())
	}
}

// Starts count against the address as every start does.
func TestOperationIsLimited(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) {
		c.Limits.Disabled, c.Limits.InitiatePerIP = false, server.Rate{N: 2, Per: time.Minute}
	}})
	for i := range 3 {
		a := r.Login(0).Put(`{"type":"start","data":{"method":"device","scan":true,"challenge":"` + s256 + `"}}`)
		if i < 2 {
			r.Into(a, &api.AuthnResponse{})
			continue
		}
		r.Refused("the third", a, http.StatusTooManyRequests, "rate_limited")
	}
}

// Approved on the browser's own device, a login goes on only in the browser that
// comes back.
func TestOperationComesBack(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(1)
	p := r.Login(0, askName, func(n *operation.New) { n.Subject = device.TokenID(phone.Token) })
	b := p.Start(false)
	_, code := handOver(t, r, phone, b)
	if a := p.Send(operation.Status); a.Type != "status" || a.Data.Result != "CONTINUE" {
		t.Errorf("before it is back: %+v", a)
	}
	if _, err := b.Client.Return(rig.Ctx(t), b.Session, b.Verifier, code); err != nil {
		t.Fatal(err)
	}
	if a := p.Send(operation.Status); a.Type != "complete" {
		t.Errorf("back: %+v", a)
	}
	if o, err := p.Take(1); err != nil || o.Approval == nil || o.Approval.ACR != session.SameDevice {
		t.Errorf("%+v, %v", o, err)
	}
}
