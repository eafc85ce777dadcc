package oidc

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"countersign/device"
	"countersign/operation"
	"countersign/session"
	"countersign/web"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// operationName is where a request's Store has its operation.
const operationName = "operation"

// Error codes the library has no names for (OpenID Connect Core §3.1.2.6, RFC
// 6749 §4.1.2.1).
const (
	errConsentRequired        goidc.ErrorCode = "consent_required"
	errRequestNotSupported    goidc.ErrorCode = "request_not_supported"
	errRequestURINotSupported goidc.ErrorCode = "request_uri_not_supported"
	errServer                 goidc.ErrorCode = "server_error"
	errTemporarily            goidc.ErrorCode = "temporarily_unavailable"
)

// authenticate is the library's question who the user is: first when the client's
// request comes, again when the browser is back from the login page.
func (p *Provider) authenticate(w http.ResponseWriter, r *http.Request, as *goidc.AuthnSession, c *goidc.Client) (goidc.Status, error) {
	l := &login{Provider: p, w: w, r: r, as: as, party: p.party(c.ID), x: exchangeOf(r.Context())}
	if err := l.x.wishes.put(as); err != nil {
		return goidc.StatusFailure, err
	}
	l.x.wishes = wishesOf(as) // a page after this one is in the language that the request came with
	var status goidc.Status
	var err error
	if id, ok := as.Store[operationName].(string); ok {
		status, err = l.resume(operation.ID(id))
	} else {
		status, err = l.first()
	}
	if limited := (device.LimitedError{}); errors.As(err, &limited) {
		l.x.untouched, l.x.after = true, limited.After
		l.x.show(http.StatusTooManyRequests, web.NoticeTooManyBegun, "")
		return goidc.StatusPending, nil
	}
	if known := (goidc.Error{}); err != nil && !errors.As(err, &known) {
		// What went wrong is for the log; the client is told which kind.
		l.x.failed = err
		if p.Unavailable(err) || errors.Is(err, session.ErrFull) {
			return goidc.StatusFailure, goidc.WrapError(errTemporarily, "try again in a moment", err)
		}
		p.Log.ErrorContext(r.Context(), "oidc: login", "client", c.ID, "error", err)
		return goidc.StatusFailure, goidc.WrapError(errServer, "the server's fault", err)
	}
	return status, err
}

// login is one step of a request.
type login struct {
	*Provider
	w     http.ResponseWriter
	r     *http.Request
	as    *goidc.AuthnSession
	party session.RelyingParty
	x     *exchange
}

func refuse(code goidc.ErrorCode, text string) (goidc.Status, error) {
	return goidc.StatusFailure, goidc.NewError(code, text)
}

// first answers by the browser login, or begins an operation.
func (l *login) first() (goidc.Status, error) {
	none, forced, err := prompt(l.as.Prompt)
	if err != nil {
		return goidc.StatusFailure, err
	}
	if l.as.RequestObject != "" {
		return refuse(errRequestNotSupported, "request objects are not supported")
	}
	if l.x.foreign {
		return refuse(errRequestURINotSupported, "a request_uri must be one that was pushed here")
	}
	if age := l.as.MaxAuthnAgeSecs; age != nil && *age <= 0 {
		forced = true
	}
	missing := goidc.ErrorCodeLoginRequired
	if !forced {
		b, err := l.browserLogin(l.r)
		if err != nil {
			return goidc.StatusFailure, err
		}
		if b != nil && l.fits(b) && (none || l.wanted(b)) {
			had, covered := l.covered(b)
			if covered {
				return l.single(b, had)
			}
			missing = errConsentRequired
		}
	}
	return l.without(missing)
}

// without goes on where no browser login answers: by a step, unless the client wants
// none.
func (l *login) without(missing goidc.ErrorCode) (goidc.Status, error) {
	if none, _, err := prompt(l.as.Prompt); err != nil || none {
		return refuse(missing, "the user has to approve")
	}
	return l.begin()
}

// fits says whether a browser login is young enough, and of the user that the
// client means.
func (l *login) fits(b *browserLogin) bool {
	if age := l.as.MaxAuthnAgeSecs; age != nil && l.Now().Unix()-b.AuthTime > int64(*age) {
		return false
	}
	meant := l.meant()
	return meant == "" || meant == b.Subject
}

// wanted says whether a browser login was approved in a way that the client would
// rather have (acr_values). If not, a step may bring one. It is a wish (OpenID Connect
// Core §3.1.2.1): with prompt none, and after the step, what there is answers, and acr
// says what it is.
func (l *login) wanted(b *browserLogin) bool {
	ways := strings.Fields(l.as.ACRValues)
	return len(ways) == 0 || slices.Contains(ways, b.ACR)
}

// meant is the identity that the client names; empty: none.
func (l *login) meant() device.TokenID {
	if sub := l.hinted(); sub != "" {
		return sub
	}
	if hint := tokenID(l.as.LoginHint); hint.WellFormed() {
		return l.party.Identity(hint.Canonical())
	}
	return "" // such as an e-mail address, by which nobody is known here
}

// hinted is the identity of the id_token_hint; empty: there was none. Nobody else
// may then log in (OpenID Connect Core §3.1.2.2).
func (l *login) hinted() device.TokenID {
	if sub, ok := l.as.IDTokenHintClaims["sub"].(string); ok { // begun on a node of the version before
		return l.party.Identity(tokenID(sub))
	}
	return wishesOf(l.as).User
}

// covered says whether the user granted this service, in this browser login, all
// that it asks for now. A login alone releases nothing that was not asked for in it, on
// a phone or in the page.
func (l *login) covered(b *browserLogin) (consent, bool) {
	had := b.Services[l.party.ID]
	wants := l.shown()
	return consent{Asked: wants, Granted: both(wants, had.Granted)}, within(wants, had.Asked)
}

// single is single sign-on: no step.
func (l *login) single(b *browserLogin, c consent) (goidc.Status, error) {
	ctx := l.r.Context()
	i, err := l.Identities.Identity(ctx, b.Subject)
	if err != nil {
		return goidc.StatusFailure, err
	}
	switch err := l.useLogin(ctx, b, l.party.ID, c); {
	case errors.Is(err, errLoginEnded), errors.Is(err, ErrNotFound):
		return l.without(goidc.ErrorCodeLoginRequired)
	case err != nil:
		return goidc.StatusFailure, err
	}
	return l.succeed(b, c.Granted, i.Claims.Release(c.Granted, l.Now()))
}

// begin begins the operation and sends the browser to the page that runs it.
func (l *login) begin() (goidc.Status, error) {
	if err := l.count(l.r.Context()); err != nil {
		return goidc.StatusFailure, err
	}
	o, secret, err := l.Operations.Begin(l.r.Context(), operation.New{Name: operation.Login, Service: l.party.ID, Subject: l.meant(),
		Scopes: l.shown(), Operators: true, Finish: l.Issuer + pathAuthorize + "/" + l.as.ID})
	if err != nil {
		return goidc.StatusFailure, err
	}
	l.as.Store[operationName] = string(o.ID)
	l.jar().Add(l.w, l.r, string(o.ID), secret)
	l.toPage(o.ID)
	return goidc.StatusPending, nil
}

// toPage sends the browser to the login page.
func (l *login) toPage(id operation.ID) {
	query := url.Values{"operation": {string(id)}}
	if locales := wishesOf(l.as).Locales; locales != "" {
		query.Set("ui_locales", locales)
	}
	http.Redirect(l.w, l.r, l.Issuer+"/login?"+query.Encode(), http.StatusSeeOther)
}

// resume takes what the operation's approval says. It is taken by the browser
// that has the operation's cookie, and once.
func (l *login) resume(id operation.ID) (goidc.Status, error) {
	o, err := l.Operations.Take(l.r.Context(), id, l.jar().Secret(l.r, string(id)))
	switch {
	case errors.Is(err, operation.ErrNotFound):
		l.x.untouched = true // whoever asks, it is not for them to change the request
		l.x.show(http.StatusForbidden, web.NoticeOtherBrowser, "")
		return goidc.StatusPending, nil
	case errors.Is(err, operation.ErrSpent):
		l.x.untouched = true
		l.x.show(http.StatusBadRequest, web.NoticeLoginEnded, "")
		return goidc.StatusPending, nil
	case err != nil:
		return goidc.StatusFailure, err
	}
	if o.Result == operation.Continue {
		l.x.untouched = true
		l.toPage(id)
		return goidc.StatusPending, nil
	}
	l.jar().Drop(l.w, string(id))
	if o.Result != operation.Done || o.Approval == nil {
		return refuse(goidc.ErrorCodeAccessDenied, "the login was not approved")
	}
	if hinted := l.hinted(); hinted != "" && hinted != o.Approval.Token {
		return refuse(goidc.ErrorCodeLoginRequired, "another user than the one of id_token_hint")
	}
	if ok, err := l.mayLogIn(l.r.Context(), o.Approval.Token, o.Approval.Device); err != nil {
		return goidc.StatusFailure, err
	} else if !ok {
		return refuse(goidc.ErrorCodeAccessDenied, "the login was not approved")
	}
	return l.approved(o)
}

// approved makes the browser login and the grant of an approval.
func (l *login) approved(o operation.Operation) (goidc.Status, error) {
	a := o.Approval
	all := both(a.Scopes, o.Scopes)
	c := consent{Asked: plain(o.Scopes), Granted: plain(all)}
	b, err := l.makeLogin(l.w, l.r, a, l.party.ID, c)
	if err != nil {
		return goidc.StatusFailure, err
	}
	return l.succeed(b, append(l.operating(all, a.Token), c.Granted...), a.Claims)
}

// succeed says who the user is and what they granted.
func (l *login) succeed(b *browserLogin, scopes []device.Scope, released device.Claims) (goidc.Status, error) {
	l.as.Subject, l.as.GrantedScopes = string(b.Subject), granted(l.as.Scopes, scopes)
	f := facts{Device: b.Device, AuthTime: b.AuthTime, AMR: slices.Clone(b.AMR), ACR: b.ACR, SID: sid(b.ID, l.party), Claims: claims(l.as.Scopes, released)}
	delete(l.as.Store, operationName)
	delete(l.as.Store, wishesName)
	return goidc.StatusSuccess, f.put(l.as.Store)
}

// remember keeps the error of an exchange, to answer and to log it.
func remember(ctx context.Context, err error) {
	if x := exchangeOf(ctx); x.err == nil {
		x.err = err
	}
}
