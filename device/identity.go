package device

import (
	"slices"
	"time"

	"countersign/crypto/p256"
)

// MaxDevices is how many devices one identity may have that are not revoked.
const MaxDevices = 10

// A Status says whether an identity may approve.
type Status uint8

// The statuses of an identity.
const (
	Active  Status = iota
	Revoked        // for good
	Locked         // until an operator lifts it
)

// String gives the status as operators read it.
func (s Status) String() string {
	switch s {
	case Active:
		return "active"
	case Revoked:
		return "revoked"
	case Locked:
		return "locked"
	}
	return "unknown"
}

// An Identity is somebody who can approve, with their devices.
type Identity struct {
	ID      TokenID
	Version uint64 // 0: not stored yet
	Status  Status
	// LockedUntil ends the lock that a phone of the identity asked for; zero:
	// none did. See [Identity.LockedAt].
	LockedUntil time.Time
	CreatedAt   time.Time
	Claims      Claims
	Devices     []Device
	// Off are the ways to approve that the identity has switched off, by the names
	// of their methods.
	Off []string
	// Resealable says that it was read from a record sealed under a master
	// secret that is not the first; storing it again ends that.
	Resealable bool
}

// A Device is one phone's key.
type Device struct {
	ID        ID
	Key       p256.PublicKey
	Name      string // as its owner named it, at most 64 characters
	Platform  string // as the app named it, at most 32 characters
	CreatedAt time.Time
	Revoked   bool
	// UsedV1 says that the device has signed a protocol version 1 request
	// other than its enrolment; legacy v0 signatures are refused from then on.
	UsedV1 bool
	// Offline is the secret, 32 bytes, that the phone's codes come from when it
	// has no network; nil: none was agreed on.
	Offline []byte
	// Push is where it is woken while its app is closed.
	Push Subscription
}

// Device finds a device that is not revoked, of an identity that is not.
func (i Identity) Device(id ID) (Device, bool) {
	if i.Status == Revoked {
		return Device{}, false
	}
	for _, d := range i.Devices {
		if d.ID == id && !d.Revoked {
			return d, true
		}
	}
	return Device{}, false
}

// Enrolled counts the devices that are not revoked.
func (i Identity) Enrolled() int {
	n := 0
	for _, d := range i.Devices {
		if !d.Revoked {
			n++
		}
	}
	return n
}

// With gives the identity with d added.
func (i Identity) With(d Device) (Identity, error) {
	if i.Status == Revoked {
		return i, ErrUnknown
	}
	if i.Enrolled() >= MaxDevices {
		return i, ErrTooManyDevices
	}
	i.Devices = append(slices.Clone(i.Devices), d)
	i.Version++
	return i, nil
}

// SetStatus gives the identity with another status. One that is revoked wakes nobody
// any more.
func (i Identity) SetStatus(s Status) Identity {
	if s == Revoked {
		i.Devices = slices.Clone(i.Devices)
		for k := range i.Devices {
			i.Devices[k].Push = Subscription{}
		}
	}
	i.Status = s
	i.Version++
	return i
}

// MarkV1 gives the identity with device id marked as a user of protocol
// version 1; changed is false when it was marked before.
func (i Identity) MarkV1(id ID) (marked Identity, changed bool) {
	k := slices.IndexFunc(i.Devices, func(d Device) bool { return d.ID == id })
	if k < 0 || i.Devices[k].UsedV1 {
		return i, false
	}
	i.Devices = slices.Clone(i.Devices)
	i.Devices[k].UsedV1 = true
	i.Version++
	return i, true
}

// RevokeDevice gives the identity with device id revoked. The device stays on
// record, so that its key can never be enrolled again.
func (i Identity) RevokeDevice(id ID) (Identity, error) {
	k := slices.IndexFunc(i.Devices, func(d Device) bool { return d.ID == id && !d.Revoked })
	if k < 0 {
		return i, ErrUnknown
	}
	i.Devices = slices.Clone(i.Devices)
	i.Devices[k].Revoked, i.Devices[k].Push = true, Subscription{}
	i.Version++
	return i, nil
}
