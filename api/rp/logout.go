package rp

import (
	"context"
	"errors"
	"net/http"
	"time"
)

const (
	logoutType  = "logout+jwt"
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	maxNotice   = 16 << 10
)

// A Logout says that a user has logged out of the login server, every check of
// [Verifier.VerifyLogout] passed. End the sessions of the user that began with an
// id_token of the same SID.
type Logout struct {
	// Subject is the user, as in the id_token's sub.
	Subject string
	// SID is the browser login that has ended, as in the id_token's sid.
	SID string
	// ID is the jti. The same token may come twice; what it asks for may be done
	// twice, so nothing need be kept.
	ID string
	// IssuedAt and ExpiresAt are whole seconds, UTC.
	IssuedAt, ExpiresAt time.Time
}

// VerifyLogout checks a logout token (OpenID Connect Back-Channel Logout 1.0
// §2.6): as [Verifier.Verify] does, and that it is one and nothing else.
func (v *Verifier) VerifyLogout(ctx context.Context, jwt string) (Logout, error) {
	claims, err := v.open(ctx, jwt, logoutType)
	if err != nil {
		return Logout{}, err
	}
	events, _ := claims["events"].(map[string]any)
	if _, ok := events[logoutEvent].(map[string]any); !ok {
		return Logout{}, ErrMalformed
	}
	if _, ok := claims["nonce"]; ok { // an id_token that wants to pass for one
		return Logout{}, ErrMalformed
	}
	t, err := tokenOf(claims)
	if err != nil {
		return Logout{}, err
	}
	if t.ID == "" {
		return Logout{}, ErrMalformed
	}
	if err := v.check(t); err != nil {
		return Logout{}, err
	}
	return Logout{Subject: t.Subject, SID: t.Session, ID: t.ID, IssuedAt: t.IssuedAt, ExpiresAt: t.ExpiresAt}, nil
}

// LogoutHandler is the service's backchannelLogoutURI: it takes logout tokens and
// calls ended for each good one. When ended fails the server is asked to come
// again, as it is when the keys cannot be had.
func (v *Verifier) LogoutHandler(ended func(context.Context, Logout) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store") // §2.8
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "POST alone", http.StatusMethodNotAllowed)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxNotice)
		l, err := v.VerifyLogout(r.Context(), r.PostFormValue("logout_token"))
		switch {
		case errors.Is(err, ErrUnavailable):
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
		case ended(r.Context(), l) != nil:
			http.Error(w, "the logout was not carried out", http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusOK)
		}
	})
}
