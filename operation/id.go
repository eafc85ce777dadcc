package operation

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

const (
	idPrefix    = "op_"
	idBytes     = 16
	secretBytes = 32
)

// NewID makes the id of a new operation.
func NewID() ID {
	var b [idBytes]byte
	rand.Read(b[:])
	return ID(idPrefix + base64.RawURLEncoding.EncodeToString(b[:]))
}

// WellFormed says whether id has the form of the ids made here; an id of
// another form is unknown, and storage is never asked for it.
func (id ID) WellFormed() bool {
	text, found := strings.CutPrefix(string(id), idPrefix)
	return found && isBase64(text, idBytes)
}

// isBase64 says whether text is so many bytes in base64url without padding.
func isBase64(text string, size int) bool {
	if len(text) != base64.RawURLEncoding.EncodedLen(size) {
		return false
	}
	// The length again: the decoder skips newlines.
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(b) == size
}

// newSecret makes a browser's secret, 43 base64url characters, and what is kept
// of it.
func newSecret() (secret string, hash []byte) {
	var b [secretBytes]byte
	rand.Read(b[:])
	secret = base64.RawURLEncoding.EncodeToString(b[:])
	return secret, hashOf(secret)
}

func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// belongs says, in constant time, whether the operation was begun in the
// browser that has the secret.
func (o Operation) belongs(secret string) bool {
	return len(o.Browser) > 0 && subtle.ConstantTimeCompare(o.Browser, hashOf(secret)) == 1
}
