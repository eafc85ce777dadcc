package session

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
)

// An ID names a session: sess_ and 22 base64url characters, 128 random bits.
type ID string

const (
	idPrefix = "sess_"
	idBytes  = 16
)

// NewID makes the id of a new session.
func NewID() ID {
	var b [idBytes]byte
	rand.Read(b[:])
	return ID(idPrefix + base64.RawURLEncoding.EncodeToString(b[:]))
}

// WellFormed says whether id has the form of the ids made here; an id of
// another form is unknown, and storage is never asked for it.
func (id ID) WellFormed() bool {
	text, found := strings.CutPrefix(string(id), idPrefix)
	if !found || len(text) != base64.RawURLEncoding.EncodedLen(idBytes) {
		return false
	}
	// The length again: the decoder skips newlines.
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(b) == idBytes
}
