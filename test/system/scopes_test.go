package system

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"countersign/api"
	"countersign/device"
	"countersign/operation"
	"countersign/server"
	"countersign/test/authenticator"
	"countersign/test/rig"

	"golang.org/x/oauth2"
)

// A scopeRig is two nodes with a client that insists on the name and may ask for the
// mail address too, and a login by each of the methods that show nothing themselves.
type scopeRig struct {
	*rig.Rig
	t       *testing.T
	alice   *api.Phone
	gateway *receiver
	key     *authenticator.Key
	offline api.Agreement
}

func newScopeRig(t *testing.T) *scopeRig {
	t.Helper()
	x := &scopeRig{t: t, gateway: newReceiver(t)}
	x.Rig = oidcRigAt(t, keyIssuer, func(c *server.Config, s *server.Secrets) {
		c.Message.URL, s.Message = x.gateway.URL, gatewaySecret
		c.Outgoing.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.Flows = map[string]any{
			"login":       map[string]any{"steps": []any{"identify", []any{"message", "offline", "passkey"}}},
			"add_passkey": map[string]any{"steps": []any{"identify", "device", "passkey_add"}},
		}
		c.Services[0].Scopes.Required = []string{"identity:name"}
	})
	x.alice = x.Phone(0)
	x.key, x.offline = addKey(x.Rig, x.alice), agreed(x.Rig, x.alice, 0)
	know(t, x.Rig, x.alice, func(i *device.Identity) {
		i.Claims = device.Claims{"name": json.RawMessage(`"Alice Doe"`), "email": json.RawMessage(`"alice@example.com"`)}
	})
	return x
}

// begun is a login in which a client asks for name and mail address, and alice has
// told her name.
func (x *scopeRig) begun(s *surfer, p *party) *rig.Page {
	x.t.Helper()
	page := x.Page(1, operationOf(x.t, x.Rig, s.get(p.url())), s.cookies())
	page.Send(operation.Start, "method", "identify", "user", x.alice.Token)
	return page
}

// answer is a good answer by a method: a member of verify, and its value.
func (x *scopeRig) answer(page *rig.Page, by string) []any {
	x.t.Helper()
	switch by {
	case "message":
		startMessage(page)
		return []any{"otp", x.gateway.next(x.t).verified(x.t).Data.Code}
	case "offline":
		return []any{"code", device.OfflineCode(x.offline.Secret, drawn(x.Rig, page))}
	default:
		return []any{"assertion", signed(x.Rig, page, x.key)}
	}
}

// told is what userinfo says of a login, and which scopes its token has.
func (p *party) told(a reply) (claims map[string]any, scope any) {
	p.t.Helper()
	tokens := p.tokens(a)
	info, err := p.provider.UserInfo(p.ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		p.t.Fatal(err)
	}
	claims = map[string]any{}
	if err := info.Claims(&claims); err != nil {
		p.t.Fatal(err)
	}
	return claims, claimsOf(p.t, tokens.AccessToken)["scope"]
}

// Who logs in by what a page takes is told what is given, and gives what they leave
// switched on: tokens, userinfo and the logins without a step that follow have that
// and no more. What is required, and what was not asked for, is not theirs or the
// page's to change, and trying costs nothing.
func TestScopesOfAPage(t *testing.T) {
	t.Parallel()
	x := newScopeRig(t)
	both := []api.AuthnScope{{ID: "identity:name", Label: "Your name", Required: true}, {ID: "identity:email", Label: "Your e-mail address"}}
	without := map[string]any{"sub": x.alice.Token, "name": "Alice Doe"}
	with := map[string]any{"sub": x.alice.Token, "name": "Alice Doe", "email": "alice@example.com"}
	for _, by := range []string{"message", "offline", "passkey"} {
		s, demo := newSurfer(t, x.Rig, 0), newParty(t, x.Rig, 0, rig.Service, "", demoCallback, "identity:name", "email")
		page := x.begun(s, demo)
		if a := page.Send(operation.Init); !slices.Equal(a.Data.Scopes, both) || a.Data.Service.Name != "Acme Bank" {
			t.Errorf("%s: asked %+v", by, a.Data)
		}
		good := x.answer(page, by)
		for _, granted := range [][]string{{}, {"identity:email"}, {"identity:name", "identity:address"}, {"identity:name", "email"}} {
			if a := page.Send(operation.Verify, append(good, "grantedScopes", granted)...); a.Success || a.Reason != "scope_not_allowed" {
				t.Errorf("%s, %q: %+v", by, granted, a)
			}
		}
		a := page.At(0).Send(operation.Verify, append(good, "grantedScopes", []string{"identity:name"})...)
		if a.Type != "complete" {
			t.Fatalf("%s: %+v", by, a)
		}
		if claims, scope := demo.told(s.get(a.Data.Location)); !reflect.DeepEqual(claims, without) || scope != "openid identity:name" {
			t.Errorf("%s: told %v, %v", by, claims, scope)
		}
		// The browser login has what was asked for and what was given: no step, and no more.
		if claims, scope := demo.told(s.get(demo.url("prompt", "none"))); !reflect.DeepEqual(claims, without) || scope != "openid identity:name" {
			t.Errorf("%s, without a step: told %v, %v", by, claims, scope)
		}
		more := newParty(t, x.Rig, 0, rig.Service, "", demoCallback, "identity:name", "phone")
		if q := more.back(s.get(more.url("prompt", "none"))); q.Get("error") != "consent_required" {
			t.Errorf("%s: what was not shown: %v", by, q)
		}
	}
	for what, granted := range map[string][]any{"all": {"grantedScopes", []string{"identity:email", "identity:name"}}, "nothing is said": nil} {
		s, demo := newSurfer(t, x.Rig, 0), newParty(t, x.Rig, 0, rig.Service, "", demoCallback, "identity:name", "email")
		page := x.begun(s, demo)
		a := page.Send(operation.Verify, append(x.answer(page, "passkey"), granted...)...)
		want := with
		if granted == nil {
			want = without
		}
		if claims, _ := demo.told(s.get(a.Data.Location)); !reflect.DeepEqual(claims, want) {
			t.Errorf("%s: told %v", what, claims)
		}
	}
}

// The page of another origin grants nothing, nor does a list that is none.
func TestScopesAreReadStrictly(t *testing.T) {
	t.Parallel()
	x := newScopeRig(t)
	page := x.Login(0, func(n *operation.New) {
		n.Subject, n.Scopes = device.TokenID(x.alice.Token), []device.Scope{device.Name}
	})
	good := func(scopes string) string {
		return `{"type":"verify","data":{"code":"12345678","grantedScopes":` + scopes + `}}`
	}
	for _, scopes := range []string{`null`, `"identity:name"`, `{}`, `[7]`, `[null]`, `[""]`, `["a b"]`, `["a,b"]`, `["identity:name","identity:name"]`, manyScopes()} {
		x.Refused(scopes, page.Put(good(scopes)), http.StatusBadRequest, "invalid_request")
	}
	x.Refused("another origin", x.Send(0, http.MethodPut, "/authn/"+page.ID, good(`["identity:name"]`), "Cookie", page.Cookie, "Origin", "https://bank.example"),
		http.StatusForbidden, "origin_not_allowed")
	if a := x.Page(0, page.ID, "").Send(operation.Verify, "code", "12345678", "grantedScopes", []string{"identity:phone"}); a.Reason != "operation_not_found" {
		t.Errorf("another browser: %+v", a)
	}
}

// manyScopes are more than there may be, none of them twice.
func manyScopes() string {
	list := make([]string, 0, 33)
	for i := range 33 {
		list = append(list, strconv.Itoa(i))
	}
	return `["` + strings.Join(list, `","`) + `"]`
}

// Every scope has words in every language, and no two the same.
func TestScopesHaveWords(t *testing.T) {
	t.Parallel()
	x := newScopeRig(t)
	page := x.Login(0, func(n *operation.New) { n.Subject, n.Scopes = device.TokenID(x.alice.Token), device.Scopes() })
	seen := map[string]string{}
	for _, lang := range []string{"en", "de", "sv", "cs", "fr", "es", "ar"} {
		var a api.AuthnResponse
		x.Into(page.Put(`{"type":"init"}`, "Accept-Language", lang), &a)
		if len(a.Data.Scopes) != len(device.Scopes()) {
			t.Fatalf("%s: %+v", lang, a.Data.Scopes)
		}
		for _, s := range a.Data.Scopes {
			if at := lang + " " + s.ID; s.Label == "" || seen[s.Label] != "" {
				t.Errorf("%s is called %q, as %s", at, s.Label, seen[s.Label])
			}
			seen[s.Label] = lang + " " + s.ID
		}
	}
}
