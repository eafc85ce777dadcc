package operation

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/session"
)

// A login by name: what the phone approved is the operation's, once.
func TestLoginByName(t *testing.T) {
	r := newRig(t)
	b := r.begin()
	if a := b.send(startName(" " + string(r.alice.token) + "\n")); a.Type != Init || a.Operation.Step != Device {
		t.Fatalf("identify answered %+v", a)
	}
	s := b.start(false)
	if s.Asked != r.alice.token || s.Mode != session.Enter || !s.Silent || s.ByService || s.Challenge != challenge {
		t.Errorf("started %+v", s)
	}
	if s.Origin != "https://login.example.com" || s.Requester == nil || s.Requester.IP != "203.0.113.9" || s.Address != "203.0.113.9" {
		t.Errorf("shown: %s, %+v, %s", s.Origin, s.Requester, s.Address)
	}
	if o, err := b.take(); err != nil || o.Result != Continue || o.Approval != nil {
		t.Errorf("taken before its end: %+v, %v", o, err)
	}
	r.clock.pass(10 * time.Second)
	r.decide(r.alice, s, session.Approve)
	if a := b.send(Message{Type: Status}); a.Type != Complete || a.Location != testFinish {
		t.Fatalf("approved: %+v", a)
	}
	o, err := b.take()
	if err != nil || o.Result != Done || o.Approval == nil {
		t.Fatalf("%+v, %v", o, err)
	}
	got := *o.Approval
	if got.Token != r.alice.token || got.Device != r.alice.id || got.ACR != session.Typed || !slices.Equal(got.AMR, []string{"swk", "otp"}) ||
		!slices.Equal(got.Scopes, []device.Scope{device.Name}) || string(got.Claims["given_name"]) != `"Alice"` || !got.At.Equal(r.clock.now()) {
		t.Errorf("approved %+v", got)
	}
	if _, err := b.take(); !errors.Is(err, ErrSpent) {
		t.Errorf("taken again: %v", err)
	}
	if kept := b.stored(); kept.Approval != nil || !kept.Spent {
		t.Errorf("kept after it was taken: %+v", kept)
	}
	for kind, want := range map[audit.Kind][]string{audit.OperationStarted: {Login}, audit.OperationDone: {""}, audit.OperationTaken: {""}, audit.OperationFailed: nil} {
		if got := r.audit.of(kind); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
}

// Whoever scans logs in, though another name was told.
func TestLoginByScan(t *testing.T) {
	r := newRig(t)
	b := r.begin(r.ofAlice)
	s := b.start(true)
	if s.Asked != "" || s.Mode != session.Scan {
		t.Fatalf("started %+v", s)
	}
	scan := r.scan(s)
	if err := r.bob.decide(r.bob.claim(s.ID, scan), session.Approve, "qr:"+scan); err != nil {
		t.Fatal(err)
	}
	b.send(Message{Type: Status})
	o, err := b.take()
	if err != nil || o.Approval == nil || o.Approval.Token != r.bob.token || o.Approval.ACR != session.Scanned {
		t.Errorf("%+v, %v", o, err)
	}
}

// Names that nobody has are answered as good ones, and get sessions alike.
func TestNobodyLooksLikeSomebody(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{string(r.alice.token), string(device.NewTokenID()), "alice", "bob@bank.example", strings.Repeat("å", 128)} {
		b := r.begin()
		a := b.send(startName(name))
		if a.Type != Init || a.Operation.Step != Device || a.Remaining != sessionsMost || a.StepResult != "" {
			t.Errorf("%s: %+v", name, a)
		}
		s := b.start(false)
		if s.Asked == "" || !s.Asked.WellFormed() || s.State != session.Pending {
			t.Errorf("%s: %+v", name, s)
		}
		if a := b.send(Message{Type: Status}); a.Type != Status || a.Operation.Result != Continue {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// Only the browser an operation was begun in has it, and whoever has no secret
// does not even make the store look.
func TestTwoBrowsers(t *testing.T) {
	r := newRig(t)
	mine, theirs := r.begin(r.ofAlice), r.begin(r.ofAlice)
	r.decide(r.alice, mine.start(false), session.Approve)
	mine.send(Message{Type: Status})
	for _, stolen := range []*browser{{r, mine.id, theirs.secret}, {r, mine.id, mine.secret + "A"}, {r, mine.id, ""}, {r, NewID(), mine.secret}, {r, "op_1", mine.secret}} {
		if a := stolen.send(Message{Type: Status}); a.Reason != NotFound || a.Location != "" || a.Operation.ID != "" {
			t.Errorf("%s is told %+v", stolen.id, a)
		}
		if o, err := stolen.take(); !errors.Is(err, ErrNotFound) || o.ID != "" {
			t.Errorf("%s takes %+v, %v", stolen.id, o, err)
		}
		if o, err := r.svc.Peek(t.Context(), stolen.id, stolen.secret); !errors.Is(err, ErrNotFound) || o.ID != "" {
			t.Errorf("%s sees %+v, %v", stolen.id, o, err)
		}
	}
	before := r.store.reads
	(&browser{r, mine.id, ""}).send(Message{Type: Init})
	(&browser{r, "op_\n", mine.secret}).send(Message{Type: Init})
	if r.store.reads != before {
		t.Error("the store was asked for what cannot be there")
	}
	if _, err := mine.take(); err != nil {
		t.Errorf("the one it belongs to: %v", err)
	}
}

// An operation that is kept without a browser's hash belongs to nobody.
func TestNoBrowser(t *testing.T) {
	r := newRig(t)
	b := r.begin()
	o := b.stored()
	o.Browser = nil
	r.store.operations[b.id] = o
	for _, secret := range []string{"", b.secret} {
		if _, err := r.svc.Peek(t.Context(), b.id, secret); !errors.Is(err, ErrNotFound) {
			t.Errorf("secret %q: %v", secret, err)
		}
	}
}

func TestBegin(t *testing.T) {
	r := newRig(t)
	b := r.begin(func(n *New) { n.Subject = "nobody" })
	o := b.stored()
	if !o.ID.WellFormed() || o.Version != 1 || o.Step != Device || o.Subject != device.TokenID("nobody").Canonical() ||
		!o.ExpiresAt.Equal(r.clock.now().Add(10*time.Minute)) || len(o.Browser) != 32 || bytes.Contains(o.Browser, []byte(b.secret)) || len(b.secret) != 43 {
		t.Errorf("begun %+v", o)
	}
	for _, tc := range []struct {
		n    New
		want error
	}{
		{New{Name: Login, Service: "other"}, errUnknown},
		{New{Name: "payment", Service: "demo"}, errUnknown},
		{New{Name: Login, Service: "demo", Scopes: []device.Scope{device.Name, device.Picture}}, session.ErrScope},
	} {
		if _, _, err := r.svc.Begin(t.Context(), tc.n); !errors.Is(err, tc.want) {
			t.Errorf("%+v: %v, want %v", tc.n, err, tc.want)
		}
	}
}

// What a login asks for is what was wanted, never the service's default.
func TestNoScopes(t *testing.T) {
	r := newRig(t)
	if s := r.begin(r.ofAlice, func(n *New) { n.Scopes = nil }).start(false); len(s.Scopes) != 0 {
		t.Errorf("asks for %v", s.Scopes)
	}
}

// The mode compare needs no other authentication here, and a session never
// outlives its operation.
func TestSessionOfAnOperation(t *testing.T) {
	r := newRig(t)
	b := r.begin(r.ofAlice, func(n *New) { n.Service = "plain" })
	if s := b.start(false); s.Mode != session.Compare {
		t.Errorf("mode %s", s.Mode)
	}
	r.clock.pass(9 * time.Minute)
	if s := b.start(false); !s.ExpiresAt.Equal(b.stored().ExpiresAt) {
		t.Errorf("session until %s, operation until %s", s.ExpiresAt, b.stored().ExpiresAt)
	}
}

// A session that is left behind is over, and what a phone approves there is
// nobody's login.
func TestStartAgain(t *testing.T) {
	r := newRig(t)
	b := r.begin(r.ofAlice)
	first := r.alice.claim(b.start(false).ID, "")
	second := b.start(false)
	if got := r.state(first.ID); got.State != session.Cancelled || got.Outcome().By != session.ByReplaced {
		t.Errorf("the first is %s by %s", got.State, got.Outcome().By)
	}
	if err := r.alice.decide(first, session.Approve, r.code(first)); !errors.Is(err, session.ErrResolved) {
		t.Errorf("approving the first: %v", err)
	}
	r.decide(r.alice, second, session.Deny)
	if a := b.send(Message{Type: Status}); a.StepResult != Canceled || a.Operation.Result != Continue {
		t.Errorf("declined: %+v", a)
	}
	r.decide(r.alice, b.start(false), session.Approve)
	if a := b.send(Message{Type: Status}); a.Type != Complete {
		t.Errorf("approved at last: %+v", a)
	}
}

// The ends that are no approval, as the audit stream has them.
func TestFailures(t *testing.T) {
	for want, act := range map[cause]func(r *rig, b *browser){
		causeCancelled: func(_ *rig, b *browser) { b.send(Message{Type: Cancel}) },
		causeExpired:   func(r *rig, _ *browser) { r.clock.pass(10 * time.Minute) },
		causeReported:  func(r *rig, b *browser) { r.decide(r.alice, b.start(false), session.Report) },
		causeTooMany:   func(r *rig, b *browser) { r.wrongs(r.alice, b.start(false)) },
	} {
		r := newRig(t)
		b := r.begin(r.ofAlice)
		act(r, b)
		for range 2 {
			if a := b.send(Message{Type: Status}); a.Type != Cancel || a.Location != testFinish || a.Operation.Result != Failed {
				t.Errorf("%s: %+v", want, a)
			}
		}
		if got := r.audit.of(audit.OperationFailed); !slices.Equal(got, []string{string(want)}) {
			t.Errorf("%s is recorded as %q", want, got)
		}
		if o, err := b.take(); err != nil || o.Result != Failed || o.Approval != nil {
			t.Errorf("%s: taken %+v, %v", want, o, err)
		}
	}
}

// What a phone has decided stays, though the page gives up just then.
func TestCancelAfterApproval(t *testing.T) {
	r := newRig(t)
	b := r.begin(r.ofAlice)
	r.decide(r.alice, b.start(false), session.Approve)
	if a := b.send(Message{Type: Cancel}); a.Type != Complete || a.Operation.Result != Done {
		t.Errorf("%+v", a)
	}
	if o, err := b.take(); err != nil || o.Approval == nil {
		t.Errorf("%+v, %v", o, err)
	}
}

// What no phone has signed is no approval, whatever the record says.
func TestApprovalWithoutProof(t *testing.T) {
	for name, forge := range map[string]func(s *session.Session){
		"no proof":        func(s *session.Session) { s.Proof = nil },
		"another text":    func(s *session.Session) { s.Proof.Text += " " },
		"another service": func(s *session.Session) { s.Service = "plain" },
		"another scope":   func(s *session.Session) { s.Grant.Scopes = append(s.Grant.Scopes, device.Email) },
		"another phone":   func(s *session.Session) { s.Claim.Device = device.NewID() },
		"not silent":      func(s *session.Session) { s.Silent = false },
	} {
		r := newRig(t)
		b := r.begin(r.ofAlice)
		s := b.start(false)
		r.decide(r.alice, s, session.Approve)
		forged := r.state(s.ID)
		forge(&forged)
		r.store.sessions[s.ID] = forged
		if a, err := b.try(Message{Type: Status}); !errors.Is(err, session.ErrProof) || a.Location != "" {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		if o := b.stored(); o.Result != Continue || o.Approval != nil {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// A start that is refused changes nothing.
func TestRefusedStart(t *testing.T) {
	r := newRig(t)
	b := r.begin(r.ofAlice)
	before := b.stored()
	r.store.full = device.LimitedError{After: time.Second}
	var limited device.LimitedError
	if _, err := b.try(startPhone(false)); !errors.As(err, &limited) {
		t.Errorf("answered %v", err)
	}
	if after := b.stored(); after.Version != before.Version {
		t.Errorf("changed to %+v", after)
	}
}

func TestIDs(t *testing.T) {
	if one, two := NewID(), NewID(); !one.WellFormed() || one == two {
		t.Error("a new id is not one")
	}
	for _, id := range []ID{"", "op_", "op_AAAAAAAAAAAAAAAAAAAAA", "op_AAAAAAAAAAAAAAAAAAAAA\n", "op_AAAAAAAAAAAAAAAAAAAAAB", "sess_AAAAAAAAAAAAAAAAAAAAAA"} {
		if id.WellFormed() {
			t.Errorf("%q is one", id)
		}
	}
}
