package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/oidc"
	"countersign/passkey"
	"countersign/session"

	"github.com/labstack/echo/v4"
)

// An Admin is what the operators' API (/admin) has besides the rest of a [Handler].
// What operators do, the command line does by the same code.
type Admin struct {
	Tokens   []AdminToken
	Services []ServiceView
	// Identities are changed.
	Identities interface {
		Revoke(ctx context.Context, id device.TokenID) error
		Unlock(ctx context.Context, id device.TokenID) error
	}
	Passkeys *passkey.Service
	Records  AdminRecords
}

// AdminRecords reads what no other door reads.
type AdminRecords interface {
	// IdentityPage gives up to n identities after one, and whom to go on after.
	IdentityPage(ctx context.Context, after device.TokenID, n int) ([]device.Identity, device.TokenID, error)
	// OpenSessions gives the ids of up to n sessions of a service, or of all, that
	// have not ended.
	OpenSessions(ctx context.Context, service string, n int) ([]session.ID, error)
	// CountOpen counts all of them, and those of each service.
	CountOpen(ctx context.Context, services []string) (int64, []int64, error)
	// Events gives a page of the audit stream.
	Events(ctx context.Context, q audit.Query) (audit.Page, error)
}

// The scopes of operators.
const (
	AdminScope = string(device.OperatorAdmin) // everything
	AuditScope = string(device.OperatorAudit) // reading
)

// An AdminToken is a static token of an operator.
type AdminToken struct {
	Name    string
	Changes bool // has AdminScope, not AuditScope
	Hash    [sha256.Size]byte
}

// mountAdmin adds the operators' API, if there is one. It has no cookies and no CORS,
// so no page of anybody's can use it with what a browser knows.
func (h *Handler) mountAdmin(e *echo.Echo) {
	if h.Admin == nil {
		return
	}
	const reads, changes = false, true
	for _, r := range []struct {
		method, path string
		changes      bool
		do           echo.HandlerFunc
	}{
		{http.MethodGet, "/enrollments", reads, h.adminEnrolments},
		{http.MethodPost, "/enrollments", changes, h.adminEnrol},
		{http.MethodGet, "/enrollments/:id", reads, h.adminEnrolment},
		{http.MethodPost, "/enrollments/:id/revoke", changes, h.adminChange(h.Admin.Identities.Revoke)},
		{http.MethodPost, "/enrollments/:id/lock", changes, h.adminChange(h.Devices.LockOut)},
		{http.MethodPost, "/enrollments/:id/unlock", changes, h.adminChange(h.Admin.Identities.Unlock)},
		{http.MethodDelete, "/enrollments/:id/devices/:device", changes, h.adminRevokeDevice},
		{http.MethodDelete, "/enrollments/:id/passkeys/:passkey", changes, h.adminRemovePasskey},
		{http.MethodGet, "/sessions", reads, h.adminSessions},
		{http.MethodGet, "/sessions/live", reads, h.adminLive},
		{http.MethodGet, "/sessions/:id", reads, h.adminSession},
		{http.MethodPost, "/sessions/:id/cancel", changes, h.adminCancel},
		{http.MethodGet, "/services", reads, h.adminServices},
		{http.MethodGet, "/audit", reads, h.adminAudit},
	} {
		e.Add(r.method, "/admin"+r.path, h.operated(r.changes, r.do), noStore)
	}
}

// operated lets an operator in, who is then named in every event of what follows. A
// change goes on when its caller hangs up: half of it, or one without an event, must
// not be left behind.
func (h *Handler) operated(changes bool, next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		who, err := h.operator(r)
		if err != nil {
			return err
		}
		if changes && !who.changes {
			return refuse("insufficient_scope", "this needs the scope "+AdminScope)
		}
		ctx := audit.ByOperator(r.Context(), who.name, countedAs(h.caller(r)))
		if changes {
			ctx = context.WithoutCancel(ctx)
		}
		c.SetRequest(r.WithContext(ctx))
		err = next(c)
		if errors.Is(err, device.ErrUnknown) {
			return refuse("not_enrolled", "no such identity, or it is revoked")
		}
		return err
	}
}

// An operator is who asks.
type operator struct {
	name    string // of the static token, or a tokenId
	changes bool
}

// operator finds who asks, by the token.
func (h *Handler) operator(r *http.Request) (operator, error) {
	bad := refuse("invalid_token", "an operator's token is missing, or it is not good here")
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return operator{}, bad
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if strings.Count(token, ".") == 2 { // a JWT, which no static token is
		who, err := h.Provider.Operator(r, scheme, token)
		if errors.Is(err, oidc.ErrOperator) {
			err = bad
		}
		return operator{string(who.Identity), who.Changes}, err
	}
	if !strings.EqualFold(scheme, "Bearer") {
		return operator{}, bad
	}
	return h.staticOperator(r, token, bad)
}

// staticOperator looks a static token up. Every line is compared, in constant time;
// wrong ones are counted by the address they come from, as services' wrong secrets.
func (h *Handler) staticOperator(r *http.Request, token string, bad error) (operator, error) {
	from := countedAs(h.caller(r))
	if err := h.Guesses.Guessing(from); err != nil {
		return operator{}, err
	}
	sum := sha256.Sum256([]byte(token))
	var who operator
	for _, t := range h.Admin.Tokens {
		if subtle.ConstantTimeCompare(sum[:], t.Hash[:]) == 1 {
			who = operator{t.Name, t.Changes}
		}
	}
	if who.name != "" {
		return who, nil
	}
	if err := h.Guesses.CountGuess(r.Context(), from); err != nil {
		return operator{}, err
	}
	return operator{}, bad
}

// challenge says what would be let in (RFC 6750 §3, RFC 9449 §7.1).
func challenge(head http.Header, code string) {
	more := ""
	if code == "insufficient_scope" {
		more = `, scope="` + AdminScope + `"`
	}
	head.Add("WWW-Authenticate", `Bearer realm="countersign operators", error="`+code+`"`+more)
	head.Add("WWW-Authenticate", `DPoP realm="countersign operators", algs="ES256", error="`+code+`"`+more)
}

const (
	adminPage = 50  // entries of a list, if the operator does not say how many
	adminMost = 100 // and at most
)

// pageSize reads how many entries are wanted.
func pageSize(c echo.Context) (int, error) {
	text := c.QueryParam("limit")
	if text == "" {
		return adminPage, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > adminMost {
		return 0, malformed("limit")
	}
	return n, nil
}

// moment reads a time of a query; none is zero.
func moment(c echo.Context, name string) (time.Time, error) {
	text := c.QueryParam(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Year() < 1970 {
		return time.Time{}, malformed(name)
	}
	return t, nil
}

// stampOr is a time that there may be none of.
func stampOr(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t)
}

// A ServiceView is a service as operators see it. It has no secret.
type ServiceView struct {
	ServiceID string   `json:"serviceId"`
	Name      string   `json:"name"`
	Kind      string   `json:"kind"` // confidential, public
	Modes     []string `json:"modes"`
	Scopes    []string `json:"scopes"`
	Origins   []string `json:"origins"`
}

func (h *Handler) adminServices(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string][]ServiceView{"services": h.Admin.Services})
}
