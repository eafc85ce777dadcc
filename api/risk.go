package api

import (
	"errors"
	"slices"

	"countersign/operation"
	"countersign/session"

	"github.com/go-json-experiment/json"
)

// A RiskQuestion is what the risk hook is asked.
type RiskQuestion struct {
	Type      string   `json:"type"` // operation.started or operation.step
	Timestamp string   `json:"timestamp"`
	Data      RiskData `json:"data"`
}

// RiskData is what the hook is told of an operation.
type RiskData struct {
	OperationID string           `json:"operationId"`
	Name        string           `json:"name"`
	ServiceID   string           `json:"serviceId"`
	ExternalID  string           `json:"externalId,omitempty"`
	TokenID     string           `json:"tokenId,omitempty"` // as the service knows the user
	Data        string           `json:"data,omitempty"`
	Step        string           `json:"step"`                 // that is due first; that was taken
	Method      string           `json:"method,omitempty"`     // by which it was taken
	StepResult  string           `json:"stepResult,omitempty"` // of the step that was taken
	History     []OperationEntry `json:"history"`              // before that
	Requester   *RiskRequester   `json:"requester,omitempty"`  // absent: no browser is known
}

// A RiskRequester is the browser.
type RiskRequester struct {
	IP        string `json:"ip"`
	UserAgent string `json:"userAgent,omitempty"` // a short form
}

// A RiskAnswer is what the hook answers, and nothing else.
type RiskAnswer struct {
	Risk string `json:"risk"` // low, normal or high
}

// A RiskHook asks for the risk of operations over HTTP.
type RiskHook struct {
	Parties session.Parties
	// Ask posts a question under an id; notify.Asker does.
	Ask func(id string, body []byte) ([]byte, error)
}

var errRisk = errors.New(`api: not {"risk": "low", "normal" or "high"}`)

// CheckRisk says what is wrong with an answer of the hook.
func CheckRisk(answer []byte) error {
	_, err := riskOf(answer)
	return err
}

func riskOf(answer []byte) (operation.Risk, error) {
	var a RiskAnswer
	err := json.Unmarshal(answer, &a, json.RejectUnknownMembers(true))
	if risk := operation.Risk(a.Risk); err == nil && slices.Contains(operation.Risks(), risk) {
		return risk, nil
	}
	return "", errRisk
}

// Assess implements operation.Assessor. Two nodes that have come to the same ask
// under the same id.
func (h *RiskHook) Assess(a operation.Assessment) operation.Risk {
	o, x := a.Operation, a.Occasion
	party, _ := h.Parties.Party(o.Service)
	q := RiskQuestion{Type: "operation.started", Timestamp: stamp(a.At), Data: RiskData{
		OperationID: string(o.ID), Name: o.Name, ServiceID: o.Service, ExternalID: o.ExternalID, Data: o.Data,
		Step: string(o.Step), Method: string(x.Method), StepResult: string(x.How), History: entries(o.History),
	}}
	if x != (operation.Occasion{}) {
		q.Type, q.Data.Step = "operation.step", string(x.Step)
	}
	if who := o.About(); who != "" {
		q.Data.TokenID = string(party.Subject(who))
	}
	if from := a.Requester; from.IP != "" {
		q.Data.Requester = &RiskRequester{from.IP, from.UserAgent}
	}
	body, err := json.Marshal(q)
	if err != nil {
		return operation.RiskHigh
	}
	answer, err := h.Ask(a.ID(), body)
	if err != nil {
		return operation.RiskHigh
	}
	risk, err := riskOf(answer)
	if err != nil {
		return operation.RiskHigh
	}
	return risk
}
