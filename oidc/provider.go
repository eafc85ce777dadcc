package oidc

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"time"

	"countersign/audit"
	"countersign/crypto/keyring"
	"countersign/device"
	"countersign/notify"
	"countersign/operation"
	"countersign/passkey"
	"countersign/session"
	"countersign/web"
	"countersign/web/cookie"

	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"
)

// Lifetimes that are no configuration.
const (
	codeLife    = time.Minute         // RFC 9700 §2.1.1 wants them short
	refreshLife = 30 * 24 * time.Hour // of a grant, however often its token rotates
	pushedLife  = time.Minute         // of a request_uri
	requestLife = 11 * time.Minute    // of an authorization request: longer than its operation
	proofLife   = 5 * time.Minute     // of a DPoP proof and of a client's assertion
	leeway      = 10 * time.Second    // for clocks of clients
	retryAfter  = "1"                 // seconds, when the store cannot be reached
)

// A Provider is the OpenID Provider of an issuer. Its members are set before
// Handler is called.
type Provider struct {
	Issuer  string
	Clients []Client
	Parties session.Parties
	// Pairwise: some service has subjects of its own.
	Pairwise bool
	Keys     interface {
		Active(now time.Time) (keyring.Key, bool)
		Ring() keyring.Ring
	}
	Operations Operations
	Passkeys   *passkey.Service
	Identities interface {
		Identity(ctx context.Context, id device.TokenID) (device.Identity, error)
	}
	Sessions Sessions
	Vault    Vault
	Limiter  Limiter
	Pages    interface {
		SignOut(w http.ResponseWriter, r *http.Request, s web.SignOut) error
		Notice(w http.ResponseWriter, r *http.Request, n web.Notice) error
	}
	// Outbox tells clients what they want to know.
	Outbox interface {
		Post(ctx context.Context, n notify.Notice) error
	}
	// Operators may be granted the scopes of operators.
	Operators []device.TokenID
	// Browser says how long a browser login lives.
	Browser Lifetimes
	Audit   audit.Recorder
	Log     *slog.Logger
	Now     func() time.Time
	// Unavailable says whether an error means that the store cannot be reached.
	Unavailable func(error) bool

	library *provider.Provider // once Handler was called
}

// Operations are run by the room operation.
type Operations interface {
	Begin(ctx context.Context, n operation.New) (o operation.Operation, secret string, err error)
	Take(ctx context.Context, id operation.ID, secret string) (operation.Operation, error)
}

// Lifetimes end a browser login: Idle after it was last used, Absolute after the
// user was last seen to approve.
type Lifetimes struct{ Idle, Absolute time.Duration }

// jar keeps the cookies of the issuer.
func (p *Provider) jar() cookie.Jar {
	u, err := url.Parse(p.Issuer)
	return cookie.Jar{Insecure: err == nil && u.Scheme == "http"}
}

// Handler serves /oidc/. Paths it does not know it answers 404; see Routes.
func (p *Provider) Handler() (http.Handler, error) {
	library, err := provider.New(p.Issuer, &keeper{p}, p.keySet, p.options()...)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w", err)
	}
	p.library = library
	d := &door{Provider: p, library: library.Handler()}
	d.public = p.publicOrigins()
	mux := http.NewServeMux()
	for _, r := range p.Routes() {
		mux.Handle(r.Method+" "+r.Path, d)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Where a path is written otherwise than it is meant, both muxes would send
		// the browser to it, by the 307 that RFC 9700 §4.12 forbids.
		if path.Clean(r.URL.Path) != r.URL.Path {
			http.NotFound(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}), nil
}

// A Route is one that Handler serves; the path may end in {id}.
type Route struct{ Method, Path string }

// Routes lists what Handler serves.
func (p *Provider) Routes() []Route {
	return []Route{
		{http.MethodGet, pathAuthorize}, {http.MethodPost, pathAuthorize}, {http.MethodGet, pathAuthorize + "/{id}"},
		{http.MethodPost, pathToken}, {http.MethodOptions, pathToken},
		{http.MethodGet, pathUserinfo}, {http.MethodPost, pathUserinfo}, {http.MethodOptions, pathUserinfo},
		{http.MethodPost, pathRevoke}, {http.MethodOptions, pathRevoke},
		{http.MethodPost, pathIntrospect}, {http.MethodPost, pathPAR},
		{http.MethodPost, pathBackchannel},
		{http.MethodGet, pathEndSession}, {http.MethodPost, pathEndSession},
	}
}

// The paths below the issuer.
const (
	pathAuthorize   = "/oidc/authorize"
	pathToken       = "/oidc/token"
	pathUserinfo    = "/oidc/userinfo"
	pathIntrospect  = "/oidc/introspect"
	pathRevoke      = "/oidc/revoke"
	pathPAR         = "/oidc/par"
	pathBackchannel = "/oidc/bc-authorize"
	pathEndSession  = "/oidc/end-session"
)

// options set the library up.
func (p *Provider) options() []provider.Option {
	k := &keeper{p}
	o := []provider.Option{
		provider.WithAuthCodeGrant(k, goidc.ResponseTypeCode), provider.WithAuthCodeLifetime(seconds(codeLife)), provider.WithAuthCodeFunc(random),
		provider.WithRefreshTokenGrant(k), provider.WithRefreshTokenRotation(), provider.WithRefreshTokenFunc(random),
		provider.WithRefreshTokenLifetime(seconds(refreshLife)), provider.WithRefreshTokenShouldIssue(wantsRefresh), provider.WithGrantHandler(absolute),
		provider.WithPKCERequired(goidc.CodeChallengeMethodSHA256), provider.WithIssuerResponseParameter(), provider.WithFormPostResponseMode(),
		provider.WithPAR(k), provider.WithPARLifetime(seconds(pushedLife)), provider.WithPARIDFunc(random), provider.WithPARSessionHandler(p.pushed),
		provider.WithCIBAGrant(k, goidc.CIBADeliveryModePoll, goidc.CIBADeliveryModePing), provider.WithCIBAEndpoint(pathBackchannel),
		provider.WithCIBASessionHandler(p.startBackchannel), provider.WithCIBAIDFunc(random), provider.WithCIBAPollingInterval(seconds(pollEvery)),
		provider.WithDPoP(goidc.ES256), provider.WithJTIConsumer(k.consume),
		provider.WithJWTLifetime(seconds(proofLife)), provider.WithJWTLeewayTime(seconds(leeway)),
		provider.WithSecretBasicAuthn(), provider.WithNoneAuthn(),
		provider.WithPrivateKeyJWTAuthn(goidc.ES256, goidc.RS256, goidc.PS256), provider.WithClientSecretVerifier(p.secret),
		provider.WithTokenIntrospection(mayIntrospect), provider.WithTokenRevocation(mayRevoke), provider.WithTokenRevocationRevokeGrantOnAccessToken(),
		provider.WithAuthorizeEndpoint(pathAuthorize), provider.WithTokenEndpoint(pathToken), provider.WithUserInfoEndpoint(pathUserinfo),
		provider.WithTokenIntrospectionEndpoint(pathIntrospect), provider.WithTokenRevocationEndpoint(pathRevoke), provider.WithPAREndpoint(pathPAR),
		provider.WithSigner(p.signer), provider.WithIDTokenSignatureAlgs(goidc.ES256),
		provider.WithTokenOptions(p.tokenOptions), provider.WithIDTokenClaims(p.idTokenClaims), provider.WithTokenClaims(p.accessTokenClaims),
		provider.WithUserInfoClaims(userinfoClaims), provider.WithJWTIDFunc(random), provider.WithGrantIDFunc(random), provider.WithAuthnSessionIDFunc(random),
		provider.WithSubIdentifierTypes(goidc.SubIdentifierPublic, goidc.SubIdentifierPairwise), provider.WithPairwiseSubject(p.subject),
		provider.WithScopes(libraryScopes()...), provider.WithOpenIDScopeRequired(),
		provider.WithACRs(session.Typed, session.Scanned, session.Compared, session.SameDevice, operation.MessageACR, operation.Offline, operation.PasskeyACR),
		provider.WithDisplayValues(goidc.DisplayValuePage, goidc.DisplayValuePopup, goidc.DisplayValueTouch, goidc.DisplayValueWAP),
		provider.WithAuthSessionLifetime(seconds(requestLife)), provider.WithPolicies(goidc.NewPolicy("login", always, p.authenticate)),
		provider.WithErrorHandler(remember), provider.WithErrorRenderer(p.showError),
	}
	if clients := p.libraryClients(); len(clients) > 0 {
		o = append(o, provider.WithStaticClients(clients[0], clients[1:]...))
	}
	return o
}

// The notices to clients.
const (
	pingNotice   notify.Kind = "ping"   // CIBA Core §10.2
	logoutNotice notify.Kind = "logout" // Back-Channel Logout 1.0
)

// Couriers make the requests of the provider's notices.
func (p *Provider) Couriers() map[notify.Kind]notify.Courier {
	return map[notify.Kind]notify.Courier{pingNotice: p.pingRequest, logoutNotice: p.logoutRequest}
}

func always(*http.Request, *goidc.AuthnSession, *goidc.Client) bool { return true }

func seconds(d time.Duration) int { return int(d / time.Second) }

// random makes an id or secret of 256 bits.
func random(context.Context) string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// errNoKey is an operator's trouble: no key signs yet.
var errNoKey = errors.New("oidc: no active signing key")
