package keyring

import (
	"crypto"
	"encoding/binary"
	"fmt"
	"time"

	"countersign/crypto/p256"

	"github.com/golang-jwt/jwt/v5"
)

// Key is a key that signs tokens, and its times, all UTC in whole seconds. It is
// an immutable value.
type Key struct {
	// ID is the kid: the RFC 7638 thumbprint of the public half.
	ID string
	// Created is when the key was made; it is published from then on.
	Created time.Time
	// ActiveFrom is when it begins to sign, later than Created so that everyone
	// has fetched it by then.
	ActiveFrom time.Time
	// RetireAt is when it is published no more: after the last token it signed
	// has expired. Zero: no other key has taken its place yet.
	RetireAt time.Time

	private p256.PrivateKey
}

// NewKey makes a new key that signs from activeFrom on. Both times lose their
// fraction of a second.
func NewKey(now, activeFrom time.Time) (Key, error) {
	private, err := p256.GenerateKey()
	if err != nil {
		return Key{}, fmt.Errorf("keyring: new key: %w", err)
	}
	return newKey(private, now, activeFrom, time.Time{}), nil
}

func newKey(private p256.PrivateKey, created, activeFrom, retireAt time.Time) Key {
	return Key{
		ID:         private.Public().Thumbprint(),
		Created:    wholeSecond(created),
		ActiveFrom: wholeSecond(activeFrom),
		RetireAt:   wholeSecond(retireAt),
		private:    private,
	}
}

func wholeSecond(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// Seal returns the key for storage: its scalar, sealed for purpose SigningKey.
// The three times are not in it but bound to it, so the store can neither bring a
// retired key back nor keep a new one from its turn; a key whose RetireAt was set
// must be sealed again. The ID needs no binding, since it is computed from the
// scalar.
func (k Key) Seal(m *Master) []byte {
	return m.Seal(SigningKey, keyAAD(k.Created, k.ActiveFrom, k.RetireAt), k.private.Scalar())
}

// OpenKey returns the key that [Key.Seal] sealed while it had these times (a
// fraction of a second does not count), and the secret it was sealed with. All
// trouble is [ErrOpen].
func OpenKey(m *Master, sealed []byte, created, activeFrom, retireAt time.Time) (Key, SecretID, error) {
	scalar, id, err := m.Open(SigningKey, keyAAD(created, activeFrom, retireAt), sealed)
	if err != nil {
		return Key{}, 0, err
	}
	private, err := p256.NewPrivateKey(scalar)
	if err != nil {
		return Key{}, 0, ErrOpen
	}
	return newKey(private, created, activeFrom, retireAt), id, nil
}

// keyAAD is the three times as unix seconds, eight bytes big-endian each.
func keyAAD(times ...time.Time) []byte {
	var aad []byte
	for _, t := range times {
		aad = binary.BigEndian.AppendUint64(aad, uint64(wholeSecond(t).Unix()))
	}
	return aad
}

// Public returns the public half.
func (k Key) Public() p256.PublicKey { return k.private.Public() }

// Sign returns claims as a signed token: ES256 (RFC 7518 §3.4), with alg, kid and
// typ in the header. It is deterministic: the same key, typ and claims give the
// same bytes on every node, so a token delivered again is the same token. The
// one error is [ErrClaims]. jwt.RegisteredClaims writes aud as an array; who
// wants a string brings a type of his own.
func (k Key) Sign(typ string, claims jwt.Claims) (string, error) {
	token := jwt.NewWithClaims(es256{}, claims)
	token.Header["kid"] = k.ID
	token.Header["typ"] = typ
	signed, err := token.SignedString(k.private)
	if err != nil {
		// The cause may quote a claim.
		return "", ErrClaims
	}
	return signed, nil
}

// Signer returns the key for libraries that sign through [crypto.Signer], as
// deterministically as Sign; see [p256.PrivateKey.Signer].
func (k Key) Signer() crypto.Signer { return k.private.Signer() }

// Format implements [fmt.Formatter]: every verb prints the kid.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "keyring.Key(%s)", k.ID) }

// es256 is the jwt.SigningMethod "ES256" without randomness. The library's own
// always reads some. It is handed to each token and not registered, so what the
// library verifies with stays the library's.
type es256 struct{}

// Alg returns "ES256".
func (es256) Alg() string { return jwt.SigningMethodES256.Alg() }

// Sign takes a p256.PrivateKey.
func (es256) Sign(text string, key any) ([]byte, error) {
	private, ok := key.(p256.PrivateKey)
	if !ok {
		return nil, jwt.ErrInvalidKeyType
	}
	s := private.Sign([]byte(text))
	return s[:], nil
}

// Verify takes a p256.PublicKey.
func (es256) Verify(text string, sig []byte, key any) error {
	public, ok := key.(p256.PublicKey)
	if !ok {
		return jwt.ErrInvalidKeyType
	}
	if len(sig) != len(p256.Signature{}) || !public.Verify([]byte(text), p256.Signature(sig)) {
		return jwt.ErrTokenSignatureInvalid
	}
	return nil
}
