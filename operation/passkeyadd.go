package operation

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"countersign/device"
	"countersign/passkey"
)

// addPasskey is the method by which somebody whom a phone has just proven to be there
// has an authenticator of the browser make a passkey. It proves nothing by itself.
type addPasskey struct{}

const (
	labelAddPasskey Text = "byPasskeyAdd"
	passkeyFull     Text = "passkeyFull"
)

func (addPasskey) label() Text  { return labelAddPasskey }
func (addPasskey) factor() bool { return false }
func (addPasskey) tries() int   { return passkeysMost }

// phoneless are the steps that can be come to without an approval on a phone.
func (f Flow) phoneless() map[Step]bool {
	reached := map[Step]bool{f.Steps[0].Name: true}
	for range f.Steps { // as many rounds as there are steps settle all of it
		for _, s := range f.Steps {
			phone := len(s.Ways) == 1 && s.Ways[0].Method == ByPhone
			if n, ok := f.next(s.Name); ok && reached[s.Name] && s.Risk != "" { // not due at every risk
				reached[n.Name] = true
			}
			for _, r := range stepResults() {
				if !reached[s.Name] || phone && r == Confirmed {
					continue
				}
				for _, w := range s.Ways {
					for _, t := range f.targets(s, w.Method, r) {
						reached[Step(t)] = true
					}
				}
			}
		}
	}
	return reached
}

// open: only once a phone has approved, which [Flow.Check] sees to as well. A passkey
// must not lead to another, or whoever had one for a moment would have one for good.
func (addPasskey) open(v view) bool {
	return v.svc != nil && v.svc.Passkeys != nil && v.o.Approval != nil && v.o.Approval.byPhone()
}

// start draws a challenge, and a user handle if there is none yet: what is kept is
// both.
func (x addPasskey) start(ctx context.Context, v view, m Message) (plan, error) {
	i, ok := v.who(ByPasskeyAdd)
	if !x.open(v) || !ok {
		return plan{answer: v.failure(m, notOfferedHere)}, nil
	}
	w, err := v.svc.Passkeys.Store.Wallet(ctx, i.ID)
	if err != nil {
		return plan{}, err
	}
	if w.Full() {
		return plan{answer: v.failure(m, passkeyFull)}, nil
	}
	if w.Version == 0 {
		w.Handle = passkey.NewHandle()
	}
	random := newRandom()
	wish, err := v.svc.Passkeys.Site.AskNew(w, accountName(i, v.svc.Passkeys.Site), v.o.challenge(random), v.o.ends().Sub(v.now))
	if err != nil {
		return plan{}, err
	}
	next := v.o
	next.keep(ByPasskeyAdd, append(random, w.Handle...))
	return plan{next: &next, answer: Answer{Type: Start, ReplyTo: m.Type, Passkey: wish}}, nil
}

// accountName is what an authenticator calls the account, on a device that others may
// look at and in whatever cloud that copies passkeys: never the tokenId.
func accountName(i device.Identity, s passkey.Site) string {
	var name string
	known := i.Claims.Release([]device.Scope{device.Name}, time.Time{})["name"]
	if json.Unmarshal(known, &name) != nil || name == "" {
		return s.ID
	}
	return name
}

// verify takes the new passkey in before the operation goes on: an operation that is
// done without it would be a lie. What was taken in stays if the operation was ended
// at that very moment; a phone has approved it.
//
// Its challenge is spent before it is used, so that of many answers at once one is
// taken in. The operation is then looked at anew, as it stands without it.
func (x addPasskey) verify(ctx context.Context, v view, m Message) (plan, error) {
	if v.asked.used {
		return v.settled(m, ByPasskeyAdd, Confirmed, ""), nil
	}
	if v.asked.refused.Why != "" {
		return v.unproven(m, ByPasskeyAdd, v.asked.refused), nil
	}
	kept := v.o.kept(ByPasskeyAdd)
	if !x.open(v) || len(kept) <= passkey.HandleSize || len(m.Assertion) == 0 {
		return plan{answer: refused(m, OutOfStep)}, nil
	}
	if err := v.countPasskey(ctx); err != nil {
		return plan{}, err
	}
	next := v.o
	next.Version++
	next.keep(ByPasskeyAdd, nil)
	if err := v.svc.Store.SwapOperation(ctx, v.o, next); err != nil {
		return plan{}, err
	}
	err := x.take(ctx, v, kept, m.Assertion)
	if e, no := passkey.Refused(err); no {
		v.asked.refused = e
		return plan{}, ErrConflict
	}
	if errors.Is(err, passkey.ErrFull) { // another was quicker
		return plan{answer: v.failure(m, passkeyFull)}, nil
	}
	if err != nil {
		return plan{}, err
	}
	v.asked.used = true
	return plan{}, ErrConflict
}

// take takes in what an authenticator has made for a challenge and a handle.
func (addPasskey) take(ctx context.Context, v view, kept, assertion []byte) error {
	i, ok := v.who(ByPasskeyAdd)
	if !ok {
		return passkey.RefusedError{Why: passkeyBarred, Token: v.o.Subject}
	}
	at := len(kept) - passkey.HandleSize
	return v.svc.Passkeys.Add(ctx, i.ID, v.o.Approval.Device, kept[at:], assertion, v.o.challenge(kept[:at]))
}
