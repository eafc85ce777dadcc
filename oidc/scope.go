package oidc

import (
	"encoding/json"
	"slices"
	"strings"

	"countersign/device"
	"countersign/session"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

const (
	openID  = "openid"
	offline = "offline_access"
)

// standard are the scopes of OpenID Connect Core §5.4 and the identity scopes
// each stands for.
func standard(name string) []device.Scope {
	switch name {
	case "profile":
		return []device.Scope{device.Name, device.Birthdate, device.Picture}
	case "email":
		return []device.Scope{device.Email}
	case "phone":
		return []device.Scope{device.Phone}
	case "address":
		return []device.Scope{device.Address}
	}
	return nil
}

func standardNames() []string { return []string{"profile", "email", "phone", "address"} }

// scopesSupported is every scope that is told of. Those of operators are nobody's business.
func scopesSupported() []string {
	out := append([]string{openID, offline}, standardNames()...)
	for _, s := range device.Scopes() {
		out = append(out, string(s))
	}
	return out
}

func libraryScopes() (out []goidc.Scope) {
	for _, s := range append(scopesSupported(), string(device.OperatorAdmin), string(device.OperatorAudit)) {
		out = append(out, goidc.NewScope(s))
	}
	return out
}

// clientScopes are those a service may ask for: openid and offline_access always,
// a standard one if it may have anything of what that stands for, those of operators
// if it is marked so.
func clientScopes(p session.RelyingParty) []string {
	out := []string{openID, offline}
	for _, s := range p.Allowed {
		out = append(out, string(s))
	}
	for _, name := range standardNames() {
		if len(both(standard(name), p.Allowed)) > 0 {
			out = append(out, name)
		}
	}
	if p.Operators {
		out = append(out, string(device.OperatorAdmin), string(device.OperatorAudit))
	}
	return out
}

// asked are the identity scopes that a scope parameter asks of a service's users.
func asked(scope string, p session.RelyingParty) []device.Scope {
	out := []device.Scope{} // none is not the same as the service's default ones
	for _, name := range strings.Fields(scope) {
		for _, s := range append(standard(name), device.Scope(name)) {
			if slices.Contains(p.Allowed, s) && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// granted is the scope parameter with what the user granted.
func granted(scope string, identity []device.Scope) string {
	var out []string
	for _, name := range strings.Fields(scope) {
		keep := name == openID || name == offline || slices.Contains(identity, device.Scope(name)) || len(both(standard(name), identity)) > 0
		if keep && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return strings.Join(out, " ")
}

// claims names what the identity scopes released as OpenID Connect Core §5.1
// does, where a standard scope asked for it.
func claims(scope string, released device.Claims) map[string]any {
	out := map[string]any{}
	for name, v := range released {
		out[name] = v
	}
	names := strings.Fields(scope)
	if v, ok := released["phone"]; ok && slices.Contains(names, "phone") {
		out["phone_number"] = v
		if !slices.Contains(names, string(device.Phone)) {
			delete(out, "phone")
		}
	}
	if v, ok := released["address"]; ok && slices.Contains(names, "address") {
		if text := ""; json.Unmarshal(v, &text) == nil {
			out["address"] = map[string]string{"formatted": text}
		}
	}
	return out
}

// claimNames are the claims that a token of a scope may be answered with.
func claimNames(scope string) (out []string) {
	for _, name := range strings.Fields(scope) {
		switch name {
		case "phone":
			out = append(out, "phone_number")
			continue
		case "profile", "email", "address":
		default:
			if !slices.Contains(device.Scopes(), device.Scope(name)) {
				continue
			}
		}
		for _, s := range append(standard(name), device.Scope(name)) {
			if s == device.Name {
				out = append(out, "given_name", "family_name")
			}
			out = append(out, strings.TrimPrefix(string(s), "identity:"))
		}
	}
	return out
}

func both(a, b []device.Scope) (out []device.Scope) {
	for _, s := range a {
		if slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}

func within(a, b []device.Scope) bool { return len(both(a, b)) == len(a) }

func tokenID(s string) device.TokenID { return device.TokenID(s) }
