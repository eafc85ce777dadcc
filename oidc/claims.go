package oidc

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// facts are what a grant tells of the login it came from.
type facts struct {
	AuthTime int64          `json:"auth_time"`
	AMR      []string       `json:"amr"`
	ACR      string         `json:"acr"`
	SID      string         `json:"sid"`
	Device   device.ID      `json:"device"` // for this server alone
	Claims   map[string]any `json:"claims,omitempty"`
}

const factsName = "facts"

const sidLabel = "countersign-sid-v1\n"

// sid is a browser login's id as a service knows it. One with subjects of its own
// has its own: by a common one, services could tell that two of them are the same
// user's.
func sid(login string, p session.RelyingParty) string {
	if !p.Pairwise {
		return login
	}
	h := hmac.New(sha256.New, p.SubjectKey)
	h.Write([]byte(sidLabel + login))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// put keeps facts in a Store, as a text: numbers keep their form in it.
func (f facts) put(store map[string]any) error {
	b, err := json.Marshal(f)
	store[factsName] = string(b)
	return err
}

func factsOf(store map[string]any) (f facts) {
	text, _ := store[factsName].(string)
	_ = json.Unmarshal([]byte(text), &f) // no facts, no claims
	return f
}

// idTokenClaims are what an id_token has besides the library's own.
func (p *Provider) idTokenClaims(_ context.Context, g *goidc.Grant) map[string]any {
	f := factsOf(g.Store)
	now := p.Now().Unix()
	out := map[string]any{"auth_time": f.AuthTime, "amr": f.AMR, "acr": f.ACR,
		"iat": now, "exp": now + int64(seconds(p.party(g.ClientID).TokenTTL))}
	if f.SID != "" { // a CIBA request is answered without a browser
		out["sid"] = f.SID
	}
	return out
}

// accessTokenClaims are what RFC 9068 asks for besides the library's own. The
// audience is a resource of ours: a client's own API checks for its own.
func (p *Provider) accessTokenClaims(_ context.Context, t *goidc.Token, g *goidc.Grant) map[string]any {
	f := factsOf(g.Store)
	return map[string]any{"aud": p.audience(t), "auth_time": f.AuthTime, "acr": f.ACR, "amr": f.AMR}
}

// userinfoClaims are what the user granted, as far as the access token has it.
func userinfoClaims(ctx context.Context, g *goidc.Grant) map[string]any {
	out, names := factsOf(g.Store).Claims, claimNames(exchangeOf(ctx).scope)
	maps.DeleteFunc(out, func(name string, _ any) bool { return !slices.Contains(names, name) })
	return out
}

func (p *Provider) tokenOptions(_ context.Context, g *goidc.Grant, c *goidc.Client) goidc.TokenOptions {
	return goidc.NewJWTTokenOptions(goidc.ES256, seconds(p.tokenLife(g, c.ID)))
}

// keySet is every key that is published.
func (p *Provider) keySet(context.Context) (goidc.JSONWebKeySet, error) {
	var set goidc.JSONWebKeySet
	now := p.Now()
	for _, k := range p.Keys.Ring().Keys() {
		if k.RetireAt.IsZero() || k.RetireAt.After(now) {
			set.Keys = append(set.Keys, goidc.JSONWebKey{Key: k.Public().ECDSA(), KeyID: k.ID, Algorithm: string(goidc.ES256), Use: string(goidc.KeyUsageSignature)})
		}
	}
	return set, nil
}

// signer is the key that signs now.
func (p *Provider) signer(context.Context, goidc.SignatureAlgorithm) (string, crypto.Signer, error) {
	key, ok := p.Keys.Active(p.Now())
	if !ok {
		return "", nil, errNoKey
	}
	return key.ID, rawSigner{key.Signer()}, nil
}

// rawSigner gives signatures as JWS wants them (RFC 7518 §3.4), because the
// library takes what a signer gives as it is, and signers give DER.
type rawSigner struct{ crypto.Signer }

// Sign implements [crypto.Signer].
func (s rawSigner) Sign(rand io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	der, err := s.Signer.Sign(rand, digest, o)
	if err != nil {
		return nil, fmt.Errorf("oidc: sign: %w", err)
	}
	raw, err := p256.ParseSignature(der)
	if err != nil {
		return nil, fmt.Errorf("oidc: sign: %w", err)
	}
	return raw[:], nil
}

func contains(list, word string) bool { return slices.Contains(strings.Fields(list), word) }
