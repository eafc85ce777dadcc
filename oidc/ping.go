package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"countersign/notify"
	"countersign/session"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// Ended is told of every session that has ended; see [session.Service]. Of a CIBA
// request it makes the grant, so that it does not end with the session, and tells
// the client that wants to be told.
func (p *Provider) Ended(ctx context.Context, s session.Session) {
	if !s.Backchannel() {
		return
	}
	// Whoever ended it may have gone: what follows from it is not theirs.
	if err := p.ended(context.WithoutCancel(ctx), s); err != nil {
		// The next poll finds it out.
		p.Log.WarnContext(ctx, "oidc: the end of a request was not followed up", "session", s.ID, "error", err)
	}
}

func (p *Provider) ended(ctx context.Context, s session.Session) error {
	k := &keeper{p}
	rec, err := p.Vault.Load(ctx, RequestKind, s.For)
	if errors.Is(err, ErrNotFound) {
		return nil // it was not kept, so nobody has its auth_req_id
	}
	if err != nil {
		return err
	}
	as, err := p.readRequest(rec)
	if err != nil {
		return err
	}
	_, err = k.grantApproved(ctx, as)
	if errors.Is(err, goidc.ErrNotFound) {
		err = nil
	}
	// Also if the grant could not be made yet: the client's next poll makes it.
	return errors.Join(err, p.ping(ctx, as))
}

// ping posts the notice that a request has ended to a client that wants it.
func (p *Provider) ping(ctx context.Context, as *goidc.AuthnSession) error {
	if c, ok := p.client(as.ClientID); !ok || c.Delivery != Ping {
		return nil
	}
	body, err := json.Marshal(ping{as.AuthReqID, as.ClientNotificationToken})
	if err != nil {
		return fmt.Errorf("oidc: ping: %w", err)
	}
	return p.Outbox.Post(ctx, notify.Notice{ID: "ping " + as.ID, Kind: pingNotice, Service: as.ClientID, Body: body, Until: p.there(as.ExpiresAt)})
}

// errNotTold: this node's configuration has no address to tell. Another's may, while
// a new one is rolled out.
var errNotTold = errors.New("oidc: the client is not told of this")

// ping is what is kept of a notice to a client (CIBA Core §10.2).
type ping struct {
	AuthReqID string `json:"auth_req_id"`
	Token     string `json:"token"`
}

// pingRequest makes the request of a ping.
func (p *Provider) pingRequest(ctx context.Context, n notify.Notice) (*http.Request, error) {
	var told ping
	if err := json.Unmarshal(n.Body, &told); err != nil {
		return nil, fmt.Errorf("oidc: ping: %w", err)
	}
	c, ok := p.client(n.Service)
	if !ok || c.Delivery != Ping {
		return nil, errNotTold
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, c.NotificationURI, strings.NewReader(`{"auth_req_id":"`+told.AuthReqID+`"}`))
	if err != nil {
		return nil, fmt.Errorf("oidc: ping: %w", err)
	}
	q.Header.Set("Authorization", "Bearer "+told.Token)
	q.Header.Set("Content-Type", "application/json")
	return q, nil
}
