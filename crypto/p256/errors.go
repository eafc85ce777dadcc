package p256

import "errors"

// The errors of this package. They may be wrapped with a reason; a reason never
// repeats the bytes that were refused.
var (
	// ErrKey: the bytes or text are not a P-256 key in the one accepted form.
	ErrKey = errors.New("p256: invalid key")
	// ErrSignature: the bytes or text are not a signature in an accepted form.
	// A well-formed signature that does not verify is no error but a false.
	ErrSignature = errors.New("p256: invalid signature")
)
