package session

import "errors"

// The closed list of what can go wrong here. The device room's ErrStale,
// ErrSignature, ErrReplayed, ErrUnknown, LimitedError and LockedError mean the
// same in a session.
var (
	// ErrNotFound: never existed, or forgotten.
	ErrNotFound = errors.New("session: not found")
	// ErrConflict: changed by another since it was read; read it again.
	ErrConflict = errors.New("session: changed meanwhile")
	// ErrExpired: ended by time.
	ErrExpired = errors.New("session: expired")
	// ErrTooManyAttempts: ended by the third wrong code.
	ErrTooManyAttempts = errors.New("session: too many attempts")
	// ErrResolved: ended in any other way.
	ErrResolved = errors.New("session: already resolved")
	// ErrNotClaimed: no phone has opened it.
	ErrNotClaimed = errors.New("session: not claimed")
	// ErrAlreadyClaimed: another phone has opened it.
	ErrAlreadyClaimed = errors.New("session: already claimed")
	// ErrScan: the scanned part of the moving QR code is missing, wrong or too old.
	ErrScan = errors.New("session: invalid scan")
	// ErrReturn: the code that a browser came back with is not this session's.
	ErrReturn = errors.New("session: invalid return")
	// ErrDisplay: the phone showed another text than it was given.
	ErrDisplay = errors.New("session: display changed")
	// ErrScope: a scope that was not asked for, or a required one missing.
	ErrScope = errors.New("session: scope not allowed")
	// ErrCode: the code is wrong; see [Attempt].
	ErrCode = errors.New("session: invalid code")
	// ErrMode: a mode that the service does not allow.
	ErrMode = errors.New("session: mode not allowed")
	// ErrServiceAuth: only an authenticated service may ask for this.
	ErrServiceAuth = errors.New("session: service must authenticate")
	// ErrV0: a legacy signature where none is taken.
	ErrV0 = errors.New("session: legacy signature not accepted")
	// ErrFull: no room for another session on this server.
	ErrFull = errors.New("session: too many sessions")
	// ErrIdempotency: the idempotency key was used with another body.
	ErrIdempotency = errors.New("session: idempotency key reused")
	// ErrNotEnrolled, ErrRevoked: the identity asked for, told only to
	// services that may know.
	ErrNotEnrolled = errors.New("session: identity not enrolled")
	ErrRevoked     = errors.New("session: identity revoked")
	// ErrProof: the record's approval has no valid signature of the phone.
	ErrProof = errors.New("session: approval without proof")
)
