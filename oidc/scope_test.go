package oidc

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"countersign/device"
	"countersign/session"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

func TestScopes(t *testing.T) {
	p := session.RelyingParty{Allowed: []device.Scope{device.Name, device.Email}}
	if got, want := clientScopes(p), []string{openID, offline, "identity:name", "identity:email", "profile", "email"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for scope, want := range map[string][]device.Scope{
		"openid":                       {},
		"openid profile":               {device.Name}, // of what profile stands for, what the service may have
		"openid email identity:email":  {device.Email},
		"openid identity:phone phone":  {},
		"openid profile identity:name": {device.Name},
	} {
		if got := asked(scope, p); got == nil || !slices.Equal(got, want) {
			t.Errorf("%s: %#v, want %v", scope, got, want)
		}
	}
	for _, x := range []struct {
		scope   string
		granted []device.Scope
		want    string
	}{
		{"openid offline_access profile email", []device.Scope{device.Name}, "openid offline_access profile"},
		{"openid identity:name identity:email", []device.Scope{device.Email}, "openid identity:email"},
		{"openid openid profile", nil, "openid"},
	} {
		if got := granted(x.scope, x.granted); got != x.want {
			t.Errorf("%s: %q, want %q", x.scope, got, x.want)
		}
	}
}

func TestClaimNames(t *testing.T) {
	released := device.Claims{"phone": json.RawMessage(`"+420"`), "address": json.RawMessage(`{"country":"CZ"}`), "name": json.RawMessage(`"Alice"`)}
	for scope, want := range map[string]string{
		"openid phone address":        `{"address":{"country":"CZ"},"name":"Alice","phone_number":"+420"}`,
		"openid identity:phone":       `{"address":{"country":"CZ"},"name":"Alice","phone":"+420"}`,
		"openid identity:phone phone": `{"address":{"country":"CZ"},"name":"Alice","phone":"+420","phone_number":"+420"}`,
	} {
		if got, err := json.Marshal(claims(scope, released)); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v; want %s", scope, got, err, want)
		}
	}
}

// A token gets what its own scope stands for, whatever the grant has.
func TestUserinfoKeepsToTheToken(t *testing.T) {
	g := &goidc.Grant{Store: map[string]any{}}
	all := map[string]any{"name": "A", "given_name": "A", "family_name": "B", "email": "e", "phone": "1", "phone_number": "1", "age_over_18": true, "picture": "p"}
	if err := (facts{Claims: all}).put(g.Store); err != nil {
		t.Fatal(err)
	}
	for scope, want := range map[string][]string{
		"openid offline_access":          nil,
		"openid profile":                 {"family_name", "given_name", "name", "picture"},
		"openid identity:name":           {"family_name", "given_name", "name"},
		"openid phone":                   {"phone_number"},
		"openid identity:phone email":    {"email", "phone"},
		"openid identity:age_over_18":    {"age_over_18"},
		"openid birthdate name identity": nil,
	} {
		x := on(t, pathUserinfo)
		exchangeOf(x).scope = scope
		if got := slices.Sorted(maps.Keys(userinfoClaims(x, g))); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", scope, got, want)
		}
	}
}

func TestPrompt(t *testing.T) {
	for value, want := range map[goidc.PromptType][3]bool{
		"": {}, "none": {true}, "login": {false, true}, "consent": {false, true}, "select_account": {false, true}, "login consent": {false, true},
		"none login": {false, false, true}, "none none": {false, false, true}, "create": {false, false, true},
	} {
		none, login, err := prompt(value)
		if got := [3]bool{none, login, err != nil}; got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestLoopback(t *testing.T) {
	for uri, want := range map[string]string{
		"http://127.0.0.1:8910/cb": "http://127.0.0.1/cb", "http://[::1]:1/cb?a=b": "http://[::1]/cb?a=b", "http://127.0.0.1/cb": "http://127.0.0.1/cb",
		"http://localhost:1/cb": "", "https://127.0.0.1:1/cb": "", "https://bank.example:8443/cb": "", "com.example.app:/cb": "",
	} {
		if got, _ := withoutPort(uri); got != want {
			t.Errorf("%s: %q, want %q", uri, got, want)
		}
	}
}

func TestCheckKeys(t *testing.T) {
	const public = `"kty":"EC","crv":"P-256","kid":"k","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"`
	if err := CheckKeys([]byte(`{"keys":[{` + public + `}]}`)); err != nil {
		t.Error(err)
	}
	for what, text := range map[string]string{
		"private": `{"keys":[{` + public + `,"d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}]}`, "empty": `{"keys":[]}`, "no set": `[]`, "text": `x`,
		"symmetric": `{"keys":[{"kty":"oct","kid":"k","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"}]}`,
		"no kid":    `{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`,
	} {
		if CheckKeys([]byte(text)) == nil {
			t.Errorf("%s is taken", what)
		}
	}
}
