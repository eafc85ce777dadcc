package device

import (
	"errors"
	"testing"
	"time"
)

// twoPhones is an identity with an old and a new phone, and one that was revoked.
func twoPhones(t *testing.T) Identity {
	t.Helper()
	i := Identity{ID: NewTokenID(), Version: 5}
	for _, id := range []ID{"dev_old", "dev_new", "dev_gone"} {
		i.Devices = append(i.Devices, Device{ID: id, Key: newKey(t).Public(), Name: string(id), Revoked: id == "dev_gone"})
	}
	return i
}

func TestLockedAt(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	i := twoPhones(t)
	if err := i.LockedAt(now); err != nil {
		t.Error(err)
	}
	locked := i.Lock(now.Add(time.Hour))
	if locked.Version != i.Version+1 || !errors.Is(locked.LockedAt(now), LockedError{After: time.Hour}) || i.LockedAt(now) != nil {
		t.Errorf("%+v, %v", locked, locked.LockedAt(now))
	}
	if err := locked.LockedAt(now.Add(time.Hour)); err != nil {
		t.Errorf("when the lock ends: %v", err)
	}
	if shorter := locked.Lock(now.Add(time.Minute)); shorter.Version != locked.Version || !shorter.LockedUntil.Equal(locked.LockedUntil) {
		t.Error("a lock was shortened")
	}
	if longer := locked.Lock(now.Add(2 * time.Hour)); !longer.LockedUntil.Equal(now.Add(2 * time.Hour)) {
		t.Error("a lock was not made longer")
	}
	// An operator's lock has no end, whatever else there is.
	if err := locked.SetStatus(Locked).LockedAt(now); !errors.Is(err, LockedError{}) {
		t.Errorf("%v", err)
	}
}

func TestEditDevice(t *testing.T) {
	i := twoPhones(t)
	renamed, err := i.RenameDevice("dev_new", "Bob’s phone")
	if err != nil || renamed.Devices[1].Name != "Bob’s phone" || renamed.Version != 6 || i.Devices[1].Name != "dev_new" {
		t.Errorf("%+v, %v", renamed, err)
	}
	if same, err := renamed.RenameDevice("dev_new", "Bob’s phone"); err != nil || same.Version != renamed.Version {
		t.Errorf("the same name again: version %d, %v", same.Version, err)
	}
	key := newKey(t).Public()
	rotated, err := i.RotateDevice("dev_old", key)
	if err != nil || !rotated.Devices[0].Key.Equal(key) || rotated.Devices[0].ID != "dev_old" || i.Devices[0].Key.Equal(key) {
		t.Errorf("%+v, %v", rotated, err)
	}
	for _, id := range []ID{"dev_gone", "dev_nobody"} {
		if _, err := i.RenameDevice(id, "x"); !errors.Is(err, ErrDeviceNotFound) {
			t.Errorf("%s: %v", id, err)
		}
		if _, err := i.RotateDevice(id, key); !errors.Is(err, ErrDeviceNotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if active := i.Active(); len(active) != 2 || active[0].ID != "dev_old" || active[1].ID != "dev_new" {
		t.Errorf("%+v", active)
	}
}
