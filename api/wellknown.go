package api

import (
	"crypto/sha256"
	_ "embed" // the contract is served as it is
	"encoding/base64"
	"net/http"
	"strings"

	"countersign/device"

	"github.com/labstack/echo/v4"
)

// Discovery is what /.well-known/openid-configuration tells: as much of OpenID
// Connect Discovery 1.0 as a library needs to verify our tokens.
type Discovery struct {
	Issuer                           string   `json:"issuer"`
	JWKSURI                          string   `json:"jwks_uri"`
	ResponseTypesSupported           []string `json:"response_types_supported"`
	SubjectTypesSupported            []string `json:"subject_types_supported"`
	IDTokenSigningAlgValuesSupported []string `json:"id_token_signing_alg_values_supported"`
	ScopesSupported                  []string `json:"scopes_supported"`
	ClaimsSupported                  []string `json:"claims_supported"`
}

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
	d := Discovery{Issuer: h.Issuer, JWKSURI: h.Issuer + "/.well-known/jwks.json", ResponseTypesSupported: []string{"code"},
		SubjectTypesSupported: []string{"public"}, IDTokenSigningAlgValuesSupported: []string{"ES256"}}
	if h.Pairwise {
		d.SubjectTypesSupported = append(d.SubjectTypesSupported, "pairwise")
	}
	for _, s := range device.Scopes() {
		d.ScopesSupported = append(d.ScopesSupported, string(s))
	}
	d.ClaimsSupported = append(strings.Fields("iss sub aud iat exp jti sid nonce auth_time amr acr"), device.ClaimNames()...)
	c.Response().Header().Set("Cache-Control", keysFresh)
	return c.JSON(http.StatusOK, d)
}
