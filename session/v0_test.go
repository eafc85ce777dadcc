package session

import (
	"errors"
	"testing"
	"time"

	"countersign/device"
)

// newLegacyRig is a rig whose service takes legacy signatures and requires no
// scope, and whose alice has an old phone.
func newLegacyRig(t *testing.T) (*rig, *phone) {
	t.Helper()
	r := newRig(t)
	r.party.AcceptV0, r.party.Required = true, nil
	old := r.enrol("", device.Claims{})
	r.forgetV1(old)
	*r.alice = *old
	return r, old
}

func (r *rig) forgetV1(p *phone) {
	i, err := r.store.Identity(r.t.Context(), p.token)
	if err != nil {
		r.t.Fatal(err)
	}
	for k := range i.Devices {
		i.Devices[k].UsedV1 = false
	}
	r.store.setIdentity(i)
}

// Both legacy texts approve, without a claim; what was granted is what was sent.
func TestLegacyTexts(t *testing.T) {
	scopes := []string{string(device.Name), string(device.AgeOver18)}
	for _, tc := range []struct {
		name   string
		scopes []string
		text   func(v Verification) string
		good   bool
	}{
		{"without scopes", nil, func(v Verification) string { return v.textsV0()[0] }, true},
		{"with scopes", scopes, func(v Verification) string { return v.textsV0()[0] }, true},
		{"scopes sent, the plain text signed", scopes, func(v Verification) string { return v.textsV0()[1] }, true},
		{"no scopes, signed with an empty list", []string{}, func(v Verification) string { return v.textsV0()[0] }, true},
		{"scopes in another order than signed", scopes, func(v Verification) string {
			v.Scopes = []string{scopes[1], scopes[0]}
			return v.textsV0()[0]
		}, false},
		{"another code signed", nil, func(v Verification) string { v.OTP = "000000"; return v.textsV0()[0] + "0" }, false},
	} {
		r, old := newLegacyRig(t)
		s := r.start()
		v := old.legacy(s, r.code(s), tc.scopes)
		v.Signature = old.key.Sign([]byte(tc.text(v))).String()
		out, err := r.verify(v)
		if !tc.good {
			if !errors.Is(err, device.ErrSignature) {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		after := r.get(s.ID)
		if err != nil || out.Status != "approved" || after.State != Approved || len(after.Grant.Scopes) != len(tc.scopes) || after.Grant.ACR != Typed {
			t.Errorf("%s: %+v, %v, %s, %+v", tc.name, out, err, after.State, after.Grant)
		}
		if again, err := r.verify(v); err != nil || again != out {
			t.Errorf("%s, repeated: %+v, %v", tc.name, again, err)
		}
		if _, err := r.svc.Issue(t.Context(), after); err != nil {
			t.Errorf("%s: no token: %v", tc.name, err)
		}
	}
}

// Where a legacy signature is refused, whoever made it.
func TestLegacyRefused(t *testing.T) {
	for _, tc := range []struct {
		name  string
		start func(*Start)
		spoil func(r *rig, s Session)
		want  error
	}{
		{"the service takes none", nil, func(r *rig, _ Session) { r.party.AcceptV0 = false }, ErrV0},
		{"an operation", func(st *Start) { st.Operation = &Operation{Name: "pay"} }, nil, ErrV0},
		{"nobody named", func(st *Start) { st.Asked = nil }, nil, ErrV0},
		{"mode scan", func(st *Start) { st.Mode = Scan }, nil, ErrV0},
		{"mode compare", func(st *Start) { st.Mode, st.Authenticated = Compare, true }, nil, ErrV0},
		{"claimed", nil, func(r *rig, s Session) { r.mustClaim(r.alice, s, ""); r.forgetV1(r.alice) }, ErrAlreadyClaimed},
		{"the device used version 1", nil, func(r *rig, _ Session) {
			if _, err := r.svc.Pending(r.t.Context(), r.alice.pending()); err != nil {
				r.t.Fatal(err)
			}
		}, device.ErrSignature},
		{"a required scope missing", nil, func(r *rig, s Session) { s.Required = []device.Scope{device.Name}; r.store.setSession(s) }, ErrScope},
		{"the identity is revoked", nil, func(r *rig, _ Session) {
			i, _ := r.store.Identity(r.t.Context(), r.alice.token)
			r.store.setIdentity(i.SetStatus(device.Revoked))
		}, device.ErrUnknown},
		{"the device is revoked", nil, func(r *rig, _ Session) {
			i, _ := r.store.Identity(r.t.Context(), r.alice.token)
			i, _ = i.RevokeDevice(r.alice.id)
			r.store.setIdentity(i)
		}, device.ErrUnknown},
		{"another identity asked", func(st *Start) { id := device.NewTokenID(); st.Asked = &id }, nil, device.ErrUnknown},
		{"stale", nil, func(r *rig, _ Session) { r.clock.pass(31 * time.Second) }, device.ErrStale},
		{"too late", nil, func(r *rig, s Session) { s.ExpiresAt = r.clock.now(); r.store.setSession(s) }, ErrExpired},
		{"the party is gone", nil, func(r *rig, _ Session) { r.svc.Parties = parties{} }, ErrV0},
	} {
		r, old := newLegacyRig(t)
		s := r.start(func(st *Start) {
			if tc.start != nil {
				tc.start(st)
			}
		})
		v := old.legacy(s, r.code(s), nil)
		if tc.spoil != nil {
			tc.spoil(r, s)
		}
		if _, err := r.verify(v); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
		if after := r.get(s.ID); after.State == Approved || after.Attempts != 0 {
			t.Errorf("%s: %s after %d attempts", tc.name, after.State, after.Attempts)
		}
	}
}

// Wrong legacy codes count as others do, and the third ends the session.
func TestLegacyWrongCodes(t *testing.T) {
	r, old := newLegacyRig(t)
	s := r.start()
	for k, want := range []error{ErrCode, ErrCode, ErrTooManyAttempts, ErrTooManyAttempts} {
		if _, err := r.verify(old.legacy(s, r.wrong(s, k+1), nil)); !errors.Is(err, want) {
			t.Errorf("wrong code %d: %v, want %v", k+1, err, want)
		}
	}
	if n := r.store.wrong[old.token]; n != 3 {
		t.Errorf("%d counted, want 3", n)
	}
}

// A legacy approval does not mark its device as a user of version 1, a
// claim does, once.
func TestUseOfVersionOneIsRemembered(t *testing.T) {
	r, old := newLegacyRig(t)
	used := func() bool {
		i, err := r.store.Identity(t.Context(), old.token)
		if err != nil {
			t.Fatal(err)
		}
		d, _ := i.Device(old.id)
		return d.UsedV1
	}
	s := r.start()
	if _, err := r.verify(old.legacy(s, r.code(s), nil)); err != nil {
		t.Fatal(err)
	}
	if used() {
		t.Error("a legacy approval counts as version 1")
	}
	forged := old.claim(r.start().ID, "")
	forged.Signature = r.bob.key.Sign([]byte("another text")).String()
	if _, err := r.svc.Claim(t.Context(), forged); !errors.Is(err, device.ErrSignature) {
		t.Fatal(err)
	}
	if used() {
		t.Error("a forged claim counts as version 1")
	}
	s = r.mustClaim(old, r.start(), "")
	if !used() {
		t.Error("a claim does not count as version 1")
	}
	version := r.store.identities[old.token].Version
	r.mustClaim(old, s, "")
	if r.store.identities[old.token].Version != version {
		t.Error("the mark was written twice")
	}
}
