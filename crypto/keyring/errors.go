package keyring

import "errors"

// The errors of this package. They may be wrapped with a reason; a reason never
// repeats a secret, a token, or bytes that were refused.
var (
	// ErrMaster: the text or bytes are no set of master secrets.
	ErrMaster = errors.New("keyring: master secrets")
	// ErrOpen: sealed bytes do not open: they were made with another secret, for
	// another purpose or other associated data, or were changed.
	ErrOpen = errors.New("keyring: cannot open sealed bytes")
	// ErrPending: a rotation was asked for while the last one's key still waits
	// to become active.
	ErrPending = errors.New("keyring: a key is already waiting to become active")
	// ErrClaims: claims that JSON cannot hold were to be signed.
	ErrClaims = errors.New("keyring: claims cannot be encoded")
	// ErrToken: a token does not hold. Every reason is this error.
	ErrToken = errors.New("keyring: invalid token")
	// ErrKeySet: the bytes are no JSON Web Key Set of this protocol.
	ErrKeySet = errors.New("keyring: invalid key set")
)
