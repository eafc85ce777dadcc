package rp

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An Event says that a session or an operation of the service has ended. It says that
// something happened, and proves nothing to others: what a payment depends on is still
// the token, or the proof that [Client.Operation] gives.
type Event struct {
	// ID is the webhook-id. The same event may come several times, always under the
	// same ID.
	ID string
	// Type is such as session.approved. Pass over the ones you do not know.
	Type string
	// At is when it ended, in whole seconds, UTC.
	At time.Time
	// Session is what ended, of a type that begins with session.; else nil.
	Session *SessionEnd
	// Operation is that of a type that begins with operation.; else nil.
	Operation *OperationEnd
}

// A SessionEnd is how a session ended.
type SessionEnd struct {
	ID      string `json:"sessionId"`
	Service string `json:"serviceId"`
	Status  string `json:"status"` // approved, rejected, expired, cancelled
	// Subject and TokenID are the sub and jti of its token, of a session that was
	// approved and has one; else empty.
	Subject string `json:"sub"`
	TokenID string `json:"jti"`
}

// An OperationEnd is how an operation ended that the back end has ordered.
type OperationEnd struct {
	ID         string `json:"operationId"`
	Service    string `json:"serviceId"`
	Name       string `json:"name"`
	ExternalID string `json:"externalId"` // as ordered
	Result     Result `json:"result"`     // Done or Failed
}

// A Webhook reads the events of a service.
type Webhook struct {
	// Secrets are those of the service's webhook.secretFile, each as it stands there:
	// whsec_ and base64, or the secret itself. An event that is signed with any of
	// them is good, so that they can be changed while events come.
	Secrets []string
	// Service, if set, is the only serviceId whose events are taken.
	Service string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

const (
	eventSkew  = 5 * time.Minute // Standard Webhooks 1.0.0, of our clock from theirs
	maxEvent   = 16 << 10
	maxSigned  = 4 << 10 // of the header with the signatures
	versionOne = "v1,"
)

// Parse checks the signature of a request's body, as Standard Webhooks 1.0.0 has it,
// and that it was sent within five minutes of now, and reads it. Otherwise it is
// [ErrSignature], [ErrExpired], [ErrNotYet], [ErrMalformed], or [ErrAudience].
func (h *Webhook) Parse(head http.Header, body []byte) (Event, error) {
	id, stamp := head.Get("Webhook-Id"), head.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" || strings.Contains(id, ".") || len(body) > maxEvent {
		return Event{}, ErrMalformed
	}
	if !h.signed(head.Get("Webhook-Signature"), id+"."+stamp+".", body) {
		return Event{}, ErrSignature
	}
	now := time.Now
	if h.Now != nil {
		now = h.Now
	}
	switch age := now().Sub(time.Unix(seconds, 0)); {
	case age > eventSkew:
		return Event{}, ErrExpired
	case age < -eventSkew:
		return Event{}, ErrNotYet
	}
	return h.event(id, body)
}

// signed says whether any of the signatures is that of any of the secrets.
func (h *Webhook) signed(signatures, head string, body []byte) bool {
	if len(signatures) > maxSigned {
		return false
	}
	good := false
	for _, text := range h.Secrets {
		secret := eventSecret(text)
		if len(secret) == 0 { // which anybody knows
			continue
		}
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(head))
		mac.Write(body)
		want := versionOne + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		for s := range strings.SplitSeq(signatures, " ") {
			good = hmac.Equal([]byte(s), []byte(want)) || good
		}
	}
	return good
}

// eventSecret is the key that a secret is written for; nil: none.
func eventSecret(text string) []byte {
	text = strings.TrimRight(text, "\r\n")
	encoded, ok := strings.CutPrefix(text, "whsec_")
	if !ok {
		return []byte(text)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return nil
	}
	return key
}

// event reads a body whose signature is good.
func (h *Webhook) event(id string, body []byte) (Event, error) {
	var x struct {
		Type      string          `json:"type"`
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &x); err != nil || x.Type == "" {
		return Event{}, ErrMalformed
	}
	e := Event{ID: id, Type: x.Type, At: x.Timestamp}
	var data any
	var whose struct {
		Service string `json:"serviceId"`
	}
	switch {
	case strings.HasPrefix(x.Type, "session."):
		e.Session = &SessionEnd{}
		data = e.Session
	case strings.HasPrefix(x.Type, "operation."):
		e.Operation = &OperationEnd{}
		data = e.Operation
	default:
		data = &struct{}{}
	}
	if json.Unmarshal(x.Data, &whose) != nil || json.Unmarshal(x.Data, data) != nil {
		return Event{}, ErrMalformed
	}
	if h.Service != "" && whose.Service != h.Service {
		return Event{}, ErrAudience
	}
	return e, nil
}

// Handler is what stands at the service's webhook.url: it calls took for each good
// event. When took fails the server is asked to come again. took may be called twice
// for one event, also at once: by its ID it knows which.
func (h *Webhook) Handler(took func(context.Context, Event) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "POST alone", http.StatusMethodNotAllowed)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
		if err != nil {
			http.Error(w, "the body cannot be read", http.StatusBadRequest)
			return
		}
		e, err := h.Parse(r.Header, body)
		switch {
		case err != nil:
			http.Error(w, "the event is not signed as it should be, or is none", http.StatusBadRequest)
		case took(r.Context(), e) != nil:
			http.Error(w, "the event was not taken", http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
}
