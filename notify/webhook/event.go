package webhook

import (
	"encoding/json"
	"fmt"
	"time"

	"countersign/operation"
	"countersign/session"
)

// event is the body of a request. A Timestamp is when it ended, and so the same at
// every try.
type event struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

type sessionData struct {
	SessionID session.ID `json:"sessionId"`
	ServiceID string     `json:"serviceId"`
	Status    string     `json:"status"`
	Subject   string     `json:"sub,omitempty"`
	TokenID   string     `json:"jti,omitempty"`
}

type operationData struct {
	OperationID operation.ID     `json:"operationId"`
	ServiceID   string           `json:"serviceId"`
	Name        string           `json:"name"`
	ExternalID  string           `json:"externalId,omitempty"`
	Result      operation.Result `json:"result"`
}

// SessionEvent is what is told of a session that has ended. Who approved it, and the
// jti, only where that is the service's to know from the session itself: of one that
// has a token. Whoever declined stays unnamed, and whom an OpenID login, a
// back-channel request or an operation was about is told there.
func SessionEvent(s session.Session) ([]byte, error) {
	d := sessionData{SessionID: s.ID, ServiceID: s.Service, Status: s.State.Status()}
	if g := s.Grant; g != nil && s.State == session.Approved && !s.Silent {
		d.Subject, d.TokenID = g.Subject, g.TokenID
	}
	return encode("session."+d.Status, s.EndedAt, d)
}

// unended is what is told of a session that nobody has ended before its record was
// gone: time has.
func unended(id session.ID, service string, expired time.Time) ([]byte, error) {
	status := session.Expired.Status()
	return encode("session."+status, expired, sessionData{SessionID: id, ServiceID: service, Status: status})
}

// operationTypes names the ends of an operation.
func operationTypes() map[operation.Result]string {
	return map[operation.Result]string{operation.Done: "operation.done", operation.Failed: "operation.failed"}
}

// operationEvent is what is told of an operation that has ended: which it was. Why, and
// the proof, are for who asks with the service's secret.
func operationEvent(o operation.Operation) ([]byte, error) {
	at := o.ExpiresAt
	if n := len(o.History); n > 0 {
		at = o.History[n-1].At
	}
	return encode(operationTypes()[o.Result], at, operationData{OperationID: o.ID, ServiceID: o.Service, Name: o.Name, ExternalID: o.ExternalID, Result: o.Result})
}

func encode(kind string, at time.Time, data any) ([]byte, error) {
	body, err := json.Marshal(event{Type: kind, Timestamp: at.UTC().Truncate(time.Second), Data: data})
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	return body, nil
}
