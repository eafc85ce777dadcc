package device

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// A TokenID names an identity: tok_ and 22 base64url characters, 128 random
// bits. It is the sub of the tokens issued to public services.
type TokenID string

// An ID names a device: dev_ and 22 base64url characters, 128 random bits.
type ID string

const (
	tokenPrefix  = "tok_"
	devicePrefix = "dev_"
	idBytes      = 16
)

// NewTokenID makes the id of a new identity.
func NewTokenID() TokenID { return TokenID(newID(tokenPrefix)) }

// NewID makes the id of a new device.
func NewID() ID { return ID(newID(devicePrefix)) }

func newID(prefix string) string {
	var b [idBytes]byte
	rand.Read(b[:]) // never fails: crypto/rand aborts the program instead
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// WellFormed says whether t has the form of the ids made here. Another form
// is an unknown identity, not a malformed request.
func (t TokenID) WellFormed() bool {
	_, ok := t.Bytes()
	return ok
}

// Bytes gives the 16 bytes behind the id.
func (t TokenID) Bytes() (b [idBytes]byte, ok bool) {
	text, found := strings.CutPrefix(string(t), tokenPrefix)
	if !found || len(text) != base64.RawURLEncoding.EncodedLen(idBytes) {
		return b, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(text))
	return b, err == nil && n == idBytes
}

// TokenIDFrom is the inverse of [TokenID.Bytes].
func TokenIDFrom(b [idBytes]byte) TokenID {
	return TokenID(tokenPrefix + base64.RawURLEncoding.EncodeToString(b[:]))
}

// Canonical gives t itself when it is well formed, and otherwise an id that
// nobody has, derived from t. Storage is only ever asked for canonical ids, so
// a foreign text never becomes part of a key and costs the same as a good one.
func (t TokenID) Canonical() TokenID {
	if t.WellFormed() {
		return t
	}
	sum := sha256.Sum256([]byte("countersign unknown identity\n" + string(t)))
	return TokenIDFrom([idBytes]byte(sum[:idBytes]))
}
