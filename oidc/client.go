package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"countersign/session"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// A Client is what a service is besides a [session.RelyingParty]: an OAuth
// client.
type Client struct {
	ID           string
	RedirectURIs []string
	// Keys is the JWKS of a client that authenticates by private_key_jwt; nil:
	// by its secret, or not at all.
	Keys        []byte
	RequirePAR  bool
	RequireDPoP bool
	// Delivery is how it learns how a CIBA request went; empty: it may make none.
	Delivery Delivery
	// NotificationURI is where it is told, with [Ping].
	NotificationURI string
	// PostLogoutRedirectURIs are where a browser may go after a logout.
	PostLogoutRedirectURIs []string
	// BackchannelLogoutURI is told of the logouts of its users; empty: it is not.
	BackchannelLogoutURI string
}

// A Delivery is a token delivery mode of CIBA Core §5.
type Delivery string

// The deliveries. There is no push: tokens leave by the token endpoint alone.
const (
	Poll Delivery = "poll" // it asks the token endpoint
	Ping Delivery = "ping" // it is told when to ask
)

// CheckKeys says what is wrong with a JWKS of a client: it must have a key that
// signs by ES256, RS256 or PS256, and none with a private part.
func CheckKeys(jwks []byte) error {
	_, err := clientKeys(jwks)
	return err
}

func clientKeys(jwks []byte) (*goidc.JSONWebKeySet, error) {
	set := &goidc.JSONWebKeySet{}
	if err := json.Unmarshal(jwks, set); err != nil {
		return nil, errors.New("is no JWKS with a key this server understands")
	}
	for i, k := range set.Keys {
		if !k.IsPublic() {
			return nil, fmt.Errorf("key %d has a private part: give the public one alone", i+1)
		}
		if k.KeyID == "" {
			return nil, fmt.Errorf("key %d has no kid", i+1)
		}
	}
	return set, nil
}

// keyFits says whether a key that a token names, if there is one, is for the token's
// algorithm.
func keyFits(keys *goidc.JSONWebKeySet, head tokenHead) bool {
	named := func(k goidc.JSONWebKey) bool { return k.KeyID == head.KeyID }
	fits := func(k goidc.JSONWebKey) bool {
		return named(k) && (k.Algorithm == "" || k.Algorithm == head.Algorithm)
	}
	return slices.ContainsFunc(keys.Keys, fits) || !slices.ContainsFunc(keys.Keys, named)
}

// libraryClients are the clients as the library knows them. A client's secret is
// its own name there: what is compared is the hash that its party has.
func (p *Provider) libraryClients() (out []*goidc.Client) {
	for _, c := range p.Clients {
		party, ok := p.Parties.Party(c.ID)
		if !ok {
			continue
		}
		l := &goidc.Client{ID: c.ID, ClientMeta: goidc.ClientMeta{
			Name: party.Name, RedirectURIs: slices.Clone(c.RedirectURIs), GrantTypes: []goidc.GrantType{goidc.GrantAuthorizationCode, goidc.GrantRefreshToken},
			ResponseTypes: []goidc.ResponseType{goidc.ResponseTypeCode}, ScopeIDs: strings.Join(clientScopes(party), " "),
			SubIdentifierType: goidc.SubIdentifierPublic, IDTokenSigAlg: goidc.ES256, TokenAuthnMethod: goidc.AuthnMethodNone,
			PARIsRequired: c.RequirePAR, DPoPTokenBindingIsRequired: c.RequireDPoP,
		}}
		if c.Delivery != "" {
			l.GrantTypes = append(l.GrantTypes, goidc.GrantCIBA)
			l.CIBATokenDeliveryMode, l.CIBANotificationEndpoint = goidc.CIBATokenDeliveryMode(c.Delivery), c.NotificationURI
		}
		if party.Pairwise {
			l.SubIdentifierType = goidc.SubIdentifierPairwise
		}
		switch {
		case c.Keys != nil:
			keys, err := clientKeys(c.Keys)
			if err != nil {
				keys = &goidc.JSONWebKeySet{} // the configuration's check refuses it; nobody gets in by it
			}
			l.TokenAuthnMethod, l.JWKS = goidc.AuthnMethodPrivateKeyJWT, keys
		case party.Authenticates():
			l.TokenAuthnMethod, l.Secret = goidc.AuthnMethodSecretBasic, c.ID
		}
		// RFC 8252 §7.3: a native app's loopback address has any port. The
		// library takes the port off what it is asked for, so the address
		// without it must be known too.
		for _, uri := range c.RedirectURIs {
			if portless, ok := withoutPort(uri); ok {
				l.ApplicationType = goidc.ApplicationTypeNative
				l.RedirectURIs = append(l.RedirectURIs, portless)
			}
		}
		out = append(out, l)
	}
	return out
}

// withoutPort gives a loopback redirect URI without its port; ok is false if it
// is none.
func withoutPort(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" {
		return "", false
	}
	ip := net.ParseIP(u.Hostname())
	if ip == nil || !ip.IsLoopback() {
		return "", false
	}
	if u.Host = u.Hostname(); strings.Contains(u.Host, ":") {
		u.Host = "[" + u.Host + "]"
	}
	return u.String(), true
}

// client finds one of ours.
func (p *Provider) client(id string) (Client, bool) {
	i := slices.IndexFunc(p.Clients, func(c Client) bool { return c.ID == id })
	if i < 0 {
		return Client{}, false
	}
	return p.Clients[i], true
}

// isPublic says whether a client cannot authenticate.
func (p *Provider) isPublic(c Client) bool {
	party, ok := p.Parties.Party(c.ID)
	return ok && c.Keys == nil && !party.Authenticates()
}

// publicOrigins are the origins whose pages are clients of their own: single-page
// applications.
func (p *Provider) publicOrigins() map[string]bool {
	out := map[string]bool{}
	for _, c := range p.Clients {
		if party, ok := p.Parties.Party(c.ID); ok && p.isPublic(c) {
			for _, o := range party.Origins {
				out[o] = true
			}
		}
	}
	return out
}

// errSecret says no more, and is the same for every wrong secret.
var errSecret = errors.New("wrong secret")

// secret compares a client's secret with its party's hash. By RFC 6749 §2.3.1 it
// comes form-urlencoded inside Basic; many clients send it as it is, so both are
// tried.
func (p *Provider) secret(_ context.Context, id, presented string) error {
	party, ok := p.Parties.Party(id)
	if !ok {
		return errSecret
	}
	good := party.Secret(presented)
	if decoded, err := url.QueryUnescape(presented); err == nil && party.Secret(decoded) {
		good = true
	}
	if !good {
		return errSecret
	}
	return nil
}

// plainBasic decodes the client id inside Basic, which the library takes as it
// is, if that is how it names a client.
func (p *Provider) plainBasic(r *http.Request) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		return
	}
	if _, known := p.client(id); known {
		return
	}
	if decoded, err := url.QueryUnescape(id); err == nil && decoded != id {
		if _, known := p.client(decoded); known {
			r.SetBasicAuth(decoded, secret)
		}
	}
}

// claimedClient is the client that a request to an endpoint without a browser
// names, authenticated or not.
func (p *Provider) claimedClient(r *http.Request) (Client, bool) {
	id := r.PostForm.Get("client_id")
	if _, claims, ok := peek(r.PostForm.Get("client_assertion")); ok {
		id = claims.Subject
	}
	if basic, _, ok := r.BasicAuth(); ok {
		id = basic
	}
	return p.client(id)
}

// mayIntrospect lets a confidential client ask about its own tokens.
func mayIntrospect(_ context.Context, c *goidc.Client, info goidc.TokenInfo) bool {
	return !c.IsPublic() && info.ClientID == c.ID
}

// mayRevoke lets every client revoke its own tokens: the library compares whose
// they are.
func mayRevoke(context.Context, *goidc.Client) bool { return true }

// subject is an identity's sub for a pairwise client.
func (p *Provider) subject(_ context.Context, sub string, c *goidc.Client) string {
	party, ok := p.Parties.Party(c.ID)
	if !ok {
		return ""
	}
	return string(party.Subject(tokenID(sub)))
}

func (p *Provider) party(id string) session.RelyingParty {
	party, _ := p.Parties.Party(id) // libraryClients made no client without one
	return party
}
