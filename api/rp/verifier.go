package rp

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"time"
)

const (
	tokenType = "countersign+jwt"
	maxToken  = 8 << 10
	// defaultLeeway forgives two machines' clocks as much as most libraries do.
	defaultLeeway = 60 * time.Second
)

// A Verifier checks tokens of one issuer for one service. It fetches the
// issuer's keys when it first needs them and keeps them as long as the issuer
// says; when the issuer is down it goes on with those it has for a day. It may
// be used by many goroutines, and by pointer only.
type Verifier struct {
	// Issuer is the server's base URL, as in discovery and in the tokens' iss.
	Issuer string
	// Audience is this service's id, which must be in aud.
	Audience string
	// HTTP fetches the keys instead of http.DefaultClient; redirects are not
	// followed.
	HTTP *http.Client
	// Leeway is how much the clocks may differ. 0: 60 s; negative: not at all.
	Leeway time.Duration
	// RefreshEvery is the least time between two fetches that unknown keys
	// cause, so that forged tokens cannot make this service a burden to the
	// issuer. 0: one minute.
	RefreshEvery time.Duration
	// Now is the clock; nil: time.Now.
	Now func() time.Time

	keys keyCache
}

func (v *Verifier) now() time.Time {
	if v.Now != nil {
		return v.Now()
	}
	return time.Now()
}

// Verify checks a token: its form, that it is a countersign+jwt (other tokens of
// the issuer are not approvals), that ES256 and the named key of the issuer
// signed it, its issuer, audience and times. The error says which of these
// failed, see [ErrMalformed] and those below it. That the token answers what
// this service started is for the caller to compare: see the package comment.
func (v *Verifier) Verify(ctx context.Context, jwt string) (Token, error) {
	claims, err := v.open(ctx, jwt, tokenType)
	if err != nil {
		return Token{}, err
	}
	t, err := tokenOf(claims)
	if err != nil {
		return Token{}, err
	}
	if err := v.check(t); err != nil {
		return Token{}, err
	}
	return t, nil
}

// open checks the form, type and signature of a token.
func (v *Verifier) open(ctx context.Context, jwt, typ string) (map[string]any, error) {
	p, err := split(jwt)
	if err != nil {
		return nil, err
	}
	kid, err := p.kid(typ)
	if err != nil {
		return nil, err
	}
	key, err := v.key(ctx, kid)
	if err != nil {
		return nil, err
	}
	if !p.signedBy(key) {
		return nil, ErrSignature
	}
	return object(p.claims)
}

// check holds a token against who reads it and when.
func (v *Verifier) check(t Token) error {
	leeway := v.Leeway
	if leeway == 0 {
		leeway = defaultLeeway
	}
	return t.check(v.Issuer, v.Audience, v.now(), max(leeway, 0))
}

// parts are a compact serialisation, decoded.
type parts struct {
	header, claims, signature []byte
	signed                    string // the text that was signed
}

func split(jwt string) (parts, error) {
	// The decoder skips newlines, which would give one token many texts.
	fields := strings.Split(jwt, ".")
	if len(jwt) > maxToken || len(fields) != 3 || strings.ContainsAny(jwt, "\r\n") {
		return parts{}, ErrMalformed
	}
	var decoded [3][]byte
	for i, f := range fields {
		var err error
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(f); err != nil {
			return parts{}, ErrMalformed
		}
	}
	return parts{decoded[0], decoded[1], decoded[2], jwt[:len(fields[0])+1+len(fields[1])]}, nil
}

// kid reads the header: the algorithm is this package's choice, never the
// token's (RFC 8725 §3.1).
func (p parts) kid(typ string) (string, error) {
	header, err := object(p.header)
	if err != nil {
		return "", err
	}
	if header["alg"] != "ES256" {
		return "", ErrSignature
	}
	if header["typ"] != typ { // RFC 8725 §3.11
		return "", ErrType
	}
	if _, given := header["crit"]; given { // RFC 7515 §4.1.11: nothing is understood
		return "", ErrMalformed
	}
	kid, _ := header["kid"].(string)
	if kid == "" {
		return "", ErrKey
	}
	return kid, nil
}

// signedBy checks r‖s, 32 bytes each (RFC 7518 §3.4).
func (p parts) signedBy(key *ecdsa.PublicKey) bool {
	if len(p.signature) != 64 {
		return false
	}
	sum := sha256.Sum256([]byte(p.signed))
	return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(p.signature[:32]), new(big.Int).SetBytes(p.signature[32:]))
}

// object reads a JSON object by its exact names, which a struct would not.
func object(b []byte) (map[string]any, error) {
	var members map[string]any
	if json.Unmarshal(b, &members) != nil || members == nil {
		return nil, ErrMalformed
	}
	return members, nil
}

// tokenKey is where Require puts the token.
type tokenKey struct{}

// Require lets requests through to next that bring a good token in their
// Authorization header (RFC 6750 §2.1), which next finds by [From]. Others get
// 401 and the reason, or 503 when the keys cannot be had.
func (v *Verifier) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, jwt, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "a token is required", http.StatusUnauthorized)
			return
		}
		t, err := v.Verify(r.Context(), strings.TrimSpace(jwt))
		if err != nil {
			refuse(w, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenKey{}, t)))
	})
}

func refuse(w http.ResponseWriter, err error) {
	if errors.Is(err, ErrUnavailable) {
		w.Header().Set("Retry-After", "5")
		http.Error(w, ErrUnavailable.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token", error_description="`+err.Error()+`"`)
	http.Error(w, err.Error(), http.StatusUnauthorized)
}

// From gives the token of a request that [Verifier.Require] let through.
func From(ctx context.Context) (Token, bool) {
	t, ok := ctx.Value(tokenKey{}).(Token)
	return t, ok
}
