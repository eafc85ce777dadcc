package keyring

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"countersign/crypto/p256"

	"github.com/golang-jwt/jwt/v5"
)

const (
	maxToken    = 8 << 10
	maxKeySet   = 64 << 10
	maxKeyCount = 64

	// iatLeeway is how far in the future a token may have been issued: the
	// clocks of two machines differ. Nothing else has leeway.
	iatLeeway = 60 * time.Second
)

// PublicSet is a set of keys to verify tokens with, named by their thumbprints:
// what a relying party makes of the JWKS document. It is an immutable value; the
// zero value is empty and verifies nothing.
type PublicSet struct {
	keys []publicKey
}

type publicKey struct {
	kid string
	p256.PublicKey
}

// jwk is one key of the document, and the members that must not be there.
type jwk struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
	Kid string `json:"kid"`
	Alg string `json:"alg"`
	Use string `json:"use"`

	D json.RawMessage `json:"d,omitempty"`
	K json.RawMessage `json:"k,omitempty"`
}

// JWKS returns the set as a JSON Web Key Set (RFC 7517 §5).
func (s PublicSet) JWKS() []byte {
	keys := make([]jwk, len(s.keys))
	for i, k := range s.keys {
		x, y := k.JWK()
		keys[i] = jwk{Kty: "EC", Crv: "P-256", X: x, Y: y, Kid: k.kid, Alg: "ES256", Use: "sig"}
	}
	b, err := json.Marshal(map[string][]jwk{"keys": keys})
	if err != nil {
		panic("keyring: strings do not marshal")
	}
	return b
}

// ParseJWKS reads the key set of a server that speaks this protocol, at most
// 64 KiB and 64 keys. Keys that are not EC, P-256, "sig" and ES256 are skipped, as
// RFC 7517 §5 asks. A P-256 key must be a point on the curve and its kid its
// thumbprint, none may come twice, and no key may show a private or symmetric
// part; else the error is [ErrKeySet].
func ParseJWKS(b []byte) (PublicSet, error) {
	if len(b) > maxKeySet {
		return PublicSet{}, fmt.Errorf("%w: more than 64 KiB", ErrKeySet)
	}
	var doc struct {
		Keys *[]jwk `json:"keys"`
	}
	if err := json.Unmarshal(b, &doc); err != nil || doc.Keys == nil || len(*doc.Keys) > maxKeyCount {
		return PublicSet{}, fmt.Errorf("%w: not a JSON Web Key Set", ErrKeySet)
	}
	var s PublicSet
	for i, k := range *doc.Keys {
		if k.D != nil || k.K != nil {
			return PublicSet{}, fmt.Errorf("%w: key %d shows a secret", ErrKeySet, i+1)
		}
		if k.Kty != "EC" || k.Crv != "P-256" || (k.Use != "" && k.Use != "sig") || (k.Alg != "" && k.Alg != "ES256") {
			continue
		}
		key, err := p256.ParseJWK(k.Kty, k.Crv, k.X, k.Y)
		if err != nil || key.Thumbprint() != k.Kid {
			return PublicSet{}, fmt.Errorf("%w: key %d is not valid, or its kid not its thumbprint", ErrKeySet, i+1)
		}
		if _, twice := s.find(k.Kid); twice {
			return PublicSet{}, fmt.Errorf("%w: key %d comes twice", ErrKeySet, i+1)
		}
		s.keys = append(s.keys, publicKey{k.Kid, key})
	}
	return s, nil
}

// Len returns the number of keys.
func (s PublicSet) Len() int { return len(s.keys) }

func (s PublicSet) find(kid string) (p256.PublicKey, bool) {
	for _, k := range s.keys {
		if k.kid == kid {
			return k.PublicKey, true
		}
	}
	return p256.PublicKey{}, false
}

// Verify checks a token and reads its claims, in the way jwt.ParseWithClaims
// does: claims is an empty value to fill, a pointer or jwt.MapClaims. The token holds if
//
//   - it is at most 8 KiB, a JWS compact serialisation in its one canonical text;
//   - its alg is ES256, its typ is typ exactly, its header has no crit, its kid
//     names a key of the set, and that key signed it;
//   - its iss is issuer, and audience is in its aud; neither may be empty;
//   - now is before its exp, which it must have, and not before its nbf; its iat
//     is at most 60 s after now.
//
// Else the error is [ErrToken] with a reason, and claims may hold what a stranger
// wrote: do not look at it.
func (s PublicSet) Verify(token, typ, issuer, audience string, now time.Time, claims jwt.Claims) error {
	// The library takes an empty issuer or audience for "do not check".
	if typ == "" || issuer == "" || audience == "" {
		return fmt.Errorf("%w: nothing to check it against", ErrToken)
	}
	// The base64 decoder skips newlines, which would give one token many texts.
	if len(token) > maxToken || strings.ContainsAny(token, "\r\n") {
		return fmt.Errorf("%w: too long or malformed", ErrToken)
	}
	methods := jwt.WithValidMethods([]string{jwt.SigningMethodES256.Alg()})
	parser := jwt.NewParser(methods, jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	if _, err := parser.ParseWithClaims(token, claims, s.keyFor(typ)); err != nil {
		return fmt.Errorf("%w: %s", ErrToken, reason(err))
	}
	clock := jwt.WithTimeFunc(func() time.Time { return now })
	strict := jwt.NewValidator(clock, jwt.WithExpirationRequired(),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience))
	lenient := jwt.NewValidator(clock, jwt.WithIssuedAt(), jwt.WithLeeway(iatLeeway))
	if err := errors.Join(strict.Validate(claims), lenient.Validate(claims)); err != nil {
		return fmt.Errorf("%w: %s", ErrToken, reason(err))
	}
	return nil
}

var (
	errType = errors.New("wrong typ")
	errKid  = errors.New("unknown kid")
	errCrit = errors.New("crit not understood")
)

// keyFor chooses the key by the header, after the library has pinned alg.
func (s PublicSet) keyFor(typ string) jwt.Keyfunc {
	return func(t *jwt.Token) (any, error) {
		if t.Header["typ"] != typ {
			return nil, errType
		}
		if _, ok := t.Header["crit"]; ok { // RFC 7515 §4.1.11
			return nil, errCrit
		}
		kid, _ := t.Header["kid"].(string)
		key, ok := s.find(kid)
		if !ok {
			return nil, errKid
		}
		return key.ECDSA(), nil
	}
}

// reason names the cause from a closed list: the library's own texts may quote
// the token.
func reason(err error) string {
	for _, known := range []error{
		errType, errKid, errCrit, jwt.ErrTokenExpired, jwt.ErrTokenNotValidYet,
		jwt.ErrTokenUsedBeforeIssued, jwt.ErrTokenInvalidIssuer, jwt.ErrTokenInvalidAudience,
		jwt.ErrTokenRequiredClaimMissing, jwt.ErrTokenSignatureInvalid,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "malformed"
}
