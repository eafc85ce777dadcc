package main

import (
	"countersign/api/rp"

	"github.com/go-json-experiment/json/jsontext"
)

// A proofJudgement is all that was found; and what was approved, if all holds.
type proofJudgement struct {
	Good     bool          `json:"good"`
	Checks   []finding     `json:"checks"`
	Approved *approvedData `json:"approved,omitempty"`
}

// approvedData is what a proof says.
type approvedData struct {
	At          string         `json:"at"` // by the phone's clock
	User        string         `json:"tokenId"`
	Phone       string         `json:"deviceId"`
	Thumbprint  string         `json:"jwkThumbprint"`
	Service     string         `json:"serviceId"`
	ServiceName string         `json:"serviceName"`
	Session     string         `json:"sessionId"`
	Operation   string         `json:"name"`
	Data        string         `json:"data,omitempty"`
	Form        jsontext.Value `json:"form,omitempty"`
}

// proofFlags are the flags by which something of a proof is compared.
var proofFlags = map[string]string{"key": "--jwk-thumbprint", "issuer": "--issuer", "service": "--service", "operation": "--data"}

// judgeProof looks at everything, and says how to have looked closer.
func judgeProof(j rp.Judge, p proven) proofJudgement {
	found := j.Judge(p.proof, p.operation)
	v := proofJudgement{Good: found.Approval != nil}
	for _, c := range found.Checks {
		f := bad(c.Name, "%s", c.Detail)
		switch {
		case c.Open:
			f = good(c.Name, "%s without %s", c.Detail, proofFlags[c.Name])
		case c.Good:
			f = good(c.Name, "%s", c.Detail)
		}
		v.Checks = append(v.Checks, f)
	}
	if a := found.Approval; a != nil {
		v.Approved = &approvedData{At: timestamp(a.At), User: a.TokenID, Phone: a.DeviceID, Thumbprint: a.Thumbprint, Service: a.ServiceID,
			ServiceName: a.ServiceName, Session: a.SessionID, Operation: a.Name, Data: a.Data, Form: jsontext.Value(a.Form)}
	}
	return v
}
