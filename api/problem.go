package api

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/operation"
	"countersign/passkey"
	"countersign/session"
	"countersign/ws"

	"github.com/labstack/echo/v4"
)

// A Problem is the body of every error (RFC 9457). Code is the stable part.
type Problem struct {
	Type      string `json:"type"` // {issuer}/problems/{code}
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	RequestID string `json:"requestId"`

	AttemptsRemaining *int   `json:"attemptsRemaining,omitempty"` // invalid_otp
	ServerTime        string `json:"serverTime,omitempty"`        // stale_timestamp, RFC 3339
}

// Error implements error.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// A refusal is an error with a code of its own.
type refusal struct {
	code, detail string
	status       int // 0: the code's own
	retry        time.Duration
	remaining    int
}

func (r refusal) Error() string { return r.code }

func refuse(code, detail string) error { return refusal{code: code, detail: detail} }

// malformed names the member that is wrong, never its value.
func malformed(member string) error { return refuse("invalid_request", "invalid: "+member) }

// codes gives each code its status and title.
var codes = map[string]struct {
	status int
	title  string
}{
	"invalid_request":        {400, "Malformed request"},
	"challenge_required":     {400, "Challenge required"},
	"invalid_key":            {400, "Invalid key"},
	"service_auth_failed":    {401, "Service authentication failed"},
	"invalid_ws_token":       {401, "Invalid wsToken or verifier"},
	"invalid_token":          {401, "Invalid token"},
	"stale_timestamp":        {401, "Clock differs too much"},
	"unknown_device":         {401, "Unknown device"},
	"invalid_signature":      {401, "Invalid signature"},
	"insufficient_scope":     {403, "Insufficient scope"},
	"origin_not_allowed":     {403, "Origin not allowed"},
	"service_auth_required":  {403, "Service authentication required"},
	"revoked":                {403, "Revoked"},
	"invalid_otp":            {403, "Invalid code"},
	"invalid_scan":           {403, "Invalid scan"},
	"invalid_return":         {403, "Invalid return"},
	"not_enrolled":           {404, "Not enrolled"},
	"session_not_found":      {404, "Session not found"},
	"device_not_found":       {404, "Device not found"},
	"passkey_not_found":      {404, "Passkey not found"},
	"operation_not_found":    {404, "Operation not found"},
	"code_unknown":           {404, "Enrolment code unknown"},
	"not_found":              {404, "Not found"},
	"method_not_allowed":     {405, "Method not allowed"},
	"idempotency_conflict":   {409, "Idempotency key reused"},
	"replayed":               {409, "Replayed"},
	"session_resolved":       {409, "Session already resolved"},
	"operation_resolved":     {409, "Operation already resolved"},
	"not_claimed":            {409, "Session not claimed"},
	"already_claimed":        {409, "Session claimed by another phone"},
	"display_changed":        {409, "Display changed"},
	"already_enrolled":       {409, "Key already enrolled"},
	"too_many_devices":       {409, "Too many devices"},
	"session_expired":        {410, "Session expired"},
	"too_large":              {413, "Body too large"},
	"unsupported_media_type": {415, "Unsupported media type"},
	"scope_not_allowed":      {422, "Scope not allowed"},
	"mode_not_allowed":       {422, "Mode not allowed"},
	"operation_unknown":      {422, "Operation unknown"},
	"form_mismatch":          {422, "Form contradicts data"},
	"upgrade_required":       {426, "Upgrade required"},
	"too_many_attempts":      {429, "Too many attempts"},
	"locked":                 {429, "Locked"},
	"rate_limited":           {429, "Too many requests"},
	"internal":               {500, "Internal error"},
	"unavailable":            {503, "Unavailable"},
	"overloaded":             {503, "Overloaded"},
}

// answers turns the errors of the rooms below into codes.
var answers = []struct {
	err          error
	code, detail string
}{
	{session.ErrNotFound, "session_not_found", "no such session, or it is forgotten"},
	{session.ErrExpired, "session_expired", "the session's time is up"},
	{session.ErrTooManyAttempts, "too_many_attempts", "three wrong codes have ended the session"},
	{session.ErrResolved, "session_resolved", "the session has ended"},
	{session.ErrNotClaimed, "not_claimed", "claim the session first"},
	{session.ErrAlreadyClaimed, "already_claimed", "another phone has opened the session"},
	{session.ErrScan, "invalid_scan", "scan the moving QR code"},
	{session.ErrReturn, "invalid_return", "the code is not that of this session's returnUrl"},
	{session.ErrDisplay, "display_changed", "displayHash is not that of the text given at the claim"},
	{session.ErrScope, "scope_not_allowed", "a scope that is not allowed here, or a required one missing"},
	{session.ErrMode, "mode_not_allowed", "the service does not allow this mode"},
	{session.ErrServiceAuth, "service_auth_required", "only an authenticated service may ask for this"},
	{session.ErrFull, "overloaded", "no room for another session now"},
	{session.ErrIdempotency, "idempotency_conflict", "the key was used with another body"},
	{session.ErrNotEnrolled, "not_enrolled", "no such identity"},
	{session.ErrRevoked, "revoked", "the identity is revoked"},
	{session.ErrV0, "invalid_request", "invalid: legacy signature"},
	{device.ErrUnknown, "unknown_device", "this device is not enrolled for this"},
	{device.ErrSignature, "invalid_signature", "the signature does not fit the signed lines"},
	{device.ErrStale, "stale_timestamp", "timestamp is more than 30 seconds off"},
	{device.ErrReplayed, "replayed", "the nonce was used before"},
	{device.ErrCodeUnknown, "code_unknown", "no such enrolment code, or it was used, or has expired"},
	{device.ErrAlreadyEnrolled, "already_enrolled", "the key belongs to a device already"},
	{device.ErrDeviceNotFound, "device_not_found", "the identity has no such device, or it is revoked"},
	{device.ErrTooManyDevices, "too_many_devices", "the identity has as many devices as it may"},
	{audit.ErrCursor, "invalid_request", "invalid: cursor"},
	{passkey.ErrUnknown, "passkey_not_found", "the identity has no such passkey"},
	{operation.ErrNotFound, "operation_not_found", "no such operation, or it is forgotten"},
	{operation.ErrFinished, "operation_resolved", "the operation has ended"},
	{operation.ErrUnknown, "operation_unknown", "there is no operation of this name"},
	{operation.ErrNobody, "invalid_request", "invalid: tokenId"},
	{ws.ErrRefused, "invalid_ws_token", "the wsToken or the verifier is missing or wrong"},
	{ws.ErrVerifierMissing, "invalid_ws_token", "the wsToken or the verifier is missing or wrong"},
	{ws.ErrNotUpgrade, "upgrade_required", "open a WebSocket here"},
	{ws.ErrOrigin, "origin_not_allowed", "this origin may not do this"},
}

const (
	// retryUnavailable is when to try again after a 503.
	retryUnavailable = time.Second
	// retryOperator is when to try again what only an operator can lift.
	retryOperator = time.Hour
)

// translate gives the refusal that an error stands for. What nobody foresaw is
// unavailable if the store said so, else internal; the cause is for the log.
func (h *Handler) translate(err error) refusal {
	var r refusal
	if errors.As(err, &r) {
		return r
	}
	var limited device.LimitedError
	if errors.As(err, &limited) {
		return refusal{code: "rate_limited", detail: "too many requests", retry: limited.After}
	}
	var locked device.LockedError
	if errors.As(err, &locked) {
		if locked.After == 0 {
			locked.After = retryOperator
		}
		return refusal{code: "locked", detail: "the device or its identity is locked", retry: locked.After}
	}
	for _, a := range answers {
		if errors.Is(err, a.err) {
			return refusal{code: a.code, detail: a.detail}
		}
	}
	var he *echo.HTTPError
	if errors.As(err, &he) {
		return fromEcho(he)
	}
	if h.Unavailable(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, operation.ErrLost) || errors.Is(err, operation.ErrConflict) {
		return refusal{code: "unavailable", detail: "try again in a moment"}
	}
	return refusal{code: "internal", detail: "the server's fault; it is in its log"}
}

// fromEcho is for what the router itself refuses.
func fromEcho(he *echo.HTTPError) refusal {
	switch he.Code {
	case http.StatusNotFound:
		return refusal{code: "not_found", detail: "no such resource"}
	case http.StatusMethodNotAllowed:
		return refusal{code: "method_not_allowed", detail: "another method, see Allow"}
	}
	return refusal{code: "internal", detail: "the server's fault; it is in its log"}
}

// Fail is echo's error handler: it writes the problem document.
func (h *Handler) Fail(err error, c echo.Context) {
	if errors.Is(c.Request().Context().Err(), context.Canceled) {
		return // the caller has gone; there is nobody to tell, and no trouble
	}
	r := h.translate(err)
	code, known := codes[r.code]
	if !known {
		code = codes["internal"]
	}
	p := Problem{Type: h.Issuer + "/problems/" + r.code, Title: code.title, Status: code.status, Detail: r.detail, Code: r.code, RequestID: requestID(c)}
	if r.status != 0 {
		p.Status = r.status
	}
	h.log(c, p, err)
	if c.Response().Committed {
		return
	}
	h.decorate(c, &p, r)
	body, err := json.Marshal(p)
	if err != nil {
		h.Log.ErrorContext(c.Request().Context(), "problem not written", "error", err)
		return
	}
	// The peer may have gone; there is nobody else to tell.
	_ = c.Blob(p.Status, "application/problem+json", body)
}

// decorate adds the members and headers of single codes.
func (h *Handler) decorate(c echo.Context, p *Problem, r refusal) {
	head := c.Response().Header()
	switch p.Code {
	case "invalid_otp":
		p.AttemptsRemaining = &r.remaining
	case "stale_timestamp":
		p.ServerTime = h.Sessions.Now().UTC().Format(time.RFC3339)
	case "service_auth_failed":
		head.Set("WWW-Authenticate", `Basic realm="countersign", charset="UTF-8"`)
	case "invalid_token", "insufficient_scope":
		challenge(head, r.code)
	case "upgrade_required":
		head.Set("Upgrade", "websocket")
		head.Set("Connection", "Upgrade")
	case "unavailable", "overloaded":
		r.retry = retryUnavailable
	}
	if r.retry > 0 {
		head.Set("Retry-After", strconv.Itoa(int(math.Ceil(r.retry.Seconds()))))
	}
	head.Set("Cache-Control", "no-store")
}

// log keeps the cause of what is the server's fault.
func (h *Handler) log(c echo.Context, p Problem, err error) {
	ctx := c.Request().Context()
	if p.Status < http.StatusInternalServerError {
		h.Log.DebugContext(ctx, "refused", "code", p.Code, "route", c.Path(), "request_id", p.RequestID)
		return
	}
	h.Log.ErrorContext(ctx, "failed", "code", p.Code, "route", c.Path(), "request_id", p.RequestID, "error", err)
}
