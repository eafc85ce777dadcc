package api

import (
	"errors"
	"net/http"

	"countersign/audit"
	"countersign/operation"
	"countersign/session"

	"github.com/labstack/echo/v4"
)

// An AdminSession is a session whose record is still kept. It has nothing by which
// anybody could watch, claim or approve it, and of an operation its name alone.
type AdminSession struct {
	SessionID   string          `json:"sessionId"`
	Status      string          `json:"status"`
	ServiceID   string          `json:"serviceId"`
	TokenID     string          `json:"tokenId,omitempty"`  // who is asked, or has claimed it
	DeviceID    string          `json:"deviceId,omitempty"` // that has claimed it
	Mode        string          `json:"mode"`
	Scopes      []string        `json:"scopes"`
	Operation   string          `json:"operation,omitempty"`
	StartedFor  string          `json:"startedFor,omitempty"` // the operationId, if it is a step of one
	ByService   bool            `json:"byService"`            // started by a back end
	Origin      string          `json:"origin,omitempty"`
	Address     string          `json:"address,omitempty"` // of who started it, as limits count it
	Requester   *AdminRequester `json:"requester,omitempty"`
	WrongCodes  int             `json:"wrongCodes"`
	Reason      string          `json:"reason,omitempty"`      // rejected
	CancelledBy string          `json:"cancelledBy,omitempty"` // cancelled
	CreatedAt   string          `json:"createdAt"`
	ExpiresAt   string          `json:"expiresAt"`
	EndedAt     string          `json:"endedAt,omitempty"`
}

// An AdminRequester is who asks, as the phone is told.
type AdminRequester struct {
	IP        string `json:"ip"`
	UserAgent string `json:"userAgent"`
	ByService bool   `json:"byService"`
}

func adminSession(s session.Session) AdminSession {
	v := AdminSession{SessionID: string(s.ID), Status: s.State.Status(), ServiceID: s.Service, TokenID: string(s.Subject()), Mode: string(s.Mode),
		Scopes: []string{}, ByService: s.ByService, Origin: s.Origin, Address: s.Address, WrongCodes: s.Attempts,
		CreatedAt: stamp(s.CreatedAt), ExpiresAt: stamp(s.ExpiresAt), EndedAt: stampOr(s.EndedAt)}
	for _, name := range s.Scopes {
		v.Scopes = append(v.Scopes, string(name))
	}
	if s.Claim != nil {
		v.DeviceID = string(s.Claim.Device)
	}
	if s.Operation != nil {
		v.Operation = s.Operation.Name
	}
	if operation.ID(s.For).WellFormed() {
		v.StartedFor = s.For
	}
	if r := s.Requester; r != nil {
		v.Requester = &AdminRequester{r.IP, r.UserAgent, r.ByService}
	}
	if n := len(s.Log); n > 0 && !s.State.Open() {
		v.Reason, v.CancelledBy = string(s.Log[n-1].Reason), string(s.Log[n-1].By)
	}
	return v
}

func (h *Handler) adminSession(c echo.Context) error {
	s, err := h.Sessions.Get(c.Request().Context(), session.ID(c.Param("id")))
	if err != nil {
		return err
	}
	if s.Due(h.Sessions.Now()) {
		s, err = h.Sessions.Tick(c.Request().Context(), s)
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, adminSession(s))
}

func (h *Handler) adminCancel(c echo.Context) error {
	if _, err := readBody(c.Request()); err != nil {
		return err
	}
	s, err := h.Sessions.Cancel(c.Request().Context(), session.ID(c.Param("id")), session.ByAdmin)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, adminSession(s))
}

// An AdminCount says how many sessions of a service are open.
type AdminCount struct {
	ServiceID string `json:"serviceId"`
	Open      int64  `json:"open"`
}

// adminLive counts the open sessions, and shows those that end last.
func (h *Handler) adminLive(c echo.Context) error {
	ctx, service := c.Request().Context(), c.QueryParam("service")
	n, err := pageSize(c)
	if err != nil {
		return err
	}
	if !h.isService(service) {
		return malformed("service")
	}
	out := struct {
		Open     int64          `json:"open"`
		Services []AdminCount   `json:"services"`
		Sessions []AdminSession `json:"sessions"`
	}{Services: []AdminCount{}, Sessions: []AdminSession{}}
	var names []string
	for _, s := range h.Admin.Services {
		names = append(names, s.ServiceID)
	}
	all, each, err := h.Admin.Records.CountOpen(ctx, names)
	if err != nil {
		return err
	}
	out.Open = all
	for i, n := range each {
		if n > 0 {
			out.Services = append(out.Services, AdminCount{names[i], n})
		}
	}
	ids, err := h.Admin.Records.OpenSessions(ctx, service, n)
	if err != nil {
		return err
	}
	for _, id := range ids {
		s, err := h.Sessions.Get(ctx, id)
		if errors.Is(err, session.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if s.State.Open() && !s.Due(h.Sessions.Now()) {
			out.Sessions = append(out.Sessions, adminSession(s))
		}
	}
	return c.JSON(http.StatusOK, out)
}

// isService says whether a service is one of the configuration, or none was named.
func (h *Handler) isService(id string) bool {
	_, known := h.Sessions.Parties.Party(id)
	return known || id == ""
}

// An AdminEnded is a session that has ended, as the audit stream has it.
type AdminEnded struct {
	SessionID string `json:"sessionId"`
	Status    string `json:"status"`
	ServiceID string `json:"serviceId"`
	TokenID   string `json:"tokenId,omitempty"`
	DeviceID  string `json:"deviceId,omitempty"`
	Detail    string `json:"detail,omitempty"` // the reason of a rejection, who cancelled
	EndedAt   string `json:"endedAt"`
}

// ends are the events that end a session, by its status then.
func ends() map[string]audit.Kind {
	return map[string]audit.Kind{
		session.Approved.Status(): audit.SessionApproved, session.Rejected.Status(): audit.SessionRejected,
		session.Expired.Status(): audit.SessionExpired, session.Cancelled.Status(): audit.SessionCancelled,
	}
}

// adminSessions lists the sessions that have ended, the last first.
func (h *Handler) adminSessions(c echo.Context) error {
	q, err := h.auditQuery(c)
	if err != nil {
		return err
	}
	status := c.QueryParam("status")
	of := map[audit.Kind]string{}
	for name, kind := range ends() {
		if status == "" || status == name {
			q.Kinds, of[kind] = append(q.Kinds, kind), name
		}
	}
	if len(q.Kinds) == 0 {
		return malformed("status")
	}
	page, err := h.Admin.Records.Events(c.Request().Context(), q)
	if err != nil {
		return err
	}
	out := struct {
		Sessions []AdminEnded `json:"sessions"`
		Next     string       `json:"next,omitempty"`
	}{[]AdminEnded{}, page.Next}
	for _, e := range page.Events {
		out.Sessions = append(out.Sessions, AdminEnded{SessionID: e.Session, Status: of[e.Kind], ServiceID: e.Service, TokenID: e.Token, DeviceID: e.Device,
			Detail: e.Detail, EndedAt: stamp(e.Time)})
	}
	return c.JSON(http.StatusOK, out)
}
