package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
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

// IsSecret says whether a text wants to be a secret of Standard Webhooks.
func IsSecret(text string) bool { return strings.HasPrefix(text, secretPrefix) }

// Sign gives the headers by which a receiver knows that a body comes from here, and
// when it was sent: those of Standard Webhooks, with HMAC-SHA256. The id has no dot.
func Sign(secret []byte, id string, at time.Time, body []byte) http.Header {
	return SignAll([][]byte{secret}, id, at, body)
}

// SignAll signs under several secrets, so that a receiver that knows one of them is
// content: that is how a secret is changed while requests go on.
func SignAll(secrets [][]byte, id string, at time.Time, body []byte) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, 0, len(secrets))
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(id + "." + stamp + "."))
		mac.Write(body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	h := http.Header{}
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", stamp)
	h.Set("Webhook-Signature", strings.Join(signatures, " "))
	return h
}
