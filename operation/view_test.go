package operation

import (
	"slices"
	"testing"

	"countersign/device"
	"countersign/session"
)

// What a user has switched off looks as if it were on until a factor has succeeded, but
// approves nothing; after that it is not offered.
func TestSwitchedOff(t *testing.T) {
	v := view{person: session.Person{Identity: device.Identity{ID: "alice", Version: 1, Off: []string{string(ByMessage)}}, Asked: true}}
	if _, ok := v.who(ByMessage); ok || v.off(ByMessage) {
		t.Error("it approves, or is not offered")
	}
	if _, ok := v.who(ByPasskey); !ok || v.off(ByPasskey) {
		t.Error("another is off too")
	}
	v.o.Approval = &Approval{Token: "alice"}
	if _, ok := v.who(ByMessage); ok || !v.off(ByMessage) {
		t.Error("it is offered although it is known who asks")
	}
	if v.off(ByPasskey) {
		t.Error("another is not offered")
	}
}

// That somebody operates the server is neither offered nor taken in a page, before or after
// a phone has said so.
func TestPagesApproveNoOperators(t *testing.T) {
	scopes := []device.Scope{device.OperatorAdmin, device.Name, device.OperatorAudit}
	for _, o := range []Operation{{Scopes: scopes}, {Approval: &Approval{Scopes: scopes}}} {
		v := view{svc: &Service{Parties: operatorParty{}}, o: o}
		for _, asked := range v.asks([]Offer{{ID: ByMessage}}) {
			if asked.ID != device.Name {
				t.Errorf("the page asks for %s", asked.ID)
			}
		}
		if got, ok := v.grants(Message{Granted: []device.Scope{device.OperatorAdmin}}); ok {
			t.Errorf("%v is taken", got)
		}
		if got, ok := v.grants(Message{Granted: []device.Scope{device.Name}}); !ok || !slices.Equal(got, []device.Scope{device.Name}) || len(v.o.wanted()) != 3 {
			t.Errorf("%v of %v", got, v.o.wanted())
		}
	}
}

// operatorParty is a service that may ask for the scopes of operators.
type operatorParty struct{ session.Parties }

func (operatorParty) Party(string) (session.RelyingParty, bool) {
	return session.RelyingParty{Operators: true}, true
}
