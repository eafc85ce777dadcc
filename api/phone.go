package api

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"countersign/crypto/otp"
	"countersign/device"
	"countersign/session"

	"github.com/labstack/echo/v4"
)

// SignedRequest is what every request of a phone but its enrolment carries.
type SignedRequest struct {
	TokenID   *string `json:"tokenId,omitempty"`
	DeviceID  *string `json:"deviceId,omitempty"`
	Timestamp *int64  `json:"timestamp,omitempty"` // unix seconds
	Nonce     *string `json:"nonce,omitempty"`     // 16 bytes, base64url
	Signature *string `json:"signature,omitempty"` // raw or DER, base64url
}

// A PendingRequest is the body of POST /auth/pending.
type PendingRequest struct{ SignedRequest }

// A ClaimRequest is the body of POST /auth/claim.
type ClaimRequest struct {
	SignedRequest
	SessionID *string `json:"sessionId,omitempty"`
	Scan      *string `json:"scan,omitempty"`
}

// A VerifyRequest is the body of POST /auth/verify, of either version.
type VerifyRequest struct {
	SignedRequest
	SessionID     *string   `json:"sessionId,omitempty"`
	Decision      *string   `json:"decision,omitempty"`
	OTP           *string   `json:"otp,omitempty"`
	GrantedScopes *[]string `json:"grantedScopes,omitempty"`
	DisplayHash   *string   `json:"displayHash,omitempty"`
	// SignatureBase64 marks a legacy v0 request.
	SignatureBase64 *string `json:"signatureBase64,omitempty"`
}

// A PendingResponse lists what waits for a phone.
type PendingResponse struct {
	Sessions []PendingSession `json:"sessions"`
}

// A PendingSession is one session that waits.
type PendingSession struct {
	SessionID    string `json:"sessionId"`
	ServiceName  string `json:"serviceName"`
	Mode         string `json:"mode"`
	ExpiresAt    string `json:"expiresAt"`
	AutoPassword string `json:"autoPassword,omitempty"` // mode compare
}

// A ClaimResponse is what a phone is to show. Display is JSON in a string: the
// exact text that DisplayHash is of.
type ClaimResponse struct {
	Display     string `json:"display"`
	DisplayHash string `json:"displayHash"`
	ExpiresAt   string `json:"expiresAt"`
}

// A VerifyResponse says what became of a decision: approved, denied, reported.
type VerifyResponse struct {
	Status    string `json:"status"`
	SessionID string `json:"sessionId"`
	// ReturnURL brings the browser back that handed over on the same device.
	ReturnURL string `json:"returnUrl,omitempty"`
}

// signed checks the form of what every request carries.
func (q SignedRequest) signed(address string) (session.Signed, error) {
	switch {
	case q.TokenID == nil || !visible(*q.TokenID, 1, 64):
		return session.Signed{}, malformed("tokenId")
	case q.DeviceID == nil || !visible(*q.DeviceID, 1, 64):
		return session.Signed{}, malformed("deviceId")
	case q.Timestamp == nil || *q.Timestamp < 0:
		return session.Signed{}, malformed("timestamp")
	case q.Nonce == nil || !device.Nonce(*q.Nonce).WellFormed():
		return session.Signed{}, malformed("nonce")
	case q.Signature == nil:
		return session.Signed{}, malformed("signature")
	}
	return session.Signed{Token: device.TokenID(*q.TokenID), Device: device.ID(*q.DeviceID), Timestamp: *q.Timestamp,
		Nonce: device.Nonce(*q.Nonce), Signature: *q.Signature, Address: address}, nil
}

// read takes a phone's request from the wire.
func (h *Handler) read(c echo.Context, into any) error {
	body, err := readBody(c.Request())
	if err != nil {
		return err
	}
	return decode(body, into)
}

func (h *Handler) pending(c echo.Context) error {
	var q PendingRequest
	if err := h.read(c, &q); err != nil {
		return err
	}
	signed, err := q.signed(countedAs(h.caller(c.Request())))
	if err != nil {
		return err
	}
	waiting, err := h.Sessions.Pending(c.Request().Context(), session.PendingRequest{Signed: signed})
	if err != nil {
		return err
	}
	out := PendingResponse{Sessions: []PendingSession{}}
	for _, w := range waiting {
		out.Sessions = append(out.Sessions, PendingSession{SessionID: string(w.Session.ID), ServiceName: w.Service,
			Mode: string(w.Session.Mode), ExpiresAt: w.Session.ExpiresAt.UTC().Format(time.RFC3339), AutoPassword: w.Code})
	}
	return c.JSON(http.StatusOK, out)
}

func (h *Handler) claim(c echo.Context) error {
	var q ClaimRequest
	if err := h.read(c, &q); err != nil {
		return err
	}
	signed, err := q.signed(countedAs(h.caller(c.Request())))
	switch {
	case err != nil:
		return err
	case q.SessionID == nil || !visible(*q.SessionID, 1, 64):
		return malformed("sessionId")
	case len(text(q.Scan)) > 64 || device.HasControl(text(q.Scan)):
		return malformed("scan")
	}
	s, err := h.Sessions.Claim(c.Request().Context(), session.ClaimRequest{Signed: signed, Session: session.ID(*q.SessionID), Scan: text(q.Scan)})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, ClaimResponse{Display: s.Claim.Display, DisplayHash: session.DisplayHash(s.Claim.Display),
		ExpiresAt: s.ExpiresAt.UTC().Format(time.RFC3339)})
}

func (h *Handler) verify(c echo.Context) error {
	var q VerifyRequest
	if err := h.read(c, &q); err != nil {
		return err
	}
	v, err := q.verification(countedAs(h.caller(c.Request())))
	if err != nil {
		return err
	}
	out, err := h.Sessions.Verify(c.Request().Context(), v)
	switch {
	case errors.Is(err, session.ErrCode):
		return refusal{code: "invalid_otp", detail: "the code is wrong", remaining: out.Remaining}
	case errors.Is(err, session.ErrScope):
		return refusal{code: "scope_not_allowed", detail: "a scope that was not asked for, or a required one missing", status: http.StatusForbidden}
	case err != nil:
		return err
	}
	return c.JSON(http.StatusOK, VerifyResponse{Status: out.Status, SessionID: string(v.Session), ReturnURL: h.returnURL(v.Session, out.Return)})
}

// verification checks the form of a decision.
func (q VerifyRequest) verification(address string) (session.Verification, error) {
	if q.SignatureBase64 != nil {
		return q.legacy(address)
	}
	signed, err := q.signed(address)
	v := session.Verification{Signed: signed, OTP: text(q.OTP), Display: text(q.DisplayHash)}
	switch {
	case err != nil:
		return v, err
	case q.SessionID == nil || !visible(*q.SessionID, 1, 64):
		return v, malformed("sessionId")
	case !visible(v.Display, 1, 64):
		return v, malformed("displayHash")
	}
	v.Session, v.Decision = session.ID(*q.SessionID), session.Decision(text(q.Decision))
	if !slices.Contains([]session.Decision{session.Approve, session.Deny, session.Report}, v.Decision) {
		return v, malformed("decision")
	}
	if v.OTP == "" && v.Decision == session.Approve || v.OTP != "" && !isCode(v.OTP) {
		return v, malformed("otp")
	}
	if q.GrantedScopes != nil {
		v.Scopes = *q.GrantedScopes
	}
	if !goodScopes(v.Scopes) || v.Decision != session.Approve && len(v.Scopes) > 0 {
		return v, malformed("grantedScopes")
	}
	return v, nil
}

// scannedCode is the form of an otp read by a camera or handed over by a link.
var scannedCode = regexp.MustCompile(`^qr:(0|[1-9][0-9]{0,5}|h):[A-Za-z0-9_-]{16}$`)

func isCode(s string) bool {
	_, typed := otp.Parse(s)
	return typed || scannedCode.MatchString(s)
}

// goodScopes says whether a list can be signed without ambiguity.
func goodScopes(scopes []string) bool {
	if len(scopes) > maxScopes {
		return false
	}
	for i, s := range scopes {
		if !visible(s, 1, 64) || strings.Contains(s, ",") || slices.Contains(scopes[:i], s) {
			return false
		}
	}
	return true
}

// legacy checks the form of a v0 decision: an approval with a typed code.
func (q VerifyRequest) legacy(address string) (session.Verification, error) {
	v := session.Verification{V0: true, OTP: text(q.OTP), Decision: session.Approve, Signed: session.Signed{Address: address}}
	_, typed := otp.Parse(v.OTP)
	switch {
	case q.SessionID == nil || !visible(*q.SessionID, 1, 64):
		return v, malformed("sessionId")
	case q.TokenID == nil || !visible(*q.TokenID, 1, 64):
		return v, malformed("tokenId")
	case !typed:
		return v, malformed("otp")
	case q.Timestamp == nil || *q.Timestamp < 0:
		return v, malformed("timestamp")
	}
	if q.GrantedScopes != nil {
		v.Scopes = append([]string{}, *q.GrantedScopes...)
	}
	if !goodScopes(v.Scopes) {
		return v, malformed("grantedScopes")
	}
	v.Session, v.Token = session.ID(*q.SessionID), device.TokenID(*q.TokenID)
	v.Timestamp, v.Signature = *q.Timestamp, *q.SignatureBase64
	return v, nil
}
