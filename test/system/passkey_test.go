package system

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"countersign/api"
	"countersign/device"
	"countersign/operation"
	"countersign/passkey"
	"countersign/server"
	"countersign/session"
	"countersign/test/authenticator"
	"countersign/test/rig"
)

// keyIssuer is a host that has a name, as passkeys want it; requests go to the nodes.
const keyIssuer = "http://localhost:8080"

// keyRig is two nodes whose logins a passkey may take, and a flow by which it is made.
func keyRig(t *testing.T) *rig.Rig {
	t.Helper()
	return rig.New(t, rig.Options{Issuer: keyIssuer, Configure: func(c *server.Config) {
		c.Flows = map[string]any{
			"login":       map[string]any{"steps": []any{"identify", []any{"device", "passkey"}}},
			"add_passkey": map[string]any{"steps": []any{"identify", "device", "passkey_add"}},
		}
	}})
}

// tools are an operator's, beside the nodes.
func tools(r *rig.Rig) *server.Tools {
	r.T.Helper()
	x, err := server.OpenTools(rig.Ctx(r.T), r.Config, r.Secrets, slog.New(slog.DiscardHandler))
	if err != nil {
		r.T.Fatal(err)
	}
	r.T.Cleanup(func() {
		if err := x.Close(); err != nil {
			r.T.Error(err)
		}
	})
	return x
}

// on gives the same page on another node.
func on(r *rig.Rig, n int, p *rig.Page) *rig.Page { return r.Page(n, p.ID, p.Cookie) }

// addKey has a back end order a passkey for a phone's user, who makes it.
func addKey(r *rig.Rig, phone *api.Phone) *authenticator.Key {
	r.T.Helper()
	v := ordered(r, "name", "add_passkey", "data", "Create a passkey", "tokenId", phone.Token,
		"form", json.RawMessage(`{"title":"Create a passkey"}`))
	page := opened(r, v)
	b := page.Start(false)
	if _, err := phone.Verify(rig.Ctx(r.T), r.Claim(phone, b.Session.SessionID, ""), session.Approve, b.Session.AutoPassword, nil); err != nil {
		r.T.Fatal(err)
	}
	if a := page.Send(operation.Init); a.Data.Step != "passkey_add" || len(a.Data.Methods) != 1 || a.Data.Methods[0].Label == "" {
		r.T.Fatalf("after the phone: %+v", a)
	}
	a := on(r, 0, page).Send(operation.Start, "method", "passkey_add")
	k, attestation, err := authenticator.Create(a.Data.PublicKey, r.Issuer)
	if err != nil {
		r.T.Fatalf("start answered %+v: %v", a, err)
	}
	if a := page.Send(operation.Verify, "assertion", json.RawMessage(attestation)); a.Type != "complete" {
		r.T.Fatalf("the passkey was not taken: %+v", a)
	}
	var done api.OperationView
	r.Into(r.Send(0, http.MethodGet, "/operations/"+v.OperationID, "", "Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret)), &done)
	if done.Result != "DONE" || done.Proof == nil {
		r.T.Errorf("the back end is told %+v", done)
	}
	return k
}

// signed has a passkey sign what a page on one node asks, for another to judge.
func signed(r *rig.Rig, p *rig.Page, k *authenticator.Key, bend ...func(*authenticator.Said)) json.RawMessage {
	r.T.Helper()
	a := p.Send(operation.Start, "method", "passkey")
	assertion, err := k.Sign(a.Data.PublicKey, bend...)
	if err != nil {
		r.T.Fatalf("start answered %+v: %v", a, err)
	}
	return assertion
}

// A phone lets a passkey in, which then logs its user in without a name and without
// the phone, whichever nodes the steps come to.
func TestPasskeyLogsIn(t *testing.T) {
	t.Parallel()
	r := keyRig(t)
	phone := r.Phone(0)
	k := addKey(r, phone)
	page := r.Login(0, askName)
	var offered []string
	for _, m := range page.Send(operation.Init).Data.Methods {
		offered = append(offered, m.ID)
	}
	if !slices.Equal(offered, []string{"identify", "device", "passkey"}) {
		t.Errorf("offered %v", offered)
	}
	assertion := signed(r, page, k)
	if a := on(r, 1, page).Send(operation.Verify, "assertion", assertion); a.Type != "complete" || a.Data.Location != r.Issuer+"/finish" {
		t.Fatalf("answered %+v", a)
	}
	o, err := page.Take(0)
	if err != nil || string(o.Approval.Token) != phone.Token || o.Approval.ACR != "urn:countersign:passkey" || !slices.Equal(o.Approval.AMR, []string{"swk", "user"}) {
		t.Errorf("given out %+v, %v", o.Approval, err)
	}
	if strings.Contains(r.Log.String(), passkey.Passkey{ID: k.ID}.Name()) {
		t.Error("the log tells a passkey's id")
	}
}

// What was signed before, for another page or by a copy whose counter lags behind is
// refused on every node, and each in the same words; so is a passkey that was removed.
func TestPasskeyIsRefused(t *testing.T) {
	t.Parallel()
	r := keyRig(t)
	phone := r.Phone(0)
	k := addKey(r, phone)
	first := r.Login(0)
	used := signed(r, first, k)
	if a := first.Send(operation.Verify, "assertion", used); a.Type != "complete" {
		t.Fatalf("answered %+v", a)
	}
	words := map[string]bool{}
	refused := func(what string, page *rig.Page, assertion json.RawMessage) {
		t.Helper()
		a := on(r, 1, page).Send(operation.Verify, "assertion", assertion)
		if a.Type != "failure" || !a.Success || a.Data.Message == nil || *a.Data.RemainingAttempts != 2 {
			t.Errorf("%s: %+v", what, a)
			return
		}
		words[a.Data.Message.Text] = true
		if a := page.Send(operation.Verify, "assertion", assertion); a.Success || a.Reason != "wrong_step" {
			t.Errorf("%s, again: %+v", what, a)
		}
	}
	page := r.Login(0)
	page.Send(operation.Start, "method", "passkey")
	refused("a replay", page, used)
	page = r.Login(0)
	refused("another page", page, signed(r, page, k, func(s *authenticator.Said) { s.Origin = "http://localhost:9090" }))
	page = r.Login(0)
	refused("a copy", page, signed(r, page, k, func(s *authenticator.Said) { s.Count = 1 }))
	page = r.Login(0)
	refused("user not verified", page, signed(r, page, k, func(s *authenticator.Said) { s.Flags = authenticator.Present }))
	page = r.Login(0)
	other := r.Login(0)
	other.Send(operation.Start, "method", "passkey")
	refused("another operation", other, signed(r, page, k))
	operator := tools(r)
	if err := operator.Passkeys.Remove(rig.Ctx(t), device.TokenID(phone.Token), passkey.Passkey{ID: k.ID}.Name()); err != nil {
		t.Fatal(err)
	}
	page = r.Login(0)
	refused("a passkey that was removed", page, signed(r, page, k))
	if len(words) != 1 {
		t.Errorf("told apart: %v", words)
	}
	again := addKey(r, phone)
	if err := operator.Revoke(rig.Ctx(t), device.TokenID(phone.Token)); err != nil {
		t.Fatal(err)
	}
	page = r.Login(0)
	refused("a revoked user's", page, signed(r, page, again))
	w, err := operator.Store.Wallet(rig.Ctx(t), device.TokenID(phone.Token))
	if err != nil || len(w.Passkeys) != 0 {
		t.Errorf("left %+v, %v", w, err)
	}
}

// What a passkey has begun at a client ends when it is removed.
func TestPasskeyLoginEnds(t *testing.T) {
	t.Parallel()
	r := oidcRigAt(t, keyIssuer, func(c *server.Config, _ *server.Secrets) {
		c.Flows = map[string]any{
			"login":       map[string]any{"steps": []any{"identify", []any{"device", "passkey"}}},
			"add_passkey": map[string]any{"steps": []any{"identify", "device", "passkey_add"}},
		}
	})
	phone := r.Phone(0)
	k := addKey(r, phone)
	p := newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback, "openid", "offline_access")
	s := newSurfer(t, r, 0)
	begun := s.get(p.url("prompt", "consent"))
	id := operationOf(t, r, begun)
	a := s.authn(id, `{"type":"start","data":{"method":"passkey"}}`)
	assertion, err := k.Sign(a.Data.PublicKey)
	if err != nil {
		t.Fatalf("start answered %+v: %v", a, err)
	}
	a = s.authn(id, rig.JSON(map[string]any{"type": "verify", "data": map[string]any{"assertion": json.RawMessage(assertion)}}))
	tokens := p.tokens(s.get(a.Data.Location))
	_, claims := p.idToken(tokens)
	amr, _ := claims["amr"].([]any)
	if claims["acr"] != "urn:countersign:passkey" || !slices.Equal(amr, []any{"swk", "user"}) || claims["sub"] != phone.Token {
		t.Errorf("told %v", claims)
	}
	tokens, err = p.refresh(tokens.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if err := tools(r).Passkeys.Remove(rig.Ctx(t), device.TokenID(phone.Token), passkey.Passkey{ID: k.ID}.Name()); err != nil {
		t.Fatal(err)
	}
	_, err = p.refresh(tokens.RefreshToken)
	wantRefusal(t, "after the passkey", err, "invalid_grant")
	if a := s.get(p.url("prompt", "none")); a.location == nil || a.location.Query().Get("error") != "login_required" {
		t.Errorf("the browser is still logged in: %d %v", a.status, a.location)
	}
}
