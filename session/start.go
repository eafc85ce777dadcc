package session

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"countersign/device"
)

// A Start is the wish for a session, its form checked already.
type Start struct {
	Party         RelyingParty
	Authenticated bool            // the service proved who it is
	Asked         *device.TokenID // nil: whoever scans first
	Scopes        []string        // nil: the service's default
	Mode          Mode            // empty: the service's default
	Challenge     string
	ClientNonce   string
	Operation     *Operation
	Requester     *Requester
	Origin        string // of the page
	Address       string
	// Silent is for what this server starts itself, such as a step of an
	// operation: see [Session]. Asked is then the identity itself, never a
	// pairwise id, and the mode compare needs no other authentication. With
	// Authenticated it is for a back end; see [Session.Backchannel].
	Silent bool
	// For is the id of what a silent session is started for.
	For string
	// Until is when the session has to have ended at the latest, in whole
	// seconds; zero: it lives as long as any.
	Until time.Time
	// Idempotency is the caller's key, or empty; Body is the digest of the
	// request it came with.
	Idempotency string
	Body        string
}

// Start begins a session. ErrScope, ErrMode, ErrServiceAuth, ErrNotEnrolled and ErrRevoked
// (services that may know), device.LimitedError, ErrFull, ErrIdempotency. Nothing that it
// answers, nor how long it takes, tells whether the identity exists.
func (svc *Service) Start(ctx context.Context, st Start) (Session, error) {
	s, err := svc.plan(st)
	if err != nil {
		return Session{}, err
	}
	if err := svc.reveal(ctx, st, s); err != nil {
		return Session{}, err
	}
	// An idempotency key counts where nobody else can guess it.
	if st.Idempotency == "" || !st.Authenticated && st.Challenge == "" {
		return svc.begin(ctx, s)
	}
	return svc.once(ctx, st, s)
}

func (svc *Service) begin(ctx context.Context, s Session) (Session, error) {
	s, event := Begin(s)
	if err := svc.Store.Create(ctx, s); err != nil {
		return Session{}, err
	}
	if err := svc.announce(ctx, s); err != nil {
		return Session{}, err
	}
	return s, svc.Audit.Record(ctx, event)
}

// plan makes the session that a start asks for.
func (svc *Service) plan(st Start) (Session, error) {
	p := st.Party
	// A login of the OpenID Provider, and nothing that a service starts itself.
	operators := p.Operators && st.Silent && !st.Authenticated
	scopes, err := wanted(p, st.Scopes, operators)
	if err != nil {
		return Session{}, err
	}
	mode := st.Mode
	switch {
	case st.Asked == nil:
		mode = Scan
	case mode == "":
		mode = p.Modes[0]
	}
	if !slices.Contains(p.Modes, mode) {
		return Session{}, ErrMode
	}
	if mode == Compare && !st.Authenticated && !st.Silent {
		return Session{}, ErrServiceAuth
	}
	now := svc.Now().Truncate(time.Millisecond)
	s := Session{
		ID: NewID(), Secret: svc.Secrets.Master.First(), Service: p.ID, ByService: st.Authenticated,
		Scopes: scopes, Mode: mode, Challenge: st.Challenge, ClientNonce: st.ClientNonce,
		Operation: st.Operation, Requester: st.Requester, Origin: st.Origin, Address: st.Address, Silent: st.Silent, For: st.For, Announced: p.Webhook,
		CreatedAt: now, ExpiresAt: ceilSecond(now.Add(svc.Lifetime)),
	}
	if !st.Until.IsZero() && st.Until.Before(s.ExpiresAt) {
		s.ExpiresAt = st.Until
	}
	for _, r := range p.Required {
		if slices.Contains(scopes, r) {
			s.Required = append(s.Required, r)
		}
	}
	switch {
	case st.Asked == nil:
	case st.Silent:
		s.Asked = *st.Asked
	default:
		s.Asked = p.Identity(*st.Asked)
	}
	return s, nil
}

// ceilSecond rounds up to a whole second, so that the deadline on the wire is
// the deadline in force.
func ceilSecond(t time.Time) time.Time {
	if r := t.Truncate(time.Second); !r.Equal(t) {
		return r.Add(time.Second)
	}
	return t
}

// wanted gives the scopes of a session, sorted. Those of operators may be among them if
// operators says so.
func wanted(p RelyingParty, asked []string, operators bool) ([]device.Scope, error) {
	if asked == nil {
		return sorted(p.Default), nil
	}
	var scopes []device.Scope
	for _, a := range asked {
		scope := device.Scope(a)
		if may := operators && scope.OfOperators(); !may && !slices.Contains(p.Allowed, scope) {
			return nil, ErrScope
		}
		scopes = append(scopes, scope)
	}
	return slices.Compact(sorted(scopes)), nil
}

func sorted(scopes []device.Scope) []device.Scope {
	out := slices.Clone(scopes)
	slices.SortFunc(out, func(a, b device.Scope) int { return strings.Compare(string(a), string(b)) })
	return out
}

// reveal tells an authenticated service that may know whether there is anybody
// to ask.
func (svc *Service) reveal(ctx context.Context, st Start, s Session) error {
	if !st.Authenticated || s.Asked == "" {
		return nil
	}
	return svc.Reveal(ctx, st.Party, s.Asked)
}

// Reveal tells a service that has authenticated, if it may know, that there is
// nobody of an id, which is the identity's own: ErrNotEnrolled, ErrRevoked.
func (svc *Service) Reveal(ctx context.Context, p RelyingParty, id device.TokenID) error {
	if !p.RevealUnknown {
		return nil
	}
	i, err := svc.Devices.Store.Identity(ctx, id.Canonical())
	switch {
	case errors.Is(err, device.ErrUnknown):
		return ErrNotEnrolled
	case err != nil:
		return err
	case i.Status == device.Revoked:
		return ErrRevoked
	case i.Enrolled() == 0:
		return ErrNotEnrolled
	}
	return nil
}

// once starts the session of an idempotency key, or gives the one that it
// started before, for as long as that lives.
func (svc *Service) once(ctx context.Context, st Start, s Session) (Session, error) {
	key := strings.Join([]string{st.Party.ID, st.Idempotency, st.Challenge}, "\n")
	for range tries {
		id, body, ok, err := svc.Idempotency.Recall(ctx, key)
		if err != nil {
			return Session{}, err
		}
		if !ok {
			return svc.first(ctx, key, st.Body, s)
		}
		old, err := svc.again(ctx, id, body, st.Body)
		if !errors.Is(err, ErrNotFound) {
			return old, err
		}
		// The key has outlived its session: what it starts next stands under
		// a name that follows from both.
		key += "\n" + string(id)
	}
	return Session{}, ErrIdempotency
}

// first begins the session of an idempotency key that stands for none yet.
func (svc *Service) first(ctx context.Context, key, now string, s Session) (Session, error) {
	s, err := svc.begin(ctx, s)
	if err != nil {
		return Session{}, err
	}
	// Two requests may have come this far with one key: the session of one
	// stands, the other's was never told to anybody and goes.
	first, body, err := svc.Idempotency.Remember(ctx, key, s.ID, now, s.ExpiresAt.Sub(s.CreatedAt))
	if err == nil && first == s.ID {
		return s, nil
	}
	if forget := svc.forget(ctx, s); forget != nil || err != nil {
		return Session{}, errors.Join(err, forget)
	}
	stands, err := svc.again(ctx, first, body, now)
	if err == nil && stands.Asked != "" && stands.State.Undecided() {
		// While there were more of them the phones may have had no room for it.
		err = svc.Store.Relist(ctx, stands)
	}
	return stands, err
}

// again gives the session that a key stands for, if the body is the same.
// ErrNotFound when it lives no more.
func (svc *Service) again(ctx context.Context, id ID, body, now string) (Session, error) {
	s, err := svc.Store.Session(ctx, id)
	if err == nil && body != now {
		return Session{}, ErrIdempotency
	}
	return s, err
}
