package api

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"countersign/crypto/p256"
	"countersign/device"
	"countersign/operation"
	"countersign/operation/form"
	"countersign/session"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"
)

// An OrderRequest is the body of POST /operations. What is nil is absent.
type OrderRequest struct {
	Name       *string           `json:"name,omitempty"`
	Data       *string           `json:"data,omitempty"`
	Form       jsontext.Value    `json:"form,omitempty"`
	Template   *string           `json:"template,omitempty"`   // instead of name, data and form
	Parameters map[string]string `json:"parameters,omitempty"` // of the template
	TokenID    *string           `json:"tokenId,omitempty"`
	ExternalID *string           `json:"externalId,omitempty"`
	Scopes     *[]string         `json:"scopes,omitempty"`
	ReturnURL  *string           `json:"returnUrl,omitempty"`
	Language   *string           `json:"language,omitempty"` // of the form's texts
}

// An OperationView is an operation as its service sees it.
type OperationView struct {
	OperationID string           `json:"operationId"`
	Name        string           `json:"name"`
	ExternalID  string           `json:"externalId,omitempty"`
	TokenID     string           `json:"tokenId,omitempty"` // as the service knows the user
	Data        string           `json:"data,omitempty"`
	Form        json.RawMessage  `json:"form,omitempty"`
	Result      string           `json:"result"`
	Reason      string           `json:"reason,omitempty"` // FAILED
	Steps       []OperationStep  `json:"steps"`            // that can be taken now
	StepResult  string           `json:"stepResult,omitempty"`
	CreatedAt   string           `json:"createdAt"`
	ExpiresAt   string           `json:"expiresAt"`
	URL         string           `json:"url"` // of the page that runs it
	History     []OperationEntry `json:"history"`
	Proof       *OperationProof  `json:"proof,omitempty"`   // DONE
	Consent     *ConsentView     `json:"consent,omitempty"` // DONE
}

// An OperationStep is a way to take the step that is due.
type OperationStep struct {
	Step   string `json:"step"`
	Method string `json:"method"`
}

// An OperationEntry is one thing that happened.
type OperationEntry struct {
	At         string `json:"at"`
	Step       string `json:"step"`
	Method     string `json:"method,omitempty"`
	StepResult string `json:"stepResult,omitempty"`
	Result     string `json:"result"`
	Reason     string `json:"reason,omitempty"`
}

// An OperationProof is what the phone signed: whoever has it can check it without
// this server.
type OperationProof struct {
	Text         string            `json:"text"`
	Signature    string            `json:"signature"` // r‖s, base64url
	PublicKeyJWK map[string]string `json:"publicKeyJwk"`
	Display      string            `json:"display"` // its hash is in text
	DeviceID     string            `json:"deviceId"`
	ApprovedAt   string            `json:"approvedAt"`
}

// An OperationList is the answer to GET /operations.
type OperationList struct {
	Operations []OperationView `json:"operations"`
}

// maxExternalID bounds a back end's own name for an operation.
const maxExternalID = 128

func (h *Handler) mountOperations(e *echo.Echo) {
	e.POST("/operations", h.order, noStore)
	e.GET("/operations", h.operationsOf, noStore)
	e.GET("/operations/:id", h.operation, noStore)
	e.POST("/operations/:id/cancel", h.giveUp, noStore)
}

// backend finds the service that asks: one with a secret, which it brings along.
func (h *Handler) backend(r *http.Request) (session.RelyingParty, error) {
	if r.Header.Get("Authorization") == "" {
		return session.RelyingParty{}, refuse("service_auth_failed", "authenticate with HTTP Basic")
	}
	p, _, err := h.service(r, nil)
	return p, err
}

func (h *Handler) order(c echo.Context) error {
	r := c.Request()
	party, err := h.backend(r)
	if err != nil {
		return err
	}
	if err := h.Orders.CountOrder(r.Context(), party.ID); err != nil {
		return err
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	var q OrderRequest
	if err := decode(body, &q); err != nil {
		return err
	}
	w, err := h.orderOf(party, q)
	if err != nil {
		return err
	}
	st := session.Start{}
	if err := idempotency(r, body, &st); err != nil {
		return err
	}
	w.Repeat, w.Body = st.Idempotency, st.Body
	o, err := h.Operations.Create(r.Context(), w)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, h.viewed(party, o))
}

// orderOf checks the form of an order.
func (h *Handler) orderOf(party session.RelyingParty, q OrderRequest) (w operation.Order, err error) {
	w = operation.Order{Name: text(q.Name), Service: party.ID, ExternalID: text(q.ExternalID), Subject: device.TokenID(text(q.TokenID)), Scopes: party.Default}
	switch {
	case q.Template == nil && !visible(w.Name, 1, 64):
		return w, malformed("name")
	case q.ExternalID != nil && !visible(*q.ExternalID, 1, maxExternalID):
		return w, malformed("externalId")
	case q.Language != nil && !form.GoodLanguage(*q.Language):
		return w, malformed("language")
	}
	if err := (StartRequest{TokenID: q.TokenID, Scopes: q.Scopes}).check(); err != nil {
		return w, err
	}
	if q.Scopes != nil {
		w.Scopes = []device.Scope{}
		for _, s := range *q.Scopes {
			w.Scopes = append(w.Scopes, device.Scope(s))
		}
	}
	if err := h.wished(party, q, &w); err != nil {
		return w, err
	}
	w.Return, err = returnTo(party, q.ReturnURL)
	return w, err
}

// wished sets what shall be approved: by a template, or as the order has it.
func (h *Handler) wished(party session.RelyingParty, q OrderRequest, w *operation.Order) error {
	switch {
	case q.Template != nil:
		return h.templated(party, q, w)
	case q.Parameters != nil:
		return malformed("parameters")
	case w.Name == operation.Login && q.Data == nil && q.Form == nil:
		return nil
	}
	wish, err := StartOperation{Name: w.Name, Data: text(q.Data), Form: q.Form, Language: q.Language}.approved("", h.Texts[party.ID])
	if err == nil {
		w.Data, w.Form = wish.Data, wish.Form
	}
	return err
}

// maxReturnURL bounds the address that a browser is sent to.
const maxReturnURL = 1024

// returnTo is where the browser goes at the end: a page of the service's, or
// nowhere.
func returnTo(party session.RelyingParty, wanted *string) (string, error) {
	if wanted == nil {
		return party.ReturnURL, nil
	}
	u, err := url.Parse(*wanted)
	if err != nil || u.User != nil || strings.ContainsAny(*wanted, "#\\") || !visible(*wanted, 1, maxReturnURL) || !slices.Contains(party.Origins, u.Scheme+"://"+u.Host) {
		return "", malformed("returnUrl")
	}
	return *wanted, nil
}

func (h *Handler) operation(c echo.Context) error {
	party, err := h.backend(c.Request())
	if err != nil {
		return err
	}
	o, err := h.Operations.Ask(c.Request().Context(), party.ID, operation.ID(c.Param("id")))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, h.viewed(party, o))
}

func (h *Handler) operationsOf(c echo.Context) error {
	party, err := h.backend(c.Request())
	if err != nil {
		return err
	}
	user, result := c.QueryParam("tokenId"), c.QueryParam("result")
	switch {
	case !visible(user, 1, 64):
		return malformed("tokenId")
	case result != "" && !slices.Contains([]operation.Result{operation.Continue, operation.Done, operation.Failed}, operation.Result(result)):
		return malformed("result")
	}
	list, err := h.Operations.Of(c.Request().Context(), party.ID, device.TokenID(user))
	if err != nil {
		return err
	}
	out := OperationList{Operations: []OperationView{}}
	for _, o := range list {
		if result == "" || string(o.Result) == result {
			out.Operations = append(out.Operations, h.viewed(party, o))
		}
	}
	return c.JSON(http.StatusOK, out)
}

func (h *Handler) giveUp(c echo.Context) error {
	party, err := h.backend(c.Request())
	if err != nil {
		return err
	}
	if _, err := readBody(c.Request()); err != nil {
		return err
	}
	o, err := h.Operations.GiveUp(c.Request().Context(), party.ID, operation.ID(c.Param("id")))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, h.viewed(party, o))
}

// viewed is an operation as its service sees it.
func (h *Handler) viewed(party session.RelyingParty, o operation.Operation) OperationView {
	v := OperationView{
		OperationID: string(o.ID), Name: o.Name, ExternalID: o.ExternalID, Data: o.Data, Form: o.Form, Result: string(o.Result), Reason: o.Reason,
		Steps: []OperationStep{}, StepResult: string(o.How), CreatedAt: stamp(o.CreatedAt), ExpiresAt: stamp(o.ExpiresAt),
		URL: h.Issuer + "/login?operation=" + string(o.ID), History: entries(o.History), Proof: proofOf(party, o),
	}
	if c := o.Consent(); c != nil {
		v.Consent = consentView(*c)
	}
	if who := o.About(); who != "" {
		v.TokenID = string(party.Subject(who))
	}
	for _, m := range h.Operations.Due(o) {
		v.Steps = append(v.Steps, OperationStep{string(o.Step), string(m)})
	}
	return v
}

func entries(history []operation.Entry) []OperationEntry {
	out := make([]OperationEntry, 0, len(history))
	for _, e := range history {
		out = append(out, OperationEntry{stamp(e.At), string(e.Step), string(e.Method), string(e.How), string(e.Result), e.Reason})
	}
	return out
}

// proofOf is the proof of an operation that is done; what a phone has approved on the
// way there is not yet what its flow wants. A service that knows its users
// by ids of their own gets none: the signed text names the user and the phone as
// all services would see them.
func proofOf(party session.RelyingParty, o operation.Operation) *OperationProof {
	if o.Result != operation.Done || o.Approval == nil || o.Approval.Proof == nil || party.Pairwise {
		return nil
	}
	p := o.Approval.Proof
	key, err := p256.ParsePoint(p.Key)
	if err != nil {
		return nil // it was checked when it was taken over
	}
	x, y := key.JWK()
	return &OperationProof{Text: p.Text, Signature: base64.RawURLEncoding.EncodeToString(p.Signature[:]), Display: p.Display,
		PublicKeyJWK: map[string]string{"kty": "EC", "crv": "P-256", "x": x, "y": y}, DeviceID: string(p.Device), ApprovedAt: stamp(p.At)}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
