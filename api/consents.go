package api

import (
	"net/http"

	"countersign/device"
	"countersign/operation"
	"countersign/session"

	"github.com/labstack/echo/v4"
)

// A ConsentView is what a user has agreed to, as an operation tells it.
type ConsentView struct {
	Version    string   `json:"version"`
	Options    []string `json:"options"` // those that were ticked
	GrantedAt  string   `json:"grantedAt"`
	ValidUntil string   `json:"validUntil"`
}

// A ConsentRecord is what a user has agreed to at a service, as it stands now.
type ConsentRecord struct {
	ConsentView
	InForce   bool           `json:"inForce"`
	RevokedAt string         `json:"revokedAt,omitempty"`
	History   []ConsentEntry `json:"history"`
}

// A ConsentEntry is one thing that happened to a consent.
type ConsentEntry struct {
	At          string   `json:"at"`
	Change      string   `json:"change"`
	Version     string   `json:"version"`
	Options     []string `json:"options"`
	OperationID string   `json:"operationId,omitempty"` // in which it was agreed to
	By          string   `json:"by,omitempty"`          // who revoked it
}

// A ConsentList is the answer about a user: one record, or none.
type ConsentList struct {
	Consents []ConsentRecord `json:"consents"`
}

// A ConsentRevocation is the body of POST /consents/revoke.
type ConsentRevocation struct {
	TokenID *string `json:"tokenId,omitempty"`
}

func (h *Handler) mountConsents(e *echo.Echo) {
	e.GET("/consents", h.consents, noStore)
	e.POST("/consents/revoke", h.revokeConsent, noStore)
}

// consents tells a service what a user has agreed to there.
func (h *Handler) consents(c echo.Context) error {
	party, err := h.backend(c.Request())
	if err != nil {
		return err
	}
	user := c.QueryParam("tokenId")
	if !visible(user, 1, 64) {
		return malformed("tokenId")
	}
	x, err := h.Operations.Ledger.Of(c.Request().Context(), named(party, user), party.ID)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, h.consentList(x))
}

// revokeConsent ends what a user has agreed to at a service.
func (h *Handler) revokeConsent(c echo.Context) error {
	party, err := h.backend(c.Request())
	if err != nil {
		return err
	}
	var q ConsentRevocation
	if err := h.read(c, &q); err != nil {
		return err
	}
	if !visible(text(q.TokenID), 1, 64) {
		return malformed("tokenId")
	}
	x, err := h.Operations.Ledger.Revoke(c.Request().Context(), named(party, *q.TokenID), party.ID, operation.ByItsService)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, h.consentList(x))
}

// named is the identity that a service names as it knows them.
func named(party session.RelyingParty, user string) device.TokenID {
	return party.Identity(device.TokenID(user)).Canonical()
}

func (h *Handler) consentList(c operation.Consent) ConsentList {
	out := ConsentList{Consents: []ConsentRecord{}}
	if !c.Given() {
		return out
	}
	x := ConsentRecord{ConsentView: *consentView(c), InForce: c.InForce(h.Operations.Now()), History: []ConsentEntry{}}
	if !c.RevokedAt.IsZero() {
		x.RevokedAt = stamp(c.RevokedAt)
	}
	for _, e := range c.History {
		x.History = append(x.History, ConsentEntry{At: stamp(e.At), Change: string(e.Change), Version: e.Version, Options: all(e.Options),
			OperationID: string(e.Operation), By: e.By})
	}
	out.Consents = append(out.Consents, x)
	return out
}

func consentView(c operation.Consent) *ConsentView {
	return &ConsentView{Version: c.Version, Options: all(c.Options), GrantedAt: stamp(c.GrantedAt), ValidUntil: stamp(c.Until)}
}

// all is a list that is written even if there is nothing on it.
func all(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
