package session

import (
	"errors"
	"slices"
	"testing"

	"countersign/device"
)

// The user may narrow what the service did not require, and widen nothing. The
// order is the phone's own affair: the signed text has them sorted.
func TestGrantedScopes(t *testing.T) {
	name, age, email := string(device.Name), string(device.AgeOver18), string(device.Email)
	for _, tc := range []struct {
		name    string
		granted []string
		want    error
	}{
		{"all", []string{name, age}, nil},
		{"all, sorted", []string{age, name}, nil},
		{"narrowed to what is required", []string{name}, nil},
		{"required one missing", []string{age}, ErrScope},
		{"none", nil, ErrScope},
		{"widened", []string{name, age, email}, ErrScope},
		{"another in its place", []string{name, email}, ErrScope},
		{"no scope at all", []string{name, "openid"}, ErrScope},
	} {
		r := newRig(t)
		s := r.claimed()
		v := r.alice.verification(s, Approve, r.code(s))
		v.Scopes = tc.granted
		_, err := r.verify(r.alice.sign(v))
		after := r.get(s.ID)
		if !errors.Is(err, tc.want) || (after.State == Approved) != (tc.want == nil) || after.Attempts != 0 {
			t.Errorf("%s: %v, %s, %d attempts; want %v", tc.name, err, after.State, after.Attempts, tc.want)
		}
		if tc.want != nil {
			continue
		}
		want := slices.Sorted(slices.Values(tc.granted))
		if got := joinScopes(after.Grant.Scopes); got != joinScopes(toScopes(want)) {
			t.Errorf("%s: granted %q", tc.name, got)
		}
		if _, ok := after.Grant.Claims["age_over_18"]; ok != slices.Contains(tc.granted, age) {
			t.Errorf("%s: released %v", tc.name, after.Grant.Claims)
		}
		if _, ok := after.Grant.Claims["birthdate"]; ok {
			t.Errorf("%s: released what age_over_18 was derived from", tc.name)
		}
	}
}

func toScopes(names []string) (out []device.Scope) {
	for _, n := range names {
		out = append(out, device.Scope(n))
	}
	return out
}

// Denying and reporting need no scopes.
func TestDenyNeedsNoScopes(t *testing.T) {
	r := newRig(t)
	s := r.claimed()
	if _, err := r.verify(r.alice.verification(s, Deny, "")); err != nil {
		t.Error(err)
	}
}

// Scopes of operators are asked for by the provider alone, for services marked so.
func TestOperatorScopes(t *testing.T) {
	for _, tc := range []struct {
		marked, silent, authenticated bool
		scope                         device.Scope
		good                          bool
	}{
		{true, true, false, device.OperatorAdmin, true}, {true, true, false, device.OperatorAudit, true}, {true, true, false, device.Birthdate, false},
		{false, true, false, device.OperatorAdmin, false}, {true, false, false, device.OperatorAdmin, false}, {true, false, true, device.OperatorAdmin, false},
		{true, true, true, device.OperatorAudit, false}, {true, true, false, "countersign:all", false},
	} {
		r := newRig(t)
		r.party.Operators = tc.marked
		_, err := r.svc.Start(t.Context(), Start{Party: *r.party, Asked: &r.alice.token, Scopes: []string{string(tc.scope)}, Silent: tc.silent, Authenticated: tc.authenticated})
		if tc.good != (err == nil) || !tc.good && !errors.Is(err, ErrScope) {
			t.Errorf("%+v: %v", tc, err)
		}
	}
}

// What a start wants: the service's default, or a part of what it may have.
func TestWantedScopes(t *testing.T) {
	for _, tc := range []struct {
		name     string
		asked    []string
		want     string
		required string
		err      error
	}{
		{name: "default", want: "identity:age_over_18 identity:name", required: "identity:name"},
		{name: "named", asked: []string{"identity:name", "identity:email"}, want: "identity:email identity:name", required: "identity:name"},
		{name: "twice", asked: []string{"identity:email", "identity:email"}, want: "identity:email"},
		{name: "none", asked: []string{}},
		{name: "not allowed", asked: []string{"identity:name", "identity:birthdate"}, err: ErrScope},
		{name: "no scope", asked: []string{""}, err: ErrScope},
	} {
		r := newRig(t)
		s, err := r.svc.Start(t.Context(), Start{Party: *r.party, Asked: &r.alice.token, Scopes: tc.asked})
		if !errors.Is(err, tc.err) || joinScopes(s.Scopes) != tc.want || joinScopes(s.Required) != tc.required {
			t.Errorf("%s: %v, required %v, %v", tc.name, s.Scopes, s.Required, err)
		}
		if d := r.party.Default; d[0] != device.Name {
			t.Errorf("%s: sorting the start's scopes sorted the service's own: %v", tc.name, d)
		}
	}
}
