package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"countersign/audit"
	"countersign/crypto/otp"
	"countersign/operation"
	"countersign/session"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// The times of a CIBA request.
const (
	pollEvery = 5 * time.Second // the interval that clients are told
	// pollSlack is how much earlier a poll may come without being too early.
	pollSlack = time.Second
	// collect is how much longer an auth_req_id lives than the session that its
	// user approves, so that what is approved in the last second is not lost.
	collect = 30 * time.Second
	// leastLife is that of a request, whatever was asked for.
	leastLife = 10 * time.Second
	// making is how long whoever makes a grant has for it, before another does.
	making = 5 * time.Second
	// expiredKnown is how much longer an auth_req_id is known after that: who polls
	// late learns that it has expired, not that there was none (CIBA Core §11).
	expiredKnown = time.Minute
)

// Sessions are run by the room session.
type Sessions interface {
	Start(ctx context.Context, st session.Start) (session.Session, error)
	Get(ctx context.Context, id session.ID) (session.Session, error)
	Tick(ctx context.Context, s session.Session) (session.Session, error)
	Proven(s session.Session) error
	Code(s session.Session) otp.Code
}

// sessionName is where a CIBA request's Store has its session, which has the
// request's id.
const sessionName = "session"

func authReqName(id string) string { return "auth_req " + id }

func sessionOf(store map[string]any) string { id, _ := store[sessionName].(string); return id }

// backchannel refuses of a CIBA request what the library would ignore or take for
// something else.
func (d *door) backchannel(r *http.Request, x *exchange) *problem {
	bad := func(code, text string) *problem { return &problem{code, text, http.StatusBadRequest} }
	form := r.PostForm
	if form.Has("request") {
		return bad("invalid_request", "signed requests are not supported") // CIBA Core §7.1.1
	}
	if text := form.Get("requested_expiry"); text != "" {
		if n, err := strconv.ParseUint(text, 10, 31); err != nil || n == 0 {
			return bad("invalid_request", "requested_expiry is not a positive number of seconds")
		}
	}
	if text := form.Get("binding_message"); text != "" && !bindingMessage(text) {
		return bad("invalid_binding_message", "at most 64 characters, none of them hidden")
	}
	if text := form.Get("client_notification_token"); text != "" && !notificationToken(text) {
		return bad("invalid_request", "the client_notification_token is not of the form of a bearer token")
	}
	c, known := d.claimedClient(r)
	if !known {
		return &problem{"invalid_client", "the client must authenticate", http.StatusUnauthorized}
	}
	x.client = c.ID
	return d.oneHint(r, c.ID)
}

// startBackchannel starts the session of a CIBA request, which the library has
// found good. Whether there is such a user, the answer does not tell.
func (p *Provider) startBackchannel(ctx context.Context, as *goidc.AuthnSession, c *goidc.Client) error {
	if exchangeOf(ctx).client != c.ID || !tokenID(as.LoginHint).WellFormed() {
		return goidc.NewError(goidc.ErrorCodeInvalidRequest, "the hint was read for another client than the one that authenticated")
	}
	party := p.party(c.ID)
	user := party.Identity(tokenID(as.LoginHint))
	if err := p.Limiter.CountBackchannel(ctx, c.ID, string(user)); err != nil {
		return err
	}
	mode, ok := backchannelMode(party)
	if !ok {
		return goidc.NewError(goidc.ErrorCodeUnauthorizedClient, "no mode of the service fits")
	}
	life, fetch := time.Duration(0), collect
	if as.RequestedExpiry != nil {
		life = max(leastLife, time.Duration(*as.RequestedExpiry)*time.Second)
		fetch = min(collect, life/2)
	}
	st := session.Start{Party: party, Authenticated: true, Silent: true, Asked: &user, For: as.ID, Mode: mode, Operation: binding(as.BindingMessage), Scopes: []string{}}
	for _, scope := range asked(as.Scopes, party) {
		st.Scopes = append(st.Scopes, string(scope))
	}
	if life > 0 {
		st.Until = p.Now().Add(life - fetch).Truncate(time.Second)
	}
	s, err := p.Sessions.Start(ctx, st)
	if errors.Is(err, session.ErrNotEnrolled) || errors.Is(err, session.ErrRevoked) {
		return goidc.WrapError(errUnknownUser, "there is no such user", err) // a service that may know
	}
	if err != nil {
		return err
	}
	if as.Store == nil {
		as.Store = map[string]any{}
	}
	as.Store[sessionName] = string(s.ID)
	as.ExpiresAt = p.here(s.ExpiresAt.Add(fetch))
	exchangeOf(ctx).code = string(p.Sessions.Code(s))
	return nil
}

// errUnknownUser is an error code of CIBA Core §13.
const errUnknownUser goidc.ErrorCode = "unknown_user_id"

// backchannelMode is the mode of a service's CIBA requests: nobody has a QR code
// to scan.
func backchannelMode(p session.RelyingParty) (session.Mode, bool) {
	for _, m := range p.Modes {
		if m != session.Scan {
			return m, true
		}
	}
	return "", false
}

// binding is what the phone shows, and signs, of a binding_message: a note of the
// operation's structured data, and the same to be read.
func binding(message string) *session.Operation {
	if message == "" {
		return nil
	}
	form, err := json.Marshal(map[string]any{"attributes": []map[string]string{
		{"type": "NOTE", "id": "binding_message", "label": "Message", "value": message}}})
	if err != nil {
		return nil // strings can be written
	}
	return &session.Operation{Name: operation.Login, Data: "A0*N" + strings.NewReplacer(`\`, `\\`, `*`, `\*`).Replace(message), Form: form}
}

// present is the session of a CIBA request, brought up to now; nil: it is
// forgotten.
func (p *Provider) present(ctx context.Context, as *goidc.AuthnSession) (*session.Session, error) {
	s, err := p.Sessions.Get(ctx, session.ID(sessionOf(as.Store)))
	if err == nil {
		s, err = p.Sessions.Tick(ctx, s)
	}
	if errors.Is(err, session.ErrNotFound) {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	return &s, err
}

// GrantByAuthReqID implements [goidc.CIBAManager]. The grant is made by the node
// that the phone approved on; if that did not come to it, here. One whose
// auth_req_id was redeemed is not found: it may not be redeemed twice, and who
// asks again is the client itself, so nothing else happens.
func (k *keeper) GrantByAuthReqID(ctx context.Context, id string) (*goidc.Grant, error) {
	g, err := k.find(ctx, authReqName(id))
	if errors.Is(err, goidc.ErrNotFound) {
		var as *goidc.AuthnSession
		if as, err = k.request(ctx, authReqName(id)); err != nil {
			return nil, err
		}
		g, err = k.grantApproved(ctx, as)
	}
	if err != nil {
		return nil, err
	}
	exchangeOf(ctx).granted = true
	if g.AuthReqIDConsumedAt != 0 || g.ClientID != exchangeOf(ctx).client {
		return nil, goidc.ErrNotFound
	}
	return k.live(ctx, g)
}

// SessionByAuthReqID implements [goidc.CIBAManager]: the request of a poll that
// found no grant, as its session stands now.
func (k *keeper) SessionByAuthReqID(ctx context.Context, id string) (*goidc.AuthnSession, error) {
	as, err := k.request(ctx, authReqName(id))
	if err != nil {
		return nil, err
	}
	if as.ClientID != exchangeOf(ctx).client {
		return nil, goidc.ErrNotFound // another's, for whom it is neither too early nor an approval lost
	}
	s, err := k.present(ctx, as)
	switch {
	case err != nil:
		return nil, err
	case s == nil || s.State == session.Expired:
		as.ExpiresAt = 0
	case s.State == session.Approved && !exchangeOf(ctx).granted:
		return as, nil // another node makes the grant just now
	case s.State == session.Approved:
		return nil, goidc.ErrNotFound // redeemed, or its user may not log in any more
	case !s.State.Open():
		as.Status = goidc.StatusFailure
	default:
		inTime, err := k.Vault.Once(ctx, "poll "+id, k.Now().Add(pollEvery-pollSlack))
		if err == nil && !inTime {
			exchangeOf(ctx).slow = true
		}
		return as, err
	}
	return as, nil
}

func (k *keeper) request(ctx context.Context, name string) (*goidc.AuthnSession, error) {
	rec, err := k.Vault.Find(ctx, RequestKind, name)
	if err != nil {
		return nil, missing(err)
	}
	return k.readRequest(rec)
}

// grantApproved makes the grant of a CIBA request that was approved, once: its id
// is the request's, so of many that make it at the same time one does, and the
// others find that. [goidc.ErrNotFound]: it is not approved.
func (k *keeper) grantApproved(ctx context.Context, as *goidc.AuthnSession) (*goidc.Grant, error) {
	s, err := k.present(ctx, as)
	if err != nil {
		return nil, err
	}
	if s == nil || s.State != session.Approved {
		return nil, goidc.ErrNotFound
	}
	g, err := k.approvedGrant(ctx, as, *s)
	if err != nil {
		return nil, err
	}
	// The vault compares versions, which is not enough while a master secret is
	// replaced: its first versions count on that one writer alone knows the id.
	first, err := k.Vault.Once(ctx, "grant "+g.ID, k.Now().Add(making))
	if err != nil {
		return nil, err
	}
	if first {
		err = k.putGrant(ctx, g)
	}
	if !first || errors.Is(err, ErrConflict) {
		return k.find(ctx, authReqName(as.AuthReqID))
	}
	if err != nil {
		return nil, err
	}
	return g, k.Audit.Record(ctx, audit.Event{Time: k.Now(), Kind: audit.GrantMade, Service: g.ClientID, Token: g.Subject, Session: string(s.ID)})
}

// approvedGrant is the grant of an approval, whose proof is checked once more.
func (k *keeper) approvedGrant(ctx context.Context, as *goidc.AuthnSession, s session.Session) (*goidc.Grant, error) {
	if err := k.Sessions.Proven(s); err != nil {
		return nil, err
	}
	if !s.Backchannel() || s.Claim == nil || s.Grant == nil || s.Service != as.ClientID || s.For != as.ID {
		return nil, session.ErrProof // not what this request started
	}
	now := k.here(k.Now())
	g := &goidc.Grant{ID: as.ID, AuthReqID: as.AuthReqID, AuthReqIDExpiresAt: as.ExpiresAt, Subject: string(s.Claim.Token), ClientID: as.ClientID,
		Scopes: granted(as.Scopes, s.Grant.Scopes), AuthParams: goidc.AuthorizationParameters{Scopes: as.Scopes, ACRValues: as.ACRValues},
		CreatedAt: now, Store: map[string]any{}}
	if contains(g.Scopes, offline) {
		g.RefreshToken, g.RefreshTokenExpiresAt = random(ctx), now+seconds(refreshLife)
	}
	f := facts{Device: s.Claim.Device, AuthTime: s.Grant.IssuedAt.Unix(), AMR: s.Grant.AMR, ACR: s.Grant.ACR, Claims: claims(as.Scopes, s.Grant.Claims)}
	return g, f.put(g.Store)
}
