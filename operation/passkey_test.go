package operation

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/passkey"
	"countersign/test/authenticator"
)

// A passkey that a phone has let in takes the step, with and without a name, and says
// of itself no more than is known.
func TestPasskey(t *testing.T) {
	r := newKeyRig(t)
	k := r.added(r.alice)
	if got := r.audit.of(audit.PasskeyAdded); len(got) != 1 {
		t.Errorf("added: %v", got)
	}
	for name, named := range map[string]bool{"no name": false, "a name": true} {
		b := r.begin()
		if got := offers(b.send(Message{Type: Init})); !slices.Equal(got, []Method{ByName, ByPhone, ByPasskey}) {
			t.Errorf("%s: offered %v", name, got)
		}
		if named {
			b.send(startName(string(r.alice.token)))
		}
		m := r.sign(b, k)
		m.Granted = []device.Scope{device.Name}
		if a := b.send(m); a.Type != Complete {
			t.Fatalf("%s: answered %s %s %s", name, a.Type, a.Reason, a.Text)
		}
		o, err := b.take()
		if err != nil {
			t.Fatal(err)
		}
		a := o.Approval
		if a.Token != r.alice.token || o.Subject != r.alice.token || a.ACR != PasskeyACR || !slices.Equal(a.AMR, []string{"swk", "user"}) ||
			!passkey.Names(a.Device) || a.Proof != nil || len(a.Claims) == 0 {
			t.Errorf("%s: approved %+v", name, a)
		}
		if !slices.Equal(a.Scopes, []device.Scope{device.Name}) {
			t.Errorf("%s: granted %v", name, a.Scopes)
		}
	}
}

// Nothing that is bent, replayed or of the wrong person proves anything, and all of it
// is answered alike; on record is what it was.
func TestPasskeyRefused(t *testing.T) {
	r := newKeyRig(t)
	alice, bob := r.added(r.alice), r.added(r.bob)
	var said []string
	for _, c := range []struct {
		name, why string
		flow      string
		prepare   func(b *browser)
		key       *authenticator.Key
		bend      func(*authenticator.Said)
	}{
		{name: "another page", why: "signature", key: alice, bend: func(s *authenticator.Said) { s.Origin = "https://login.example.org" }},
		{name: "counter", why: "counter", key: alice, bend: func(s *authenticator.Said) { s.Count = 0 }, prepare: func(*browser) {
			b := r.begin()
			b.send(r.sign(b, alice))
		}},
		{name: "unknown", why: "unknown", key: alice, bend: func(s *authenticator.Said) { s.ID = []byte("nobody's passkey") }},
		{name: "after another's phone", why: "identity", flow: "both", key: bob, prepare: func(b *browser) { r.approve(b, r.alice) }},
		{name: "frozen", why: "barred", key: bob, prepare: func(*browser) { r.people.frozen[r.bob.token] = true }},
		{name: "switched off", why: "barred", key: bob, prepare: func(*browser) {
			r.people.frozen[r.bob.token] = false
			r.change(r.bob, func(i *device.Identity) { i.Off = []string{string(ByPasskey)} })
		}},
		{name: "locked", why: "barred", key: bob, prepare: func(*browser) {
			r.change(r.bob, func(i *device.Identity) { i.Off, i.LockedUntil = nil, r.clock.now().Add(time.Hour) })
		}},
		{name: "revoked", why: "barred", key: bob, prepare: func(*browser) {
			r.change(r.bob, func(i *device.Identity) { i.LockedUntil, i.Status = time.Time{}, device.Revoked })
		}},
	} {
		flow := Login
		if c.flow != "" {
			flow = c.flow
		}
		b := r.of(flow, func(n *New) {
			if c.flow != "" {
				n.Subject = r.alice.token
			}
		})
		if c.prepare != nil {
			c.prepare(b)
		}
		var bend []func(*authenticator.Said)
		if c.bend != nil {
			bend = append(bend, c.bend)
		}
		m := r.sign(b, c.key, bend...)
		a := b.send(m)
		said = append(said, strings.Join([]string{string(a.Type), string(a.Text), string(a.Reason)}, " "))
		if a.Remaining != passkeysMost-1 {
			t.Errorf("%s: %d left", c.name, a.Remaining)
		}
		if got := r.audit.of(audit.PasskeyRefused); len(got) == 0 || got[len(got)-1] != c.why {
			t.Errorf("%s: recorded %v", c.name, got)
		}
		if a := b.send(m); a.Reason != OutOfStep {
			t.Errorf("%s: the challenge was good again: %s %s", c.name, a.Type, a.Reason)
		}
		if b.stored().Result != Continue {
			t.Errorf("%s: %s", c.name, b.stored().Result)
		}
	}
	if u := slices.Compact(said); !slices.Equal(u, []string{"failure passkeyFailed "}) {
		t.Errorf("told apart: %q", u)
	}
}

// change changes an identity.
func (r *rig) change(p *phone, f func(*device.Identity)) {
	i := r.store.identities[p.token]
	f(&i)
	i.Version++
	r.store.identities[p.token] = i
}

// Of whom the back end named, nobody else's passkey is taken.
func TestPasskeyOfNamed(t *testing.T) {
	r := newKeyRig(t)
	alice, bob := r.added(r.alice), r.added(r.bob)
	o, err := r.svc.Create(t.Context(), Order{Name: Login, Service: "demo", Subject: r.alice.token})
	if err != nil {
		t.Fatal(err)
	}
	_, secret, err := r.svc.Open(t.Context(), o.ID)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{r.rig, o.ID, secret}
	if a := b.send(r.sign(b, bob)); a.Type != Failure {
		t.Errorf("bob for alice is %s", a.Type)
	}
	if a := b.send(r.sign(b, alice)); a.Type != Complete {
		t.Errorf("alice for alice is %s", a.Type)
	}
}

// After three that are not good the method is off, and the phone still takes the step;
// where there is nothing else, the operation has failed.
func TestPasskeyTries(t *testing.T) {
	r := newKeyRig(t)
	k := r.added(r.alice)
	bad := func(s *authenticator.Said) { s.RPID = "example.org" }
	for _, named := range []bool{false, true} {
		b := r.begin()
		if named {
			b.send(startName(string(r.alice.token)))
			b.start(false)
		}
		var left []int
		for range passkeysMost {
			left = append(left, b.send(r.sign(b, k, bad)).Remaining)
		}
		if !slices.Equal(left, []int{2, 1, 0}) {
			t.Errorf("left %v", left)
		}
		if a := b.send(Message{Type: Start, Method: ByPasskey}); a.Reason != OutOfStep {
			t.Errorf("a fourth: %s %s", a.Type, a.Reason)
		}
		a := b.send(Message{Type: Init})
		if got := offers(a); slices.Contains(got, ByPasskey) || !slices.Contains(got, ByPhone) {
			t.Errorf("offered %v", got)
		}
		if named && b.stored().Session == "" {
			t.Error("the phone's session was given up")
		}
	}
	b := r.of("alone", r.ofAlice)
	for range passkeysMost {
		b.send(r.sign(b, k, bad))
	}
	if o := b.stored(); o.Result != Failed || o.Reason != string(causeTooMany) {
		t.Errorf("alone: %s %s", o.Result, o.Reason)
	}
}

// The address is asked before anything is judged, and once for a request that has to
// be looked at anew; so is the counter, which then is no copy's.
func TestPasskeyCountsOnce(t *testing.T) {
	r := newKeyRig(t)
	k := r.added(r.alice)
	b := r.begin()
	m := r.sign(b, k)
	before := r.wallets.counted
	r.store.conflicts = 2
	if a := b.send(m); a.Type != Complete {
		t.Errorf("answered %s %s", a.Type, a.Text)
	}
	if got := r.wallets.counted - before; got != 1 {
		t.Errorf("counted %d times", got)
	}
	b = r.begin()
	m = r.sign(b, k)
	r.wallets.limited = device.LimitedError{After: time.Minute}
	if _, err := b.try(m); !errors.As(err, new(device.LimitedError)) {
		t.Errorf("limited is %v", err)
	}
	r.wallets.limited = nil
	if a := b.send(m); a.Type != Complete {
		t.Errorf("the limit cost the challenge: %s", a.Type)
	}
}

// An assertion is for the operation and the data that it was asked for.
func TestPasskeyBound(t *testing.T) {
	o := Operation{ID: "op_1", Data: "A1*A100CZK", Form: []byte(`{"title":"Pay"}`)}
	random := newRandom()
	for name, other := range map[string]Operation{
		"operation": {ID: "op_2", Data: o.Data, Form: o.Form}, "data": {ID: o.ID, Data: "A1*A900CZK", Form: o.Form},
		"form": {ID: o.ID, Data: o.Data, Form: []byte(`{"title":"Play"}`)},
	} {
		if slices.Equal(o.challenge(random), other.challenge(random)) {
			t.Errorf("%s does not count", name)
		}
	}
	if slices.Equal(o.challenge(random), o.challenge(newRandom())) || !slices.Equal(o.challenge(random), o.challenge(random)) {
		t.Error("the random bytes do not count, or something else does")
	}
	r := newKeyRig(t)
	k := r.added(r.alice)
	one, two := r.begin(), r.begin()
	two.send(Message{Type: Start, Method: ByPasskey})
	if a := two.send(r.sign(one, k)); a.Type != Failure {
		t.Errorf("an assertion for another operation is %s", a.Type)
	}
}

// Nobody approves by a passkey what they have not seen, and what one approves has no
// proof.
func TestPasskeyPays(t *testing.T) {
	r := newKeyRig(t)
	k := r.added(r.alice)
	o, err := r.svc.Create(t.Context(), Order{Name: Payment, Service: "demo", Data: "A1*A100CZK"})
	if err != nil {
		t.Fatal(err)
	}
	_, secret, err := r.svc.Open(t.Context(), o.ID)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{r.rig, o.ID, secret}
	if a := b.send(Message{Type: Start, Method: ByPasskey}); a.Reason != OutOfStep {
		t.Errorf("before the review: %s %s", a.Type, a.Reason)
	}
	b.send(startName(string(r.alice.token)))
	b.send(Message{Type: Choose, Method: ByPasskey})
	if a := b.send(r.sign(b, k)); a.Type != Complete {
		t.Fatalf("answered %s %s", a.Type, a.Reason)
	}
	if a := b.stored().Approval; a.Proof != nil || a.ACR != PasskeyACR {
		t.Errorf("approved %+v", a)
	}
	r.svc.Flows["unseen"] = Flow{Name: "unseen", Expiry: time.Minute, Steps: r.svc.Flows[Login].Steps}
	o, err = r.svc.Create(t.Context(), Order{Name: "unseen", Service: "demo", Data: "A1*A100CZK"})
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ = r.svc.Open(t.Context(), o.ID)
	b = &browser{r.rig, o.ID, secret}
	if got := offers(b.send(Message{Type: Init})); slices.Contains(got, ByPasskey) {
		t.Errorf("beside the name: %v", got)
	}
}

// A step whose time is up has failed, also if one of its methods is only switched off
// by that.
func TestPasskeyStepExpires(t *testing.T) {
	r := newKeyRig(t)
	f := r.svc.Flows["alone"]
	f.Steps = []FlowStep{f.Steps[0], {Name: "prove", Ways: []Way{{Method: ByPasskey}, {Method: ByPhone}}, Expiry: time.Minute}}
	r.svc.Flows["short"] = f
	b := r.of("short", r.ofAlice)
	r.clock.pass(time.Minute)
	if a := b.send(Message{Type: Status}); a.Type != Cancel || b.stored().Reason != string(causeExpired) {
		t.Errorf("answered %s, %s", a.Type, b.stored().Reason)
	}
}

// Where there can be no passkeys, none is offered.
func TestNoPasskeys(t *testing.T) {
	r := newKeyRig(t)
	r.svc.Passkeys = nil
	b := r.begin()
	if got := offers(b.send(Message{Type: Init})); slices.Contains(got, ByPasskey) {
		t.Errorf("offered %v", got)
	}
	if a := b.send(Message{Type: Start, Method: ByPasskey}); a.Type != Failure || a.Text != notOfferedHere {
		t.Errorf("answered %s %s", a.Type, a.Text)
	}
}
