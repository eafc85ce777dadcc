package oidc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign/device"
	"countersign/web"
)

// door stands before the library: it refuses what must not reach it, and mends
// what it answers.
type door struct {
	*Provider
	library http.Handler
	public  map[string]bool // origins of public clients
}

// exchange is what one request and its answer are about.
type exchange struct {
	path      string
	scope     string        // of the access token that userinfo is asked with
	untouched bool          // the request's record stays as it is
	failed    error         // what the library must not hide
	err       error         // what the library answered
	page      *web.Notice   // shown instead of the library's answer
	after     time.Duration // how long a caller has to wait who asks too often
	wishes    wishes        // what the library is not told
	foreign   bool          // the request has a request_uri that is none of ours
	again     []web.Field   // the request is to come once more, from a page of ours
	client    string        // that asks the token endpoint, as far as it says
	code      string        // of the session of a CIBA request
	granted   bool          // there is a grant of the auth_req_id
	slow      bool          // a poll came too early
	lost      bool          // another redeemed the same auth_req_id at the same time
}

type exchangeKey struct{}

// exchangeOf gives the exchange of a request; outside of one, an empty one.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// maxBody is that of every request.
const maxBody = 16 << 10

// ServeHTTP implements [http.Handler].
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{path: r.URL.Path}
	if strings.HasPrefix(r.URL.Path, pathAuthorize) {
		x.path = pathAuthorize
	}
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	a := newAnswer()
	if slices.Contains([]string{pathToken, pathUserinfo, pathRevoke}, x.path) && d.cors(a, r) {
		a.status = http.StatusNoContent
		a.writeTo(w)
		return
	}
	switch problem := d.admit(w, r, x); {
	case problem != nil:
		d.refuse(a, r, x, *problem)
	case x.again != nil:
		d.notice(a, r, web.Notice{Status: http.StatusOK, Name: web.NoticeSendLogin, Action: d.Issuer + pathAuthorize, Fields: x.again})
	case x.path == pathEndSession:
		if err := d.endSession(a, r, x); err != nil {
			d.failed(a, r, x, err)
		}
	default:
		d.library.ServeHTTP(a, r)
		d.mend(a, r, x)
	}
	head := a.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("Pragma", "no-cache")
	if x.after > 0 {
		head.Set("Retry-After", strconv.Itoa(seconds(x.after+time.Second-1)))
	}
	a.writeTo(w)
}

// cors lets the pages of public clients call, without credentials. It is true for
// a preflight, which is then answered.
func (d *door) cors(a *answer, r *http.Request) bool {
	head := a.Header()
	head.Add("Vary", "Origin")
	preflight := r.Method == http.MethodOptions
	origin := r.Header.Get("Origin")
	if origin == "" || !d.public[origin] {
		return preflight
	}
	head.Set("Access-Control-Allow-Origin", origin)
	head.Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After")
	if preflight {
		head.Set("Access-Control-Allow-Methods", "GET, POST")
		head.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP")
		head.Set("Access-Control-Max-Age", "600")
	}
	return preflight
}

// problem is an error of RFC 6749 §5.2.
type problem struct {
	Code string `json:"error,omitempty"`
	Text string `json:"error_description,omitempty"`

	status int
}

// admit refuses what the library would read in more than one way, or not refuse.
func (d *door) admit(w http.ResponseWriter, r *http.Request, x *exchange) *problem {
	if r.Method == http.MethodPost {
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if r.Header.Get("Content-Type") != "" && (err != nil || kind != "application/x-www-form-urlencoded") {
			return &problem{"invalid_request", "the body must be application/x-www-form-urlencoded", http.StatusUnsupportedMediaType}
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	}
	err := r.ParseForm()
	if locales := r.Form.Get("ui_locales"); len(locales) <= 100 { // also of what is refused next
		x.wishes.Locales = locales
	}
	if err != nil {
		if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
			return &problem{"invalid_request", "the body is too large", http.StatusRequestEntityTooLarge}
		}
		return &problem{"invalid_request", "the form is malformed", http.StatusBadRequest}
	}
	if len(r.Header.Values("DPoP")) > 1 { // the library takes that for none
		return &problem{"invalid_dpop_proof", "there is more than one", http.StatusBadRequest}
	}
	r.RequestURI = r.URL.EscapedPath() // a proof's htu has no query, and the library compares it with this (RFC 9449 §4.3)
	if x.path == pathUserinfo {
		return bearer(r, x, d.Issuer+pathUserinfo)
	}
	for name, values := range r.Form {
		if len(values) > 1 && name != "resource" { // RFC 6749 §3.1, §3.2
			return &problem{"invalid_request", "a parameter is given more than once", http.StatusBadRequest}
		}
	}
	if x.path == pathEndSession {
		return nil
	}
	if x.again = again(r, x); x.again != nil {
		return nil
	}
	d.plainBasic(r)
	if x.path == pathAuthorize || x.path == pathPAR || x.path == pathBackchannel {
		if problem := d.request(r, x); problem != nil || x.path == pathAuthorize {
			return problem
		}
	}
	if x.path == pathToken && r.PostForm.Get("grant_type") == "" {
		return &problem{"invalid_request", "grant_type is missing", http.StatusBadRequest}
	}
	if problem := noOperators(r.PostForm); problem != nil && x.path == pathToken {
		return problem
	}
	if problem := d.assertion(r); problem != nil {
		return problem
	}
	if _, _, basic := r.BasicAuth(); basic {
		if limited := (device.LimitedError{}); errors.As(d.Limiter.Guessing(caller(r.Context())), &limited) {
			x.after = limited.After
			return &problem{"temporarily_unavailable", "too many wrong secrets came from this address", http.StatusTooManyRequests}
		}
	}
	c, known := d.claimedClient(r)
	x.client = c.ID
	if x.path == pathIntrospect && known && d.isPublic(c) {
		return &problem{"invalid_client", "only clients that authenticate may ask", http.StatusUnauthorized}
	}
	return nil
}

// assertion refuses a client's assertion that is not for this issuer alone. The
// library also takes the addresses of endpoints, but those any other server can
// call its own, and then use here what its clients send it. A key that is
// registered for one algorithm is for no other (RFC 7517 §4.4): so a client can
// keep to what FAPI 2.0 allows.
func (d *door) assertion(r *http.Request) *problem {
	assertion := r.PostForm.Get("client_assertion")
	if assertion == "" {
		return nil
	}
	head, claims, ok := peek(assertion)
	if !ok || !onlyFor(claims.Audience, d.Issuer) {
		return &problem{"invalid_client", "the assertion's aud must be the issuer alone", http.StatusUnauthorized}
	}
	if c, known := d.claimedClient(r); known && c.Keys != nil {
		if keys, err := clientKeys(c.Keys); err != nil || !keyFits(keys, head) {
			return &problem{"invalid_client", "the assertion is not signed by the algorithm of its key", http.StatusUnauthorized}
		}
	}
	return nil
}

// again gives what is to be sent once more, by a page of ours: all of a login that the
// page of another site has sent by a form. The browser keeps our cookies back then
// (SameSite=Lax), so it would look as if nobody was logged in and nothing under way.
func again(r *http.Request, x *exchange) (all []web.Field) {
	if x.path != pathAuthorize || r.Method != http.MethodPost || r.Header.Get("Sec-Fetch-Site") != "cross-site" || r.Header.Get("Sec-Fetch-Dest") != "document" {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(r.Form)) {
		for _, value := range r.Form[name] {
			all = append(all, web.Field{Name: name, Value: value})
		}
	}
	return all
}

// bearer checks the scheme, type and audience of what userinfo is asked with: an
// access token for it (RFC 9700 §2.3), as DPoP if and only if it is bound to a key
// (RFC 9449 §7.1). Its signature is the library's business. The scope is kept for
// userinfo, which the library asks for what the grant has: a token may have less.
func bearer(r *http.Request, x *exchange, audience string) *problem {
	if r.Header.Get("Authorization") == "" {
		return &problem{status: http.StatusUnauthorized} // nobody tried, so there is no error to name (RFC 6750 §3.1)
	}
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	bad := &problem{"invalid_token", "", http.StatusUnauthorized}
	if !ok || len(r.Header.Values("Authorization")) != 1 {
		return bad
	}
	head, claims, ok := peek(token)
	if !ok || head.Type != "at+jwt" || !onlyFor(claims.Audience, audience) {
		return bad
	}
	want := "Bearer"
	if claims.Confirmation.Thumbprint != "" {
		want = "DPoP"
	}
	if !strings.EqualFold(scheme, want) {
		return bad
	}
	x.scope = claims.Scope
	return nil
}

// answer keeps an answer until it is complete.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{header: http.Header{}, status: http.StatusOK} }

// Header implements [http.ResponseWriter].
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements [http.ResponseWriter].
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

func (a *answer) json(status int, v any) {
	a.status = status
	a.header.Set("Content-Type", "application/json")
	a.body.Reset()
	_ = json.NewEncoder(&a.body).Encode(v) // strings and booleans of ours
}

func (a *answer) writeTo(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = append(w.Header()[name], values...)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // the peer may have gone
}
