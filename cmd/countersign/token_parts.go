package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"countersign/crypto/p256"
)

// maxToken is more than any token of ours is long.
const maxToken = 64 << 10

// tokenParts are a JWT taken apart; nothing of it is believed yet.
type tokenParts struct {
	header, claims map[string]any
	signed         string // the text that was signed
	signature      []byte // never printed: with it the rest is a token again
}

// splitToken reads the compact form of RFC 7515 §7.1. Its errors repeat nothing
// of the token.
func splitToken(token string) (p tokenParts, err error) {
	fields := strings.Split(token, ".")
	switch {
	case token == "":
		return p, failf("it is empty")
	case len(token) > maxToken:
		return p, failf("it is longer than %d bytes", maxToken)
	case len(fields) == 1:
		return p, failf("it is one piece and no JWT: a code or a refresh token, which the server alone can read")
	case len(fields) == 5:
		return p, failf("it has five parts: it is encrypted (JWE)")
	case len(fields) != 3:
		return p, failf("it has %d parts between dots, where a JWT has three", len(fields))
	}
	if p.header, err = tokenObject(fields[0]); err != nil {
		return p, fmt.Errorf("its first part, the header, %w", err)
	}
	if p.claims, err = tokenObject(fields[1]); err != nil {
		return p, fmt.Errorf("its second part, the claims, %w", err)
	}
	if p.signature, err = base64.RawURLEncoding.Strict().DecodeString(fields[2]); err != nil {
		return p, failf("its third part, the signature, is not base64url: was it cut off?")
	}
	p.signed = fields[0] + "." + fields[1]
	return p, nil
}

func tokenObject(field string) (members map[string]any, err error) {
	// The decoder would skip a line break within.
	b, err := base64.RawURLEncoding.Strict().DecodeString(field)
	if err != nil || strings.ContainsAny(field, "\r\n") {
		return nil, failf("is not base64url without padding")
	}
	if json.Unmarshal(b, &members) != nil || members == nil {
		return nil, failf("is not a JSON object")
	}
	return members, nil
}

// text is a header or claim that is a text, else empty.
func text(members map[string]any, name string) string {
	s, _ := members[name].(string)
	return s
}

// texts is a claim that is a text or a list of them (RFC 7519 §4.1.3).
func texts(members map[string]any, name string) (all []string) {
	switch v := members[name].(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			if s, ok := e.(string); ok {
				all = append(all, s)
			}
		}
	}
	return all
}

// moment is a claim that is a NumericDate (RFC 7519 §2).
func moment(members map[string]any, name string) (t time.Time, ok bool) {
	seconds, ok := members[name].(float64)
	const lastYear = 253402300799 // 9999-12-31, the last that RFC 3339 can write
	if !ok || seconds < 0 || seconds > lastYear {
		return t, false
	}
	return time.Unix(int64(seconds), 0).UTC(), true
}

// parseKeySet reads the keys for ES256 of a key set (RFC 7517 §5) by their kid;
// others are none of ours.
func parseKeySet(body []byte) (map[string]p256.PublicKey, error) {
	var set struct {
		Keys []struct{ Kty, Crv, X, Y, Kid string } `json:"keys"`
	}
	if json.Unmarshal(body, &set) != nil {
		return nil, failf("the issuer's keys are no JSON Web Key Set")
	}
	keys := map[string]p256.PublicKey{}
	for _, k := range set.Keys {
		if key, err := p256.ParseJWK(k.Kty, k.Crv, k.X, k.Y); err == nil {
			keys[k.Kid] = key
		}
	}
	return keys, nil
}

// harmlessJSON is v indented, with what a terminal would obey, or show in
// another order, written as escapes: strangers write tokens too.
func harmlessJSON(v any) (string, error) {
	var b strings.Builder
	if err := writeJSON(&b, v); err != nil {
		return "", err
	}
	var out strings.Builder
	for _, r := range b.String() {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			out.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.String(), nil
}
