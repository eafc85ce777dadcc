package device

import (
	"errors"
	"time"
)

// The closed list of what can go wrong here.
var (
	// ErrUnknown: no such identity or device, or it has been revoked.
	ErrUnknown = errors.New("device: unknown identity or device")
	// ErrConflict: the identity was changed by another; read it again.
	ErrConflict = errors.New("device: changed meanwhile")
	// ErrSignature: the signature does not fit the text and the key.
	ErrSignature = errors.New("device: invalid signature")
	// ErrStale: the timestamp is more than [ClockTolerance] away.
	ErrStale = errors.New("device: stale timestamp")
	// ErrReplayed: the nonce was used before.
	ErrReplayed = errors.New("device: replayed")
	// ErrCodeUnknown: no such enrolment code, or it was used, or has expired.
	ErrCodeUnknown = errors.New("device: enrolment code unknown")
	// ErrAlreadyEnrolled: the key belongs to a device already.
	ErrAlreadyEnrolled = errors.New("device: key already enrolled")
	// ErrDeviceNotFound: the identity has no such device, or it is revoked; told
	// to a phone of the identity only.
	ErrDeviceNotFound = errors.New("device: no such device")
	// ErrTooManyDevices: the identity has [MaxDevices] devices.
	ErrTooManyDevices = errors.New("device: too many devices")
)

// LimitedError is the error of a caller that asks too often.
type LimitedError struct {
	// After is when to try again, from now.
	After time.Duration
}

// Error implements error.
func (l LimitedError) Error() string { return "too many requests, again in " + l.After.String() }

// LockedError is the error of a device or identity that is locked: by too many
// wrong codes, or by one of its own phones.
type LockedError struct {
	// After is when the lock ends, from now; 0: when an operator lifts it.
	After time.Duration
}

// Error implements error.
func (l LockedError) Error() string { return "locked" }
