package device

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/crypto/p256"
)

// OfflineFormat names the form of the texts in this file.
const OfflineFormat = "countersign-offline-v1"

// OfflineMost is how long a text with its signature may be, in bytes: the symbol of a
// longer one is too dense for many cameras.
const OfflineMost = 1000

// OfflineLines is how many lines a text has, the last of which is the signature.
const OfflineLines = 11

const offlineSignature = 86 // characters of a raw signature

// An OfflineQuestion is what a phone without a network is asked.
type OfflineQuestion struct {
	Issuer      string
	Operation   string // its id
	Service     string // its id
	ServiceName string
	Name        string // of the operation's flow
	Title       string // may be empty
	Data        string // empty: a login
	ExpiresAt   time.Time
	Nonce       Nonce
}

// What is wrong with a text that a phone was shown.
var (
	// ErrOfflineText: it is no question, or has what cannot be shown, or is too long.
	ErrOfflineText = errors.New("device: no question for a phone without a network")
	// ErrOfflineForged: it is not signed with the key that the phone knows.
	ErrOfflineForged = errors.New("device: the question is not signed by the server")
	// ErrOfflineForeign: it is of another server.
	ErrOfflineForeign = errors.New("device: the question is of another server")
	// ErrOfflineExpired: its time is up.
	ErrOfflineExpired = errors.New("device: the question has expired")
)

// lines are all but the signature.
func (q OfflineQuestion) lines() []string {
	return []string{OfflineFormat, q.Issuer, q.Operation, q.Service, q.ServiceName, q.Name, q.Title, q.Data,
		q.ExpiresAt.UTC().Format(time.RFC3339), string(q.Nonce)}
}

// Sign writes the question as it is drawn, signed. ErrOfflineText if it cannot be
// asked.
func (q OfflineQuestion) Sign(key p256.PrivateKey) (string, error) {
	if err := q.Check(); err != nil {
		return "", err
	}
	text := strings.Join(q.lines(), "\n")
	return text + "\n" + key.Sign([]byte(text)).String(), nil
}

// Check says whether the question can be asked of a phone without a network: it is
// short enough, and nothing in it could hide on the phone. ErrOfflineText.
func (q OfflineQuestion) Check() error {
	size := offlineSignature
	for _, line := range q.lines() {
		if HasHidden(line) || !utf8.ValidString(line) {
			return fmt.Errorf("%w: a character that cannot be shown", ErrOfflineText)
		}
		size += len(line) + 1
	}
	switch {
	case !q.Nonce.WellFormed():
		return fmt.Errorf("%w: its nonce", ErrOfflineText)
	case size > OfflineMost:
		return fmt.Errorf("%w: %d bytes", ErrOfflineText, size)
	}
	return nil
}

// ReadOfflineQuestion takes a text apart as a phone does that knows the issuer and
// its key. ErrOfflineText, ErrOfflineForeign, ErrOfflineForged, ErrOfflineExpired.
func ReadOfflineQuestion(text, issuer string, key p256.PublicKey, now time.Time) (q OfflineQuestion, err error) {
	lines := strings.Split(text, "\n")
	if len(text) > OfflineMost || len(lines) != OfflineLines || lines[0] != OfflineFormat {
		return q, ErrOfflineText
	}
	if lines[1] != issuer {
		return q, ErrOfflineForeign
	}
	signed, signature := text[:strings.LastIndexByte(text, '\n')], lines[OfflineLines-1]
	raw, err := p256.DecodeSignature(signature)
	// The code is made of the signature too, so there is one way to write it.
	if err != nil || raw.String() != signature || !key.Verify([]byte(signed), raw) {
		return q, ErrOfflineForged
	}
	q = OfflineQuestion{Issuer: lines[1], Operation: lines[2], Service: lines[3], ServiceName: lines[4], Name: lines[5], Title: lines[6], Data: lines[7], Nonce: Nonce(lines[9])}
	if q.ExpiresAt, err = time.Parse(time.RFC3339, lines[8]); err != nil {
		return OfflineQuestion{}, ErrOfflineText
	}
	if err := q.Check(); err != nil {
		return OfflineQuestion{}, err
	}
	if !now.Before(q.ExpiresAt) {
		return OfflineQuestion{}, ErrOfflineExpired
	}
	return q, nil
}
