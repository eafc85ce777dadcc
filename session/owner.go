package session

import (
	"context"
	"errors"

	"countersign/device"
)

// This file is what phones ask beside sessions: about the devices of their
// identity, and to be told of what waits for as long as they are connected.

// A VerbRequest is a phone's wish about the devices of its identity, or to be
// connected.
type VerbRequest struct {
	Signed
	Verb     device.Verb
	Argument string
}

// VerbRoute is the way in of a verb; each is limited by itself.
func VerbRoute(v device.Verb) Route { return Route("device/" + string(v)) }

// Admit finds whether a phone may ask for anything: what the room device does
// then spends the nonce. Errors, in this order: device.ErrStale,
// device.ErrUnknown, device.ErrSignature, device.LockedError.
func (svc *Service) Admit(ctx context.Context, r VerbRequest) (device.Owner, error) {
	now := svc.Now()
	if !device.Fresh(r.Timestamp, now) {
		return device.Owner{}, device.ErrStale
	}
	o, err := svc.Phones.Phone(ctx, Request{Route: VerbRoute(r.Verb), Token: r.Token, Device: r.Device, Address: r.Address})
	if err != nil {
		return device.Owner{}, err
	}
	text := device.VerbText(r.Verb, svc.Issuer, r.Token, r.Device, r.Argument, r.Timestamp, r.Nonce)
	d, err := svc.signature(r.Signed, o.Identity, text)
	if err != nil {
		return device.Owner{}, err
	}
	return device.Owner{Identity: o.Identity, Device: d, Nonce: r.Nonce, Until: device.NonceEnd(r.Timestamp), Text: text, Address: r.Address},
		locked(o, now)
}

// A Person is an identity as it is asked in a page, without a phone.
type Person struct {
	Identity device.Identity
	// Asked says whether the service may ask: else it is answered as if there
	// were somebody, and nothing that they answer is good.
	Asked bool
	// Codes counts what was typed in pages since an approval on a phone, by method.
	Codes map[string]int
}

// Person reads whom a service asks in a page. Somebody unknown, revoked or locked,
// or who has reported the service a moment ago, is not asked.
func (svc *Service) Person(ctx context.Context, service string, id device.TokenID) (Person, error) {
	o, err := svc.Phones.Phone(ctx, Request{Token: id})
	if err != nil {
		return Person{}, err
	}
	now := svc.Now()
	known := o.Identity.Version > 0 && o.Identity.Status != device.Revoked && o.Identity.LockedAt(now) == nil
	return Person{Identity: o.Identity, Asked: known && !now.Before(o.Standing.Frozen[service].Until), Codes: o.Standing.Codes}, nil
}

// A Phone is a connected phone.
type Phone struct {
	Token  device.TokenID
	Device device.ID
}

// Listed is what a phone is judged by and told of.
type Listed struct {
	Opened   // of which the Session is none
	Sessions []Session
	// Early says that a session is listed that is not there: it will be in a
	// moment, or it was forgotten.
	Early bool
	// Err says that the rest could not be read.
	Err error
}

// Called is what waits for a connected phone.
type Called struct {
	Identity device.Identity
	Waiting  []Waiting
	// Early says that another look will find more very soon.
	Early bool
	// Err is device.ErrUnknown when the phone was revoked, or a
	// device.LockedError; any other says that it could not be read. Then
	// nothing else is told.
	Err error
}

// Connect admits a phone that wants to be told. The errors are those of Admit,
// and then device.ErrReplayed.
func (svc *Service) Connect(ctx context.Context, r VerbRequest) (device.Owner, error) {
	o, err := svc.Admit(ctx, r)
	if err != nil {
		return o, err
	}
	if err := svc.Devices.Spend(ctx, o); err != nil {
		return o, err
	}
	return o, svc.markV1(ctx, r.Token, o.Device)
}

// Calls reads what waits for connected phones, as Pending gives it to those that
// ask. The answers have the order of the phones.
func (svc *Service) Calls(ctx context.Context, phones []Phone) ([]Called, error) {
	listed, err := svc.Lists.Listed(ctx, phones)
	if err != nil {
		return nil, err
	}
	if len(listed) != len(phones) {
		return nil, errors.New("session: phones and lists differ in number")
	}
	now := svc.Now()
	out := make([]Called, len(phones))
	for i, p := range phones {
		l, c := listed[i], &out[i]
		if c.Err = l.Err; c.Err != nil {
			continue
		}
		if _, known := l.Identity.Device(p.Device); !known {
			c.Err = device.ErrUnknown
			continue
		}
		if c.Err = locked(l.Opened, now); c.Err != nil {
			continue
		}
		c.Identity, c.Early = l.Identity, l.Early
		c.Waiting = svc.waiting(l.Opened, l.Sessions, now)
	}
	return out, nil
}
