package system

import (
	"slices"
	"strings"
	"testing"

	"countersign/api"
	"countersign/audit"
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
