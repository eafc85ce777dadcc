package device

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"countersign/audit"
	"countersign/crypto/p256"
)

// This file is what the owner of an identity does to it from one of its phones.

// Nonces remembers the nonces that devices have used.
type Nonces interface {
	// SpendNonce remembers a nonce of a device. ErrReplayed if it was used.
	SpendNonce(ctx context.Context, id TokenID, d ID, n Nonce, until time.Time) error
	// SwapSpending is SpendNonce and [Store.SwapIdentity] in one step: either
	// both happen or neither. ErrReplayed, ErrConflict.
	SwapSpending(ctx context.Context, old, next Identity, d ID, n Nonce, until time.Time) error
}

// An Owner is a phone whose request was found good but for its nonce, which is
// spent together with what it asks for. The room session makes them.
type Owner struct {
	Identity Identity // as it was read with the request
	Device   Device   // the one that asks
	Nonce    Nonce
	Until    time.Time // the request is stale from then on
	Text     []byte    // what was signed
	Address  string
}

// Devices lists the identity's devices. ErrReplayed.
func (r *Registry) Devices(ctx context.Context, o Owner) ([]Device, error) {
	if err := r.Spend(ctx, o); err != nil {
		return nil, err
	}
	return o.Identity.Active(), r.markV1(ctx, o)
}

// Rename names the phone anew. ErrReplayed.
func (r *Registry) Rename(ctx context.Context, o Owner, name string) error {
	_, changed, err := r.act(ctx, o, func(i Identity) (Identity, error) { return i.RenameDevice(o.Device.ID, name) })
	if err != nil || !changed {
		return err
	}
	return r.Audit.Record(ctx, o.event(r.Now(), audit.DeviceRenamed))
}

// RevokeOwn ends a device of the phone's identity for good, perhaps the phone
// itself. ErrReplayed, ErrDeviceNotFound.
func (r *Registry) RevokeOwn(ctx context.Context, o Owner, id ID) error {
	_, _, err := r.act(ctx, o, func(i Identity) (Identity, error) {
		next, err := i.RevokeDevice(id)
		if err != nil {
			err = ErrDeviceNotFound
		}
		return next, err
	})
	if err != nil {
		return err
	}
	e := o.event(r.Now(), audit.DeviceRevoked)
	// Which phone did it: a stolen one that removes the others leaves its name.
	e.Device, e.Detail = string(id), "by "+string(o.Device.ID)
	return r.Audit.Record(ctx, e)
}

// Lock locks the identity with all its phones for so many hours, and gives when
// the lock ends. It never shortens one. ErrReplayed.
func (r *Registry) Lock(ctx context.Context, o Owner, hours int) (time.Time, error) {
	now := r.Now()
	until := now.Add(time.Duration(hours)*time.Hour + time.Second - 1).Truncate(time.Second)
	i, changed, err := r.act(ctx, o, func(i Identity) (Identity, error) { return i.Lock(until), nil })
	if err != nil || !changed {
		return i.LockedUntil, err
	}
	e := o.event(now, audit.IdentityLocked)
	e.Detail = strconv.Itoa(hours) + "h"
	return i.LockedUntil, r.Audit.Record(ctx, e)
}

// SwitchOff switches these ways to approve off, sorted, and all others on. ErrReplayed.
func (r *Registry) SwitchOff(ctx context.Context, o Owner, methods []string) error {
	_, changed, err := r.act(ctx, o, func(i Identity) (Identity, error) { return i.SwitchOff(methods), nil })
	if err != nil || !changed {
		return err
	}
	e := o.event(r.Now(), audit.MethodsChanged)
	e.Detail = strings.Join(methods, " ")
	return r.Audit.Record(ctx, e)
}

// OwnCode makes an enrolment code for another phone of the identity, good for as
// long as this one is not revoked. ErrReplayed.
//
// The code lives in a place of its own, so the nonce goes first: a crash between
// the two costs a request that its phone sees fail, and no request counts twice.
func (r *Registry) OwnCode(ctx context.Context, o Owner) (EnrolmentCode, time.Time, error) {
	if err := r.Spend(ctx, o); err != nil {
		return "", time.Time{}, err
	}
	ctx = context.WithoutCancel(ctx)
	code, expires, err := r.newCode(ctx, o.Identity.ID, audit.Event{Device: string(o.Device.ID), Address: o.Address})
	return code, expires, errors.Join(err, r.markV1(ctx, o))
}

// Rotate gives the phone another key; signature is that of the new key over the
// same text. The old key can never be enrolled again. ErrReplayed, ErrSignature,
// ErrAlreadyEnrolled.
//
// Keys live in a place of their own, so the nonce goes first, as in OwnCode.
func (r *Registry) Rotate(ctx context.Context, o Owner, key p256.PublicKey, signature string) error {
	if err := r.Spend(ctx, o); err != nil {
		return err
	}
	if !r.verify(key, o.Text, signature) {
		return ErrSignature
	}
	if err := r.Enrolments.ReserveKey(ctx, key, o.Nonce, o.Until); err != nil {
		return err
	}
	// From here on the caller's hanging up must not leave half of it behind.
	ctx = context.WithoutCancel(ctx)
	_, err := r.Change(ctx, o.Identity.ID, func(i Identity) (Identity, error) {
		if err := o.still(i, r.Now()); err != nil {
			return i, err
		}
		marked, _ := i.MarkV1(o.Device.ID)
		next, err := marked.RotateDevice(o.Device.ID, key)
		next.Version = i.Version + 1
		return next, err
	})
	if settled := r.Enrolments.SettleKey(ctx, key, err == nil); settled != nil || err != nil {
		return errors.Join(err, settled)
	}
	return r.Audit.Record(ctx, o.event(r.Now(), audit.DeviceRotated))
}

// Spend spends the phone's nonce, for what changes nothing else. ErrReplayed.
func (r *Registry) Spend(ctx context.Context, o Owner) error {
	return r.Nonces.SpendNonce(ctx, o.Identity.ID, o.Device.ID, o.Nonce, o.Until)
}

// act changes the identity and spends the nonce in one step; what comes to
// nothing, by an error or because there is nothing to change, spends it too, so
// that a replay is always told as one. It is tied to nobody's patience.
func (r *Registry) act(ctx context.Context, o Owner, change func(Identity) (Identity, error)) (Identity, bool, error) {
	ctx = context.WithoutCancel(ctx)
	old := o.Identity
	for try := range changeTries {
		if try > 0 {
			var err error
			if old, err = r.Store.Identity(ctx, o.Identity.ID); err != nil {
				return old, false, err
			}
			if err := o.still(old, r.Now()); err != nil {
				return old, false, err
			}
		}
		marked, _ := old.MarkV1(o.Device.ID)
		next, refused := change(marked)
		if refused != nil || next.Version == old.Version {
			return old, false, errors.Join(r.Spend(ctx, o), refused)
		}
		changed := next.Version != marked.Version
		next.Version = old.Version + 1 // one swap is one version, however much it changes
		err := r.Nonces.SwapSpending(ctx, old, next, o.Device.ID, o.Nonce, o.Until)
		if !errors.Is(err, ErrConflict) {
			return next, changed, err
		}
	}
	return old, false, fmt.Errorf("%w, %d times", ErrConflict, changeTries)
}

// still says whether the phone may still ask, with the key that it signed with.
// ErrUnknown, ErrSignature, LockedError.
func (o Owner) still(i Identity, now time.Time) error {
	d, known := i.Device(o.Device.ID)
	switch {
	case !known:
		return ErrUnknown
	case !d.Key.Equal(o.Device.Key): // a rotation was quicker
		return ErrSignature
	}
	return i.LockedAt(now)
}

// markV1 remembers, once in a device's life, that it speaks version 1.
func (r *Registry) markV1(ctx context.Context, o Owner) error {
	if o.Device.UsedV1 {
		return nil
	}
	_, err := r.Change(ctx, o.Identity.ID, func(i Identity) (Identity, error) {
		marked, _ := i.MarkV1(o.Device.ID)
		return marked, nil
	})
	return err
}

// event is of something the phone did to itself or its identity.
func (o Owner) event(now time.Time, k audit.Kind) audit.Event {
	return audit.Event{Time: now, Kind: k, Token: string(o.Identity.ID), Device: string(o.Device.ID), Address: o.Address}
}
