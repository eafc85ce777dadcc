package api

import (
	"net/http"
	"slices"

	"countersign/audit"

	"github.com/labstack/echo/v4"
)

// An AdminEvent is an event of the audit stream.
type AdminEvent struct {
	Time        string `json:"time"`
	Kind        string `json:"kind"`
	SessionID   string `json:"sessionId,omitempty"`
	OperationID string `json:"operationId,omitempty"`
	ServiceID   string `json:"serviceId,omitempty"`
	TokenID     string `json:"tokenId,omitempty"`
	DeviceID    string `json:"deviceId,omitempty"`
	Address     string `json:"address,omitempty"`
	Detail      string `json:"detail,omitempty"`
	Operator    string `json:"operator,omitempty"`
}

// adminAudit lists events, the last first.
func (h *Handler) adminAudit(c echo.Context) error {
	q, err := h.auditQuery(c)
	if err != nil {
		return err
	}
	for _, kind := range c.QueryParams()["kind"] {
		if !slices.Contains(audit.Kinds(), audit.Kind(kind)) {
			return malformed("kind")
		}
		q.Kinds = append(q.Kinds, audit.Kind(kind))
	}
	page, err := h.Admin.Records.Events(c.Request().Context(), q)
	if err != nil {
		return err
	}
	out := struct {
		Events []AdminEvent `json:"events"`
		Next   string       `json:"next,omitempty"`
	}{[]AdminEvent{}, page.Next}
	for _, e := range page.Events {
		out.Events = append(out.Events, AdminEvent{Time: stamp(e.Time), Kind: string(e.Kind), SessionID: e.Session, OperationID: e.Operation, ServiceID: e.Service,
			TokenID: e.Token, DeviceID: e.Device, Address: e.Address, Detail: e.Detail, Operator: e.Operator})
	}
	return c.JSON(http.StatusOK, out)
}

// auditQuery reads what the lists from the audit stream have in common.
func (h *Handler) auditQuery(c echo.Context) (q audit.Query, err error) {
	if q.Limit, err = pageSize(c); err != nil {
		return q, err
	}
	if q.From, err = moment(c, "from"); err != nil {
		return q, err
	}
	if q.To, err = moment(c, "to"); err != nil {
		return q, err
	}
	for _, p := range []struct {
		name string
		into *string
	}{{"cursor", &q.Before}, {"session", &q.Session}, {"operation", &q.Operation}, {"service", &q.Service}, {"tokenId", &q.Token}, {"device", &q.Device}} {
		*p.into = c.QueryParam(p.name)
		if *p.into != "" && !visible(*p.into, 1, 64) {
			return q, malformed(p.name)
		}
	}
	return q, nil
}
