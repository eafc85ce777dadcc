package device

import (
	"context"

	"countersign/audit"
)

// This file is what operators do to identities.

// Revoke ends an identity for good, with all its devices. It may be repeated.
// ErrUnknown.
func (r *Registry) Revoke(ctx context.Context, id TokenID) error {
	return r.setStatus(ctx, id, audit.IdentityRevoked, func(s Status) (Status, bool) { return Revoked, s != Revoked })
}

// Unlock lifts the lock of an identity; what was counted against it is the
// caller's to forget, or the next wrong code locks it again. An identity that is
// not locked is left as it is. ErrUnknown.
func (r *Registry) Unlock(ctx context.Context, id TokenID) error {
	return r.setStatus(ctx, id, audit.IdentityUnlocked, func(s Status) (Status, bool) { return Active, s == Locked })
}

// setStatus changes an identity's status, and records it if it did.
func (r *Registry) setStatus(ctx context.Context, id TokenID, kind audit.Kind, next func(Status) (Status, bool)) error {
	changed := false
	_, err := r.Change(ctx, id, func(i Identity) (Identity, error) {
		var s Status
		if s, changed = next(i.Status); !changed {
			return i, nil
		}
		return i.SetStatus(s), nil
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
