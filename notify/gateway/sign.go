package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// The lengths of a secret (Standard Webhooks 1.0.0, Signature scheme).
const (
	secretLeast = 24
	secretMost  = 64
)

const secretPrefix = "whsec_"

// ErrSecret says that a text is no secret. It does not show the text.
var ErrSecret = errors.New("is no secret of Standard Webhooks: whsec_ and 24 to 64 bytes in base64")

// ParseSecret reads a secret as Standard Webhooks writes it: whsec_ and base64.
// [ErrSecret].
func ParseSecret(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(text), secretPrefix)
	secret, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || len(secret) < secretLeast || len(secret) > secretMost {
		return nil, ErrSecret
	}
	return secret, nil
}

// Sign gives the signature of a request, as its header has it.
func Sign(secret []byte, id string, at time.Time, body []byte) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	h.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}
