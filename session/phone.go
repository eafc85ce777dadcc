package session

import (
	"context"
	"errors"
	"strconv"
	"time"

	"countersign/crypto/p256"
	"countersign/device"
)

// Signed is what every request of a phone carries.
type Signed struct {
	Token     device.TokenID
	Device    device.ID
	Timestamp int64
	Nonce     device.Nonce
	Signature string // as sent
	Address   string
}

// signature gives the device if the phone's signature over text is good, and
// whether the device was known at all.
func (svc *Service) signature(sg Signed, i device.Identity, text []byte) (d device.Device, err error) {
	d, known := i.Device(sg.Device)
	if !known {
		return d, device.ErrUnknown
	}
	sig, err := p256.DecodeSignature(sg.Signature)
	good := err == nil && d.Key.Verify(text, sig)
	if svc.Inspect != nil {
		svc.Inspect(text, good)
	}
	if !good {
		return d, device.ErrSignature
	}
	return d, nil
}

// locked says whether the identity or the asking device may not go on.
func locked(o Opened, now time.Time) error {
	if err := o.Identity.LockedAt(now); err != nil {
		return err
	}
	if after := o.Standing.Locked.Sub(now); after > 0 {
		return device.LockedError{After: after}
	}
	return nil
}

// markV1 remembers, once in a device's life, that it speaks version 1.
func (svc *Service) markV1(ctx context.Context, id device.TokenID, d device.Device) error {
	if d.UsedV1 {
		return nil
	}
	_, err := svc.Devices.Change(ctx, id, func(i device.Identity) (device.Identity, error) {
		marked, _ := i.MarkV1(d.ID)
		return marked, nil
	})
	return err
}

// A ClaimRequest opens a session on a phone.
type ClaimRequest struct {
	Signed
	Session ID
	Scan    string // {t}:{c}, or empty
}

func (r ClaimRequest) text(issuer string) []byte {
	return device.SignedText(device.ClaimPurpose, issuer, string(r.Session), string(r.Token), string(r.Device), r.Scan,
		strconv.FormatInt(r.Timestamp, 10), string(r.Nonce))
}

// Claim opens a session on this phone. Errors, in this order:
// device.ErrStale, ErrNotFound, device.ErrUnknown, device.ErrSignature,
// device.ErrReplayed, device.LockedError, ErrExpired, ErrTooManyAttempts, ErrResolved,
// ErrAlreadyClaimed, ErrScan.
func (svc *Service) Claim(ctx context.Context, r ClaimRequest) (Session, error) {
	if !device.Fresh(r.Timestamp, svc.Now()) {
		return Session{}, device.ErrStale
	}
	var phone device.Device
	read := svc.open(Request{Route: ClaimRoute, Session: r.Session, Token: r.Token, Device: r.Device, Address: r.Address})
	s, err := svc.change(context.WithoutCancel(ctx), read, func(o Opened) (a Action, e Effects, err error) {
		a, phone, err = svc.claim(o, r)
		return a, e, err
	})
	if err != nil {
		return Session{}, err
	}
	return s, svc.markV1(ctx, r.Token, phone)
}

// open reads for a phone's request. A session id of another form than ours is
// unknown without asking.
func (svc *Service) open(r Request) func(context.Context) (Opened, error) {
	return func(ctx context.Context) (Opened, error) {
		if !r.Session.WellFormed() {
			return Opened{}, ErrNotFound
		}
		return svc.Store.Open(ctx, r)
	}
}

// admits says whether a phone's identity may act in the session at all.
func admits(o Opened, token device.TokenID, now time.Time) error {
	switch {
	case o.Session.Asked != "" && o.Session.Asked != token:
		return device.ErrUnknown
	case o.decoy(o.Session, now):
		return device.ErrUnknown
	}
	return nil
}

// decoy says whether a session that asks for the identity was started when
// nobody was to approve it: in a freeze, or under a lock by one of its phones
// that has ended since. Such a lock is longer than any session, so whatever is
// older than its end was started under it.
func (o Opened) decoy(s Session, now time.Time) bool {
	until := o.Identity.LockedUntil
	return o.Standing.frozen(s) || s.Asked != "" && s.CreatedAt.Before(until) && !now.Before(until)
}

// maxNonces bounds what repeated claims leave in a session.
const maxNonces = 64

// claim decides a claim.
func (svc *Service) claim(o Opened, r ClaimRequest) (Action, device.Device, error) {
	s, now := o.Session, svc.Now()
	if err := admits(o, r.Token, now); err != nil {
		return Action{}, device.Device{}, err
	}
	d, err := svc.signature(r.Signed, o.Identity, r.text(svc.Issuer))
	if err != nil {
		return Action{}, d, err
	}
	if s.Seen(r.Nonce) {
		return Action{}, d, device.ErrReplayed
	}
	if err := locked(o, now); err != nil {
		return Action{}, d, err
	}
	if len(s.Nonces) >= maxNonces {
		return Action{}, d, device.LimitedError{After: time.Second}
	}
	party, ok := svc.Parties.Party(s.Service)
	if !ok {
		return Action{}, d, ErrNotFound
	}
	a := Action{Verb: DoClaim, Nonce: nonceOf(r.Nonce, r.Timestamp), Claim: &Claim{
		Token: r.Token, Device: d.ID, DeviceName: d.Name, Platform: d.Platform, Scan: r.Scan}}
	// What the table refuses (an end, another phone) comes before a bad scan.
	if _, _, err := s.Apply(a, now); err != nil {
		return a, d, unlessDue(s, now, err)
	}
	if r.Scan == "" && s.Mode == Scan || r.Scan != "" && !svc.Secrets.goodScan(s, r.Scan, svc.Window, now) {
		return Action{}, d, ErrScan
	}
	return a, d, a.Claim.show(svc.Issuer, s, party, o.Standing)
}

// unlessDue lets an action through that found the session's time to be up, so
// that its end is stored.
func unlessDue(s Session, now time.Time, err error) error {
	if s.Due(now) && errors.Is(err, ErrExpired) {
		return nil
	}
	return err
}

// show sets what the phone is to show: the text it was given before, if this is
// a repeated claim, or a new one.
func (c *Claim) show(issuer string, s Session, p RelyingParty, x Standing) (err error) {
	if old := s.Claim; old != nil {
		c.Display, c.FirstSeen = old.Display, old.FirstSeen
		if c.Scan == "" {
			c.Scan = old.Scan
		}
		return nil
	}
	c.FirstSeen = s.Requester != nil && !x.knows(*s.Requester)
	c.Display, err = s.display(issuer, p, c.FirstSeen)
	return err
}

func (x Standing) knows(r Requester) bool {
	mark := r.mark()
	for _, b := range x.Browsers {
		if b == mark {
			return true
		}
	}
	return false
}

// A PendingRequest asks what waits for this phone.
type PendingRequest struct{ Signed }

func (r PendingRequest) text(issuer string) []byte {
	return device.SignedText(device.PendingPurpose, issuer, string(r.Token), string(r.Device),
		strconv.FormatInt(r.Timestamp, 10), string(r.Nonce))
}

// A Waiting is a session that waits for a phone, as the phone is told of it.
type Waiting struct {
	Session Session
	Service string // its name
	Code    string // mode compare only
}

// Pending lists the sessions that wait for the phone's identity. Errors, in
// this order: device.ErrStale, device.ErrUnknown, device.ErrSignature, device.LockedError,
// device.ErrReplayed.
func (svc *Service) Pending(ctx context.Context, r PendingRequest) ([]Waiting, error) {
	now := svc.Now()
	if !device.Fresh(r.Timestamp, now) {
		return nil, device.ErrStale
	}
	req := Request{Route: PendingRoute, Token: r.Token, Device: r.Device, Address: r.Address}
	o, err := svc.Phones.Phone(ctx, req)
	if err != nil {
		return nil, err
	}
	d, err := svc.signature(r.Signed, o.Identity, r.text(svc.Issuer))
	if err != nil {
		return nil, err
	}
	if err := locked(o, now); err != nil {
		return nil, err
	}
	sessions, err := svc.Phones.Pending(ctx, req, nonceOf(r.Nonce, r.Timestamp))
	if err != nil {
		return nil, err
	}
	return svc.waiting(o, sessions, now), svc.markV1(ctx, r.Token, d)
}

// waiting gives, of the sessions listed to an identity, those that a phone of it
// is told of.
func (svc *Service) waiting(o Opened, sessions []Session, now time.Time) []Waiting {
	out := []Waiting{}
	for _, s := range sessions {
		party, ok := svc.Parties.Party(s.Service)
		if !ok || !s.State.Undecided() || s.Due(now) || o.decoy(s, now) {
			continue
		}
		w := Waiting{Session: s, Service: party.Name}
		if s.Mode == Compare {
			w.Code = string(svc.Secrets.Code(s, svc.period(s, now)))
		}
		out = append(out, w)
	}
	return out
}
