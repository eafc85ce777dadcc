package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"countersign/crypto/keyring"
	"countersign/crypto/otp"
)

// Secrets derives what only the page or only the server may know of a session
// from the master secret and the session's id, so that none of it is stored
// and every node knows it.
type Secrets struct{ Master *keyring.Master }

// WSToken is the right to watch the session: 43 characters.
func (x Secrets) WSToken(s Session) string { return x.Master.WSToken(s.Secret, string(s.ID)) }

// CheckWSToken says whether token is the wsToken of session id under any
// master secret still accepted, in constant time and without asking storage.
func (x Secrets) CheckWSToken(id ID, token string) bool {
	_, ok := x.Master.CheckWSToken(string(id), token)
	return ok
}

// Random is 32 hex digits known only to whoever started the session.
func (x Secrets) Random(s Session) string {
	mac, _ := x.Master.MAC(s.Secret, keyring.Random, []byte(s.ID))
	return hex.EncodeToString(mac[:16])
}

// QRKey is the 32-byte key of the moving QR code.
func (x Secrets) QRKey(s Session) []byte {
	mac, _ := x.Master.MAC(s.Secret, keyring.QR, []byte(s.ID))
	return mac[:]
}

// Code is the code of a period; the first period is 0.
func (x Secrets) Code(s Session, period int64) otp.Code {
	key, _ := x.Master.Key(s.Secret, keyring.Code)
	return otp.Derive(key, string(s.ID), period)
}

const qrLabel = "countersign-qr-v1\n"

// QRCode is the moving part c of the QR code at t seconds: the first 16
// base64url characters of HMAC-SHA256(qrKey, "countersign-qr-v1\n{id}\n{t}").
func QRCode(qrKey []byte, id ID, t int64) string {
	h := hmac.New(sha256.New, qrKey)
	h.Write([]byte(qrLabel + string(id) + "\n" + strconv.FormatInt(t, 10)))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))[:16]
}

const (
	handoverLabel = "countersign-handover-v1\n"
	// handedOver is what a scan begins with that came by the link on the
	// browser's own device.
	handedOver = "h:"
)

// Handover is the part h of the link by which a page hands over to an app on
// its own device: the first 16 base64url characters of
// HMAC-SHA256(qrKey, "countersign-handover-v1\n{id}").
func Handover(qrKey []byte, id ID) string {
	h := hmac.New(sha256.New, qrKey)
	h.Write([]byte(handoverLabel + string(id)))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))[:16]
}

// ReturnCode is what the phone sends the browser back with: 43 characters.
func (x Secrets) ReturnCode(s Session) string {
	mac, _ := x.Master.MAC(s.Secret, keyring.Return, []byte(s.ID))
	return base64.RawURLEncoding.EncodeToString(mac[:])
}

// goodReturn says, in constant time, whether code is the session's.
func (x Secrets) goodReturn(s Session, code string) bool {
	return subtle.ConstantTimeCompare([]byte(code), []byte(x.ReturnCode(s))) == 1
}

// Window is how far the t of a scanned QR code may be from the session's age.
type Window struct{ Back, Ahead time.Duration }

// goodScan says whether scan is {t}:{c} of this session and not too old, or
// h:{h} of its link.
func (x Secrets) goodScan(s Session, scan string, w Window, now time.Time) bool {
	if h, ok := strings.CutPrefix(scan, handedOver); ok {
		return subtle.ConstantTimeCompare([]byte(h), []byte(Handover(x.QRKey(s), s.ID))) == 1
	}
	t, c, found := strings.Cut(scan, ":")
	seconds, err := strconv.ParseInt(t, 10, 32)
	if !found || err != nil || seconds < 0 || strconv.FormatInt(seconds, 10) != t {
		return false
	}
	want := QRCode(x.QRKey(s), s.ID, seconds)
	if subtle.ConstantTimeCompare([]byte(c), []byte(want)) != 1 {
		return false
	}
	age := s.Elapsed(now)
	return seconds >= age-int64(w.Back/time.Second) && seconds <= age+int64(w.Ahead/time.Second)
}

// Hash is how a service's back end knows that an approved message is ours:
// base64url(HMAC-SHA256(responseKey, "countersign-hash-v1\n{sessionId}\n{random}\n{jwt}\n{expiresAt}")),
// expiresAt in RFC 3339 as the message has it.
func Hash(responseKey []byte, id ID, random, jwt, expiresAt string) string {
	h := hmac.New(sha256.New, responseKey)
	h.Write([]byte(strings.Join([]string{"countersign-hash-v1", string(id), random, jwt, expiresAt}, "\n")))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// ChallengeOf is the S256 challenge of a verifier: the base64url SHA-256 of
// its ASCII, as in RFC 7636 §4.2.
func ChallengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Bound says whether a verifier, or none (""), opens the session.
func (s Session) Bound(verifier string) bool {
	return s.Challenge == "" || subtle.ConstantTimeCompare([]byte(s.Challenge), []byte(ChallengeOf(verifier))) == 1
}
