package system

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"countersign/api"
	"countersign/audit"
	"countersign/crypto/p256"
	"countersign/operation"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
)

// A payment from the back end's order to its proof, over two nodes: what the user
// sees in the page is what the phone shows and signs, and the back end is told by
// every node as soon as the phone is.
func TestBackendPayment(t *testing.T) {
	t.Parallel()
	r := backendRig(t)
	phone, d := r.Phone(1), r.Desk(0)
	v := d.Order(rig.Payment(phone, "externalId", "order-1042", "returnUrl", rig.ShopPage))
	if v.Result != "CONTINUE" || !slices.Equal(v.Steps, []api.OperationStep{{Step: "review", Method: "review"}}) || v.TokenID != phone.Token || v.ExternalID != "order-1042" || v.Data != rig.Data ||
		string(v.Form) != `{"title":"Payment","summary":"Rent to Bob"}` || v.URL != r.Issuer+"/login?operation="+v.OperationID || v.Proof != nil || v.Reason != "" || v.StepResult != "" {
		t.Errorf("ordered: %+v", v)
	}
	page := r.Open(1, v.OperationID)
	a := page.Send(operation.Init)
	if a.Type != "init" || a.Data.Step != "review" || a.Data.Name != "authorize_payment" || string(a.Data.Form) != string(v.Form) || a.Data.Service.Name != "Acme Shop" ||
		len(a.Data.Methods) != 2 || a.Data.Methods[0].ID != "device" || a.Data.Methods[1].ID != "offline" {
		t.Errorf("review: %+v", a)
	}
	if a := page.Send(operation.Start, "method", "device", "challenge", s256); a.Success || a.Reason != "wrong_step" {
		t.Errorf("started before it was reviewed: %+v", a)
	}
	if a := page.Send(operation.Choose, "method", "passkey"); !a.Success || a.Type != "failure" || a.Data.Message.Text == "" || a.Data.Location != "" {
		t.Errorf("chose what is not offered: %+v", a)
	}
	if a := page.Send(operation.Choose, "method", "device"); a.Type != "init" || a.ReplyTo != "choose" || a.Data.Step != "device" {
		t.Errorf("chosen: %+v", a)
	}
	b := page.Start(false).Watch()
	b.Expect(session.OTPReady)
	c := r.Claim(phone, b.Session.SessionID, "")
	shown, err := api.ParseDisplay(c.Display)
	if err != nil || shown.Operation == nil || shown.Operation.Name != "authorize_payment" || shown.Operation.Data != rig.Data || string(shown.Operation.Form) != string(v.Form) || shown.Service.ID != rig.Shop || shown.Origin != r.Issuer {
		t.Errorf("the phone shows %s, %v", c.Display, err)
	}
	b.Expect(session.ClaimedMessage)
	if got := d.Ask(v.OperationID); got.Result != "CONTINUE" || !slices.Equal(got.Steps, []api.OperationStep{{Step: "device", Method: "device"}, {Step: "device", Method: "offline"}}) || len(got.History) != 1 {
		t.Errorf("claimed: %+v", got)
	}
	if _, err := phone.Verify(rig.Ctx(t), c, session.Approve, b.Session.AutoPassword, []string{"identity:name"}); err != nil {
		t.Fatal(err)
	}
	// Before anybody asks: the node that ended the session has let it go on.
	stored, err := r.Store(t).Operation(rig.Ctx(t), operation.ID(v.OperationID))
	if err != nil || stored.Result != operation.Done {
		t.Errorf("stored as %s, %v", stored.Result, err)
	}
	silent(t, b.Expect(session.ApprovedMessage))
	got := d.Ask(v.OperationID)
	if got.Result != "DONE" || got.StepResult != "CONFIRMED" || len(got.Steps) != 0 || got.TokenID != phone.Token {
		t.Fatalf("approved: %+v", got)
	}
	type line struct{ step, method, how, result string }
	var story []line
	for _, e := range got.History {
		story = append(story, line{e.Step, e.Method, e.StepResult, e.Result})
	}
	if !slices.Equal(story, []line{{"review", "review", "CONFIRMED", "CONTINUE"}, {"device", "device", "CONFIRMED", "DONE"}}) {
		t.Errorf("history: %+v", got.History)
	}
	proven(t, got, phone, c.Display)
	if a := page.At(0).Send(operation.Status); a.Type != "complete" || a.Data.Result != "DONE" || a.Data.Location != r.Issuer+"/done?operation="+v.OperationID {
		t.Errorf("the page: %+v", a)
	}
	if status, to := page.Leave(r.Issuer + "/done?operation=" + v.OperationID); status != http.StatusSeeOther || to != rig.ShopPage {
		t.Errorf("leads on by %d to %q", status, to)
	}
}

// proven checks a proof with nothing but what it has.
func proven(t *testing.T, v api.OperationView, phone *api.Phone, display string) {
	t.Helper()
	p := v.Proof
	if p == nil || p.Display != display || p.DeviceID != phone.Device {
		t.Fatalf("proof: %+v", p)
	}
	key, err := p256.ParseJWK(p.PublicKeyJWK["kty"], p.PublicKeyJWK["crv"], p.PublicKeyJWK["x"], p.PublicKeyJWK["y"])
	if err != nil || !key.Equal(phone.Key.Public()) {
		t.Fatalf("the key of %v: %v", p.PublicKeyJWK, err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(p.Signature)
	if err != nil || len(raw) != 64 {
		t.Fatalf("%q: %v", p.Signature, err)
	}
	s, err := p256.ParseSignature(raw)
	if err != nil || !key.Verify([]byte(p.Text), s) {
		t.Errorf("the signature is not the key's: %v", err)
	}
	lines := strings.Split(p.Text, "\n")
	if len(lines) != 12 || lines[0] != "countersign-verify-v1" || lines[1] != phone.Client.Issuer || lines[3] != phone.Token || lines[4] != phone.Device || lines[5] != rig.Shop || lines[6] != "approve" || lines[9] != session.DisplayHash(display) {
		t.Errorf("signed: %q", lines)
	}
}

// Where the browser goes at the end: where the order says, else where the service
// does, else nowhere; and from nowhere but the operation's own browser.
func TestBackendReturns(t *testing.T) {
	t.Parallel()
	r := backendRig(t, func(c *server.Config) { c.Services[3].ReturnURL = "https://shop.example/login" })
	phone := r.Phone(0)
	for what, x := range map[string]struct {
		service string
		order   []any
		want    string
	}{
		"the order's":    {"counter", []any{"returnUrl", rig.ShopPage}, rig.ShopPage},
		"the service's":  {"counter", nil, "https://shop.example/login"},
		"an origin only": {rig.Shop, []any{"returnUrl", "https://shop.example"}, "https://shop.example"},
		"nowhere":        {rig.Shop, nil, ""},
	} {
		v := r.Desk(0).Of(x.service).Order(rig.Payment(phone, x.order...))
		page := r.Open(0, v.OperationID)
		if status, to := page.Leave(r.Issuer + "/done?operation=" + v.OperationID); status != http.StatusSeeOther || to != v.URL {
			t.Errorf("%s: before its end by %d to %q", what, status, to)
		}
		a := page.Send(operation.Cancel)
		if a.Type != "cancel" || a.Data.Location != r.Issuer+"/done?operation="+v.OperationID {
			t.Fatalf("%s: %+v", what, a)
		}
		for who, other := range map[string]*rig.Page{"without the cookie": r.Page(1, v.OperationID, ""), "with another's": r.Page(1, v.OperationID, r.Login(0).Cookie)} {
			if status, to := other.Leave(a.Data.Location); status != http.StatusOK || to != "" {
				t.Errorf("%s, %s: by %d to %q", what, who, status, to)
			}
		}
		want := http.StatusSeeOther
		if x.want == "" {
			want = http.StatusOK
		}
		if status, to := page.At(1).Leave(a.Data.Location); status != want || to != x.want {
			t.Errorf("%s: by %d to %q", what, status, to)
		}
	}
}

// The first browser that somebody opens the page in has the operation; what only
// looks, or fetches ahead, has not.
func TestBackendPageIsOneBrowsers(t *testing.T) {
	t.Parallel()
	r := backendRig(t)
	phone, d := r.Phone(0), r.Desk(0)
	v := d.Order(rig.Payment(phone))
	none := r.Visit(0, "op_AAAAAAAAAAAAAAAAAAAAAA", "")
	if none.Status != http.StatusNotFound || len(none.Head.Values("Set-Cookie")) != 0 {
		t.Fatalf("an operation that there is not: %d %v", none.Status, none.Head)
	}
	elsewhere := func(what string, a rig.Answer) {
		t.Helper()
		if a.Status != http.StatusNotFound || string(a.Body) != string(none.Body) || len(a.Head.Values("Set-Cookie")) != 0 {
			t.Errorf("%s: %d %v", what, a.Status, a.Head)
		}
	}
	for what, head := range map[string][]string{
		"prefetched":   {"Sec-Purpose", "prefetch"},
		"prerendered":  {"Sec-Purpose", "prefetch;prerender"},
		"by Safari":    {"Purpose", "prefetch"},
		"in a frame":   {"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"},
		"by a script":  {"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"},
		"as a picture": {"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"},
	} {
		elsewhere(what, r.Visit(1, v.OperationID, "", head...))
	}
	if a := r.Send(1, http.MethodHead, "/login?operation="+v.OperationID, ""); a.Status != http.StatusNotFound || len(a.Head.Values("Set-Cookie")) != 0 {
		t.Errorf("HEAD: %d %v", a.Status, a.Head)
	}
	if a := r.Page(0, v.OperationID, "").Send(operation.Init); a.Reason != "operation_not_found" {
		t.Errorf("without its page: %+v", a)
	}
	first := r.Visit(1, v.OperationID, "", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "cross-site")
	cookies := first.Head.Values("Set-Cookie")
	if first.Status != http.StatusOK || len(cookies) != 1 || !strings.HasPrefix(cookies[0], "countersign-"+v.OperationID+"=") || !strings.Contains(cookies[0], "HttpOnly; SameSite=Lax") ||
		first.Head.Get("Cache-Control") != "no-store" || !strings.Contains(string(first.Body), `data-operation="`+v.OperationID+`"`) {
		t.Fatalf("the first: %d %v", first.Status, first.Head)
	}
	cookie, _, _ := strings.Cut(cookies[0], ";")
	elsewhere("a second browser", r.Visit(0, v.OperationID, ""))
	elsewhere("one with another operation", r.Visit(0, v.OperationID, r.Login(0).Cookie))
	for n := range r.Nodes {
		if a := r.Visit(n, v.OperationID, cookie); a.Status != http.StatusOK || len(a.Head.Values("Set-Cookie")) != 0 {
			t.Errorf("a reload: %d %v", a.Status, a.Head)
		}
	}
	if a := r.Page(0, v.OperationID, cookie).Send(operation.Init); a.Type != "init" {
		t.Errorf("its page: %+v", a)
	}
	// An operation that a page began is never anybody else's.
	elsewhere("a login", r.Visit(0, r.Login(0).ID, ""))
	// Of many at once one gets it.
	other := d.Order(rig.Payment(phone))
	codes := parallel(20, func(i int) rig.Answer {
		a := r.Visit(i%2, other.OperationID, "")
		a.Err, a.Problem.Code = nil, strconv.Itoa(a.Status)
		return a
	})
	if codes["200"] != 1 || codes["404"] != 19 {
		t.Errorf("at once: %v", codes)
	}
	if _, secret, _ := strings.Cut(cookie, "="); secret == "" || r.Log.Contains(secret) || !r.Log.Contains(string(audit.OperationOpened)) {
		t.Error("not on record, or with its secret")
	}
}

// A text that was changed by one letter after the phone was shown it is not what
// the phone signed.
func TestBackendFormIsSigned(t *testing.T) {
	t.Parallel()
	r := backendRig(t)
	phone, d := r.Phone(0), r.Desk(0)
	v := d.Order(rig.Payment(phone, "name", "sign"))
	b := r.Open(0, v.OperationID).Start(false)
	c := r.Claim(phone, b.Session.SessionID, "")
	for what, change := range map[string][2]string{"form": {"Rent to Bob", "Rent to Rob"}, "data": {"A100EUR", "A900EUR"}, "name": {`"name":"sign"`, `"name":"sigm"`}} {
		forged := c
		if forged.Display = strings.Replace(c.Display, change[0], change[1], 1); forged.Display == c.Display {
			t.Fatalf("%s is not in %s", what, c.Display)
		}
		if _, err := phone.Verify(rig.Ctx(t), forged, session.Approve, b.Session.AutoPassword, []string{"identity:name"}); api.CodeOf(err) != "display_changed" {
			t.Errorf("another %s: %v", what, err)
		}
	}
	if got := d.Ask(v.OperationID); got.Result != "CONTINUE" || got.Proof != nil {
		t.Errorf("%+v", got)
	}
	r.Approve(phone, b)
	if got := d.Ask(v.OperationID); got.Result != "DONE" || !strings.Contains(got.Proof.Display, "Rent to Bob") {
		t.Errorf("%+v", got)
	}
}

// Two approvals at once are one, and nothing changes what has ended.
func TestBackendApprovedOnce(t *testing.T) {
	t.Parallel()
	r := backendRig(t)
	phone, d := r.Phone(0), r.Desk(0)
	v := d.Order(rig.Payment(phone, "name", "sign"))
	page := r.Open(0, v.OperationID)
	b := page.Start(false)
	c := r.Claim(phone, b.Session.SessionID, "")
	codes := parallel(10, func(i int) rig.Answer {
		return r.Send(i%2, http.MethodPost, "/auth/verify", rig.JSON(rig.VerifyBody(phone, c, session.Approve, b.Session.AutoPassword, now(), "identity:name")))
	})
	if codes[""] != 1 || codes["session_resolved"] != 9 {
		t.Errorf("at once: %v", codes)
	}
	done := string(d.TryAsk(v.OperationID).Body)
	if got := d.Ask(v.OperationID); got.Result != "DONE" || len(got.History) != 1 {
		t.Errorf("%+v", got)
	}
	for _, kind := range []operation.Type{operation.Init, operation.Start, operation.Verify, operation.Choose, operation.Status, operation.Cancel} {
		for _, method := range []string{"device", "identify", "review"} {
			if a := page.At(1).Send(kind, "method", method, "user", "bob", "challenge", s256); a.Type != "complete" || a.Data.Result != "DONE" || a.Data.Location == "" {
				t.Errorf("%s %s: %+v", kind, method, a)
			}
		}
	}
	d.TryCancel(v.OperationID)
	if after := string(d.At(1).TryAsk(v.OperationID).Body); after != done {
		t.Errorf("changed from %s to %s", done, after)
	}
}

// Declined it fails, reported too; each is told as it is.
func TestBackendIsDeclined(t *testing.T) {
	t.Parallel()
	r := backendRig(t)
	phone, d := r.Phone(1), r.Desk(0)
	for _, x := range []struct {
		how            session.Decision
		result, reason string
	}{{session.Deny, "CANCELED", "declined"}, {session.Report, "AUTH_METHOD_FAILED", "reported"}} {
		v := d.Order(rig.Payment(phone, "name", "sign"))
		page := r.Open(0, v.OperationID)
		b := page.Start(false)
		if _, err := phone.Verify(rig.Ctx(t), r.Claim(phone, b.Session.SessionID, ""), x.how, "", nil); err != nil {
			t.Fatal(err)
		}
		got := d.Ask(v.OperationID)
		if got.Result != "FAILED" || got.Reason != x.reason || got.StepResult != x.result || got.Proof != nil {
			t.Errorf("%s: %+v", x.how, got)
		}
		if a := page.Send(operation.Status); a.Type != "cancel" || a.Data.StepResult != x.result {
			t.Errorf("%s, the page: %+v", x.how, a)
		}
	}
}

// A flow of two device steps wants the same user in both.
func TestBackendTwoSteps(t *testing.T) {
	t.Parallel()
	r := backendRig(t)
	alice, bob, d := r.Phone(0), r.Phone(1), r.Desk(0)
	v := d.Order(rig.Payment(nil, "name", "twice"))
	page := r.Open(0, v.OperationID)
	b := page.Start(true)
	scan := scanOf(t, b.Session, 0)
	if _, err := alice.Verify(rig.Ctx(t), r.Claim(alice, b.Session.SessionID, scan), session.Approve, "qr:"+scan, []string{"identity:name"}); err != nil {
		t.Fatal(err)
	}
	half := d.Ask(v.OperationID)
	if half.Result != "CONTINUE" || half.TokenID != alice.Token || half.Proof != nil || !slices.Equal(half.Steps, []api.OperationStep{{Step: "second", Method: "device"}}) {
		t.Fatalf("half: %+v", half)
	}
	b = page.Start(true)
	if _, err := bob.Claim(rig.Ctx(t), b.Session.SessionID, scanOf(t, b.Session, 0)); api.CodeOf(err) != "unknown_device" {
		t.Errorf("another takes the second: %v", err)
	}
	r.Approve(alice, b)
	if got := d.Ask(v.OperationID); got.Result != "DONE" || got.TokenID != alice.Token || len(got.History) != 2 {
		t.Errorf("%+v", got)
	}
}
