package api

import (
	"net/http"

	"countersign/session"

	"github.com/labstack/echo/v4"
)

// linkPage is what the QR code says to a browser. It has no script, no style of
// its own and nothing of the session, so there is nothing to steal from it.
const linkPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Scan this code with your authenticator app</title>
<h1>Scan this code with your authenticator app</h1>
<p>This code only counts when your authenticator app reads it with its own camera.
Open the app you enrolled with, choose to scan, and point it at the login page.</p>
<p>If you did not just start a login yourself, close this page.</p>
</html>
`

// link is the QR code opened as a link: the moving part counts only when an
// app's camera read it, so here it is dropped.
func (h *Handler) link(c echo.Context) error {
	id := session.ID(c.Param("id"))
	if !id.WellFormed() {
		return session.ErrNotFound
	}
	if c.Request().URL.RawQuery != "" {
		return c.Redirect(http.StatusFound, h.Issuer+"/s/"+string(id))
	}
	head := c.Response().Header()
	head.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	head.Set("Cache-Control", "no-store")
	return c.HTML(http.StatusOK, linkPage)
}
