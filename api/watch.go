package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"countersign/session"
	"countersign/ws"

	"github.com/labstack/echo/v4"
)

// A PollResponse is the answer to a long poll.
type PollResponse struct {
	Status   string            `json:"status"`
	Messages []json.RawMessage `json:"messages"`
}

// A StatusResponse is the answer to a cancel.
type StatusResponse struct {
	Status string `json:"status"`
}

// maxWait is how long a poll may wait, in seconds.
const maxWait = 25

func (h *Handler) socket(c echo.Context) error {
	return h.Hub.Socket(c.Response(), c.Request(), c.Param("id"))
}

// watcher reads the wsToken and the verifier of a request.
func watcher(c echo.Context) ws.Watcher {
	head := c.Request().Header
	scheme, token, _ := strings.Cut(head.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = ""
	}
	return ws.Watcher{ID: session.ID(c.Param("id")), Token: token, Verifier: head.Get("Countersign-Verifier")}
}

func (h *Handler) poll(c echo.Context) error {
	after, err := whole(c.QueryParam("after"), "after", 1<<30)
	if err != nil {
		return err
	}
	wait, err := whole(c.QueryParam("wait"), "wait", maxWait)
	if err != nil {
		return err
	}
	p, err := h.Hub.Poll(c.Request().Context(), watcher(c), after, time.Duration(wait)*time.Second)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, PollResponse{Status: p.Status.Status(), Messages: p.Messages})
}

func (h *Handler) events(c echo.Context) error {
	after, err := whole(c.Request().Header.Get("Last-Event-ID"), "Last-Event-ID", 1<<30)
	if err != nil {
		return err
	}
	return h.Hub.Events(c.Response(), c.Request(), watcher(c), after)
}

// whole reads a number that may be absent.
func whole(s, name string, most int) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > most {
		return 0, malformed(name)
	}
	return n, nil
}

func (h *Handler) cancel(c echo.Context) error {
	r := c.Request()
	body, err := readBody(r)
	if err == nil {
		err = decode(body, &struct{}{})
	}
	if err != nil {
		return err
	}
	by := session.ByPage
	if _, _, basic := r.BasicAuth(); basic {
		by = session.ByService
		err = h.ownedBy(c)
	} else {
		_, err = h.Hub.Allow(r.Context(), watcher(c))
	}
	if err != nil {
		return err
	}
	s, err := h.Sessions.Cancel(r.Context(), session.ID(c.Param("id")), by)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, StatusResponse{Status: s.State.String()})
}

// ownedBy checks that the authenticated service started the session; another
// service's session does not exist for it.
func (h *Handler) ownedBy(c echo.Context) error {
	party, _, err := h.service(c.Request(), nil)
	if err != nil {
		return err
	}
	s, err := h.Sessions.Get(c.Request().Context(), session.ID(c.Param("id")))
	if err == nil && s.Service != party.ID {
		err = session.ErrNotFound
	}
	return err
}
