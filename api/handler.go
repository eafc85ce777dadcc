package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"

	"countersign/crypto/keyring"
	"countersign/device"
	"countersign/oidc"
	"countersign/operation"
	"countersign/operation/form"
	"countersign/session"
	"countersign/web"
	"countersign/web/cookie"
	"countersign/ws"

	"github.com/labstack/echo/v4"
)

// A Handler serves the login. Its members are set before it is mounted.
type Handler struct {
	Issuer         string
	TrustedProxies []netip.Prefix
	Sessions       *session.Service
	Devices        *device.Registry
	Hub            *ws.Hub
	Phones         *ws.Phones
	Notices        *ws.Notices
	Operations     *operation.Service
	Cookies        cookie.Jar
	// Guesses counts wrong secrets of services; see oidc.Limiter.
	Guesses interface {
		CountGuess(ctx context.Context, address string) error
		Guessing(address string) error
	}
	// Orders counts the operations that back ends begin.
	Orders interface {
		CountOrder(ctx context.Context, service string) error
	}
	// PushKey is the public key of the pushes, base64url; PushTo says whether one may be
	// sent to a URL.
	PushKey   string
	PushTo    func(endpoint string) bool
	Texts     map[string]form.Texts         // of the services that have some
	Templates map[string]operation.Template // by name, each found good
	Provider  *oidc.Provider
	OIDC      http.Handler // the provider's
	Admin     *Admin       // nil: operators have the command line alone
	Keys      interface{ Ring() keyring.Ring }
	// Unavailable says whether an error means that the store cannot be reached.
	Unavailable func(error) bool
	Log         *slog.Logger
	Pages       *web.Pages

	browsers browserNames
}

// Mount adds the routes, and makes problem documents of every error.
func (h *Handler) Mount(e *echo.Echo) {
	e.HTTPErrorHandler = h.Fail
	e.Use(h.identify, h.recover, h.secure)
	// A middleware of the group would answer 404 where 405 is meant.
	auth := e.Group("/auth")
	browser := []echo.MiddlewareFunc{noStore, h.cors}
	auth.POST("/initiate", h.initiate, browser...)
	auth.OPTIONS("/initiate", preflight, browser...)
	auth.GET("/session/:id", h.poll, browser...)
	auth.OPTIONS("/session/:id", preflight, browser...)
	auth.GET("/session/:id/events", h.events, browser...)
	auth.OPTIONS("/session/:id/events", preflight, browser...)
	auth.POST("/session/:id/cancel", h.cancel, browser...)
	auth.OPTIONS("/session/:id/cancel", preflight, browser...)
	auth.POST("/session/:id/return", h.comeBack, browser...)
	auth.OPTIONS("/session/:id/return", preflight, browser...)
	auth.POST("/pending", h.pending, noStore)
	auth.POST("/claim", h.claim, noStore)
	auth.POST("/verify", h.verify, noStore)
	e.POST("/enroll", h.enrol, noStore)
	h.mountDevices(e)
	e.PUT("/authn/:id", h.authn, noStore)
	e.GET("/ws/session/:id", h.socket)
	e.GET("/websocket", h.noticeSocket)
	h.mountOperations(e)
	h.mountConsents(e)
	h.mountAdmin(e)
	h.mountPages(e)
	for _, r := range h.Provider.Routes() {
		e.Add(r.Method, strings.Replace(r.Path, "{id}", ":id", 1), h.oidc)
	}
	e.GET("/openapi.yaml", h.openapi)
	e.GET("/.well-known/jwks.json", h.jwks, anyOrigin)
	e.GET("/.well-known/openid-configuration", h.discovery, anyOrigin)
	e.GET("/.well-known/oauth-authorization-server", h.discovery, anyOrigin) // RFC 8414 §3
}

const requestKey = "requestId"

// identify gives each request an id of our own making, so that a caller cannot
// write into the log.
func (h *Handler) identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Set(requestKey, rand.Text())
		return next(c)
	}
}

func requestID(c echo.Context) string {
	id, _ := c.Get(requestKey).(string)
	if id == "" {
		id = rand.Text() // refused before identify
	}
	return id
}

// recover makes a panic one request's trouble.
func (h *Handler) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if p := recover(); p != nil {
				if e, ok := p.(error); ok && errors.Is(e, http.ErrAbortHandler) {
					panic(p)
				}
				// The value may hold what a request brought; the stack does not.
				err = fmt.Errorf("panic of %T at %s", p, debug.Stack())
			}
		}()
		return next(c)
	}
}

// secure sets the headers every answer has.
func (h *Handler) secure(next echo.HandlerFunc) echo.HandlerFunc {
	https := strings.HasPrefix(h.Issuer, "https://")
	return func(c echo.Context) error {
		head := c.Response().Header()
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		if https {
			head.Set("Strict-Transport-Security", "max-age=31536000")
		}
		return next(c)
	}
}

func noStore(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("Cache-Control", "no-store")
		return next(c)
	}
}

// cors lets the pages of every service read answers, errors included, without
// credentials. Which service may do what is decided by the handler.
func (h *Handler) cors(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		head := c.Response().Header()
		head.Add("Vary", "Origin")
		origin := c.Request().Header.Get("Origin")
		if origin != "" && len(h.Sessions.Parties.ByOrigin(origin)) > 0 {
			head.Set("Access-Control-Allow-Origin", origin)
			head.Set("Access-Control-Expose-Headers", "Retry-After, Location, Date")
			if c.Request().Method == http.MethodOptions {
				head.Set("Access-Control-Allow-Methods", "GET, POST")
				head.Set("Access-Control-Allow-Headers", "Content-Type, Authorization, Idempotency-Key, Countersign-Verifier, Last-Event-ID")
				head.Set("Access-Control-Max-Age", "600")
			}
		}
		return next(c)
	}
}

func preflight(c echo.Context) error { return c.NoContent(http.StatusNoContent) }

// anyOrigin is for what is public anyway.
func anyOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("Access-Control-Allow-Origin", "*")
		return next(c)
	}
}
