package oidc

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"countersign/crypto/p256"
	"countersign/device"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// This file is what the provider has to do with operators. Their scopes are granted to
// identities of the configuration alone, through clients of the configuration alone, and
// by nothing but a phone that has shown them. An access token with one is for the
// operators' API and nothing else (RFC 9068 §2.2: one token, one resource), lives
// shortly, and is never had by a refresh token.

const (
	pathAdmin    = "/admin"         // its address under the issuer is the audience
	operatorLife = 10 * time.Minute // of an operator's access token
)

// ErrOperator says that an access token lets nobody into the operators' API.
var ErrOperator = errors.New("oidc: no operator's access token")

// An Operator is who asks the operators' API.
type Operator struct {
	Identity device.TokenID
	Changes  bool // has [device.OperatorAdmin], not only [device.OperatorAudit]
}

// operatorScopes are those of operators in a scope parameter.
func operatorScopes(scope string) (out []device.Scope) {
	for _, name := range strings.Fields(scope) {
		if s := device.Scope(name); s.OfOperators() && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// plain are the scopes without those of operators.
func plain(scopes []device.Scope) []device.Scope {
	out := []device.Scope{}
	for _, s := range scopes {
		if !s.OfOperators() {
			out = append(out, s)
		}
	}
	return out
}

// shown are the scopes that a phone is to show. What operators may do is among them in
// no browser login's consent, so single sign-on never covers it.
func (l *login) shown() []device.Scope {
	out := asked(l.as.Scopes, l.party)
	if l.party.Operators {
		out = append(out, operatorScopes(l.as.Scopes)...)
	}
	return out
}

// operating are the operators' scopes that an approval grants.
func (l *login) operating(granted []device.Scope, who device.TokenID) (out []device.Scope) {
	if !l.party.Operators || !slices.Contains(l.Operators, who) {
		return nil
	}
	for _, s := range granted {
		if s.OfOperators() {
			out = append(out, s)
		}
	}
	return out
}

// withoutOperators is a scope parameter without the scopes of operators.
func withoutOperators(scope string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(scope), func(s string) bool { return device.Scope(s).OfOperators() }), " ")
}

// audience is the resource that an access token is for.
func (p *Provider) audience(t *goidc.Token) string {
	if len(operatorScopes(t.Scopes)) > 0 {
		return p.Issuer + pathAdmin
	}
	return p.Issuer + pathUserinfo
}

// tokenLife is how long an access token of a grant lives.
func (p *Provider) tokenLife(g *goidc.Grant, client string) time.Duration {
	life := p.party(client).TokenTTL
	if len(operatorScopes(g.Scopes)) > 0 {
		life = min(life, operatorLife)
	}
	return life
}

// refreshed takes from a grant what no refresh token gives.
func refreshed(g *goidc.Grant) { g.Scopes = withoutOperators(g.Scopes) }

// Operator finds who asks the operators' API by an access token, as which scheme it was
// sent. What was granted is looked up, so that it ends with the grant, the phone, the
// identity, and with the configuration. ErrOperator; what the Vault says.
func (p *Provider) Operator(r *http.Request, scheme, token string) (Operator, error) {
	head, claims, ok := peek(token)
	if !ok || head.Type != "at+jwt" || !onlyFor(claims.Audience, p.Issuer+pathAdmin) {
		return Operator{}, ErrOperator
	}
	// The library checks signature, issuer and time, and finds the grant; for no client,
	// so that a pairwise subject is the identity's own.
	info, err := p.library.Introspect(r.Context(), token)
	if err != nil {
		return Operator{}, err
	}
	who, scopes := tokenID(info.Subject), operatorScopes(info.Scopes)
	party, known := p.Parties.Party(info.ClientID)
	if !info.IsActive || !known || !party.Operators || !slices.Contains(p.Operators, who) || len(scopes) == 0 {
		return Operator{}, ErrOperator
	}
	want := "Bearer"
	if bound := claims.Confirmation.Thumbprint; bound != "" {
		want = "DPoP"
		if err := p.proven(r, token, bound); err != nil {
			return Operator{}, err
		}
	}
	if !strings.EqualFold(scheme, want) {
		return Operator{}, ErrOperator
	}
	return Operator{who, slices.Contains(scopes, device.OperatorAdmin)}, nil
}

// A proof is a DPoP proof (RFC 9449 §4.2).
type proof struct {
	head struct {
		Type string `json:"typ"`
		Alg  string `json:"alg"`
		Key  struct {
			Kty string          `json:"kty"`
			Crv string          `json:"crv"`
			X   string          `json:"x"`
			Y   string          `json:"y"`
			D   json.RawMessage `json:"d"`
		} `json:"jwk"`
	}
	claims struct {
		ID       string `json:"jti"`
		Method   string `json:"htm"`
		URI      string `json:"htu"`
		IssuedAt *int64 `json:"iat"`
		Token    string `json:"ath"`
	}
}

// readProof takes a proof apart, and gives the thumbprint of the key that it is signed by.
func readProof(text string) (x proof, thumbprint string, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return x, "", false
	}
	for i, into := range []any{&x.head, &x.claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(b, into) != nil {
			return x, "", false
		}
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(signature) != len(p256.Signature{}) || x.head.Type != "dpop+jwt" || x.head.Alg != string(goidc.ES256) || x.head.Key.D != nil {
		return x, "", false
	}
	key, err := p256.ParseJWK(x.head.Key.Kty, x.head.Key.Crv, x.head.Key.X, x.head.Key.Y)
	if err != nil || !key.Verify([]byte(parts[0]+"."+parts[1]), p256.Signature(signature)) {
		return x, "", false
	}
	return x, key.Thumbprint(), true
}

// proven checks the DPoP proof of a request that is not one of the library's (RFC 9449
// §4.3, §7.1). ErrOperator.
func (p *Provider) proven(r *http.Request, token, bound string) error {
	values := r.Header.Values("DPoP")
	if len(values) != 1 {
		return ErrOperator
	}
	x, thumbprint, ok := readProof(values[0])
	sum := sha256.Sum256([]byte(token))
	now := p.Now()
	switch {
	case !ok, subtle.ConstantTimeCompare([]byte(thumbprint), []byte(bound)) != 1, x.claims.ID == "" || len(x.claims.ID) > 256,
		x.claims.Method != r.Method, withoutQuery(x.claims.URI) != p.Issuer+r.URL.EscapedPath(),
		x.claims.Token != base64.RawURLEncoding.EncodeToString(sum[:]), x.claims.IssuedAt == nil:
		return ErrOperator
	}
	if at := time.Unix(*x.claims.IssuedAt, 0); at.Before(now.Add(-proofLife)) || at.After(now.Add(leeway)) {
		return ErrOperator
	}
	first, err := p.Vault.Once(r.Context(), "jti "+x.claims.ID, now.Add(2*(proofLife+leeway)))
	if err == nil && !first {
		err = ErrOperator
	}
	return err
}

// operatorDetail is what an event of a grant says of operators.
func operatorDetail(g *goidc.Grant) string {
	var names []string
	for _, s := range operatorScopes(g.Scopes) {
		names = append(names, string(s))
	}
	return strings.Join(names, " ")
}

// noOperators refuses a refresh that asks for what no refresh token gives.
func noOperators(form url.Values) *problem {
	if form.Get("grant_type") == string(goidc.GrantRefreshToken) && len(operatorScopes(form.Get("scope"))) > 0 {
		return &problem{"invalid_scope", "the scopes of operators are approved each time", http.StatusBadRequest}
	}
	return nil
}
