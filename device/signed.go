package device

import (
	"encoding/base64"
	"strings"
	"time"
	"unicode"
)

// ClockTolerance is how far a phone's clock may be off.
const ClockTolerance = 30 * time.Second

// A Purpose is the first line of a signed text. It keeps a signature made for
// one request from being worth anything in another.
type Purpose string

// The purposes of protocol version 1.
const (
	EnrolPurpose   Purpose = "countersign-enroll-v1"
	PendingPurpose Purpose = "countersign-pending-v1"
	ClaimPurpose   Purpose = "countersign-claim-v1"
	VerifyPurpose  Purpose = "countersign-verify-v1"
)

// DevicePurpose is that of a verb, and of the phone's socket.
func DevicePurpose(v Verb) Purpose { return Purpose("countersign-device-" + string(v) + "-v1") }

// SignedText joins the lines a phone signs: the purpose, the issuer and the
// rest, by one newline each and none at the end. A value with a control
// character must have been refused before ([HasControl]), or lines could be
// shifted.
func SignedText(p Purpose, issuer string, lines ...string) []byte {
	n := len(p) + 1 + len(issuer)
	for _, l := range lines {
		n += 1 + len(l)
	}
	var b strings.Builder
	b.Grow(n)
	b.WriteString(string(p))
	b.WriteByte('\n')
	b.WriteString(issuer)
	for _, l := range lines {
		b.WriteByte('\n')
		b.WriteString(l)
	}
	return []byte(b.String())
}

// HasControl says whether s has a C0 control character or DEL.
func HasControl(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f }) >= 0
}

// HasHidden says whether s has a character that is not seen, or changes how the rest
// is shown: a control or format character (bidirectional overrides among them), a
// separator of lines, a letter that looks like none, one of private use. The joiners
// that Persian, Indic scripts and emoji are written with stay.
func HasHidden(s string) bool { return strings.IndexFunc(s, hidden) >= 0 }

func hidden(r rune) bool {
	const joiner, nonJoiner = 0x200d, 0x200c
	switch {
	case r == joiner, r == nonJoiner, unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return false
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp):
		return true
	}
	// Fillers, and the rest of what Unicode lets programs ignore; variation
	// selectors choose among pictures of the same character.
	return r == 0x2800 || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// A Nonce is 16 random bytes, base64url, that make a signed request unique.
type Nonce string

const nonceBytes = 16

// WellFormed says whether n is 16 bytes in base64url without padding.
func (n Nonce) WellFormed() bool {
	// Both lengths: the decoder skips newlines, and a nonce is one line.
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(n))
	return err == nil && len(b) == nonceBytes && len(n) == base64.RawURLEncoding.EncodedLen(nonceBytes)
}

// Fresh says whether a request's timestamp, in unix seconds, is within
// [ClockTolerance] of now.
func Fresh(timestamp int64, now time.Time) bool {
	d := now.Unix() - timestamp
	return d >= -int64(ClockTolerance/time.Second) && d <= int64(ClockTolerance/time.Second)
}

// NonceEnd is when a nonce need not be remembered any more: the request that
// carries it is stale from then on.
func NonceEnd(timestamp int64) time.Time {
	return time.Unix(timestamp, 0).Add(ClockTolerance + time.Second)
}
