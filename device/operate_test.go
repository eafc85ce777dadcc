package device

import (
	"errors"
	"testing"

	"countersign/audit"
)

func (d *desk) count(k audit.Kind) (n int) {
	for _, e := range d.store.events {
		if e.Kind == k {
			n++
		}
	}
	return n
}

// Revoking is for good and recorded once; unlocking does nothing to anybody
// who is not locked, least of all to somebody revoked.
func TestRevokeAndUnlock(t *testing.T) {
	d := newDesk(t)
	status := func() Status { return d.store.identities[d.alice].Status }
	if err := d.Unlock(t.Context(), d.alice); err != nil || status() != Active || d.count(audit.IdentityUnlocked) != 0 {
		t.Errorf("unlocking who is not locked: %v, %s", err, status())
	}
	d.store.identities[d.alice] = d.store.identities[d.alice].SetStatus(Locked)
	if err := d.Unlock(t.Context(), d.alice); err != nil || status() != Active || d.count(audit.IdentityUnlocked) != 1 {
		t.Errorf("unlocking: %v, %s", err, status())
	}
	for range 2 {
		if err := d.Revoke(t.Context(), d.alice); err != nil || status() != Revoked || d.count(audit.IdentityRevoked) != 1 {
			t.Errorf("revoking: %v, %s, %d events", err, status(), d.count(audit.IdentityRevoked))
		}
	}
	if err := d.Unlock(t.Context(), d.alice); err != nil || status() != Revoked {
		t.Errorf("unlocking who is revoked: %v, %s", err, status())
	}
	if err := errors.Join(d.Revoke(t.Context(), NewTokenID())); !errors.Is(err, ErrUnknown) {
		t.Errorf("revoking nobody: %v", err)
	}
}

// An operator's lock is recorded once and lifted by an operator; who is revoked is not
// locked.
func TestLockOut(t *testing.T) {
	d := newDesk(t)
	for range 2 {
		if err := d.LockOut(t.Context(), d.alice); err != nil || d.store.identities[d.alice].Status != Locked || d.count(audit.IdentityLocked) != 1 {
			t.Errorf("locking: %v, %d events", err, d.count(audit.IdentityLocked))
		}
	}
	if err := d.Unlock(t.Context(), d.alice); err != nil || d.store.identities[d.alice].Status != Active {
		t.Errorf("unlocking: %v", err)
	}
	if err := errors.Join(d.Revoke(t.Context(), d.alice)); err != nil {
		t.Fatal(err)
	}
	for _, id := range []TokenID{d.alice, NewTokenID()} {
		if err := d.LockOut(t.Context(), id); !errors.Is(err, ErrUnknown) || d.count(audit.IdentityLocked) != 1 {
			t.Errorf("locking %s: %v", id, err)
		}
	}
	if d.store.identities[d.alice].Status != Revoked {
		t.Error("the revoked identity is another")
	}
}

// An event is of a change that was stored.
func TestNoEventWithoutChange(t *testing.T) {
	d := newDesk(t)
	d.store.conflicts = changeTries
	if err := d.Revoke(t.Context(), d.alice); !errors.Is(err, ErrConflict) || d.count(audit.IdentityRevoked) != 0 {
		t.Errorf("%v, %d events", err, d.count(audit.IdentityRevoked))
	}
}

func TestRevokeDevice(t *testing.T) {
	d := newDesk(t)
	_, dev, err := d.Enrol(t.Context(), d.enrolment(string(d.code), newKey(t)))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.RevokeDevice(t.Context(), d.alice, dev.ID); err != nil || d.store.identities[d.alice].Enrolled() != 0 {
		t.Errorf("%v, %d devices left", err, d.store.identities[d.alice].Enrolled())
	}
	if err := d.RevokeDevice(t.Context(), d.alice, dev.ID); !errors.Is(err, ErrUnknown) || d.count(audit.DeviceRevoked) != 1 {
		t.Errorf("again: %v, %d events", err, d.count(audit.DeviceRevoked))
	}
	if d.count(audit.DeviceEnrolled) != 1 {
		t.Error("an enrolment is not recorded")
	}
}
