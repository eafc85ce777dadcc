package system

import (
	"slices"
	"strings"
	"testing"

	"countersign/api"
	"countersign/audit"
	"countersign/operation"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
)

// A phone switches ways to approve off and on for its whole identity, on every node.
func TestMethodsSwitched(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p, other := r.Phone(0), r.Phone(0)
	second := r.Join(p, 1, "Alice's tablet")
	for _, off := range [][]string{{"passkey", "message"}, {"offline"}, {"offline"}, {}} {
		want := slices.Sorted(slices.Values(off))
		if out, err := p.SwitchOff(rig.Ctx(t), off); err != nil || out.Off == nil || !slices.Equal(out.Off, want) {
			t.Errorf("%v: %+v, %v", off, out, err)
		}
		if list, err := second.ListDevices(rig.Ctx(t)); err != nil || list.Off == nil || !slices.Equal(list.Off, want) {
			t.Errorf("%v: listed %+v, %v", off, list, err)
		}
		if list, err := other.ListDevices(rig.Ctx(t)); err != nil || len(list.Off) != 0 {
			t.Errorf("of somebody else: %+v, %v", list, err)
		}
	}
	if _, err := p.SwitchOff(rig.Ctx(t), []string{"device"}); api.CodeOf(err) != "invalid_request" {
		t.Errorf("a phone was switched off: %v", err)
	}
	// Three changes, and one request that found nothing to change.
	if n := strings.Count(r.Log.String(), string(audit.MethodsChanged)); n != 3 {
		t.Errorf("%d events", n)
	}
}

// A way to approve that is switched off looks as before until a factor has succeeded,
// approves nothing, also by a code that was sent before, and is not offered after that.
func TestMethodSwitchedOff(t *testing.T) {
	t.Parallel()
	gateway := newReceiver(t)
	r := messageRig(t, gateway.URL, func(c *server.Config) {
		c.Flows["both"] = map[string]any{"steps": []any{"identify", "device", map[string]any{"name": "how", "methods": []any{"device", "message"}}}}
	})
	alice, bob := r.Phone(0), r.Phone(1)
	know(t, r, alice, number(aliceNumber))
	know(t, r, bob, number("+49170123454232"))
	before := orderTold(r, 0, "told", alice.Token)
	startMessage(before)
	code := gateway.next(t).verified(t).Data.Code
	if _, err := alice.SwitchOff(rig.Ctx(t), []string{"message"}); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, "a code of before", before.At(1).Send(operation.Verify, "otp", code), wrongText)
	off, on := orderTold(r, 0, "told", alice.Token), orderTold(r, 0, "told", bob.Token)
	for _, body := range []string{`{"type":"init"}`, `{"type":"start","data":{"method":"message"}}`, `{"type":"verify","data":{"otp":"12345"}}`, `{"type":"status"}`} {
		if got, want := unlike(off.Put(body)), unlike(on.Put(body)); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	if to := gateway.next(t).verified(t).Data.To; to != "+49170123454232" {
		t.Errorf("a code was sent to %s", to)
	}
	for phone, want := range map[*api.Phone][]string{alice: {"device"}, bob: {"device", "message"}} {
		page := orderTold(r, 0, "both", phone.Token)
		b := page.Start(false)
		if _, err := phone.Verify(rig.Ctx(t), r.Claim(phone, b.Session.SessionID, ""), session.Approve, b.Session.AutoPassword, []string{}); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range page.Send(operation.Init).Data.Methods {
			got = append(got, m.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("offered %v, want %v", got, want)
		}
		if a := startMessage(page); a.Success != (phone == bob) {
			t.Errorf("started: %+v", a)
		}
	}
}
