package operation

import (
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
