package device

import (
	"slices"
	"strconv"
	"time"

	"countersign/crypto/p256"
)

// A Verb is what a phone does with the devices of its identity.
type Verb string

// The verbs, by the last part of their address; ListenVerb is the phone's
// socket, which is signed alike.
const (
	ListVerb    Verb = "list"
	RenameVerb  Verb = "rename"
	RevokeVerb  Verb = "revoke"
	LockVerb    Verb = "lock"
	CodeVerb    Verb = "code"
	RotateVerb  Verb = "rotate"
	OfflineVerb Verb = "offline" // agrees on a secret for codes without a network
	MethodsVerb Verb = "methods"
	PushVerb    Verb = "push" // where to wake the phone
	ListenVerb  Verb = "ws"
)

// VerbText is what a phone signs for a verb. Argument is the verb's: a name, a
// device, hours, a key's thumbprint, methods, the hash of a subscription, or empty.
func VerbText(v Verb, issuer string, token TokenID, id ID, argument string, timestamp int64, n Nonce) []byte {
	return SignedText(DevicePurpose(v), issuer, string(token), string(id), argument, strconv.FormatInt(timestamp, 10), string(n))
}

// LongestLock is the longest that a phone can lock its identity for: thirty
// days. Only an operator can lift it sooner.
const LongestLock = 720 * time.Hour

// LockedAt is the [LockedError] of an identity that is locked at a time, by an
// operator's rule or by one of its phones; nil: it is not. Everything that must
// not go on for a locked identity asks here.
func (i Identity) LockedAt(now time.Time) error {
	if i.Status == Locked {
		return LockedError{}
	}
	if after := i.LockedUntil.Sub(now); after > 0 {
		return LockedError{After: after}
	}
	return nil
}

// Lock gives the identity locked until a time, or as it is when it is locked for
// longer already: a lock is never shortened.
func (i Identity) Lock(until time.Time) Identity {
	if !until.After(i.LockedUntil) {
		return i
	}
	i.LockedUntil = until
	i.Version++
	return i
}

// SwitchOff gives the identity with these ways to approve switched off, sorted, and no
// others.
func (i Identity) SwitchOff(methods []string) Identity {
	if slices.Equal(i.Off, methods) {
		return i
	}
	i.Off = slices.Clone(methods)
	i.Version++
	return i
}

// Active lists the devices that are not revoked, oldest first.
func (i Identity) Active() []Device {
	return slices.DeleteFunc(slices.Clone(i.Devices), func(d Device) bool { return d.Revoked })
}

// RenameDevice gives the identity with device id named anew. ErrDeviceNotFound.
func (i Identity) RenameDevice(id ID, name string) (Identity, error) {
	return i.edit(id, func(d *Device) bool {
		same := d.Name == name
		d.Name = name
		return !same
	})
}

// RotateDevice gives the identity with another key for device id, which stays
// the same device. The secret of its codes and its subscription end with the old key:
// whoever has the one may have the others, or have set them. ErrDeviceNotFound.
func (i Identity) RotateDevice(id ID, key p256.PublicKey) (Identity, error) {
	return i.edit(id, func(d *Device) bool {
		d.Key, d.Offline, d.Push = key, nil, Subscription{}
		return true
	})
}

// edit changes one device that is not revoked; change says whether it did.
func (i Identity) edit(id ID, change func(*Device) bool) (Identity, error) {
	k := slices.IndexFunc(i.Devices, func(d Device) bool { return d.ID == id && !d.Revoked })
	if k < 0 {
		return i, ErrDeviceNotFound
	}
	devices := slices.Clone(i.Devices)
	if change(&devices[k]) {
		i.Devices = devices
		i.Version++
	}
	return i, nil
}
