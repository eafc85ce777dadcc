package api

import (
	"crypto/sha256"
	_ "embed" // the contract is served as it is
	"encoding/base64"
	"net/http"

	"countersign/oidc"

	"github.com/labstack/echo/v4"
)

// Discovery is what /.well-known/openid-configuration tells.
type Discovery = oidc.Metadata

// contract is the HTTP contract, which the tests hold every answer against.
//
//go:embed openapi.yaml
var contract []byte

func (h *Handler) openapi(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/yaml", contract)
}

// keysFresh is how long keys may be cached: less than the lead of a new one.
const keysFresh = "public, max-age=300"

func (h *Handler) jwks(c echo.Context) error {
	body := h.Keys.Ring().JWKS(h.Sessions.Now())
	sum := sha256.Sum256(body)
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	head := c.Response().Header()
	head.Set("Cache-Control", keysFresh)
	head.Set("ETag", etag)
	if c.Request().Header.Get("If-None-Match") == etag {
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(http.StatusOK, "application/json", body)
}

func (h *Handler) discovery(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", keysFresh)
	return c.JSON(http.StatusOK, h.Provider.Metadata())
}

// oidc hands a request to the OpenID Provider, and says who asks.
func (h *Handler) oidc(c echo.Context) error {
	r := c.Request()
	h.OIDC.ServeHTTP(c.Response(), r.WithContext(oidc.WithCaller(r.Context(), countedAs(h.caller(r)))))
	return nil
}
