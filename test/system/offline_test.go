package system

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/api"
	"countersign/device"
	"countersign/operation"
	"countersign/server"
	"countersign/test/rig"
)

// withOffline lets payments be approved by a phone without a network.
func withOffline(c *server.Config) {
	c.Flows = map[string]any{operation.Payment: map[string]any{"steps": []any{"identify", "review", []any{"device", "offline"}}}}
}

// agreed is what a phone agrees on with node n.
func agreed(r *rig.Rig, p *api.Phone, n int) api.Agreement {
	r.T.Helper()
	a, err := r.At(p, n).AgreeOffline(rig.Ctx(r.T))
	if err != nil {
		r.T.Fatal(err)
	}
	return a
}

// drawn is the text that the page of an operation draws, whose user has chosen to
// approve it offline.
func drawn(r *rig.Rig, page *rig.Page) string {
	r.T.Helper()
	a := page.Send(operation.Start, "method", "offline")
	if a.Type != "start" || a.Data.Format != "countersign-offline-v1" || a.Data.QR == "" {
		r.T.Fatalf("drawn: %+v", a)
	}
	return a.Data.QR
}

// offering is the page of a payment whose user has chosen to approve it offline.
func offering(r *rig.Rig, p *api.Phone) (api.OperationView, *rig.Page) {
	r.T.Helper()
	v := r.Desk(0).Order(rig.Payment(p))
	page := r.Open(1, v.OperationID)
	if a := page.Send(operation.Choose, "method", "offline"); a.Type != "init" || len(a.Data.Methods) != 2 || a.Data.Methods[0].ID != "offline" {
		r.T.Fatalf("chosen: %+v", a)
	}
	return v, page
}

// A payment is approved by a phone that has agreed with one node, by a page on
// another, without the phone's asking anything.
func TestApprovedOffline(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: withOffline})
	phone := r.Phone(0)
	a := agreed(r, phone, 0)
	v, page := offering(r, phone)
	text := drawn(r, page)
	if again := drawn(r, page.At(0)); again != text {
		t.Error("another node draws another text")
	}
	q, err := device.ReadOfflineQuestion(text, r.Issuer, a.Signing, time.Now())
	if err != nil || q.Operation != v.OperationID || q.Service != rig.Shop || q.ServiceName != "Acme Shop" || q.Title != "Payment" || q.Data != rig.Data {
		t.Errorf("asked %+v, %v", q, err)
	}
	code := device.OfflineCode(a.Secret, text)
	if a := page.Send(operation.Verify, "code", rig.WrongCode(code)); a.Type != "failure" || *a.Data.RemainingAttempts != 2 || a.Data.Message.Text != "That code is wrong." {
		t.Errorf("a wrong code: %+v", a)
	}
	if a := page.Send(operation.Verify, "code", code[:6]); a.Type != "failure" || *a.Data.RemainingAttempts != 2 {
		t.Errorf("no code: %+v", a)
	}
	if a := page.Send(operation.Verify, "code", code); a.Type != "complete" || a.Data.Location == "" {
		t.Errorf("the code: %+v", a)
	}
	done := r.Desk(1).Ask(v.OperationID)
	if last := done.History[len(done.History)-1]; done.Result != "DONE" || done.TokenID != phone.Token || done.Proof != nil || last.Method != "offline" || last.StepResult != "CONFIRMED" {
		t.Errorf("the shop hears %+v", done)
	}
	for _, secret := range []string{code, text, string(a.Secret)} {
		if r.Log.Contains(secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

// Of guesses on two nodes at once three are judged at most; a new key of the phone,
// and its end, make its codes wrong.
func TestOfflineGuesses(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: withOffline})
	phone := r.Phone(0)
	a := agreed(r, phone, 1)
	_, page := offering(r, phone)
	text := drawn(r, page)
	good := device.OfflineCode(a.Secret, text)
	var wg sync.WaitGroup
	var mu sync.Mutex
	wrong := 0
	for i := range 20 {
		wg.Go(func() {
			code := fmt.Sprintf("%08d", i)
			if code == good {
				return
			}
			answer := page.At(i % 2).Put(`{"type":"verify","data":{"code":"` + code + `"}}`)
			var out api.AuthnResponse
			if json.Unmarshal(answer.Body, &out) == nil && out.Success && out.Type == "failure" {
				mu.Lock()
				wrong++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if wrong == 0 || wrong > 3 {
		t.Errorf("%d of twenty guesses were judged", wrong)
	}
	if out := page.Send(operation.Verify, "code", good); out.Success || out.Reason != "wrong_step" {
		t.Errorf("the right one after them: %+v", out)
	}
	if out := page.Send(operation.Init); len(out.Data.Methods) != 1 || out.Data.Methods[0].ID != "device" {
		t.Errorf("then: %+v", out.Data.Methods)
	}
}

// A new key of the phone ends its codes, and so does the phone's end.
func TestOfflineEndsWithKey(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: withOffline})
	phone := r.Phone(0)
	other := r.Join(phone, 0, "Alice's tablet")
	old, tablet := agreed(r, phone, 0), agreed(r, other, 0)
	if _, err := phone.Rotate(rig.Ctx(t), newKey(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := phone.Revoke(rig.Ctx(t), other.Device); err != nil {
		t.Fatal(err)
	}
	_, page := offering(r, phone)
	text := drawn(r, page)
	for what, secret := range map[string][]byte{"the old key's": old.Secret, "the revoked phone's": tablet.Secret} {
		if out := page.Send(operation.Verify, "code", device.OfflineCode(secret, text)); out.Type != "failure" || out.Data.Message.Text != "That code is wrong." {
			t.Errorf("%s code: %+v", what, out)
		}
	}
	if out := page.Send(operation.Verify, "code", device.OfflineCode(agreed(r, phone, 1).Secret, text)); out.Type != "complete" {
		t.Errorf("the new key's code: %+v", out)
	}
}

// A login by a phone without a network has an acr of its own, and names nobody to
// who asks for a name that nobody has.
func TestOfflineLooksAlike(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: func(c *server.Config) {
		c.Flows = map[string]any{operation.Login: map[string]any{"steps": []any{"identify", map[string]any{"name": "device", "methods": []any{"offline"}}}}}
	}})
	phone := r.Phone(0)
	a := agreed(r, phone, 0)
	var seen []string
	for _, name := range []string{phone.Token, string(device.NewTokenID())} {
		page := r.Login(0)
		said := page.Send(operation.Start, "method", "identify", "user", name)
		text := drawn(r, page)
		if q, err := device.ReadOfflineQuestion(text, r.Issuer, a.Signing, time.Now()); err != nil || q.Name != "login" || q.Data != "" || strings.Contains(text, name) {
			t.Errorf("%+v, %v", q, err)
		}
		wrong := page.Send(operation.Verify, "code", rig.WrongCode(device.OfflineCode(a.Secret, text)))
		said.Data.OperationID, said.Data.WebSocketID, said.Data.ExpiresAt = "", "", ""
		both, err := json.Marshal([]any{said, wrong})
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, string(both))
		if name != phone.Token {
			continue
		}
		page.Send(operation.Verify, "code", device.OfflineCode(a.Secret, text))
		o, err := page.Take(1)
		if err != nil || o.Approval == nil || o.Approval.ACR != "urn:countersign:offline" || string(o.Approval.Device) != phone.Device {
			t.Errorf("%+v, %v", o.Approval, err)
		}
	}
	if seen[0] != seen[1] {
		t.Errorf("somebody is told\n%s\nand nobody\n%s", seen[0], seen[1])
	}
}

// The verb wants a good key, whose thumbprint the phone has signed.
func TestOfflineVerbRefuses(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	p := r.Phone(0)
	good := func() map[string]any { return offlineBody(t, p, now()) }
	other := newKey(t).Public()
	x, y := other.JWK()
	for what, c := range map[string]struct {
		change func(map[string]any)
		status int
		code   string
	}{
		"another key": {func(m map[string]any) {
			m["publicKeyJwk"] = map[string]any{"kty": "EC", "crv": "P-256", "x": x, "y": y}
		}, http.StatusBadRequest, "invalid_request"},
		"off the curve": {func(m map[string]any) {
			m["publicKeyJwk"] = map[string]any{"kty": "EC", "crv": "P-256", "x": x, "y": x}
		}, http.StatusBadRequest, "invalid_key"},
		"a private key": {func(m map[string]any) { m["publicKeyJwk"].(map[string]any)["d"] = x }, http.StatusBadRequest, "invalid_key"},
		"no key":        {func(m map[string]any) { delete(m, "publicKeyJwk") }, http.StatusBadRequest, "invalid_request"},
		"no signature":  {func(m map[string]any) { m["signature"] = "AAAA" }, http.StatusUnauthorized, "invalid_signature"},
	} {
		m := good()
		c.change(m)
		r.Refused(what, verb(r, device.OfflineVerb, m), c.status, c.code)
	}
	m := good()
	if a := verb(r, device.OfflineVerb, m); a.Status != http.StatusOK || a.Head.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s %v", a.Status, a.Body, a.Head)
	}
	r.Refused("a replay", verb(r, device.OfflineVerb, m), http.StatusConflict, "replayed")
}

// offlineBody is a good request to agree.
func offlineBody(t *testing.T, p *api.Phone, timestamp int64) map[string]any {
	t.Helper()
	key := newKey(t).Public()
	m := rig.VerbBody(p, device.OfflineVerb, key.Thumbprint(), timestamp)
	x, y := key.JWK()
	m["publicKeyJwk"] = map[string]any{"kty": "EC", "crv": "P-256", "x": x, "y": y}
	return m
}
