// Package p256 reads, writes and uses the keys of the authenticators: ECDSA on
// P-256 with SHA-256, and nothing else.
//
// Its work is to be strict about form. A key has one accepted DER encoding and
// one accepted JWK encoding; a signature is raw r‖s or strict DER; whatever is
// accepted is a valid point, or numbers in range, and encodes back to what came
// in. Bytes from strangers give [ErrKey] or [ErrSignature], never a panic.
//
// What is signed, and what a signature is worth, is its callers' business. A
// signature must never serve as a name or a replay key: whoever sees one can
// make a second one of it (r, n−s) that verifies as well.
package p256

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
)

const (
	pointSize = 65 // 0x04, x, y (SEC 1 §2.3.3)

	// maxPEM bounds what is looked at: a public key is 178 bytes of PEM, a
	// private one about 250.
	maxPEM = 2048

	// spkiPrefix is all of a SubjectPublicKeyInfo (RFC 5480 §2) before the
	// point. DER has one encoding for each value, so comparing it is parsing it.
	spkiPrefix = "\x30\x59" + // SEQUENCE
		"\x30\x13" + // SEQUENCE
		"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01" + // id-ecPublicKey
		"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07" + // secp256r1
		"\x03\x42\x00" // BIT STRING, no unused bits
)

// PublicKey is a point on P-256, checked to be one when it was parsed. It is an
// immutable value; the zero value is no key and verifies nothing. Compare keys
// with Equal, not with ==.
type PublicKey struct {
	point [pointSize]byte
	key   *ecdsa.PublicKey
}

// ParsePoint reads an uncompressed point: 65 bytes, 0x04 ‖ x ‖ y (SEC 1
// §2.3.3). Compressed points, the point at infinity and points off the curve are
// [ErrKey].
func ParsePoint(b []byte) (PublicKey, error) {
	if len(b) != pointSize || b[0] != 4 {
		return PublicKey{}, fmt.Errorf("%w: not an uncompressed point", ErrKey)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), b)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: not a point on P-256", ErrKey)
	}
	return PublicKey{point: [pointSize]byte(b), key: key}, nil
}

// ParsePEM reads one PEM block "PUBLIC KEY" (RFC 7468 §13) that holds a P-256
// key as SubjectPublicKeyInfo with an uncompressed point. Around the block only
// white space may stand; anything else is [ErrKey].
func ParsePEM(s string) (PublicKey, error) {
	der, err := onlyBlock(s, "PUBLIC KEY")
	if err != nil {
		return PublicKey{}, err
	}
	point, ok := bytes.CutPrefix(der, []byte(spkiPrefix))
	if !ok {
		return PublicKey{}, fmt.Errorf("%w: not the SPKI of an uncompressed P-256 point", ErrKey)
	}
	return ParsePoint(point)
}

// ParseJWK reads the members of a JSON Web Key (RFC 7518 §6.2.1): kty "EC", crv
// "P-256", x and y each exactly 32 bytes in base64url without padding. Anything
// else is [ErrKey].
func ParseJWK(kty, crv, x, y string) (PublicKey, error) {
	if kty != "EC" || crv != "P-256" {
		return PublicKey{}, fmt.Errorf("%w: kty must be EC and crv P-256", ErrKey)
	}
	point := make([]byte, 1, pointSize)
	point[0] = 4
	for _, s := range [2]string{x, y} {
		// A decoder skips newlines; both lengths together leave no room for one.
		b, err := base64.RawURLEncoding.Strict().DecodeString(s)
		if err != nil || len(b) != 32 || len(s) != 43 {
			return PublicKey{}, fmt.Errorf("%w: x and y must be 32 bytes of base64url", ErrKey)
		}
		point = append(point, b...)
	}
	return ParsePoint(point)
}

// onlyBlock returns the content of the one PEM block of the given type in s. The
// decoder of the standard library looks for a block in whatever it is given,
// skipping text and broken blocks before it; here s has to be a block.
func onlyBlock(s, kind string) ([]byte, error) {
	s = strings.TrimSpace(s)
	if len(s) > maxPEM || !strings.HasPrefix(s, "-----BEGIN "+kind+"-----") ||
		strings.Count(s, "-----BEGIN") != 1 {
		return nil, fmt.Errorf("%w: want one PEM block %q", ErrKey, kind)
	}
	block, rest := pem.Decode([]byte(s))
	if block == nil || block.Type != kind || len(block.Headers) != 0 || len(rest) != 0 {
		return nil, fmt.Errorf("%w: want one PEM block %q", ErrKey, kind)
	}
	return block.Bytes, nil
}

// Point returns the 65 bytes of the uncompressed point, as [ParsePoint] takes
// them: the form to store and to compare.
func (k PublicKey) Point() []byte { return k.point[:] }

// PEM returns the key as [ParsePEM] takes it, with a newline at the end.
func (k PublicKey) PEM() string {
	der := append([]byte(spkiPrefix), k.point[:]...)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// JWK returns the members x and y, as [ParseJWK] takes them with kty "EC" and
// crv "P-256".
func (k PublicKey) JWK() (x, y string) {
	return base64.RawURLEncoding.EncodeToString(k.point[1:33]),
		base64.RawURLEncoding.EncodeToString(k.point[33:])
}

// Thumbprint returns the SHA-256 thumbprint of RFC 7638 in base64url, 43
// characters: the name of the key.
func (k PublicKey) Thumbprint() string {
	x, y := k.JWK()
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + x + `","y":"` + y + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// ECDSA returns the key as the standard library's type, for libraries that want
// it. It is parsed anew, since that type can be changed through its pointers. The
// zero key gives nil.
func (k PublicKey) ECDSA() *ecdsa.PublicKey {
	if k.IsZero() {
		return nil
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), k.point[:])
	if err != nil {
		panic("p256: a parsed key does not parse")
	}
	return key
}

// Equal reports whether k and o are the same key.
func (k PublicKey) Equal(o PublicKey) bool { return k.point == o.point }

// IsZero reports whether k is the zero value, which is no key.
func (k PublicKey) IsZero() bool { return k.key == nil }

// Verify reports whether s is k's signature over the SHA-256 of text. A high s
// is as good as a low one: phones make both.
func (k PublicKey) Verify(text []byte, s Signature) bool {
	if k.IsZero() {
		return false
	}
	digest := sha256.Sum256(text)
	var der [maxDER]byte
	return ecdsa.VerifyASN1(k.key, digest[:], s.appendDER(der[:0]))
}
