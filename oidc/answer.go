package oidc

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"countersign/device"
	"countersign/session"
	"countersign/web"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// tokenHead and tokenClaims are what is read of a token before it is verified.
type tokenHead struct {
	Type      string `json:"typ"`
	KeyID     string `json:"kid"`
	Algorithm string `json:"alg"`
}

type tokenClaims struct {
	Subject      string          `json:"sub"`
	IssuedAt     int64           `json:"iat"`
	Audience     json.RawMessage `json:"aud"`
	Scope        string          `json:"scope"`
	Confirmation struct {
		Thumbprint string `json:"jkt"`
	} `json:"cnf"`
}

func peek(token string) (head tokenHead, claims tokenClaims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return head, claims, false
	}
	for i, into := range []any{&head, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(b, into) != nil {
			return head, claims, false
		}
	}
	return head, claims, true
}

// onlyFor says whether an audience is this one and no other.
func onlyFor(audience json.RawMessage, who string) bool {
	one, many := "", []string(nil)
	if json.Unmarshal(audience, &one) == nil {
		return one == who
	}
	return json.Unmarshal(audience, &many) == nil && len(many) == 1 && many[0] == who
}

// mend gives the library's answer the form that the RFCs ask for.
func (d *door) mend(a *answer, r *http.Request, x *exchange) {
	switch {
	case x.page != nil:
		d.notice(a, r, *x.page)
	case x.path == pathAuthorize:
		if a.status == http.StatusOK && strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			d.formPost(a, r, x)
		}
		redirected(a, x)
	case x.path == pathBackchannel && a.status == http.StatusOK:
		withCode(a, x.code)
	case a.status >= http.StatusBadRequest:
		var p problem
		_ = json.Unmarshal(a.body.Bytes(), &p) // what is no error document becomes a server_error
		p.status = a.status
		d.answerError(a, r, x, p)
	}
}

// redirected mends the error that a browser carries to a client, in the query or,
// where one of a response_type there is not is answered, the fragment.
func redirected(a *answer, x *exchange) {
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		return
	}
	for _, part := range []*string{&u.RawQuery, &u.Fragment} {
		v, err := url.ParseQuery(*part)
		if err != nil || !v.Has("error") || !v.Has("error_description") {
			continue
		}
		code, text := x.told(v.Get("error"), v.Get("error_description"))
		if code == v.Get("error") && text == v.Get("error_description") {
			continue
		}
		v.Set("error", code)
		v.Set("error_description", text)
		if part == &u.RawQuery {
			u.RawQuery = v.Encode()
			a.header.Set("Location", u.String())
			continue
		}
		before, _, _ := strings.Cut(a.header.Get("Location"), "#")
		a.header.Set("Location", before+"#"+v.Encode())
	}
}

// told is what a client is told of an error at the authorization endpoint. That of a
// response_type that there is not has a code of its own (RFC 6749 §4.1.2.1).
func (x *exchange) told(code, text string) (mendedCode, mendedText string) {
	if code == "invalid_request" && text == "invalid response_type" {
		return "unsupported_response_type", "response_type must be code"
	}
	return code, x.reason(text)
}

// withCode adds to the answer to a CIBA request the code that the client shows,
// and the user types into the phone.
func withCode(a *answer, code string) {
	var v struct {
		AuthReqID string `json:"auth_req_id"`
		ExpiresIn int    `json:"expires_in"`
		Interval  int    `json:"interval"`
		Code      string `json:"autoPassword"`
	}
	if err := json.Unmarshal(a.body.Bytes(), &v); err != nil {
		return // not what the library writes
	}
	v.Code = code
	a.json(http.StatusOK, v)
}

// unavailable says whether an exchange failed because the store cannot be
// reached, or is full.
func (d *door) unavailable(x *exchange) bool {
	for _, err := range []error{x.failed, x.err} {
		if err != nil && (d.Unavailable(err) || errors.Is(err, session.ErrFull)) {
			return true
		}
	}
	return false
}

// answerError answers an error of an endpoint without a browser.
func (d *door) answerError(a *answer, r *http.Request, x *exchange, p problem) {
	aboutProof := x.err != nil && strings.Contains(x.err.Error(), "DPoP")
	limited := device.LimitedError{}
	switch {
	case errors.As(x.err, &limited): // RFC 9126 §2.3
		x.after = limited.After
		p = problem{"temporarily_unavailable", "too many requests", http.StatusTooManyRequests}
	case d.unavailable(x):
		p = problem{"temporarily_unavailable", "try again in a moment", http.StatusServiceUnavailable}
	case p.status >= http.StatusInternalServerError || p.Code == "":
		d.Log.ErrorContext(r.Context(), "oidc", "path", x.path, "error", x.err)
		p = problem{"server_error", "", http.StatusInternalServerError}
	case x.path == pathIntrospect && p.Code == "access_denied":
		a.json(http.StatusOK, map[string]bool{"active": false}) // RFC 7662 §2.2: another's token is none
		return
	case aboutProof && p.Code != "invalid_client":
		p = problem{"invalid_dpop_proof", x.reason(p.Text), http.StatusBadRequest}
	case x.path == pathUserinfo && p.Code == "access_denied":
		p = problem{"insufficient_scope", "", http.StatusForbidden}
	case x.path == pathUserinfo:
		p = problem{"invalid_token", "", http.StatusUnauthorized}
	case x.slow && p.Code == "authorization_pending": // CIBA Core §11
		p = problem{"slow_down", "ask at most every 5 seconds", http.StatusBadRequest}
	case x.path == pathRevoke && p.Code == "access_denied":
		p = problem{"invalid_grant", "the token was issued to another client", http.StatusBadRequest}
	case p.Code == "expired_token" && r.PostForm.Get("grant_type") != string(goidc.GrantCIBA):
		p = problem{"invalid_grant", x.reason(p.Text), http.StatusBadRequest}
	case p.Code == "unauthorized_client":
		p.status = http.StatusBadRequest
		fallthrough
	default:
		p.Text = x.reason(p.Text)
	}
	d.refuse(a, r, x, p)
	if _, _, basic := r.BasicAuth(); basic && p.Code == "invalid_client" {
		// That there were too many is told with the next one.
		if err := d.Limiter.CountGuess(r.Context(), caller(r.Context())); err != nil && !errors.As(err, &limited) {
			d.Log.WarnContext(r.Context(), "oidc: a wrong secret was not counted", "error", err)
		}
	}
	if p.Code == "invalid_client" && r.Header.Get("Authorization") != "" {
		a.header.Set("WWW-Authenticate", `Basic realm="countersign"`)
	}
}

// refuse writes an error in the way of its endpoint.
func (d *door) refuse(a *answer, r *http.Request, x *exchange, p problem) {
	switch x.path {
	case pathAuthorize:
		d.notice(a, r, web.Notice{Status: p.status, Name: web.NoticeCannotBegin, Detail: p.Code + ": " + p.Text})
		return
	case pathEndSession:
		d.notice(a, r, web.Notice{Status: p.status, Name: web.NoticeCannotLogOut, Detail: p.Code + ": " + p.Text})
		return
	}
	if p.status == http.StatusServiceUnavailable {
		a.header.Set("Retry-After", retryAfter)
	}
	if x.path == pathUserinfo {
		if p.Code == "invalid_dpop_proof" {
			p.status = http.StatusUnauthorized
		}
		if p.status == http.StatusUnauthorized || p.status == http.StatusForbidden {
			plain := p.Code
			if plain == "invalid_dpop_proof" { // no error of a Bearer token (RFC 6750 §3.1)
				plain = "invalid_token"
			}
			a.header["Www-Authenticate"] = []string{`Bearer error="` + plain + `"`, `DPoP error="` + p.Code + `", algs="ES256"`}
			if p.Code == "" {
				a.header["Www-Authenticate"] = []string{`Bearer`, `DPoP algs="ES256"`}
			}
		}
	}
	a.json(p.status, p)
}
