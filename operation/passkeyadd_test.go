package operation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/device"
	"countersign/passkey"
	"countersign/test/authenticator"
)

// A new passkey is made only after a phone, whatever else was proven; and is the one
// that was asked for.
func TestAddPasskey(t *testing.T) {
	r := newKeyRig(t)
	k := r.added(r.alice)
	b := r.of("add_passkey", r.ofAlice)
	if a := b.send(Message{Type: Start, Method: ByPasskeyAdd}); a.Reason != OutOfStep {
		t.Errorf("before the phone: %s %s", a.Type, a.Reason)
	}
	r.approve(b, r.alice)
	_, m := r.make(b, func(s *authenticator.Said) { s.Origin = "https://login.example.org" })
	if a := b.send(m); a.Type != Failure || a.Text != passkeyFailed || a.Remaining != passkeysMost-1 {
		t.Errorf("another page's: %s %s %d", a.Type, a.Text, a.Remaining)
	}
	if a := b.send(m); a.Reason != OutOfStep {
		t.Errorf("the challenge was good again: %s", a.Type)
	}
	_, m = r.make(b)
	r.store.conflicts = 2
	if a := b.send(m); a.Type != Complete {
		t.Errorf("answered %s %s", a.Type, a.Text)
	}
	if w := r.wallets.of[r.alice.token]; len(w.Passkeys) != 2 || w.Passkeys[1].By != r.alice.id {
		t.Errorf("passkeys %+v", w.Passkeys)
	}
	if a := b.stored().Approval; a.ACR == PasskeyACR || !a.byPhone() {
		t.Errorf("the approval became %+v", a)
	}
	// A phone stays what approved, though a passkey comes after it.
	b = r.of("both_add", r.ofAlice)
	r.approve(b, r.alice)
	b.send(r.sign(b, k))
	_, m = r.make(b)
	if a := b.send(m); a.Type != Complete {
		t.Errorf("after both: %s %s", a.Type, a.Reason)
	}
	if a := b.stored().Approval; !slices.Equal(a.AMR, []string{"swk", "user", "otp"}) || a.Device != r.alice.id {
		t.Errorf("both approved %+v", a)
	}
	// What is full takes no more.
	for len(r.wallets.of[r.alice.token].Passkeys) < passkey.Most {
		r.added(r.alice)
	}
	b = r.of("add_passkey", r.ofAlice)
	r.approve(b, r.alice)
	if a := b.send(Message{Type: Start, Method: ByPasskeyAdd}); a.Type != Failure || a.Text != passkeyFull {
		t.Errorf("full: %s %s", a.Type, a.Text)
	}
}

// accountName never tells the id.
func TestAccountName(t *testing.T) {
	r := newKeyRig(t)
	b := r.of("add_passkey", r.ofAlice)
	r.approve(b, r.alice)
	a := b.send(Message{Type: Start, Method: ByPasskeyAdd})
	if text := string(a.Passkey); !strings.Contains(text, `"name":"Alice Doe"`) || strings.Contains(text, string(r.alice.token)) {
		t.Errorf("told %s", text)
	}
	r.change(r.alice, func(i *device.Identity) { i.Claims = nil })
	if text := string(b.send(Message{Type: Start, Method: ByPasskeyAdd}).Passkey); !strings.Contains(text, `"displayName":"login.example.com"`) {
		t.Errorf("without claims: %s", text)
	}
}

// A flow that could add a passkey without a phone is none.
func TestFlowsThatAddPasskeys(t *testing.T) {
	step := func(name Step, ways ...Method) FlowStep {
		s := FlowStep{Name: name}
		for _, m := range ways {
			s.Ways = append(s.Ways, Way{Method: m})
		}
		return s
	}
	identify, phone, add := step(Identify, ByName), step("phone", ByPhone), step("add", ByPasskeyAdd)
	around := identify
	around.On = map[StepResult][]Target{Confirmed: {"add"}, AuthFailed: {"phone"}}
	sometimes := phone
	sometimes.Risk = RiskHigh
	declined := phone
	declined.On = map[StepResult][]Target{Canceled: {ToNext}}
	for name, c := range map[string]struct {
		steps []FlowStep
		good  bool
	}{
		"after a phone":             {[]FlowStep{identify, phone, add}, true},
		"with more between":         {[]FlowStep{phone, step("key", ByPasskey), add}, true},
		"after a passkey":           {[]FlowStep{identify, step("key", ByPasskey), add, phone}, false},
		"after either":              {[]FlowStep{identify, step("any", ByPhone, ByPasskey), add}, false},
		"first":                     {[]FlowStep{add, phone}, false},
		"around the phone":          {[]FlowStep{around, phone, add, step("last", ByPhone)}, false},
		"a phone at some risks":     {[]FlowStep{identify, sometimes, add, step("last", ByPhone)}, false},
		"declined on the phone":     {[]FlowStep{identify, declined, add, step("last", ByPhone)}, false},
		"beside another":            {[]FlowStep{identify, phone, step("add", ByPasskeyAdd, ByPhone)}, false},
		"and nothing proven at all": {[]FlowStep{identify, add}, false},
	} {
		faults := Flow{Name: "f", Expiry: time.Minute, Steps: c.steps}.Check()
		about := slices.ContainsFunc(faults, func(x Fault) bool { return strings.Contains(x.What, "passkey_add") })
		if about == c.good || c.good && len(faults) > 0 {
			t.Errorf("%s: %v", name, faults)
		}
	}
}

// Nor does the method itself take its step without a phone, whatever a flow has.
func TestAddPasskeyWantsAPhone(t *testing.T) {
	r := newKeyRig(t)
	k := r.added(r.alice)
	r.svc.Flows["unchecked"] = Flow{Name: "unchecked", Expiry: time.Minute, Steps: []FlowStep{
		{Name: "key", Ways: []Way{{Method: ByPasskey}}}, {Name: "add", Ways: []Way{{Method: ByPasskeyAdd}}}}}
	b := r.of("unchecked", r.ofAlice)
	if a := b.send(r.sign(b, k)); a.Type != Cancel || b.stored().Result != Failed {
		t.Errorf("answered %s, %s", a.Type, b.stored().Result)
	}
}
