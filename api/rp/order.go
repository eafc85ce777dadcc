package rp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

const (
	// maxOperation bounds what is read of an operation with its proof, maxList of a
	// list, of which the server gives a hundred at most.
	maxOperation = 256 << 10
	maxList      = 100 * maxOperation
)

// A Result is where an operation stands.
type Result string

// The results. Only Continue can still change.
const (
	Continue Result = "CONTINUE"
	Done     Result = "DONE"
	Failed   Result = "FAILED"
)

// An Order is the wish for an operation: a page of the server's leads the user
// through it, and this back end asks how it ended.
type Order struct {
	Operation // its Name is that of a flow; login may have no Data
	// Template orders by one of the installation's templates instead of Name, Data and
	// Form, which are then those of the answer; Parameters are its values.
	Template   string
	Parameters map[string]string
	// Language is that of the form's texts, where the service has several; empty: its own.
	Language string
	// TokenID is who is asked, and nobody else can be; empty: who tells their name in
	// the page, or scans.
	TokenID string
	// Scopes are the claims wanted; nil: the service's default.
	Scopes []string
	// ExternalID is this back end's own name for it, up to 128 visible ASCII
	// characters. It is not signed: what makes an order one belongs into Data too.
	ExternalID string
	// ReturnURL is where the browser goes at the end, on one of the service's
	// origins; empty: the service's. That it came there says nothing.
	ReturnURL string
	// IdempotencyKey, up to 64 visible ASCII characters, makes a repeated Order the
	// same operation: for a retry after an answer was lost.
	IdempotencyKey string
}

// An Ordered is an operation as the server has it. It is JSON as in the protocol, so
// that it can be kept, for `countersign proof verify` too.
type Ordered struct {
	ID         string `json:"operationId"`
	Name       string `json:"name"`
	ExternalID string `json:"externalId,omitempty"`
	// TokenID is whom the order named, or else who has approved.
	TokenID string          `json:"tokenId,omitempty"`
	Data    string          `json:"data,omitempty"`
	Form    json.RawMessage `json:"form,omitempty"` // its texts with the values that they name
	Result  Result          `json:"result"`
	Reason  string          `json:"reason,omitempty"` // of Failed, such as declined
	// Steps are the ways to take the step that is due, StepResult how its last try
	// ended.
	Steps      []Step `json:"steps"`
	StepResult string `json:"stepResult,omitempty"`
	// CreatedAt and ExpiresAt are UTC: at ExpiresAt it fails.
	CreatedAt time.Time `json:"createdAt,omitzero"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	// URL is the page to send the browser to. The first that opens it has it.
	URL     string  `json:"url"`
	History []Entry `json:"history"`
	Proof   *Proof  `json:"proof,omitempty"` // of Done; see [Client.VerifyProof]
	// Consent is what the user has agreed to, as the protocol has it; nil: they were not asked.
	Consent json.RawMessage `json:"consent,omitempty"`
}

// A Step is a way to take a step.
type Step struct {
	Name   string `json:"step"`
	Method string `json:"method"`
}

// An Entry is one thing that happened to an operation.
type Entry struct {
	At         time.Time `json:"at,omitzero"`
	Step       string    `json:"step"`
	Method     string    `json:"method,omitempty"`
	StepResult string    `json:"stepResult,omitempty"`
	Result     Result    `json:"result"` // where the operation stood after it
	Reason     string    `json:"reason,omitempty"`
}

// A Proof is what a phone signed.
type Proof struct {
	Text       string    `json:"text"`
	Signature  string    `json:"signature"` // over Text: r‖s, base64url
	Key        JWK       `json:"publicKeyJwk"`
	Display    string    `json:"display"` // what the phone showed; its hash is in Text
	DeviceID   string    `json:"deviceId"`
	ApprovedAt time.Time `json:"approvedAt,omitzero"` // by the server's clock
}

// A JWK is a public key of P-256 (RFC 7518 §6.2.1).
type JWK struct {
	KeyType string `json:"kty"`
	Curve   string `json:"crv"`
	X       string `json:"x"`
	Y       string `json:"y"`
}

// wireOrder is the body of POST /operations.
type wireOrder struct {
	Name       string            `json:"name,omitempty"`
	Data       string            `json:"data,omitempty"`
	Form       any               `json:"form,omitempty"`
	Template   string            `json:"template,omitempty"`
	Parameters map[string]string `json:"parameters,omitempty"`
	TokenID    string            `json:"tokenId,omitempty"`
	ExternalID string            `json:"externalId,omitempty"`
	Scopes     *[]string         `json:"scopes,omitempty"`
	ReturnURL  string            `json:"returnUrl,omitempty"`
	Language   string            `json:"language,omitempty"`
}

// Order creates an operation. A refusal is a [*Problem]: 422 operation_unknown,
// form_mismatch or scope_not_allowed, 409 idempotency_conflict, 429 rate_limited and the
// others of the protocol. Any other error is the network's, after which the same Order with the
// same IdempotencyKey may be tried again.
func (c *Client) Order(ctx context.Context, o Order) (Ordered, error) {
	q := wireOrder{Name: o.Name, Data: o.Data, Form: o.Form, Template: o.Template, Parameters: o.Parameters, TokenID: o.TokenID,
		ExternalID: o.ExternalID, ReturnURL: o.ReturnURL, Language: o.Language}
	if o.Scopes != nil {
		q.Scopes = &o.Scopes // none at all is an empty list
	}
	body, err := json.Marshal(q)
	if err != nil {
		return Ordered{}, fmt.Errorf("rp: order: %w", err)
	}
	return c.ordered(ctx, "order", "", request{http.MethodPost, "/operations", body, o.IdempotencyKey, maxOperation})
}

// Operation asks how an operation stands. One of another service, and one that is
// over for a day, is a [*Problem] with the code operation_not_found.
func (c *Client) Operation(ctx context.Context, id string) (Ordered, error) {
	return c.ordered(ctx, "operation", id, request{http.MethodGet, operationPath(id), nil, "", maxOperation})
}

// Cancel gives an operation up, and gives it as it is then. It may be repeated; after
// another end it is a [*Problem] with the code operation_resolved: ask.
func (c *Client) Cancel(ctx context.Context, id string) (Ordered, error) {
	return c.ordered(ctx, "cancel", id, request{http.MethodPost, operationPath(id) + "/cancel", nil, "", maxOperation})
}

func operationPath(id string) string { return "/operations/" + url.PathEscape(id) }

// Operations lists the operations that name a user or that the user has approved, the
// newest first; result may be empty: all of them. The server gives a hundred at most.
func (c *Client) Operations(ctx context.Context, tokenID string, result Result) ([]Ordered, error) {
	query := url.Values{"tokenId": {tokenID}}
	if result != "" {
		query.Set("result", string(result))
	}
	answer, err := c.call(ctx, request{http.MethodGet, "/operations?" + query.Encode(), nil, "", maxList})
	if err != nil {
		return nil, named("operations", err)
	}
	var list struct{ Operations []Ordered }
	if json.Unmarshal(answer, &list) != nil || list.Operations == nil {
		return nil, errOrdered
	}
	return list.Operations, nil
}

// errOrdered is the server's fault, or something else answers at its address.
var errOrdered = errors.New("rp: the answer is no operation")

// ordered sends a request that is answered with an operation: the one of that id, if
// it has one.
func (c *Client) ordered(ctx context.Context, what, id string, q request) (Ordered, error) {
	answer, err := c.call(ctx, q)
	if err != nil {
		return Ordered{}, named(what, err)
	}
	var o Ordered
	if json.Unmarshal(answer, &o) != nil || o.ID == "" || o.Result == "" || id != "" && o.ID != id {
		return Ordered{}, errOrdered
	}
	return o, nil
}
