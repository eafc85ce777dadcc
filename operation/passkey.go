package operation

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"slices"

	"countersign/audit"
	"countersign/device"
	"countersign/passkey"
)

// passkeys is the method by which an authenticator of the browser signs a challenge
// (WebAuthn). It is told no name: the passkey itself says whose it is, so in the step
// identify it identifies too, as scanning does.
//
// Every assertion that is not good is answered alike, whatever is wrong with it:
// whether there is such a passkey, and whether its owner may be asked, is for nobody
// to learn who has not proven to be there.
type passkeys struct{}

const (
	labelByPasskey Text = "byPasskey"
	passkeyFailed  Text = "passkeyFailed"
)

// passkeysMost is how many assertions may be refused in one operation, unless the
// flow says otherwise.
const passkeysMost = 3

// PasskeyACR is the authentication context class of a passkey: no phone has shown
// what was approved.
const PasskeyACR = "urn:countersign:passkey"

// passkeyAMR: a key whose keeper nobody has vouched for, and somebody who was there.
// How the authenticator made sure of them, it does not say.
func passkeyAMR() []string { return []string{"swk", "user"} }

func (passkeys) label() Text  { return labelByPasskey }
func (passkeys) factor() bool { return true }
func (passkeys) tries() int   { return passkeysMost }

// open: wherever there can be passkeys for this server.
func (passkeys) open(v view) bool { return v.svc != nil && v.svc.Passkeys != nil }

// start draws a challenge, in the place of the one before it.
func (x passkeys) start(_ context.Context, v view, m Message) (plan, error) {
	if !x.open(v) {
		return plan{answer: v.failure(m, notOfferedHere)}, nil
	}
	random := newRandom()
	wish, err := v.svc.Passkeys.Site.Ask(v.o.challenge(random), v.o.ends().Sub(v.now))
	if err != nil {
		return plan{}, err
	}
	next := v.o
	next.keep(ByPasskey, random)
	return plan{next: &next, answer: Answer{Type: Start, ReplyTo: m.Type, Passkey: wish}}, nil
}

func newRandom() []byte {
	b := make([]byte, sha256.Size)
	rand.Read(b)
	return b
}

// challenge is what an authenticator signs: random bytes, bound to the operation and
// to what it is about, so that an assertion is for no other.
func (o Operation) challenge(random []byte) []byte {
	data, form := sha256.Sum256([]byte(o.Data)), sha256.Sum256(o.Form)
	sum := sha256.Sum256(slices.Concat([]byte("countersign passkey 1\n"), random, []byte(o.ID), []byte("\n"), data[:], form[:]))
	return sum[:]
}

// verify takes the assertion. Its challenge is spent by the change that follows,
// whatever comes of it.
func (x passkeys) verify(ctx context.Context, v view, m Message) (plan, error) {
	random := v.o.kept(ByPasskey)
	if !x.open(v) || random == nil || len(m.Assertion) == 0 {
		return plan{answer: refused(m, OutOfStep)}, nil
	}
	if err := v.countPasskey(ctx); err != nil {
		return plan{}, err
	}
	v.o.keep(ByPasskey, nil)
	i, by, err := v.prove(ctx, m.Assertion, random)
	if e, no := passkey.Refused(err); no {
		return v.unproven(m, ByPasskey, e), nil
	}
	if err != nil {
		return plan{}, err
	}
	if v.identifies() {
		v = v.identified()
	}
	return v.confirmed(m, ByPasskey, v.answered(i, by, passkeyAMR(), PasskeyACR))
}

// prove gives who has made an assertion, and with what, if they may be asked. Its counter is spent
// before the operation goes on, so that of two copies the second approves nothing,
// and once for a request, however often that is looked at anew.
func (v view) prove(ctx context.Context, assertion, random []byte) (i device.Identity, by device.ID, err error) {
	f, err := v.svc.Passkeys.Check(ctx, assertion, v.o.challenge(random))
	if err != nil {
		return i, "", err
	}
	if (v.o.Named || v.o.Approval != nil) && v.o.Subject != f.Token {
		return i, "", passkey.RefusedError{Why: passkeyOthers, Token: f.Token}
	}
	p, err := v.svc.Sessions.Person(ctx, v.o.Service, f.Token)
	if err != nil {
		return i, "", err
	}
	if !p.Asked || slices.Contains(p.Identity.Off, string(ByPasskey)) {
		return i, "", passkey.RefusedError{Why: passkeyBarred, Token: f.Token}
	}
	if !v.asked.used {
		if err := v.svc.Passkeys.Use(ctx, f); err != nil {
			return i, "", err
		}
		v.asked.used = true
	}
	return p.Identity, f.Device(), nil
}

// Why a good assertion is refused all the same.
const (
	passkeyOthers passkey.Why = "identity" // of somebody who is not asked
	passkeyBarred passkey.Why = "barred"   // of somebody who may not be asked now
)

// countPasskey counts what an authenticator sends against the address, once however
// often the request is looked at anew.
func (v view) countPasskey(ctx context.Context) error {
	if v.asked.counted > 0 {
		return nil
	}
	err := v.svc.Passkeys.Store.CountPasskey(ctx, v.asked.from.Address)
	if err == nil {
		v.asked.counted = 1
	}
	return err
}

// identified is the view of the step after the one that asks who it is, which a
// passkey takes together with it.
func (v view) identified() view {
	next := v.o
	n, _ := v.flow.next(v.step.Name)
	next.Step = n.Name
	next.note(Entry{At: v.now, Step: v.step.Name, Method: ByPasskey, How: Confirmed})
	v.enter(&next)
	return v.at(next)
}

// unproven is what a refused answer of an authenticator leads to.
func (v view) unproven(m Message, by Method, e passkey.RefusedError) plan {
	v.o.try(by)
	p := v.settled(m, by, AuthFailed, "")
	if p.next.Result == Continue && p.next.Step == v.o.Step {
		p.answer = v.at(*p.next).failureOf(by, m, passkeyFailed)
		p.give = "" // a phone may still take the step
		p.next.Session = v.o.Session
	}
	o := *p.next
	p.post = func(ctx context.Context) error {
		return v.svc.Audit.Record(ctx, audit.Event{Time: v.now, Kind: audit.PasskeyRefused, Operation: string(o.ID), Service: o.Service,
			Token: string(e.Token), Address: v.asked.from.Address, Detail: string(e.Why)})
	}
	return p
}
