package system

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/api"
	"countersign/device"
	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"

	"github.com/coreos/go-oidc/v3/oidc"
)

// claimsOf reads a token without checking it.
func claimsOf(t testing.TB, jwt string) map[string]any {
	t.Helper()
	return part(t, jwt, 1)
}

func part(t testing.TB, jwt string, i int) map[string]any {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("no token: %q", jwt)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[i])
	out := map[string]any{}
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// check verifies a token as a relying party does, with a library that knows
// nothing of us, over the discovery of node n.
func check(t *testing.T, r *rig.Rig, n int, audience, jwt string) *oidc.IDToken {
	t.Helper()
	ctx := oidc.ClientContext(rig.Ctx(t), &http.Client{Transport: toNode{r, n}})
	provider, err := oidc.NewProvider(ctx, r.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	token, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: audience}).Verify(ctx, jwt)
	if err != nil {
		t.Fatalf("node %d: %v", n, err)
	}
	return token
}

// toNode sends what is meant for the issuer to one node.
type toNode struct {
	r *rig.Rig
	n int
}

func (x toNode) RoundTrip(q *http.Request) (*http.Response, error) {
	q = q.Clone(q.Context())
	q.URL.Host = strings.TrimPrefix(x.r.Nodes[x.n].Base, "http://")
	return x.r.HTTP.Transport.RoundTrip(q)
}

// login is a whole login; it gives the approved message.
func login(t *testing.T, r *rig.Rig, p *api.Phone, b *rig.Browser, scopes ...string) ws.Wire {
	t.Helper()
	b.Watch().Expect(session.OTPReady)
	c := r.Claim(p, b.Session.SessionID, "")
	if _, err := p.Verify(rig.Ctx(t), c, session.Approve, b.Session.AutoPassword, scopes); err != nil {
		t.Fatal(err)
	}
	b.Expect(session.ClaimedMessage)
	m := b.Expect(session.ApprovedMessage)
	rig.ExpectClose(t, b.Socket, ws.CloseNormal, "approved")
	return m
}

func TestToken(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(1)
	b := r.Shop(0).Start(p.Token, func(q *api.StartRequest) {
		nonce := "page-7f3a"
		q.ClientNonce, q.Operation = &nonce, &api.StartOperation{Name: "pay", Data: "A1*A100EUR"}
	})
	c := r.Claim(p, b.Session.SessionID, "")
	m := login(t, r, p, b, "identity:name")
	head := part(t, m.JWT, 0)
	kid, ok := head["kid"].(string)
	if !ok || len(kid) != 43 || head["alg"] != "ES256" || head["typ"] != "countersign+jwt" || len(head) != 3 {
		t.Errorf("header %v", head)
	}
	got := claimsOf(t, m.JWT)
	iat, ok := got["iat"].(float64)
	if at := time.Unix(int64(iat), 0); !ok || time.Since(at).Abs() > 10*time.Second || iat != float64(int64(iat)) {
		t.Errorf("iat %v", got["iat"])
	}
	jti, ok := got["jti"].(string)
	if !ok || len(jti) != 22 {
		t.Errorf("jti %v", got["jti"])
	}
	want := map[string]any{"iss": r.Issuer, "sub": p.Token, "aud": "shop", "iat": iat, "auth_time": iat, "exp": iat + 3600, "jti": jti,
		"sid": b.Session.SessionID, "nonce": b.Session.Random, "client_nonce": "page-7f3a", "amr": []any{"swk", "otp"}, "acr": "urn:countersign:typed",
		"scope": "identity:name", "displayHash": session.DisplayHash(c.Display),
		"op": map[string]any{"name": "pay", "dataHash": session.DisplayHash("A1*A100EUR")}} // base64url SHA-256, both
	if !reflect.DeepEqual(got, want) {
		t.Errorf("claims\n%v, want\n%v", got, want)
	}
	if m.ExpiresAt != time.Unix(int64(iat)+3600, 0).UTC().Format(time.RFC3339) || m.Random != b.Session.Random {
		t.Errorf("%+v", m)
	}
	if hash := session.Hash(bytes.Repeat([]byte{9}, 32), session.ID(b.Session.SessionID), b.Session.Random, m.JWT, m.ExpiresAt); hash != m.Hash {
		t.Errorf("hash %s, want %s", m.Hash, hash)
	}
	for n := range r.Nodes {
		if token := check(t, r, n, "shop", m.JWT); token.Subject != p.Token || token.Nonce != b.Session.Random {
			t.Errorf("%+v", token)
		}
	}
	if other := claimsOf(t, login(t, r, p, r.Shop(1).Start(p.Token)).JWT); other["jti"] == jti || other["client_nonce"] != nil || other["op"] != nil {
		t.Errorf("another login: %v", other)
	}
}

func TestTokenTellsHow(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	mode := func(name string) func(q *api.StartRequest) { return func(q *api.StartRequest) { q.Mode = &name } }
	for _, x := range []struct {
		start *rig.Browser
		scan  bool
		acr   string
		amr   []any
	}{
		{r.Shop(0).Start(p.Token, mode("enter")), false, "urn:countersign:typed", []any{"swk", "otp"}},
		{r.Shop(0).Start(p.Token, mode("scan")), true, "urn:countersign:scanned", []any{"swk"}},
		{r.Shop(0).Start(p.Token, mode("compare")), false, "urn:countersign:compared", []any{"swk"}},
	} {
		x.start.Watch().Expect(session.OTPReady)
		scan, code := "", x.start.Session.AutoPassword
		if x.scan {
			scan = scanOf(t, x.start.Session, 0)
			code = "qr:" + scan
		}
		c := r.Claim(p, x.start.Session.SessionID, scan)
		approved(t, x.acr, verify(r, 1, rig.VerifyBody(p, c, session.Approve, code, now())))
		x.start.Expect(session.ClaimedMessage)
		if got := claimsOf(t, x.start.Expect(session.ApprovedMessage).JWT); got["acr"] != x.acr || !reflect.DeepEqual(got["amr"], x.amr) {
			t.Errorf("%v %v, want %s %v", got["acr"], got["amr"], x.acr, x.amr)
		}
	}
}

func TestScopesReleaseWhatTheySay(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	born := time.Now().UTC().AddDate(-20, 0, 0).Format(time.DateOnly)
	q := func(s string) json.RawMessage { return json.RawMessage(`"` + s + `"`) }
	_, code := newCode(t, r, device.Claims{"given_name": q("Alice"), "family_name": q("Doe"), "birthdate": q(born), "nationality": q("AT"),
		"email": q("alice@bank.example"), "sub": q("bob"), "iss": q("https://evil.example")})
	p := r.NewPhone(0)
	if _, err := p.Enrol(rig.Ctx(t), code, "Alice's phone", "test"); err != nil {
		t.Fatal(err)
	}
	ours := slices.Sorted(maps.Keys(claimsOf(t, login(t, r, p, r.Browser(0).Start(p.Token)).JWT)))
	for scopes, want := range map[string]map[string]any{
		"identity:name":                             {"name": "Alice Doe", "given_name": "Alice", "family_name": "Doe"},
		"identity:name_initial":                     {"name_initial": "A. D."},
		"identity:birthdate":                        {"birthdate": born},
		"identity:age_over_18":                      {"age_over_18": true},
		"identity:age_over_21 identity:age_over_25": {"age_over_21": false, "age_over_25": false},
		"identity:age_range":                        {"age_range": "18-20"},
		"identity:is_eu_citizen":                    {"is_eu_citizen": true},
		"identity:nationality":                      {"nationality": "AT"},
		"identity:email":                            {"email": "alice@bank.example"},
		"identity:phone":                            {}, // not known
		"identity:address identity:picture":         {},
		"identity:age_over_18 identity:email":       {"age_over_18": true, "email": "alice@bank.example"},
	} {
		list := strings.Fields(scopes)
		b := r.Browser(0).Start(p.Token, func(q *api.StartRequest) { q.Scopes = &list })
		got := claimsOf(t, login(t, r, p, b, list...).JWT)
		if got["scope"] != scopes || got["sub"] != p.Token || got["iss"] != r.Issuer {
			t.Errorf("%s: %v", scopes, got)
		}
		for _, name := range ours {
			delete(got, name)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s releases %v, want %v", scopes, got, want)
		}
	}
	list := []string{"identity:name", "identity:email"} // switched off on the phone
	b := r.Browser(0).Start(p.Token, func(q *api.StartRequest) { q.Scopes = &list })
	if got := claimsOf(t, login(t, r, p, b, "identity:email").JWT); got["name"] != nil || got["email"] == nil || got["scope"] != "identity:email" {
		t.Errorf("%v", got)
	}
}
