package p256

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
)

const (
	rawSize = 64
	maxDER  = 72 // two integers of 33 bytes, with three headers of two

	// order is n, the order of the group (SP 800-186 §3.2.1.3), big-endian.
	order = "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff" +
		"\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51"
)

// Signature is an ECDSA signature as r ‖ s, each 32 bytes big-endian (IEEE
// P1363). What the parsers return has both in 1 … n−1.
type Signature [rawSize]byte

// ParseSignature reads a signature: exactly 64 bytes are always raw r ‖ s, any
// other length must be DER (RFC 3279 §2.2.3) in its one strict form, with
// lengths in short form, integers minimal and positive, and nothing after them.
// r or s outside 1 … n−1 is refused in both. All trouble is [ErrSignature].
//
// A DER signature of 64 bytes is thus misread. It takes r and s that together
// begin with seven zero bytes, one in 2⁵⁰ or so: signing again helps.
func ParseSignature(b []byte) (Signature, error) {
	s, ok := Signature{}, true
	if len(b) == rawSize {
		copy(s[:], b)
	} else {
		s, ok = parseDER(b)
	}
	if !ok || !inRange(s[:32]) || !inRange(s[32:]) {
		return Signature{}, ErrSignature
	}
	return s, nil
}

// DecodeSignature reads text that holds what [ParseSignature] takes: base64url or
// standard base64, with or without padding. The alphabets may not be mixed,
// padding must be complete, unused bits zero, and there is no white space. All
// trouble is [ErrSignature].
func DecodeSignature(s string) (Signature, error) {
	// The decoder skips CR and LF, which would give one signature many texts.
	if len(s) > base64.StdEncoding.EncodedLen(maxDER) || strings.ContainsAny(s, "\r\n") {
		return Signature{}, fmt.Errorf("%w: not base64", ErrSignature)
	}
	enc := base64.StdEncoding
	switch std, padded := strings.ContainsAny(s, "+/"), strings.HasSuffix(s, "="); {
	case std && !padded:
		enc = base64.RawStdEncoding
	case !std && padded:
		enc = base64.URLEncoding
	case !std && !padded:
		enc = base64.RawURLEncoding
	}
	b, err := enc.Strict().DecodeString(s)
	if err != nil {
		return Signature{}, fmt.Errorf("%w: not base64", ErrSignature)
	}
	return ParseSignature(b)
}

// DER returns the signature in DER.
func (s Signature) DER() []byte { return s.appendDER(make([]byte, 0, maxDER)) }

// String returns the 64 bytes in base64url without padding, the form that goes
// over the wire.
func (s Signature) String() string { return base64.RawURLEncoding.EncodeToString(s[:]) }

// parseDER reads a SEQUENCE of two INTEGERs. Whether they are in range is left
// to the caller.
func parseDER(b []byte) (s Signature, ok bool) {
	if len(b) < 2 || len(b) > maxDER || b[0] != 0x30 || int(b[1]) != len(b)-2 {
		return s, false // a length below 128 is always one byte, the long form is not DER
	}
	rest, ok := parseInt(b[2:], s[:32])
	if !ok {
		return s, false
	}
	rest, ok = parseInt(rest, s[32:])
	return s, ok && len(rest) == 0
}

// parseInt reads one non-negative INTEGER of at most 32 bytes into the right end
// of dst, which is 32 zero bytes, and returns what follows it.
func parseInt(b, dst []byte) (rest []byte, ok bool) {
	if len(b) < 2 || b[0] != 0x02 {
		return nil, false
	}
	n, b := int(b[1]), b[2:]
	if n < 1 || n > len(b) || n > 33 {
		return nil, false
	}
	v, rest := b[:n], b[n:]
	switch {
	case v[0] >= 0x80:
		return nil, false // negative
	case v[0] == 0 && n > 1 && v[1] < 0x80:
		return nil, false // not minimal
	case v[0] == 0:
		v = v[1:]
	case n == 33:
		return nil, false // above 2²⁵⁶
	}
	copy(dst[32-len(v):], v)
	return rest, true
}

// appendDER appends the DER form to b; it does not allocate when b has room.
func (s Signature) appendDER(b []byte) []byte {
	start := len(b)
	b = append(b, 0x30, 0)
	b = appendInt(b, s[:32])
	b = appendInt(b, s[32:])
	b[start+1] = byte(len(b) - start - 2)
	return b
}

func appendInt(b, v []byte) []byte {
	for len(v) > 1 && v[0] == 0 {
		v = v[1:]
	}
	if v[0] >= 0x80 {
		b = append(b, 0x02, byte(len(v)+1), 0)
	} else {
		b = append(b, 0x02, byte(len(v)))
	}
	return append(b, v...)
}

// inRange reports whether v, 32 bytes, is in 1 … n−1. Signatures are public, so
// the time it takes tells nothing.
func inRange(v []byte) bool {
	return bytes.Compare(v, []byte(order)) < 0 && !bytes.Equal(v, make([]byte, 32))
}
