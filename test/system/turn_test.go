package system

import (
	"testing"

	"countersign/test/rig"
)

// Who begins a login while another is under way in the same browser login has left
// that one; a browser without a login may have two.
func TestOIDCTurns(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p := newParty(t, r, 0, rig.Service, "", demoCallback)
	s := newSurfer(t, r, 0)
	p.login(s, r.Phone(0))
	begin := func(s *surfer, n int) string {
		s.http.Transport = straight{r, n}
		id := operationOf(t, r, s.get(p.url("prompt", "login")))
		if a := s.authn(id, `{"type":"init"}`); !a.Success || a.Type != "init" {
			t.Fatalf("init: %+v", a)
		}
		return id
	}
	first, second := begin(s, 0), begin(s, 1)
	if a := s.authn(first, `{"type":"status"}`); a.Type != "cancel" || a.Data.Result != "FAILED" || a.Data.Location == "" {
		t.Errorf("the first: %+v", a)
	}
	if a := s.authn(second, `{"type":"status"}`); a.Data.Result != "CONTINUE" {
		t.Errorf("the second: %+v", a)
	}
	stranger := newSurfer(t, r, 0)
	one := begin(stranger, 0)
	begin(stranger, 1)
	if a := stranger.authn(one, `{"type":"status"}`); a.Data.Result != "CONTINUE" {
		t.Errorf("without a login: %+v", a)
	}
}
