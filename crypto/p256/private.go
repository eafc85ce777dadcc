package p256

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
)

// PrivateKey is the half that signs. The server holds none of a phone's; this is
// for its own token keys, the command line and tests. It prints as the
// thumbprint of its public half, in any format. The zero value is no key, and
// its methods panic.
type PrivateKey struct {
	key    *ecdsa.PrivateKey // a pointer also so that %v of an enclosing struct shows an address
	public PublicKey
}

// GenerateKey makes a new key from the system's randomness.
func GenerateKey() (PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("p256: generate key: %w", err)
	}
	return newPrivateKey(key)
}

// NewPrivateKey makes the key with the given scalar: 32 bytes, big-endian, in
// 1 … n−1, or else [ErrKey].
func NewPrivateKey(scalar []byte) (PrivateKey, error) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("%w: not a private scalar", ErrKey)
	}
	return newPrivateKey(key)
}

// ParsePrivatePEM reads one PEM block "PRIVATE KEY" (PKCS #8, RFC 5958) that
// holds a P-256 key. Around the block only white space may stand. Anything else
// is [ErrKey].
func ParsePrivatePEM(s string) (PrivateKey, error) {
	der, err := onlyBlock(s, "PRIVATE KEY")
	if err != nil {
		return PrivateKey{}, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("%w: not PKCS #8", ErrKey)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return PrivateKey{}, fmt.Errorf("%w: not a P-256 key", ErrKey)
	}
	return newPrivateKey(key)
}

func newPrivateKey(key *ecdsa.PrivateKey) (PrivateKey, error) {
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return PrivateKey{}, fmt.Errorf("%w: no public half", ErrKey)
	}
	public, err := ParsePoint(point)
	return PrivateKey{key: key, public: public}, err
}

// Public returns the public half.
func (k PrivateKey) Public() PublicKey { return k.public }

// Scalar returns the secret: 32 bytes, as [NewPrivateKey] takes them.
func (k PrivateKey) Scalar() []byte {
	b, err := k.key.Bytes()
	if err != nil {
		panic("p256: scalar of a zero key") // the constructors leave no other way
	}
	return b
}

// Sign signs the SHA-256 of text. The signature is deterministic (RFC 6979): the
// same text gives the same bytes, so that a token or a request made a second
// time, on another machine too, is the same token or request.
func (k PrivateKey) Sign(text []byte) Signature {
	digest := sha256.Sum256(text)
	// No reader means RFC 6979.
	der, err := k.key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		panic("p256: sign with a zero key") // the constructors leave no other way
	}
	// Not ParseSignature, which takes any 64 bytes for raw.
	s, ok := parseDER(der)
	if !ok {
		panic("p256: crypto/ecdsa made a signature that is not DER")
	}
	return s
}

// Signer returns the key for libraries that sign through [crypto.Signer]. It
// signs SHA-256 digests alone, with DER as the result, and as deterministically
// as Sign, whatever reader it is given.
func (k PrivateKey) Signer() crypto.Signer { return signer{k} }

type signer struct{ private PrivateKey }

// Public returns an *ecdsa.PublicKey.
func (s signer) Public() crypto.PublicKey { return s.private.public.ECDSA() }

// Sign returns a DER signature of the SHA-256 digest.
func (s signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != crypto.SHA256 || len(digest) != sha256.Size {
		return nil, errors.New("p256: sign: not a SHA-256 digest")
	}
	return s.private.key.Sign(nil, digest, crypto.SHA256)
}

// MarshalPEM returns the key as [ParsePrivatePEM] takes it, unencrypted, with a
// newline at the end.
func (k PrivateKey) MarshalPEM() string {
	der, err := x509.MarshalPKCS8PrivateKey(k.key)
	if err != nil {
		panic("p256: marshal a zero key") // the constructors leave no other way
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// Format implements [fmt.Formatter] for every verb: the thumbprint, never the
// secret.
func (k PrivateKey) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "p256.PrivateKey(%s)", k.public.Thumbprint())
}
