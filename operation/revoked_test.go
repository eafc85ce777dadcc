package operation

import (
	"testing"

	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"
	"countersign/test/authenticator"
)

// What a phone has approved does not go on once the phone was revoked: no passkey is
// taken in, and no other factor finishes it.
func TestRevokedPhoneDoesNotGoOn(t *testing.T) {
	r := newKeyRig(t)
	b := r.of("add_passkey", r.ofAlice)
	r.approve(b, r.alice)
	b.send(Message{Type: Init})
	_, m := r.make(b)
	r.alice.change(func(d *device.Device) { d.Revoked = true }) // by another phone of hers
	if a := b.send(m); a.Type != Cancel || b.stored().Reason != string(causeRevoked) || len(r.wallets.of[r.alice.token].Passkeys) != 0 {
		t.Errorf("a passkey: %+v, %s", a, b.stored().Reason)
	}

	told := newRig(t)
	x := told.sending()
	b = told.begin(told.ofAlice, func(n *New) { n.Name = "both" })
	told.decide(told.alice, b.start(false), session.Approve)
	b.send(Message{Type: Status})
	b.send(startMessage())
	told.alice.change(func(d *device.Device) { d.Revoked = true })
	if a := b.send(typing(x.last(t).Code)); a.Type != Cancel || b.stored().Result != Failed {
		t.Errorf("a code: %+v", a)
	}
}

// One approval lets one passkey in, however many answers come at once.
func TestOnePasskeyAnApproval(t *testing.T) {
	for range 10 {
		r := newKeyRig(t)
		b := r.of("add_passkey", r.ofAlice)
		r.approve(b, r.alice)
		a := b.send(Message{Type: Start, Method: ByPasskeyAdd})
		_, assertion, err := authenticator.Create(a.Passkey, testOrigin)
		if err != nil {
			t.Fatal(err)
		}
		_, other, err := authenticator.Create(a.Passkey, testOrigin)
		if err != nil {
			t.Fatal(err)
		}
		answers := make(chan Message, many)
		for i := range many {
			answers <- Message{Type: Verify, Assertion: [][]byte{assertion, other}[i%2]}
		}
		together(func() { _, _ = b.try(<-answers) })
		if n := len(r.wallets.of[r.alice.token].Passkeys); n != 1 || b.stored().Result != Done {
			t.Fatalf("%d were taken in, and it is %s", n, b.stored().Result)
		}
	}
}

// A proof names the phone that signed it, also if another took a later step by a code.
func TestProofOfItsPhone(t *testing.T) {
	r, _ := newWholeRig(t)
	delete(r.svc.Terms, "demo")
	key, err := p256.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	second := device.Device{ID: device.NewID(), Key: key.Public(), Name: "another", Platform: "android", UsedV1: true, Offline: []byte("0123456789abcdef0123456789abcdef")}
	i, err := r.store.identities[r.alice.token].With(second)
	if err != nil {
		t.Fatal(err)
	}
	r.store.identities[r.alice.token] = i
	b := r.open(r.desk("demo").order(of(PaymentSCA)).ID)
	r.decide(r.alice, b.start(false), session.Approve)
	b.send(Message{Type: Init})
	b.send(Message{Type: Choose, Method: ByOffline})
	if a := b.send(typedOffline(device.OfflineCode(second.Offline, b.drawn()))); a.Type != Complete {
		t.Fatalf("%+v", a)
	}
	a := b.stored().Approval
	if a.Device != second.ID || a.Proof == nil || a.Proof.Device != r.alice.id || a.Proof.At.IsZero() {
		t.Errorf("approved by %s, signed by %+v", a.Device, a.Proof)
	}
}
