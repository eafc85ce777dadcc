// Package gateway sends the codes of operations to their users, by the operator's own
// gateway for short messages and mail: a webhook, signed as Standard Webhooks 1.0.0
// has it, which the outbox of package notify delivers.
//
//	operation ── Send ──> Outbox ── Request ──> gateway ──> SMS, mail
//
// A message whose code is no longer good is not sent any more. One to nobody goes
// through the same hands as every other until it is dropped just before it would
// leave, so that whoever waits for an answer cannot tell the two apart.
//
// The package knows nothing of codes but how they are told.
package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"countersign/device"
	"countersign/notify"
	"countersign/operation"
)

// Kind is that of the notices.
const Kind notify.Kind = "message"

// A Gateway sends codes. All its members are set before it is used.
type Gateway struct {
	URL    string
	Secret []byte // see [notify.ParseSecret]
	// Say gives a text in a language of the pages.
	Say    func(language, key string) string
	Outbox interface {
		Post(ctx context.Context, n notify.Notice) error
	}
	Now func() time.Time
}

// A Message is the body of a request to the gateway.
type Message struct {
	Type      string    `json:"type"` // "message.code"
	Timestamp time.Time `json:"timestamp"`
	Data      Data      `json:"data"`
}

// Data is what a message says, and to whom.
type Data struct {
	To          string         `json:"to"` // as the operator has it on record
	Channel     device.Channel `json:"channel"`
	Code        string         `json:"code"`
	Text        string         `json:"text"` // ready to be sent
	Language    string         `json:"language"`
	OperationID string         `json:"operationId"`
	ServiceID   string         `json:"serviceId"`
	ServiceName string         `json:"serviceName"`
	ExpiresAt   time.Time      `json:"expiresAt"`
}

const messageType = "message.code"

// Send implements operation.Letters.
func (g *Gateway) Send(ctx context.Context, l operation.Letter) error {
	text, err := g.text(l)
	if err != nil {
		return err
	}
	body, err := json.Marshal(Message{Type: messageType, Timestamp: l.At.UTC(), Data: Data{To: l.To, Channel: l.Channel, Code: l.Code, Text: text, Language: l.Language,
		OperationID: string(l.Operation), ServiceID: l.Service, ServiceName: l.Name, ExpiresAt: l.Until.UTC()}})
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	return g.Outbox.Post(ctx, notify.Notice{ID: l.ID, Kind: Kind, Service: l.Service, Body: body, Until: l.Until})
}

// errNone: this node's configuration has no gateway. Another's may, while a new one
// is rolled out.
var errNone = errors.New("gateway: none is configured")

// Request makes the request of a notice; it is the courier of [Kind].
func (g *Gateway) Request(ctx context.Context, n notify.Notice) (*http.Request, error) {
	var m struct {
		Data struct {
			To string `json:"to"`
		} `json:"data"`
	}
	if err := json.Unmarshal(n.Body, &m); err != nil {
		return nil, errors.New("gateway: what was kept is no message")
	}
	switch {
	case m.Data.To == "":
		return nil, notify.ErrNobody
	case g.URL == "":
		return nil, errNone
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL, bytes.NewReader(n.Body))
	if err != nil {
		return nil, errors.New("gateway: its address is none")
	}
	q.Header = notify.Sign(g.Secret, n.ID, g.Now(), n.Body)
	q.Header.Set("Content-Type", "application/json")
	return q, nil
}
