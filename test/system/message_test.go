package system

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"countersign/api"
	"countersign/device"
	"countersign/operation"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"

	"github.com/google/go-cmp/cmp"
)

// A payment that is approved by a message: chosen on one node, asked for on the other,
// sent by either to a gateway that is away at first, and typed. What is sent stands in
// no log.
func TestMessagePayment(t *testing.T) {
	t.Parallel()
	gateway := newReceiver(t, http.StatusServiceUnavailable)
	r := messageRig(t, gateway.URL+"/codes?tenant=1")
	alice := r.Phone(0)
	know(t, r, alice, number(aliceNumber))
	page := orderTold(r, 0, "pay", alice.Token)
	if a := page.Send(operation.Init); len(a.Data.Methods) != 2 || a.Data.Methods[1] != (api.AuthnMethod{ID: "message", Label: "With a code by message"}) {
		t.Fatalf("offered: %+v", a.Data.Methods)
	}
	page.Send(operation.Choose, "method", "message")
	a := startMessage(page.At(1))
	if a.Type != string(operation.Start) || a.Data.SentTo == nil || *a.Data.SentTo != "" || a.Data.ResendAfter == nil || *a.Data.ResendAfter != 60 || a.Data.Length != 6 {
		t.Fatalf("started: %+v", a)
	}
	first, second := gateway.next(t), gateway.next(t)
	x := second.verified(t)
	if diff := cmp.Diff(first.verified(t), x); diff != "" || first.head.Get("Webhook-Id") != second.head.Get("Webhook-Id") {
		t.Errorf("tried again: %s", diff)
	}
	d := x.Data
	if x.Type != "message.code" || d.To != aliceNumber || d.Channel != "sms" || len(d.Code) != 6 || d.Language != "en" || d.OperationID != page.ID ||
		d.ServiceID != rig.Shop || d.ServiceName != "Acme Shop" || d.ExpiresAt.Sub(x.Timestamp).Round(time.Minute) != 5*time.Minute {
		t.Errorf("%+v", x)
	}
	if !strings.Contains(d.Text, "Acme Shop asks you to approve: Payment, 100 EUR, DE89370400440532013000.") || !strings.HasSuffix(d.Text, " "+d.Code) {
		t.Errorf("text %q", d.Text)
	}
	a = page.Send(operation.Verify, "otp", otherCode(d.Code))
	wantFailure(t, "a wrong code", a, wrongText)
	if *a.Data.RemainingAttempts != 2 {
		t.Errorf("%d left", *a.Data.RemainingAttempts)
	}
	if a := page.At(1).Send(operation.Verify, "otp", d.Code); a.Type != string(operation.Complete) || a.Data.Location == "" {
		t.Fatalf("typed: %+v", a)
	}
	if v := r.Desk(1).Ask(page.ID); v.Result != "DONE" || v.TokenID != alice.Token || v.Proof != nil {
		t.Errorf("the shop hears %+v", v)
	}
	for _, secret := range []string{aliceNumber, `"` + d.Code + `"`, "Tell it to nobody", "tenant=1"} {
		if r.Log.Contains(secret) {
			t.Errorf("%q is logged", secret)
		}
	}
}

// A new code kills the old one, whichever node sends it.
func TestMessageResend(t *testing.T) {
	t.Parallel()
	gateway := newReceiver(t)
	r := messageRig(t, gateway.URL)
	alice := r.Phone(0)
	know(t, r, alice, number(aliceNumber))
	page := orderTold(r, 0, "told", alice.Token)
	startMessage(page)
	old := gateway.next(t).verified(t)
	if a := startMessage(page.At(1)); *a.Data.ResendAfter < 1 || *a.Data.ResendAfter > 60 {
		t.Errorf("again at once: %+v", a)
	}
	aged(t, r, page, time.Minute)
	if a := startMessage(page.At(1)); *a.Data.ResendAfter != 60 {
		t.Errorf("again: %+v", a)
	}
	now := gateway.next(t).verified(t)  // and nothing was sent between the two
	if now.Data.Code != old.Data.Code { // one in a million draws the same twice
		wantFailure(t, "the old code", page.Send(operation.Verify, "otp", old.Data.Code), wrongText)
	}
	if a := page.Send(operation.Verify, "otp", now.Data.Code); a.Type != string(operation.Complete) {
		t.Errorf("the new code: %+v", a)
	}
}

// aged makes the last message of an operation older.
func aged(t *testing.T, r *rig.Rig, p *rig.Page, by time.Duration) {
	t.Helper()
	st := r.Store(t)
	o, err := st.Operation(rig.Ctx(t), operation.ID(p.ID))
	if err != nil || len(o.Kept) != 1 {
		t.Fatalf("%+v, %v", o.Kept, err)
	}
	var state map[string]any
	if err := json.Unmarshal(o.Kept[0].State, &state); err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, state["at"].(string))
	if err != nil {
		t.Fatal(err)
	}
	state["at"] = at.Add(-by)
	next := o
	next.Version++
	next.Kept = []operation.Kept{{Method: operation.ByMessage, State: []byte(rig.JSON(state))}}
	if err := st.SwapOperation(rig.Ctx(t), o, next); err != nil {
		t.Fatal(err)
	}
}

// Of guesses at once, at both nodes, no more than three are judged; then the right code
// is none either.
func TestMessageGuessesAtOnce(t *testing.T) {
	t.Parallel()
	gateway := newReceiver(t)
	r := messageRig(t, gateway.URL)
	alice := r.Phone(0)
	know(t, r, alice, number(aliceNumber))
	page := orderTold(r, 0, "pay", alice.Token)
	page.Send(operation.Choose, "method", "message")
	startMessage(page)
	code := gateway.next(t).verified(t).Data.Code
	bodies := make([]string, 30)
	parallel(len(bodies), func(i int) rig.Answer {
		a := page.At(i % 2).Put(rig.JSON(map[string]any{"type": "verify", "data": map[string]any{"otp": otherCode(code)}}))
		bodies[i] = string(a.Body)
		return a
	})
	judged := 0
	for _, body := range bodies {
		if strings.Contains(body, wrongText) || strings.Contains(body, "Too many wrong codes") {
			judged++
		}
	}
	if judged == 0 || judged > 3 {
		t.Errorf("%d were judged: %s", judged, strings.Join(bodies, "\n"))
	}
	if a := page.Send(operation.Verify, "otp", code); a.Success {
		t.Errorf("the right code, after them: %+v", a)
	}
}

// Whoever is asked, the page is answered with the same bytes until somebody has proven
// to be there; and nobody but alice hears anything.
func TestMessageToNobody(t *testing.T) {
	t.Parallel()
	gateway := newReceiver(t)
	r := messageRig(t, gateway.URL)
	course := func(token string) (seen []string) {
		page := orderTold(r, 0, "pay", token)
		for _, m := range []string{`{"type":"init"}`, `{"type":"choose","data":{"method":"message"}}`, `{"type":"start","data":{"method":"message"}}`,
			`{"type":"verify","data":{"otp":"12345"}}`, `{"type":"init"}`, `{"type":"status"}`} {
			seen = append(seen, unlike(page.Put(m)))
		}
		return seen
	}
	phones := map[string]*api.Phone{}
	for what, change := range map[string]func(*device.Identity){
		"no number": func(*device.Identity) {},
		"off":       func(i *device.Identity) { number("+4917099999")(i); i.Off = []string{"message"} },
		"locked":    func(i *device.Identity) { number("+4917099999")(i); i.Status = device.Locked },
		"revoked":   func(i *device.Identity) { number("+4917099999")(i); i.Status = device.Revoked },
	} {
		phones[what] = r.Phone(0)
		know(t, r, phones[what], change)
	}
	phones["unknown"] = &api.Phone{Token: "tok_AAECAwQFBgcICQoLDA0ODw"}
	seen := map[string][]string{}
	for what, p := range phones {
		seen[what] = course(p.Token)
	}
	alice := r.Phone(0)
	know(t, r, alice, number(aliceNumber))
	want := course(alice.Token)
	if x := gateway.next(t).verified(t); x.Data.To != aliceNumber {
		t.Errorf("%s heard of it", x.Data.To)
	}
	for what, got := range seen {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	if len(gateway.got) != 0 {
		t.Error("more was sent")
	}
}

// After ten wrong codes in all, the method is off for who was asked, and no other way
// is; until a phone of theirs approves something.
func TestMessageOff(t *testing.T) {
	t.Parallel()
	gateway := newReceiver(t)
	r := messageRig(t, gateway.URL)
	alice := r.Phone(0)
	know(t, r, alice, number(aliceNumber))
	methods := func() (ids string) {
		for _, m := range orderTold(r, 1, "pay", alice.Token).Send(operation.Init).Data.Methods {
			ids += m.ID + " "
		}
		return ids
	}
	for n := range 4 {
		page := orderTold(r, n%2, "pay", alice.Token)
		page.Send(operation.Choose, "method", "message")
		startMessage(page)
		code := gateway.next(t).verified(t).Data.Code
		for range 3 {
			page.Send(operation.Verify, "otp", otherCode(code))
		}
		if n < 2 && methods() != "device message " {
			t.Fatalf("offered after %d operations: %s", n+1, methods())
		}
	}
	if got := methods(); got != "device " {
		t.Errorf("offered after ten wrong codes: %s", got)
	}
	page := orderTold(r, 0, "pay", alice.Token)
	page.Send(operation.Choose, "method", "device")
	b := page.Start(false)
	if _, err := alice.Verify(rig.Ctx(t), r.Claim(alice, b.Session.SessionID, ""), session.Approve, b.Session.AutoPassword, []string{"identity:name"}); err != nil {
		t.Fatal(err)
	}
	if got := methods(); got != "device message " {
		t.Errorf("offered after an approval: %s", got)
	}
}

// More messages to a name than may be are refused in words, alike for a name that
// nobody has.
func TestMessageLimit(t *testing.T) {
	t.Parallel()
	gateway := newReceiver(t)
	r := messageRig(t, gateway.URL, func(c *server.Config) {
		c.Limits.Disabled, c.Limits.MessagesPerUser = false, server.Rate{N: 2, Per: time.Hour}
	})
	alice := r.Phone(0)
	know(t, r, alice, number(aliceNumber))
	for _, token := range []string{alice.Token, "tok_AAECAwQFBgcICQoLDA0ODw"} {
		for n := range 3 {
			a := startMessage(orderTold(r, n%2, "told", token))
			if n < 2 && a.Data.Length != 6 {
				t.Errorf("%s, message %d: %+v", token, n+1, a)
			} else if n == 2 {
				wantFailure(t, token, a, "Too many messages were asked for. Choose another way, or try again later.")
			}
		}
	}
	gateway.next(t)
	gateway.next(t)
	if len(gateway.got) != 0 {
		t.Error("a third was sent")
	}
}

// A login at a client of the OpenID Provider by a message, asked for by mail: the
// id_token says how.
func TestMessageLogin(t *testing.T) {
	t.Parallel()
	gateway := newReceiver(t)
	r := oidcRig(t, func(c *server.Config, s *server.Secrets) {
		c.Message.URL, s.Message = gateway.URL, gatewaySecret
		c.Outgoing.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.Flows = map[string]any{"login": map[string]any{"steps": []any{"identify", "message"}}}
	})
	alice, s := r.Phone(0), newSurfer(t, r, 0)
	know(t, r, alice, func(i *device.Identity) { i.Claims = device.Claims{"email": []byte(`"alice@example.com"`)} })
	demo := newParty(t, r, 0, rig.Service, "", demoCallback)
	page := r.Page(1, operationOf(t, r, s.get(demo.url())), s.cookies())
	page.Send(operation.Start, "method", "identify", "user", alice.Token)
	startMessage(page)
	x := gateway.next(t).verified(t).Data
	if x.Channel != "email" || x.To != "alice@example.com" || !strings.HasPrefix(x.Text, "To log in at Acme Bank, ") {
		t.Errorf("%+v", x)
	}
	a := page.Send(operation.Verify, "otp", x.Code)
	if a.Type != string(operation.Complete) {
		t.Fatalf("%+v", a)
	}
	id, claims := demo.idToken(demo.tokens(s.get(a.Data.Location)))
	if id.Subject != alice.Token || claims["acr"] != operation.MessageACR || !reflect.DeepEqual(claims["amr"], []any{"otp"}) {
		t.Errorf("%v", claims)
	}
}
