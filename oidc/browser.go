package oidc

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/operation"
)

// A browserLogin is what one approval gives a browser until it ends: single
// sign-on. Its id is the sid of id_tokens; the cookie has the id and a secret.
type browserLogin struct {
	ID       string             `json:"id"`
	Secret   []byte             `json:"secret"` // SHA-256
	Subject  device.TokenID     `json:"subject"`
	Device   device.ID          `json:"device"` // that approved last
	AuthTime int64              `json:"auth_time"`
	AMR      []string           `json:"amr"`
	ACR      string             `json:"acr"`
	Seen     int64              `json:"seen"`
	Ended    bool               `json:"ended,omitempty"`
	Services map[string]consent `json:"services"` // by client

	version uint64
}

// consent is what a service asked for and the user granted.
type consent struct {
	Asked   []device.Scope `json:"asked,omitempty"`
	Granted []device.Scope `json:"granted,omitempty"`
}

// seenEvery is how exact the idle time is: a login is not written at every use.
const seenEvery = time.Minute

// browserLogin gives the login of the browser that asks, nil if it has none that
// counts.
func (p *Provider) browserLogin(r *http.Request) (*browserLogin, error) {
	l, _, err := p.cookieLogin(r)
	if l == nil || err != nil || !p.Now().Before(p.loginEnds(l)) {
		return nil, err
	}
	if ok, err := p.mayLogIn(r.Context(), l.Subject, l.Device); !ok || err != nil {
		return nil, err
	}
	return l, nil
}

// LoginID names the browser login of whoever asks; empty: there is none.
func (p *Provider) LoginID(r *http.Request) (string, error) {
	l, err := p.browserLogin(r)
	if l == nil || err != nil {
		return "", err
	}
	return l.ID, nil
}

// cookieLogin gives the login that the browser has the cookie of, and the cookie's
// secret; nil if it has none, or it was ended. Whether it may still log anybody in
// is not looked at.
func (p *Provider) cookieLogin(r *http.Request) (*browserLogin, string, error) {
	id, secret, ok := strings.Cut(p.jar().Login(r), ".")
	if !ok || id == "" {
		return nil, "", nil
	}
	l, err := p.loadLogin(r.Context(), id)
	if errors.Is(err, ErrNotFound) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(sum[:], l.Secret) != 1 || l.Ended {
		return nil, "", nil
	}
	return l, secret, nil
}

func (p *Provider) loadLogin(ctx context.Context, id string) (*browserLogin, error) {
	rec, err := p.Vault.Load(ctx, LoginKind, id)
	if err != nil {
		return nil, err
	}
	l := &browserLogin{version: rec.Version}
	if err := json.Unmarshal(rec.Value, l); err != nil {
		return nil, fmt.Errorf("oidc: browser login: %w", err)
	}
	return l, nil
}

func (p *Provider) loginEnds(l *browserLogin) time.Time {
	idle, absolute := time.Unix(l.Seen, 0).Add(p.Browser.Idle), time.Unix(l.AuthTime, 0).Add(p.Browser.Absolute)
	if absolute.Before(idle) {
		return absolute
	}
	return idle
}

func (p *Provider) saveLogin(ctx context.Context, l *browserLogin) error {
	value, err := json.Marshal(l) //nolint:gosec // the vault seals it
	if err != nil {
		return fmt.Errorf("oidc: browser login: %w", err)
	}
	err = p.Vault.Save(ctx, Record{Kind: LoginKind, ID: l.ID, Version: l.version + 1, Value: value, Until: p.loginEnds(l)})
	if err == nil {
		l.version++
	}
	return err
}

// useLogin notes that a service used the browser login, with what it may have.
func (p *Provider) useLogin(ctx context.Context, l *browserLogin, service string, c consent) error {
	for range tries {
		_, known := l.Services[service]
		if known && p.Now().Sub(time.Unix(l.Seen, 0)) < seenEvery {
			return nil
		}
		if !known {
			l.Services[service] = c
		}
		l.Seen = p.Now().Unix()
		err := p.saveLogin(ctx, l)
		if !errors.Is(err, ErrConflict) {
			return err
		}
		next, err := p.loadLogin(ctx, l.ID)
		if err != nil {
			return err
		}
		*l = *next
		if l.Ended {
			return errLoginEnded
		}
	}
	return fmt.Errorf("%w, %d times", ErrConflict, tries)
}

// errLoginEnded: the login was ended while it was to be used.
var errLoginEnded = errors.New("oidc: the browser login has ended")

// makeLogin gives the browser a login by an approval: the one it has, if it is of
// the same identity, so that its sid stays, else a new one. The cookie's secret
// is new in either case, so that whoever knew the old one is out.
func (p *Provider) makeLogin(w http.ResponseWriter, r *http.Request, a *operation.Approval, service string, c consent) (*browserLogin, error) {
	ctx := r.Context()
	for range tries {
		l, _, err := p.cookieLogin(r)
		if err != nil {
			return nil, err
		}
		if usable, err := p.browserLogin(r); err != nil {
			return nil, err
		} else if l != nil && (usable == nil || l.Subject != a.Token) { // also one that may log nobody in just now
			if err := p.endLogin(ctx, l, "replaced"); err != nil {
				return nil, err
			}
			l = nil
		}
		if l == nil {
			l = &browserLogin{ID: random(ctx), Subject: a.Token, Services: map[string]consent{}}
		}
		secret := random(ctx)
		sum := sha256.Sum256([]byte(secret))
		if a.Device != "" { // else the phone that had a part in it still ends it
			l.Device = a.Device
		}
		l.Secret, l.AuthTime, l.AMR, l.ACR, l.Seen = sum[:], a.At.Unix(), a.AMR, a.ACR, p.Now().Unix()
		l.Services[service] = c
		if err = p.saveLogin(ctx, l); errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return nil, err
		}
		p.jar().SetLogin(w, l.ID+"."+secret)
		return l, p.Audit.Record(ctx, audit.Event{Time: p.Now(), Kind: audit.LoginMade, Service: service, Token: string(a.Token), Device: string(a.Device)})
	}
	return nil, fmt.Errorf("%w, %d times", ErrConflict, tries)
}

// endLogin ends a browser login, whoever else changes it meanwhile, and tells the
// clients that were used with it. They are told first: who is stopped in between
// finds the login still there, and ends it again.
func (p *Provider) endLogin(ctx context.Context, l *browserLogin, why string) error {
	for range tries {
		if err := p.tellLogout(ctx, l); err != nil {
			return err
		}
		l.Ended = true
		err := p.saveLogin(ctx, l)
		if err == nil {
			return p.Audit.Record(ctx, audit.Event{Time: p.Now(), Kind: audit.LoginEnded, Token: string(l.Subject), Device: string(l.Device), Detail: why})
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		next, err := p.loadLogin(ctx, l.ID)
		if errors.Is(err, ErrNotFound) || err == nil && next.Ended {
			return nil
		}
		if err != nil {
			return err
		}
		*l = *next
	}
	return fmt.Errorf("%w, %d times", ErrConflict, tries)
}
