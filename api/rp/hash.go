package rp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// VerifyHash says whether hash is the server's over the message that a page
// passed on: base64url(HMAC-SHA256(responseKey, …)) over the five lines of the
// protocol's section 7. The responseKey is the service's own, 32 bytes (from
// `countersign service show`), and random is the one kept from the start, never
// one that came with the message. It compares in constant time; an empty key
// verifies nothing.
func VerifyHash(responseKey []byte, sessionID, random, jwt, expiresAt, hash string) bool {
	if len(responseKey) == 0 {
		return false
	}
	mac := hmac.New(sha256.New, responseKey)
	mac.Write([]byte(strings.Join([]string{"countersign-hash-v1", sessionID, random, jwt, expiresAt}, "\n")))
	// Compared as texts: decoding would let one hash have several spellings.
	want := base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	return hmac.Equal([]byte(want), []byte(hash))
}

// DataHash is what [Approved.DataHash] is when this data was approved: the
// base64url SHA-256 of its UTF-8.
func DataHash(data string) string {
	sum := sha256.Sum256([]byte(data))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
