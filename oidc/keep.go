package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/operation"
	"countersign/passkey"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// keeper is the library's storage. The library hands over objects and knows no
// versions, so the version that an object was read with travels in its Store,
// under a name for each kind, because a request's Store becomes its grant's.
type keeper struct{ *Provider }

const (
	requestVersion = "requestVersion"
	grantVersion   = "grantVersion"
)

// tries bounds how often a change that somebody else came before is tried again.
const tries = 20

// Names in the vault.
func codeName(code string) string     { return "code " + code }
func refreshName(token string) string { return "refresh " + token }
func pushedName(id string) string     { return "pushed " + id }

func version(store map[string]any, name string) uint64 {
	v, _ := store[name].(uint64)
	return v
}

// bare is a Store as it is kept.
func bare(store map[string]any) map[string]any {
	out := maps.Clone(store)
	delete(out, requestVersion)
	delete(out, grantVersion)
	return out
}

// missing turns the vault's answer into the library's.
func missing(err error) error {
	if errors.Is(err, ErrNotFound) {
		return goidc.ErrNotFound
	}
	return err
}

// SaveSession implements [goidc.AuthManager]. A request that has ended before it
// was ever written is not: nobody has its id.
func (k *keeper) SaveSession(ctx context.Context, as *goidc.AuthnSession) error {
	had := version(as.Store, requestVersion)
	if exchangeOf(ctx).untouched || had == 0 && as.Status != goidc.StatusPending {
		return nil
	}
	kept := *as
	kept.Store = bare(as.Store)
	shiftRequest(&kept, k.ahead())
	value, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("oidc: request: %w", err)
	}
	rec := Record{Kind: RequestKind, ID: as.ID, Version: had + 1, Value: value, Until: k.there(as.ExpiresAt)}
	if as.AuthReqID != "" {
		rec.Until = rec.Until.Add(expiredKnown)
	}
	switch {
	case had != 0:
	case as.PushedAuthReqID != "":
		rec.Names = []string{pushedName(as.PushedAuthReqID)}
	case as.AuthReqID != "":
		rec.Names = []string{authReqName(as.AuthReqID)}
	}
	if err := k.Vault.Save(ctx, rec); errors.Is(err, ErrConflict) {
		return goidc.WrapError(goidc.ErrorCodeInvalidRequest, "the request has gone on elsewhere", err)
	} else if err != nil {
		return err
	}
	if as.Store == nil {
		as.Store = map[string]any{}
	}
	as.Store[requestVersion] = rec.Version
	return nil
}

func (p *Provider) readRequest(rec Record) (*goidc.AuthnSession, error) {
	as := &goidc.AuthnSession{}
	if err := json.Unmarshal(rec.Value, as); err != nil {
		return nil, fmt.Errorf("oidc: request: %w", err)
	}
	shiftRequest(as, -p.ahead())
	if as.Store == nil {
		as.Store = map[string]any{}
	}
	as.Store[requestVersion] = rec.Version
	return as, nil
}

// Session implements [goidc.AuthManager]: it gives requests that are under way.
func (k *keeper) Session(ctx context.Context, id string) (*goidc.AuthnSession, error) {
	rec, err := k.Vault.Load(ctx, RequestKind, id)
	if err != nil {
		return nil, missing(err)
	}
	as, err := k.readRequest(rec)
	if err == nil && (as.Status != goidc.StatusPending || as.AuthReqID != "") {
		return nil, goidc.ErrNotFound // over, or none that a browser goes on with
	}
	return as, err
}

// SessionByPushedAuthReqID implements [goidc.PARManager]: it gives a request
// once (RFC 9126 §4).
func (k *keeper) SessionByPushedAuthReqID(ctx context.Context, id string) (*goidc.AuthnSession, error) {
	rec, err := k.Vault.Find(ctx, RequestKind, pushedName(id))
	if err != nil {
		return nil, missing(err)
	}
	as, err := k.readRequest(rec)
	if err != nil {
		return nil, err
	}
	first, err := k.Vault.Once(ctx, pushedName(id), k.there(as.ExpiresAt).Add(leeway))
	if err == nil && !first {
		err = goidc.ErrNotFound
	}
	return as, err
}

// SaveGrant implements [goidc.GrantManager]. Of several that change the same
// grant one does; for the others a code or token has been used twice at once,
// which ends the grant.
func (k *keeper) SaveGrant(ctx context.Context, g *goidc.Grant) error {
	if g.RevokedAt != 0 && g.AuthReqID != "" && (g.AuthReqIDConsumedAt == 0 || exchangeOf(ctx).lost) {
		return nil // the library ends a grant for any mistake of its client; this one was not redeemed
	}
	if g.RevokedAt != 0 {
		return k.revoke(ctx, g.ID)
	}
	first := g.AuthReqID != "" && version(g.Store, grantVersion) == 1
	err := k.putGrant(ctx, g)
	if errors.Is(err, ErrConflict) && first {
		// The client itself, which authenticated, asked twice at once, as one that
		// is pinged while it polls. The library would end the grant.
		exchangeOf(ctx).lost = true
		return goidc.WrapError(goidc.ErrorCodeInvalidGrant, "invalid auth_req_id", err)
	}
	if errors.Is(err, ErrConflict) {
		if err := k.reused(ctx, g, "at once"); err != nil {
			return err
		}
		return goidc.WrapError(goidc.ErrorCodeInvalidGrant, "invalid grant", ErrConflict)
	}
	if err != nil || version(g.Store, grantVersion) != 1 {
		return err
	}
	return k.Audit.Record(ctx, audit.Event{Time: k.Now(), Kind: audit.GrantMade, Service: g.ClientID, Token: g.Subject, Detail: operatorDetail(g)})
}

// putGrant writes a grant as the version after the one it was read with.
func (k *keeper) putGrant(ctx context.Context, g *goidc.Grant) error {
	kept := *g
	kept.Store = bare(g.Store)
	shiftGrant(&kept, k.ahead())
	value, err := json.Marshal(kept) //nolint:gosec // the vault seals it
	if err != nil {
		return fmt.Errorf("oidc: grant: %w", err)
	}
	rec := Record{Kind: GrantKind, ID: g.ID, Version: version(g.Store, grantVersion) + 1, Value: value, Until: k.grantEnds(g)}
	if g.AuthCode != "" {
		rec.Names = append(rec.Names, codeName(g.AuthCode))
	}
	if g.AuthReqID != "" {
		rec.Names = append(rec.Names, authReqName(g.AuthReqID))
	}
	if g.RefreshToken != "" {
		rec.Names = append(rec.Names, refreshName(g.RefreshToken))
	}
	if err := k.Vault.Save(ctx, rec); err != nil {
		return err
	}
	if g.Store == nil {
		g.Store = map[string]any{}
	}
	g.Store[grantVersion] = rec.Version
	return nil
}

// grantEnds is when a grant's last access token has expired. It does not move: a
// name in the vault lives as long as the record did when it was given.
func (k *keeper) grantEnds(g *goidc.Grant) time.Time {
	last := k.there(g.CreatedAt).Add(codeLife)
	if g.AuthReqID != "" {
		last = k.there(g.AuthReqIDExpiresAt)
	}
	if g.RefreshToken != "" {
		last = k.there(g.CreatedAt).Add(refreshLife)
	}
	return last.Add(k.party(g.ClientID).TokenTTL + leeway)
}

func (p *Provider) readGrant(rec Record) (*goidc.Grant, error) {
	g := &goidc.Grant{}
	if err := json.Unmarshal(rec.Value, g); err != nil {
		return nil, fmt.Errorf("oidc: grant: %w", err)
	}
	shiftGrant(g, -p.ahead())
	if g.Store == nil {
		g.Store = map[string]any{}
	}
	g.Store[grantVersion] = rec.Version
	return g, nil
}

// revoke ends a grant, whoever else changes it meanwhile.
func (k *keeper) revoke(ctx context.Context, id string) error {
	for range tries {
		rec, err := k.Vault.Load(ctx, GrantKind, id)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		g, err := k.readGrant(rec)
		if err != nil || g.RevokedAt != 0 {
			return err
		}
		g.RevokedAt = k.here(k.Now())
		if err := k.putGrant(ctx, g); errors.Is(err, ErrConflict) {
			continue
		} else if err != nil {
			return err
		}
		return k.Audit.Record(ctx, audit.Event{Time: k.Now(), Kind: audit.GrantRevoked, Service: g.ClientID, Token: g.Subject})
	}
	return fmt.Errorf("%w, %d times", ErrConflict, tries)
}

// reused ends a grant because something single-use of it came twice.
func (k *keeper) reused(ctx context.Context, g *goidc.Grant, what string) error {
	if err := k.revoke(ctx, g.ID); err != nil {
		return err
	}
	return k.Audit.Record(ctx, audit.Event{Time: k.Now(), Kind: audit.TokenReused, Service: g.ClientID, Token: g.Subject, Detail: what})
}

// live gives a grant unless it was revoked or its user may not approve any more.
func (k *keeper) live(ctx context.Context, g *goidc.Grant) (*goidc.Grant, error) {
	if g.RevokedAt != 0 {
		return nil, goidc.ErrNotFound
	}
	f := factsOf(g.Store)
	ok, err := k.mayLogIn(ctx, tokenID(g.Subject), f.Device)
	if err == nil && (!ok || f.AuthTime == 0) { // or its facts cannot be read
		err = goidc.ErrNotFound
	}
	return g, err
}

// mayLogIn says whether an identity is there, and neither revoked nor locked, and
// still has the phone or passkey that approved: what a thief approved ends with it. by
// is empty if neither had a part in it.
func (p *Provider) mayLogIn(ctx context.Context, id device.TokenID, by device.ID) (bool, error) {
	i, err := p.Identities.Identity(ctx, id)
	if errors.Is(err, device.ErrUnknown) {
		return false, nil
	}
	_, has := i.Device(by)
	if err == nil && passkey.Names(by) {
		has, err = p.Passkeys.Holds(ctx, id, by)
		has = has && !slices.Contains(i.Off, string(operation.ByPasskey))
	}
	return err == nil && (has || by == "") && i.Status == device.Active && i.LockedAt(p.Now()) == nil, err
}

// Grant implements [goidc.GrantManager].
func (k *keeper) Grant(ctx context.Context, id string) (*goidc.Grant, error) {
	rec, err := k.Vault.Load(ctx, GrantKind, id)
	if err != nil {
		return nil, missing(err)
	}
	g, err := k.readGrant(rec)
	if err != nil {
		return nil, err
	}
	return k.live(ctx, g)
}

// GrantByAuthCode implements [goidc.AuthManager]. A code used before is given
// too: the library refuses it and revokes the grant.
func (k *keeper) GrantByAuthCode(ctx context.Context, code string) (*goidc.Grant, error) {
	g, err := k.find(ctx, codeName(code))
	if err != nil {
		return nil, err
	}
	if g.AuthCodeConsumedAt != 0 && g.RevokedAt == 0 {
		if err := k.Audit.Record(ctx, audit.Event{Time: k.Now(), Kind: audit.TokenReused, Service: g.ClientID, Token: g.Subject, Detail: "code"}); err != nil {
			return nil, err
		}
	}
	return k.live(ctx, g)
}

// GrantByRefreshToken implements [goidc.RefreshTokenManager]. A token that was
// replaced ends the whole grant (RFC 9700 §4.14.2): either its thief has come
// second, or its owner has, and nobody can tell which. Asking about one tells
// nothing and changes nothing.
func (k *keeper) GrantByRefreshToken(ctx context.Context, token string) (*goidc.Grant, error) {
	g, err := k.find(ctx, refreshName(token))
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(g.RefreshToken), []byte(token)) == 1 || exchangeOf(ctx).path == pathRevoke {
		return k.live(ctx, g)
	}
	if exchangeOf(ctx).path == pathToken && g.RevokedAt == 0 {
		if err := k.reused(ctx, g, "refresh token"); err != nil {
			return nil, err
		}
	}
	return nil, goidc.ErrNotFound
}

func (k *keeper) find(ctx context.Context, name string) (*goidc.Grant, error) {
	rec, err := k.Vault.Find(ctx, GrantKind, name)
	if err != nil {
		return nil, missing(err)
	}
	return k.readGrant(rec)
}

// errReplayed says that a jti came before.
var errReplayed = errors.New("jti used before")

// consume takes the jti of a DPoP proof or a client's assertion, once while it
// could be taken again.
func (k *keeper) consume(ctx context.Context, jti string) error {
	first, err := k.Vault.Once(ctx, "jti "+jti, k.Now().Add(2*(proofLife+leeway)))
	if err == nil && !first {
		return errReplayed
	}
	if err != nil {
		exchangeOf(ctx).failed = err // the library makes a refusal of it
	}
	return err
}

// wantsRefresh gives a refresh token to whoever asked for offline_access.
func wantsRefresh(_ context.Context, _ *goidc.Client, g *goidc.Grant) bool {
	return contains(g.Scopes, offline)
}

// absolute keeps rotation from lengthening a grant, as the library counts from now, and
// from giving what operators may do. The nonce is of the login alone (OpenID Connect
// Core §12.2).
func absolute(_ context.Context, kind goidc.GrantType, g *goidc.Grant) error {
	if kind == goidc.GrantRefreshToken {
		g.RefreshTokenExpiresAt = g.CreatedAt + seconds(refreshLife)
		g.AuthParams.Nonce = ""
		refreshed(g)
	}
	return nil
}
