package api

import (
	"net/http"

	"countersign/session"

	"github.com/labstack/echo/v4"
)

// A ReturnRequest is the body of POST /auth/session/{id}/return.
type ReturnRequest struct {
	Code *string `json:"code,omitempty"` // of the returnUrl, behind its #
}

// comeBack ends a session that was approved on the device of its browser. Only
// the page that started it has the wsToken and the verifier, so whoever else
// is brought to the link by the app learns and ends nothing.
func (h *Handler) comeBack(c echo.Context) error {
	var q ReturnRequest
	if err := h.read(c, &q); err != nil {
		return err
	}
	if q.Code == nil || !visible(*q.Code, 1, 64) {
		return malformed("code")
	}
	s, err := h.Hub.Allow(c.Request().Context(), watcher(c))
	if err != nil {
		return err
	}
	if s, err = h.Sessions.Return(c.Request().Context(), s.ID, *q.Code); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, StatusResponse{Status: s.State.Status()})
}

// returnURL is where the phone sends the browser; empty: nowhere.
func (h *Handler) returnURL(id session.ID, code string) string {
	if code == "" {
		return ""
	}
	return h.Issuer + "/r/" + string(id) + "#" + code
}
