package device

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"countersign/audit"
	"countersign/crypto/p256"
)

// Store keeps identities.
type Store interface {
	// Identity reads one. ErrUnknown if there is none.
	Identity(ctx context.Context, id TokenID) (Identity, error)
	// SwapIdentity writes next if the stored version is old's (0: none
	// stored), else ErrConflict.
	SwapIdentity(ctx context.Context, old, next Identity) error
}

// Enrolments keeps what an enrolment needs for a short while.
type Enrolments interface {
	// PutCode remembers a code until it expires.
	PutCode(ctx context.Context, c EnrolmentCode, o CodeOwner, lifetime time.Duration) error
	// PeekCode says whose code c is and leaves it, counting the caller's
	// address in the same trip. ErrCodeUnknown, ErrReplayed when key has used
	// nonce before, LimitedError.
	PeekCode(ctx context.Context, c EnrolmentCode, key p256.PublicKey, n Nonce, address string) (CodeOwner, error)
	// ReserveKey takes key for a device to be, and remembers its nonce, in
	// one step. ErrAlreadyEnrolled, ErrReplayed.
	ReserveKey(ctx context.Context, key p256.PublicKey, n Nonce, until time.Time) error
	// SpendCode uses a code up; of any number of callers one gets it, the
	// others ErrCodeUnknown.
	SpendCode(ctx context.Context, c EnrolmentCode) (CodeOwner, error)
	// SettleKey makes the reservation of key lasting, or drops it.
	SettleKey(ctx context.Context, key p256.PublicKey, enrolled bool) error
}

// A CodeOwner is whose an enrolment code is.
type CodeOwner struct {
	Identity TokenID
	// Maker is the device that asked for the code; empty: an operator did. The
	// code ends with it, or a phone could leave a way back in before it is
	// revoked.
	Maker ID
}

// in says whether the owner's code is still good for an identity.
func (o CodeOwner) in(i Identity) bool {
	if i.Status == Revoked {
		return false
	}
	_, active := i.Device(o.Maker)
	return o.Maker == "" || active
}

// A Registry enrols phones and keeps identities.
type Registry struct {
	Issuer     string
	Open       bool   // an enrolment without a code makes a new identity; development only
	Newcomers  Claims // of such an identity
	Store      Store
	Enrolments Enrolments
	Nonces     Nonces      // needed by what phones ask for, not by operators
	Offline    OfflineKeys // likewise
	Audit      audit.Recorder
	Now        func() time.Time
	// Inspect, if set, is told of each text whose signature was checked; for
	// development only, as texts have codes in them.
	Inspect func(text []byte, good bool)
}

// An Enrolment is a phone's wish to act for an identity.
type Enrolment struct {
	Code      string // as sent
	Key       p256.PublicKey
	Name      string
	Platform  string
	Timestamp int64
	Nonce     Nonce
	Signature string // as sent
	Address   string
}

// Text is what the phone signed.
func (e Enrolment) Text(issuer string) []byte {
	return SignedText(EnrolPurpose, issuer, e.Code, e.Key.Thumbprint(), strconv.FormatInt(e.Timestamp, 10), string(e.Nonce))
}

// Enrol adds the phone to the identity its code was made for. Errors, in this
// order: ErrStale, ErrSignature, ErrReplayed, ErrCodeUnknown,
// ErrAlreadyEnrolled, ErrTooManyDevices; nothing is spent by any of them.
func (r *Registry) Enrol(ctx context.Context, e Enrolment) (TokenID, Device, error) {
	now := r.Now()
	if !Fresh(e.Timestamp, now) {
		return "", Device{}, ErrStale
	}
	if !r.verify(e.Key, e.Text(r.Issuer), e.Signature) {
		return "", Device{}, ErrSignature
	}
	open := e.Code == "" && r.Open
	code, isCode := ParseEnrolmentCode(e.Code)
	owner, err := r.Enrolments.PeekCode(ctx, code, e.Key, e.Nonce, e.Address)
	switch {
	case errors.Is(err, ErrCodeUnknown) && open:
	case err != nil:
		return "", Device{}, err
	case !isCode:
		return "", Device{}, ErrCodeUnknown
	}
	var full bool
	if !open {
		if full, err = r.full(ctx, owner); err != nil {
			return "", Device{}, err
		}
	}
	if err := r.Enrolments.ReserveKey(ctx, e.Key, e.Nonce, NonceEnd(e.Timestamp)); err != nil {
		return "", Device{}, err
	}
	// From here on the caller's hanging up must not leave a spent code behind.
	ctx = context.WithoutCancel(ctx)
	id, d, err := TokenID(""), Device{}, ErrTooManyDevices
	if !full {
		id, d, err = r.spend(ctx, e, code, open, now)
	}
	if settled := r.Enrolments.SettleKey(ctx, e.Key, err == nil); settled != nil {
		return "", Device{}, errors.Join(err, settled)
	}
	if err != nil {
		return "", Device{}, err
	}
	return id, d, r.Audit.Record(ctx, audit.Event{Time: now, Kind: audit.DeviceEnrolled, Token: string(id), Device: string(d.ID), Address: e.Address})
}

// verify says whether a signature, as sent, is key's over a text.
func (r *Registry) verify(key p256.PublicKey, text []byte, signature string) bool {
	sig, err := p256.DecodeSignature(signature)
	good := err == nil && key.Verify(text, sig)
	if r.Inspect != nil {
		r.Inspect(text, good)
	}
	return good
}

// full says whether the identity has no room for another device. It is asked
// before the code is spent, so that a full identity does not cost one.
func (r *Registry) full(ctx context.Context, o CodeOwner) (bool, error) {
	i, err := r.Store.Identity(ctx, o.Identity)
	if errors.Is(err, ErrUnknown) || err == nil && !o.in(i) {
		return false, ErrCodeUnknown
	}
	return i.Enrolled() >= MaxDevices, err
}

func (r *Registry) spend(ctx context.Context, e Enrolment, code EnrolmentCode, open bool, now time.Time) (TokenID, Device, error) {
	d := Device{ID: NewID(), Key: e.Key, Name: e.Name, Platform: e.Platform, CreatedAt: now.Truncate(time.Second)}
	if open {
		i, err := r.Add(ctx, r.Newcomers)
		if err != nil {
			return "", Device{}, err
		}
		_, err = r.Change(ctx, i.ID, func(i Identity) (Identity, error) { return i.With(d) })
		return i.ID, d, err
	}
	owner, err := r.Enrolments.SpendCode(ctx, code)
	if err != nil {
		return "", Device{}, err
	}
	_, err = r.Change(ctx, owner.Identity, func(i Identity) (Identity, error) {
		if !owner.in(i) { // since it was peeked at
			return i, ErrCodeUnknown
		}
		return i.With(d)
	})
	return owner.Identity, d, err
}

// Add makes an identity without devices.
func (r *Registry) Add(ctx context.Context, c Claims) (Identity, error) {
	now := r.Now().Truncate(time.Second)
	i := Identity{ID: NewTokenID(), Version: 1, CreatedAt: now, Claims: c}
	if err := r.Store.SwapIdentity(ctx, Identity{}, i); err != nil {
		return Identity{}, err
	}
	return i, r.Audit.Record(ctx, audit.Event{Time: now, Kind: audit.IdentityAdded, Token: string(i.ID)})
}

// NewCode makes an enrolment code for an identity, as operators do.
func (r *Registry) NewCode(ctx context.Context, id TokenID) (EnrolmentCode, time.Time, error) {
	return r.newCode(ctx, id, audit.Event{})
}

// newCode makes a code; e says who asked for it.
func (r *Registry) newCode(ctx context.Context, id TokenID, e audit.Event) (EnrolmentCode, time.Time, error) {
	i, err := r.Store.Identity(ctx, id)
	if err != nil {
		return "", time.Time{}, err
	}
	if i.Status == Revoked {
		return "", time.Time{}, ErrUnknown
	}
	now := r.Now()
	code := NewEnrolmentCode()
	if err := r.Enrolments.PutCode(ctx, code, CodeOwner{Identity: id, Maker: ID(e.Device)}, CodeLifetime); err != nil {
		return "", time.Time{}, err
	}
	e.Time, e.Kind, e.Token = now, audit.EnrolmentCoded, string(id)
	err = r.Audit.Record(ctx, e)
	return code, now.Add(CodeLifetime).Truncate(time.Second), err
}

// changeTries bounds how often a change is tried again when others change the
// same identity.
const changeTries = 5

// Change reads an identity, lets change make the next version of it, and
// stores that; on a conflict it starts again.
func (r *Registry) Change(ctx context.Context, id TokenID, change func(Identity) (Identity, error)) (Identity, error) {
	for range changeTries {
		old, err := r.Store.Identity(ctx, id)
		if err != nil {
			return Identity{}, err
		}
		next, err := change(old)
		if err != nil {
			return Identity{}, err
		}
		if next.Version == old.Version {
			return old, nil
		}
		err = r.Store.SwapIdentity(ctx, old, next)
		if err == nil {
			return next, nil
		}
		if !errors.Is(err, ErrConflict) {
			return Identity{}, err
		}
	}
	return Identity{}, fmt.Errorf("%w, %d times", ErrConflict, changeTries)
}
