package rp

import (
	"math"
	"slices"
	"strings"
	"time"
)

// A Token is what an approval says, every check of [Verifier.Verify] passed.
type Token struct {
	// Subject is who approved: the tokenId, or the service's pairwise id.
	Subject string
	// Session is the session approved (sid).
	Session string
	// Nonce is the random of the start: compare it with the one kept.
	Nonce string
	// ClientNonce is the start's, or empty.
	ClientNonce string
	// ACR says how the code travelled: urn:countersign:typed, :scanned,
	// :same-device or :compared.
	ACR string
	// AMR are the methods (RFC 8176): swk or hwk, and otp when a code was typed.
	AMR []string
	// Scope lists what the user agreed to, which may be less than was asked.
	Scope []string
	// ID is the jti, one per session whoever delivers it.
	ID string
	// IssuedAt and ExpiresAt are whole seconds, UTC.
	IssuedAt, ExpiresAt time.Time
	// Operation is what was approved beyond a login; zero: nothing.
	Operation Approved
	// Claims are all claims by name, as encoding/json has them: those of the
	// scopes, such as name, too.
	Claims map[string]any
}

// An Approved is an operation as a token names it.
type Approved struct {
	Name     string
	DataHash string // compare it with [DataHash] of the data that was sent
}

// tokenOf reads the claims that the checks are about; what every token has must
// be there.
func tokenOf(claims map[string]any) (Token, error) {
	text := func(name string) string { s, _ := claims[name].(string); return s }
	t := Token{Subject: text("sub"), Session: text("sid"), Nonce: text("nonce"), ClientNonce: text("client_nonce"),
		ACR: text("acr"), AMR: texts(claims["amr"]), Scope: strings.Fields(text("scope")), ID: text("jti"), Claims: claims}
	var issued, expires bool
	t.IssuedAt, issued = numericDate(claims["iat"])
	t.ExpiresAt, expires = numericDate(claims["exp"])
	if !issued || !expires || t.Subject == "" || t.Session == "" {
		return Token{}, ErrMalformed
	}
	if op, given := claims["op"]; given {
		members, _ := op.(map[string]any)
		t.Operation.Name, _ = members["name"].(string)
		t.Operation.DataHash, _ = members["dataHash"].(string)
		if t.Operation.Name == "" || t.Operation.DataHash == "" {
			return Token{}, ErrMalformed
		}
	}
	return t, nil
}

// check holds the claims against who reads them and when.
func (t Token) check(issuer, audience string, now time.Time, leeway time.Duration) error {
	if iss, _ := t.Claims["iss"].(string); issuer == "" || iss != issuer {
		return ErrIssuer
	}
	if audience == "" || !slices.Contains(texts(t.Claims["aud"]), audience) {
		return ErrAudience
	}
	if !now.Before(t.ExpiresAt.Add(leeway)) {
		return ErrExpired
	}
	if t.IssuedAt.After(now.Add(leeway)) {
		return ErrNotYet
	}
	if nbf, given := t.Claims["nbf"]; given {
		if from, ok := numericDate(nbf); !ok {
			return ErrMalformed
		} else if from.After(now.Add(leeway)) {
			return ErrNotYet
		}
	}
	return nil
}

// texts reads a text or a list of texts (RFC 7519 §4.1.3); anything else is none.
func texts(v any) []string {
	if s, ok := v.(string); ok {
		return []string{s}
	}
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			return nil
		}
		out = append(out, s)
	}
	return out
}

// numericDate reads seconds since 1970 (RFC 7519 §2); they lose their fraction.
func numericDate(v any) (time.Time, bool) {
	seconds, ok := v.(float64)
	if !ok || seconds < 0 || seconds >= math.MaxInt32*1000.0 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0).UTC(), true
}
