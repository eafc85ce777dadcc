package oidc

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"countersign/crypto/keyring"
	"countersign/notify"
	"countersign/web"
)

// signOut is a request to log out (RP-Initiated Logout 1.0 §2).
type signOut struct {
	hint  *hint  // verified; nil: none, or none that counts
	id    string // of the client; empty: none is named
	uri   string // registered by the client; empty: nowhere to go afterwards
	state string
}

// Names of what our own page adds when it sends a request again.
const (
	sentFromHere = "from"    // the request came through a page of ours, with its cookies
	choice       = "choice"  // of the user: yes or no
	confirmation = "confirm" // that it was asked of this browser
)

// signOutNames are the parameters of a request to log out.
func signOutNames() []string {
	return []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"}
}

// endSession ends the browser login, if its user means it, and tells every client
// that was used with it.
func (d *door) endSession(a *answer, r *http.Request, x *exchange) error {
	q, problem := d.readSignOut(r)
	if problem != nil {
		d.refuse(a, r, x, *problem)
		return nil
	}
	site, dest := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Sec-Fetch-Dest")
	switch {
	case site == "cross-site" && dest != "" && dest != "document":
		d.refuse(a, r, x, problemText("A logout cannot be asked for in a frame of another site."))
		return nil
	case r.Method == http.MethodPost && (!r.PostForm.Has(sentFromHere) || site != "" && site != "same-origin"):
		// A form of another site comes without our cookies (SameSite=Lax), and
		// without them it would look as if nobody was logged in.
		d.notice(a, r, web.Notice{Status: http.StatusOK, Name: web.NoticeSendLogout, Action: d.Issuer + pathEndSession, Fields: fields(r, sentFromHere, "here")})
		return nil
	}
	l, secret, err := d.cookieLogin(r)
	if err != nil {
		return err
	}
	if l == nil {
		return d.signedOut(a, r, q) // the user is logged out already, which is what was asked for
	}
	if !q.belongs(d.Provider, l) {
		switch confirmed := confirms(r, secret); {
		case confirmed && r.PostForm.Get(choice) == "no":
			return d.Pages.SignOut(a, pageRequest(r), web.SignOut{Stage: web.SignOutStayed, Service: q.id})
		case !confirmed || r.PostForm.Get(choice) != "yes":
			return d.Pages.SignOut(a, pageRequest(r), web.SignOut{Stage: web.SignOutAsk, Service: q.id, Action: d.Issuer + pathEndSession,
				Fields: fields(r, sentFromHere, "here", confirmation, confirmationOf(secret))})
		}
	}
	if err := d.endLogin(r.Context(), l, "user"); err != nil {
		return err
	}
	d.jar().SetLogin(a, "")
	return d.signedOut(a, r, q)
}

func problemText(text string) problem {
	return problem{"invalid_request", text, http.StatusBadRequest}
}

// readSignOut checks a request. A hint that is none of ours is not used, as if it
// were not there (§4); an address that is not registered is a mistake that the
// client's developer has to see.
func (d *door) readSignOut(r *http.Request) (q signOut, p *problem) {
	q.id, q.state = r.Form.Get("client_id"), r.Form.Get("state")
	if h, err := d.readHint(r.Form.Get("id_token_hint")); err == nil {
		if q.id != "" && q.id != h.Client {
			return q, &problem{"invalid_request", "The client_id is not the one that the id_token_hint was issued to.", http.StatusBadRequest}
		}
		q.hint, q.id = &h, h.Client
	}
	c, known := d.client(q.id)
	if !known {
		q.hint, q.id = nil, ""
	}
	if q.uri = r.Form.Get("post_logout_redirect_uri"); !known && r.Form.Get("client_id") == "" && r.Form.Get("id_token_hint") != "" {
		q.uri = "" // a hint of a key that has retired: nobody's mistake, so the user is asked
	}
	if q.uri != "" && (!known || !slices.Contains(c.PostLogoutRedirectURIs, q.uri)) {
		d.Log.WarnContext(r.Context(), "oidc: a post_logout_redirect_uri is not registered", "client", clip(q.id), "got", clip(withoutQuery(q.uri)),
			"registered", withoutQueries(c.PostLogoutRedirectURIs))
		return q, &problem{"invalid_request", "The address to go to afterwards is not registered by the site that sent you here.", http.StatusBadRequest}
	}
	return q, nil
}

// belongs says whether the request has an id_token of this very login. Otherwise
// the user must be asked (§2).
func (q signOut) belongs(p *Provider, l *browserLogin) bool {
	if q.hint == nil {
		return false
	}
	party := p.party(q.hint.Client)
	return q.hint.SID == sid(l.ID, party) && q.hint.Subject == string(party.Subject(l.Subject))
}

// signedOut sends the browser where the client wants it, or says that it is over.
func (d *door) signedOut(a *answer, r *http.Request, q signOut) error {
	if q.uri == "" {
		return d.Pages.SignOut(a, pageRequest(r), web.SignOut{Stage: web.SignOutDone, Service: q.id})
	}
	uri := q.uri // as it is registered, to the letter
	if q.state != "" {
		mark := "?"
		if strings.Contains(uri, "?") {
			mark = "&"
		}
		uri += mark + url.Values{"state": {q.state}}.Encode()
	}
	a.header.Set("Location", uri)
	a.status = http.StatusSeeOther
	return nil
}

// fields are a request's parameters, and more names and values, to be sent again.
func fields(r *http.Request, more ...string) (out []web.Field) {
	for _, name := range signOutNames() {
		if value := r.Form.Get(name); value != "" {
			out = append(out, web.Field{Name: name, Value: value})
		}
	}
	for i := 0; i+1 < len(more); i += 2 {
		out = append(out, web.Field{Name: more[i], Value: more[i+1]})
	}
	return out
}

const confirmationLabel = "countersign-logout-v1"

// confirmationOf is what only a page that was shown to the browser with the cookie
// can send.
func confirmationOf(secret string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(confirmationLabel))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func confirms(r *http.Request, secret string) bool {
	return r.Method == http.MethodPost && subtle.ConstantTimeCompare([]byte(r.PostForm.Get(confirmation)), []byte(confirmationOf(secret))) == 1
}

// The times of a logout notice.
const (
	logoutTries     = time.Hour       // how long a client that does not answer is tried
	logoutTokenLife = 2 * time.Minute // Back-Channel Logout 1.0 §4
)

// farewell is what is kept of a notice that a user has logged out.
type farewell struct {
	Subject string `json:"sub"` // as the client knows it, like the sid
	SID     string `json:"sid"`
}

// tellLogout posts a notice to every client that was used with a login.
func (p *Provider) tellLogout(ctx context.Context, l *browserLogin) error {
	for id := range l.Services {
		if c, ok := p.client(id); !ok || c.BackchannelLogoutURI == "" {
			continue
		}
		party := p.party(id)
		body, err := json.Marshal(farewell{string(party.Subject(l.Subject)), sid(l.ID, party)})
		if err != nil {
			return fmt.Errorf("oidc: logout: %w", err)
		}
		if err := p.Outbox.Post(ctx, notify.Notice{Kind: logoutNotice, Service: id, Body: body, Until: p.Now().Add(logoutTries)}); err != nil {
			return err
		}
	}
	return nil
}

// logoutEvent is the member of events that makes a token a logout token.
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// logoutRequest makes the request of a logout notice (Back-Channel Logout 1.0 §2.5).
func (p *Provider) logoutRequest(ctx context.Context, n notify.Notice) (*http.Request, error) {
	var told farewell
	if err := json.Unmarshal(n.Body, &told); err != nil {
		return nil, fmt.Errorf("oidc: logout: %w", err)
	}
	c, ok := p.client(n.Service)
	if !ok || c.BackchannelLogoutURI == "" {
		return nil, errNotTold
	}
	now := p.Now()
	key, ok := p.Keys.Active(now)
	if !ok {
		return nil, errNoKey
	}
	// §2.4. Never a nonce, so that it cannot pass for an id_token.
	token, err := key.Sign("logout+jwt", keyring.Claims{
		"iss": p.Issuer, "aud": n.Service, "iat": now.Unix(), "exp": now.Add(logoutTokenLife).Unix(), "jti": random(ctx),
		"sub": told.Subject, "sid": told.SID, "events": map[string]any{logoutEvent: struct{}{}},
	})
	if err != nil {
		return nil, err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, c.BackchannelLogoutURI, strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		return nil, fmt.Errorf("oidc: logout: %w", err)
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return q, nil
}
