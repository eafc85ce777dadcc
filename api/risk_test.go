package api

import (
	"errors"
	"strings"
	"testing"
	"time"

	"countersign/device"
	"countersign/operation"
	"countersign/session"
)

// Nothing but the exact form is an answer.
func TestRiskAnswers(t *testing.T) {
	for answer, want := range map[string]operation.Risk{
		`{"risk":"low"}`: operation.RiskLow, ` {"risk" : "normal"}` + "\n": operation.RiskNormal, `{"risk":"high"}`: operation.RiskHigh,
	} {
		if got, err := riskOf([]byte(answer)); got != want || err != nil {
			t.Errorf("%s: %q, %v", answer, got, err)
		}
	}
	for _, answer := range []string{
		"", "low", `"low"`, "{}", "null", "[]", `{"risk":null}`, `{"risk":""}`, `{"risk":"LOW"}`, `{"risk":"none"}`, `{"risk":["low"]}`, `{"risk":0}`, `{"Risk":"low"}`,
		`{"risk":"low","risk":"low"}`, `{"risk":"low","why":"known"}`, `{"risk":"low"}{}`, `{"risk":"low"} x`, `{"risk":"low"`, `<html>`,
	} {
		if got, err := riskOf([]byte(answer)); err == nil || CheckRisk([]byte(answer)) == nil {
			t.Errorf("%s: %q", answer, got)
		}
	}
}

type riskParties struct {
	session.Parties
	only session.RelyingParty
}

func (p riskParties) Party(string) (session.RelyingParty, bool) { return p.only, true }

// The hook is told what the form says and no more; without an answer the risk is high.
func TestRiskQuestion(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	o := operation.Operation{ID: "op_one", Version: 7, Name: "authorize_payment", Service: "shop", ByService: true, ExternalID: "order-1", Data: "A1", Form: []byte(`{"title":"secret"}`),
		Browser: []byte("secret"), Step: operation.Device, Kept: []operation.Kept{{State: []byte("secret")}}, Subject: "tok_told", Session: "secret", Finish: "secret", Return: "secret"}
	phone := operation.Occasion{Step: operation.Device, Method: operation.ByPhone, How: operation.Confirmed}
	proven := o
	proven.Subject, proven.History = "", []operation.Entry{{At: at, Step: operation.Identify, Method: operation.ByName, How: operation.Confirmed, Result: operation.Continue}}
	proven.Approval = &operation.Approval{Device: "secret", Claims: device.Claims{"name": []byte(`"secret"`)}}
	pair := session.RelyingParty{ID: "shop", Pairwise: true, SubjectKey: make([]byte, 32)}
	alice := device.NewTokenID()
	proven.Subject, proven.Approval.Token = alice, alice
	for what, x := range map[string]struct {
		a        operation.Assessment
		party    session.RelyingParty
		id, body string
	}{
		"begun": {operation.Assessment{Operation: o, At: at, Requester: operation.Requester{IP: "203.0.113.9", UserAgent: "Firefox on Linux", Address: "secret", Login: "secret"}},
			session.RelyingParty{ID: "shop"}, "op_one-7",
			`{"type":"operation.started","timestamp":"2026-01-02T03:04:05Z","data":{"operationId":"op_one","name":"authorize_payment","serviceId":"shop","externalId":"order-1","data":"A1","step":"device","history":[],"requester":{"ip":"203.0.113.9","userAgent":"Firefox on Linux"}}}`},
		"a step": {operation.Assessment{Operation: proven, At: at, Occasion: phone}, pair, "op_one-7-device-device-CONFIRMED",
			`{"type":"operation.step","timestamp":"2026-01-02T03:04:05Z","data":{"operationId":"op_one","name":"authorize_payment","serviceId":"shop","externalId":"order-1","tokenId":"` + string(pair.Subject(alice)) + `","data":"A1","step":"device","method":"device","stepResult":"CONFIRMED","history":[{"at":"2026-01-02T03:04:05Z","step":"identify","method":"identify","stepResult":"CONFIRMED","result":"CONTINUE"}]}}`},
	} {
		answer, err := `{"risk":"low"}`, error(nil)
		h := &RiskHook{Parties: riskParties{only: x.party}, Ask: func(id string, body []byte) ([]byte, error) {
			if id != x.id || string(body) != x.body || strings.Contains(string(body), "secret") {
				t.Errorf("%s: %s %s", what, id, body)
			}
			return []byte(answer), err
		}}
		if got := h.Assess(x.a); got != operation.RiskLow {
			t.Errorf("%s: %s", what, got)
		}
		if err = errors.New("no answer"); h.Assess(x.a) != operation.RiskHigh {
			t.Errorf("%s: without an answer", what)
		}
		if answer, err = "{}", nil; h.Assess(x.a) != operation.RiskHigh {
			t.Errorf("%s: without the form", what)
		}
	}
}
