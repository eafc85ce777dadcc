package api

import (
	"errors"
	"net/http"
	"strings"

	"countersign/operation"
	"countersign/session"
	"countersign/web"

	"github.com/labstack/echo/v4"
)

// mountPages adds what people look at.
func (h *Handler) mountPages(e *echo.Echo) {
	methods := []string{http.MethodGet, http.MethodHead}
	e.Match(methods, "/login", h.loginPage)
	e.Match(methods, "/done", h.donePage)
	e.Match(methods, "/s/:id", h.linkPage)
	e.Match(methods, "/r/:id", h.returnPage)
	e.Match(methods, "/authenticator", h.authenticator)
	e.Match(methods, "/authenticator/*", h.authenticatorFile)
	e.Match(methods, "/assets/*", h.asset)
}

func (h *Handler) loginPage(c echo.Context) error {
	if c.QueryParams().Has("operation") {
		return h.operationPage(c)
	}
	known, err := h.Pages.Login(c.Response(), c.Request())
	if err == nil && !known {
		err = refuse("not_found", "no such service: /login?service=ID shows a service's login page")
	}
	return err
}

// operationPage shows an operation to the browser it was begun in. In every other
// it is as if there were none.
func (h *Handler) operationPage(c echo.Context) error {
	r, id := c.Request(), c.QueryParam("operation")
	o, err := h.Operations.Peek(r.Context(), operation.ID(id), h.Cookies.Secret(r, id))
	if errors.Is(err, operation.ErrNotFound) && looked(r) {
		var secret string
		if o, secret, err = h.Operations.Open(r.Context(), operation.ID(id)); err == nil {
			h.Cookies.Add(c.Response(), r, id, secret)
		}
	}
	if errors.Is(err, operation.ErrNotFound) {
		return h.Pages.NotYours(c.Response(), r)
	}
	if err != nil {
		return err
	}
	h.Cookies.Trim(c.Response(), r, id)
	return h.Pages.Operation(c.Response(), r, web.Operation{ID: id, Service: o.Service, Approval: o.Name != operation.Login, EndsHere: o.ByService && o.Return == ""})
}

// looked says whether somebody opens the page, as far as browsers tell: what is
// fetched ahead, or into a frame, must not take an operation from its user.
func looked(r *http.Request) bool {
	mode, dest := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	return r.Method == http.MethodGet && r.Header.Get("Sec-Purpose") == "" && r.Header.Get("Purpose") == "" &&
		(mode == "" || mode == "navigate") && (dest == "" || dest == "document")
}

// donePage is where the browser goes that an operation of a back end has ended in:
// on to the service's own page, or to one that says that it is over.
func (h *Handler) donePage(c echo.Context) error {
	r, id := c.Request(), c.QueryParam("operation")
	o, err := h.Operations.Peek(r.Context(), operation.ID(id), h.Cookies.Secret(r, id))
	switch {
	case errors.Is(err, operation.ErrNotFound):
	case err != nil:
		return err
	case o.Result == operation.Continue:
		return c.Redirect(http.StatusSeeOther, h.Issuer+"/login?operation="+id)
	case o.Return != "":
		h.Cookies.Drop(c.Response(), id)
		return c.Redirect(http.StatusSeeOther, o.Return)
	}
	return h.Pages.Done(c.Response(), r)
}

// linkPage is the QR code opened as a link: the moving part counts only when an
// app's camera read it, so here it is dropped.
func (h *Handler) linkPage(c echo.Context) error {
	id := session.ID(c.Param("id"))
	if !id.WellFormed() {
		return session.ErrNotFound
	}
	query := c.QueryParams()
	if query.Has("t") || query.Has("c") {
		return c.Redirect(http.StatusFound, h.Issuer+"/s/"+string(id))
	}
	return h.Pages.Link(c.Response(), c.Request())
}

// returnPage is where an app sends the browser of its own device back to. It
// does not tell whether there is such a session, but for the service's own page:
// that is where the session was begun, unless an operation's page here began it.
func (h *Handler) returnPage(c echo.Context) error {
	id := session.ID(c.Param("id"))
	if !id.WellFormed() {
		return session.ErrNotFound
	}
	s, err := h.Sessions.Get(c.Request().Context(), id)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		return err
	}
	party, _ := h.Sessions.Parties.Party(s.Service)
	if s.For != "" {
		party.ReturnURL = ""
	}
	return h.Pages.Return(c.Response(), c.Request(), party.ReturnURL)
}

func (h *Handler) authenticator(c echo.Context) error {
	h.Pages.Authenticator(c.Response(), c.Request())
	return nil
}

func (h *Handler) authenticatorFile(c echo.Context) error { return h.file(c, "authenticator/") }

func (h *Handler) asset(c echo.Context) error {
	if strings.HasPrefix(c.Param("*"), "authenticator/") {
		return echo.ErrNotFound // they live below their page, as its worker must
	}
	return h.file(c, "")
}

func (h *Handler) file(c echo.Context, folder string) error {
	if !h.Pages.Asset(c.Response(), c.Request(), folder+c.Param("*")) {
		return echo.ErrNotFound
	}
	return nil
}
