package api

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"countersign/device"
	"countersign/operation/form"
	"countersign/session"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"
)

// A StartRequest is the body of POST /auth/initiate. What is nil is absent.
type StartRequest struct {
	TokenID     *string           `json:"tokenId,omitempty"`
	ServiceID   *string           `json:"serviceId,omitempty"`
	Scopes      *[]string         `json:"scopes,omitempty"`
	Mode        *string           `json:"mode,omitempty"`
	Challenge   *string           `json:"challenge,omitempty"`
	ClientNonce *string           `json:"clientNonce,omitempty"`
	Operation   *StartOperation   `json:"operation,omitempty"`
	Requester   *StartedRequester `json:"requester,omitempty"`
}

// A StartOperation is what shall be approved.
type StartOperation struct {
	Name     string         `json:"name"`
	Data     string         `json:"data"`               // structured as form.Data, or free text
	Form     jsontext.Value `json:"form,omitempty"`     // a form.Form
	Language *string        `json:"language,omitempty"` // of the form's texts
}

// A StartedRequester is the user's browser as a service saw it.
type StartedRequester struct {
	IP        string `json:"ip"`
	UserAgent string `json:"userAgent"`
}

// A StartResponse is the answer to a start.
type StartResponse struct {
	SessionID    string `json:"sessionId"`
	AutoPassword string `json:"autoPassword"`
	WSToken      string `json:"wsToken"`
	Random       string `json:"random"`
	ExpiresAt    string `json:"expiresAt"`
	WSURL        string `json:"wsUrl"`
	QRKey        string `json:"qrKey"`
	QRURL        string `json:"qrUrl"`
	Mode         string `json:"mode"`
}

const (
	maxScopes    = 32
	maxUserAgent = 512
)

func (h *Handler) initiate(c echo.Context) error {
	r := c.Request()
	body, err := readBody(r)
	if err != nil {
		return err
	}
	var q StartRequest
	if err := decode(body, &q); err != nil {
		return err
	}
	st, err := h.startOf(r, q, body)
	if err != nil {
		return err
	}
	s, err := h.Sessions.Start(r.Context(), st)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, h.started(s))
}

// startOf checks the form of a start, and who asks for it.
func (h *Handler) startOf(r *http.Request, q StartRequest, body []byte) (session.Start, error) {
	if err := q.check(); err != nil {
		return session.Start{}, err
	}
	party, authenticated, err := h.service(r, q.ServiceID)
	if err != nil {
		return session.Start{}, err
	}
	if !authenticated && (q.Operation != nil || q.Requester != nil) {
		return session.Start{}, session.ErrServiceAuth
	}
	if party.RequireBinding && q.Challenge == nil {
		return session.Start{}, refuse("challenge_required", "this service starts no session without a challenge")
	}
	addr := h.caller(r)
	if told := q.Requester; told != nil {
		// A back end calls for many browsers: the limits count the one it saw.
		addr = netip.MustParseAddr(told.IP).Unmap().WithZone("") // its form was checked
	}
	st := session.Start{Party: party, Authenticated: authenticated, Challenge: text(q.Challenge), ClientNonce: text(q.ClientNonce),
		Mode: session.Mode(text(q.Mode)), Address: countedAs(addr), Requester: h.requester(r, q.Requester, authenticated, addr)}
	if q.TokenID != nil {
		id := device.TokenID(*q.TokenID)
		st.Asked = &id
	}
	if q.Scopes != nil {
		st.Scopes = append([]string{}, *q.Scopes...)
	}
	if !authenticated {
		st.Origin = r.Header.Get("Origin")
	}
	if st.Operation, err = q.operation(h.Texts[party.ID]); err != nil {
		return st, err
	}
	return st, idempotency(r, body, &st)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// check is the form of the members that are simple texts.
func (q StartRequest) check() error {
	for _, m := range []struct {
		name  string
		value *string
		most  int
	}{{"tokenId", q.TokenID, 64}, {"serviceId", q.ServiceID, 64}, {"mode", q.Mode, 64}, {"clientNonce", q.ClientNonce, 128}} {
		if m.value != nil && !visible(*m.value, 1, m.most) {
			return malformed(m.name)
		}
	}
	if q.Challenge != nil && !isDigest(*q.Challenge) {
		return malformed("challenge")
	}
	if q.TokenID == nil && q.Mode != nil && *q.Mode != string(session.Scan) {
		return malformed("mode") // nobody is asked, so a phone must scan
	}
	if r := q.Requester; r != nil {
		// A zone may be any text.
		if a, err := netip.ParseAddr(r.IP); err != nil || a.Zone() != "" {
			return malformed("requester.ip")
		}
		if len(r.UserAgent) > maxUserAgent || device.HasHidden(r.UserAgent) {
			return malformed("requester.userAgent")
		}
	}
	if q.Scopes == nil {
		return nil
	}
	if len(*q.Scopes) > maxScopes {
		return malformed("scopes")
	}
	for _, s := range *q.Scopes {
		if !visible(s, 1, 64) {
			return malformed("scopes")
		}
	}
	return nil
}

// isDigest says whether s is a SHA-256 in base64url without padding.
func isDigest(s string) bool {
	// Both lengths: the decoder skips newlines.
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == sha256.Size && len(s) == base64.RawURLEncoding.EncodedLen(sha256.Size)
}

// service finds who starts or cancels a session. A service with a secret always
// uses it. One without is a page, which browsers name by its Origin; an unknown
// service is answered like a page of another origin.
func (h *Handler) service(r *http.Request, id *string) (p session.RelyingParty, authenticated bool, err error) {
	name, secret, basic := r.BasicAuth()
	failed := refuse("service_auth_failed", "wrong service or secret")
	switch {
	case r.Header.Get("Authorization") != "":
		if !basic || id != nil && *id != name {
			return p, false, failed
		}
		return h.authenticate(r, name, secret)
	case id == nil:
		return p, false, malformed("serviceId")
	}
	p, known := h.Sessions.Parties.Party(*id)
	if known && p.Authenticates() {
		return p, false, failed
	}
	origins := r.Header.Values("Origin")
	if !known || len(origins) != 1 || !p.MayUse(origins[0]) {
		return p, false, refuse("origin_not_allowed", "this origin may not start sessions of this service")
	}
	return p, false, nil
}

// authenticate checks a service's secret. Wrong ones are counted by the address
// they come from (RFC 6749 §2.3.1).
func (h *Handler) authenticate(r *http.Request, name, secret string) (session.RelyingParty, bool, error) {
	from := countedAs(h.caller(r))
	if err := h.Guesses.Guessing(from); err != nil {
		return session.RelyingParty{}, false, err
	}
	p, known := h.Sessions.Parties.Party(name)
	if p.Secret(secret) && known {
		return p, true, nil
	}
	if err := h.Guesses.CountGuess(r.Context(), from); err != nil {
		return session.RelyingParty{}, false, err
	}
	return session.RelyingParty{}, false, refuse("service_auth_failed", "wrong service or secret")
}

// requester is who the phone is told of: for a page what the server saw, for a
// back end what it says it saw, or nobody.
func (h *Handler) requester(r *http.Request, told *StartedRequester, authenticated bool, addr netip.Addr) *session.Requester {
	switch {
	case told != nil:
		return &session.Requester{IP: told.IP, UserAgent: h.browsers.name(told.UserAgent), ByService: true}
	case authenticated:
		return nil
	}
	return &session.Requester{IP: addr.String(), UserAgent: h.browsers.name(r.UserAgent())}
}

// operation checks what shall be approved, if it is more than a login.
func (q StartRequest) operation(texts form.Texts) (*session.Operation, error) {
	if q.Operation == nil {
		return nil, nil //nolint:nilnil // a session without an operation is the usual one
	}
	return q.Operation.approved("operation.", texts)
}

// idempotency reads the Idempotency-Key.
func idempotency(r *http.Request, body []byte, st *session.Start) error {
	values := r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return nil
	}
	if len(values) > 1 || !visible(values[0], 1, 64) {
		return malformed("Idempotency-Key")
	}
	sum := sha256.Sum256(body)
	st.Idempotency, st.Body = values[0], base64.RawURLEncoding.EncodeToString(sum[:])
	return nil
}

// started is the answer to a start.
func (h *Handler) started(s session.Session) StartResponse {
	x := h.Sessions.Secrets
	token := x.WSToken(s)
	return StartResponse{
		SessionID: string(s.ID), AutoPassword: string(x.Code(s, s.Period)), WSToken: token, Random: x.Random(s),
		ExpiresAt: s.ExpiresAt.UTC().Format(time.RFC3339),
		WSURL:     "ws" + strings.TrimPrefix(h.Issuer, "http") + "/ws/session/" + string(s.ID) + "?token=" + token,
		QRKey:     base64.RawURLEncoding.EncodeToString(x.QRKey(s)), QRURL: h.Issuer + "/s/" + string(s.ID), Mode: string(s.Mode),
	}
}
