package operation

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"countersign/device"
	"countersign/passkey"
	"countersign/session"
	"countersign/test/authenticator"
)

// people are identities as pages ask them, with what is held against them.
type people struct {
	*memory
	frozen map[device.TokenID]bool
}

func (p people) Phone(_ context.Context, q session.Request) (session.Opened, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := session.Opened{Identity: p.identities[q.Token]}
	if p.frozen[q.Token] {
		o.Standing.Frozen = map[string]session.Freeze{"demo": {Until: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}}
	}
	return o, nil
}

// wallets keeps passkeys.
type wallets struct {
	mu      sync.Mutex
	of      map[device.TokenID]passkey.Wallet
	counted int
	limited error
}

func (x *wallets) Wallet(_ context.Context, id device.TokenID) (passkey.Wallet, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	w := x.of[id]
	w.Token = id
	return w, nil
}

func (x *wallets) SwapWallet(_ context.Context, old, next passkey.Wallet) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.of[next.Token].Version != old.Version {
		return passkey.ErrConflict
	}
	x.of[next.Token] = next
	return nil
}

func (x *wallets) WalletOf(_ context.Context, handle []byte) (device.TokenID, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, w := range x.of {
		if slices.Equal(w.Handle, handle) {
			return id, nil
		}
	}
	return "", nil
}

func (x *wallets) CountPasskey(context.Context, string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.counted++
	return x.limited
}

// keyRig is a rig with passkeys: login takes one instead of a phone, add_passkey makes
// one.
type keyRig struct {
	*rig
	wallets *wallets
	people  people
}

const testOrigin = "https://login.example.com"

func newKeyRig(t *testing.T) *keyRig {
	t.Helper()
	r := &keyRig{rig: newRig(t), wallets: &wallets{of: map[device.TokenID]passkey.Wallet{}}}
	r.people = people{r.store, map[device.TokenID]bool{}}
	r.svc.Sessions.Phones = r.people
	site, _ := passkey.SiteOf(testIssuer)
	r.svc.Passkeys = &passkey.Service{Site: site, Store: r.wallets, Audit: r.audit, Now: r.clock.now}
	identify := FlowStep{Name: Identify, Ways: []Way{{Method: ByName}}}
	phone := FlowStep{Name: Device, Ways: []Way{{Method: ByPhone}}}
	either := FlowStep{Name: "prove", Ways: []Way{{Method: ByPhone}, {Method: ByPasskey}}}
	alone := FlowStep{Name: "prove", Ways: []Way{{Method: ByPasskey}}}
	adding := FlowStep{Name: "add", Ways: []Way{{Method: ByPasskeyAdd}}}
	for name, steps := range map[string][]FlowStep{Login: {identify, either}, "add_passkey": {identify, phone, adding},
		"both": {identify, phone, alone}, "both_add": {identify, phone, alone, adding}, "alone": {identify, alone}, Payment: {identify, {Name: Review, Ways: []Way{{Method: ByReview}}}, either}} {
		f := Flow{Name: name, Expiry: 10 * time.Minute, Steps: steps}
		if faults := f.Check(); len(faults) > 0 {
			t.Fatalf("%s: %v", name, faults)
		}
		r.svc.Flows[name] = f
	}
	return r
}

// of begins an operation of a name.
func (r *keyRig) of(name string, change ...func(*New)) *browser {
	return r.begin(append(change, func(n *New) { n.Name = name })...)
}

// approve has a phone approve what a browser is at.
func (r *keyRig) approve(b *browser, p *phone) {
	r.t.Helper()
	r.decide(p, b.start(false), session.Approve)
}

// added gives a phone's owner a passkey, as the flow add_passkey does.
func (r *keyRig) added(p *phone) *authenticator.Key {
	r.t.Helper()
	b := r.of("add_passkey", func(n *New) { n.Subject = p.token })
	r.approve(b, p)
	k, m := r.make(b)
	if a := b.send(m); a.Type != Complete {
		r.t.Fatalf("the passkey was not added: %s %s %s", a.Type, a.Reason, a.Text)
	}
	return k
}

// make has an authenticator make a passkey for the step that a browser is at.
func (r *keyRig) make(b *browser, bend ...func(*authenticator.Said)) (*authenticator.Key, Message) {
	r.t.Helper()
	a := b.send(Message{Type: Start, Method: ByPasskeyAdd})
	if a.Type != Start || a.Passkey == nil {
		r.t.Fatalf("start answered %s %s %s", a.Type, a.Reason, a.Text)
	}
	k, attestation, err := authenticator.Create(a.Passkey, testOrigin, bend...)
	if err != nil {
		r.t.Fatal(err)
	}
	return k, Message{Type: Verify, Assertion: attestation}
}

// sign has a passkey sign what a browser is asked.
func (r *keyRig) sign(b *browser, k *authenticator.Key, bend ...func(*authenticator.Said)) Message {
	r.t.Helper()
	a := b.send(Message{Type: Start, Method: ByPasskey})
	if a.Type != Start || a.Passkey == nil {
		r.t.Fatalf("start answered %s %s %s", a.Type, a.Reason, a.Text)
	}
	assertion, err := k.Sign(a.Passkey, bend...)
	if err != nil {
		r.t.Fatal(err)
	}
	return Message{Type: Verify, Assertion: assertion}
}
