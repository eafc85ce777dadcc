package device

import (
	"context"
	"strings"
	"time"

	"countersign/audit"
)

// This file is what operators do to identities.

// Revoke ends an identity for good, with all its devices. It may be repeated.
// ErrUnknown.
func (r *Registry) Revoke(ctx context.Context, id TokenID) error {
	return r.operate(ctx, id, audit.IdentityRevoked, func(i Identity) Identity {
		if i.Status == Revoked {
			return i
		}
		return i.SetStatus(Revoked)
	})
}

// LockOut locks an identity with all its phones until an operator lifts it. It may be
// repeated. ErrUnknown, also of one that is revoked.
func (r *Registry) LockOut(ctx context.Context, id TokenID) error {
	changed := false
	_, err := r.Change(ctx, id, func(i Identity) (Identity, error) {
		if i.Status == Revoked {
			return i, ErrUnknown
		}
		if changed = i.Status != Locked; !changed {
			return i, nil
		}
		return i.SetStatus(Locked), nil
	})
	if err != nil || !changed {
		return err
	}
	return r.Audit.Record(ctx, audit.Event{Time: r.Now(), Kind: audit.IdentityLocked, Token: string(id), Detail: "operator"})
}

// Unlock lifts the locks of an identity, whoever set them; what was counted
// against it is the caller's to forget, or the next wrong code locks it again. An
// identity that is not locked is left as it is. ErrUnknown.
func (r *Registry) Unlock(ctx context.Context, id TokenID) error {
	return r.operate(ctx, id, audit.IdentityUnlocked, func(i Identity) Identity {
		if i.Status == Revoked || i.LockedAt(r.Now()) == nil {
			return i
		}
		i.LockedUntil = time.Time{}
		return i.SetStatus(Active)
	})
}

// SetMethods switches these ways to approve of an identity off, sorted, and all others
// on. ErrUnknown.
func (r *Registry) SetMethods(ctx context.Context, id TokenID, off []string) error {
	changed := false
	_, err := r.Change(ctx, id, func(i Identity) (Identity, error) {
		next := i.SwitchOff(off)
		changed = next.Version != i.Version
		return next, nil
	})
	if err != nil || !changed {
		return err
	}
	return r.Audit.Record(ctx, audit.Event{Time: r.Now(), Kind: audit.MethodsChanged, Token: string(id), Detail: strings.Join(off, " ")})
}

// operate changes an identity, and records it if it did.
func (r *Registry) operate(ctx context.Context, id TokenID, kind audit.Kind, change func(Identity) Identity) error {
	changed := false
	_, err := r.Change(ctx, id, func(i Identity) (Identity, error) {
		next := change(i)
		changed = next.Version != i.Version
		return next, nil
	})
	if err != nil || !changed {
		return err
	}
	return r.Audit.Record(ctx, audit.Event{Time: r.Now(), Kind: kind, Token: string(id)})
}

// RevokeDevice ends one device of an identity for good. ErrUnknown, also when
// it was revoked before.
func (r *Registry) RevokeDevice(ctx context.Context, id TokenID, d ID) error {
	_, err := r.Change(ctx, id, func(i Identity) (Identity, error) { return i.RevokeDevice(d) })
	if err != nil {
		return err
	}
	return r.Audit.Record(ctx, audit.Event{Time: r.Now(), Kind: audit.DeviceRevoked, Token: string(id), Device: string(d)})
}
