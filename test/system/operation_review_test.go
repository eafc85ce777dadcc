package system

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"countersign/api"
	"countersign/operation"
	"countersign/session"
	"countersign/test/rig"
)

// The payment that a shop's back end begins, and what people are shown of it.
const (
	orderData = "A1*A100EUR*IDE89370400440532013000*NRent"
	orderForm = `{"title":"Approve a payment","attributes":[{"type":"AMOUNT","id":"amount","label":"Amount","amount":"100","currency":"EUR"}]}`
)

// ordered begins a payment at the shop; members are added to the request.
func ordered(r *rig.Rig, members ...any) api.OperationView {
	r.T.Helper()
	body := map[string]any{"name": operation.Payment, "data": orderData, "form": json.RawMessage(orderForm)}
	for i := 0; i+1 < len(members); i += 2 {
		body[members[i].(string)] = members[i+1]
	}
	var v api.OperationView
	r.Into(r.Send(0, http.MethodPost, "/operations", rig.JSON(body), "Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret)), &v)
	return v
}

// opened opens the page of an operation as a browser does, and gives that browser's.
func opened(r *rig.Rig, v api.OperationView) *rig.Page {
	r.T.Helper()
	a := r.Send(1, http.MethodGet, strings.TrimPrefix(v.URL, r.Issuer), "", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
	cookie, _, _ := strings.Cut(a.Head.Get("Set-Cookie"), ";")
	if a.Status != http.StatusOK || cookie == "" || !strings.Contains(string(a.Body), "<title>Approve at Acme Shop</title>") {
		r.T.Fatalf("the page is %d, %v %s", a.Status, a.Head, a.Body)
	}
	return r.Page(1, v.OperationID, cookie)
}

// Who pays sees what they pay, and chooses how to approve it, before a phone is
// asked; the page never gets the data.
func TestOperationIsReviewed(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(0)
	v := ordered(r)
	page := opened(r, v)
	if a := page.Send(operation.Choose, "method", "device"); a.Success || a.Reason != "wrong_step" {
		t.Errorf("chosen by nobody: %+v", a)
	}
	a := page.Send(operation.Start, "method", "identify", "user", phone.Token)
	for range 2 { // the second is a page that is loaded again
		d := a.Data
		if a.Type != "init" || d.Step != "review" || !d.Review || string(d.Form) != orderForm || len(d.Methods) != 3 || d.Methods[0].ID != "device" || d.Methods[1].ID != "offline" || d.Methods[2].ID != "identify" {
			t.Errorf("to be reviewed: %+v", a)
		}
		a = page.Send(operation.Init)
	}
	if body := string(page.Put(`{"type":"init"}`).Body); strings.Contains(body, "Rent") || strings.Contains(body, "DE89") {
		t.Errorf("the page gets the data: %s", body)
	}
	for _, method := range []string{"identify", "review", "passkey", ""} {
		if a := page.Send(operation.Choose, "method", method); !a.Success || a.Type != "failure" || a.Data.Message.Text == "" {
			t.Errorf("chose %q: %+v", method, a)
		}
	}
	if a := page.Send(operation.Start, "method", "device", "challenge", s256); a.Success || a.Reason != "wrong_step" {
		t.Errorf("started before it was seen: %+v", a)
	}
	if a := page.Send(operation.Choose, "method", "device"); a.Type != "init" || a.ReplyTo != "choose" || a.Data.Step != "device" || a.Data.Review || string(a.Data.Form) != orderForm {
		t.Errorf("chosen: %+v", a)
	}
	b := page.Start(false)
	c := r.Claim(phone, b.Session.SessionID, "")
	if !strings.Contains(c.Display, `"data":"`+orderData+`"`) || !strings.Contains(c.Display, `"form":`+orderForm) {
		t.Errorf("the phone shows %s", c.Display)
	}
	if _, err := phone.Verify(rig.Ctx(t), c, session.Approve, b.Session.AutoPassword, []string{"identity:name"}); err != nil {
		t.Fatal(err)
	}
	if a := page.Send(operation.Status); a.Type != "complete" || a.Data.Location != r.Issuer+"/done?operation="+v.OperationID {
		t.Errorf("approved: %+v", a)
	}
}

// What is fetched by anything but a user who opens the page leaves the operation to
// them.
func TestOperationIsOpenedByLooking(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	v := ordered(r)
	path := strings.TrimPrefix(v.URL, r.Issuer)
	for name, fetched := range map[string]struct {
		method string
		head   []string
	}{
		"fetched ahead":       {http.MethodGet, []string{"Sec-Purpose", "prefetch"}},
		"rendered ahead":      {http.MethodGet, []string{"Sec-Purpose", "prefetch;prerender", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}},
		"ahead, of old":       {http.MethodGet, []string{"Purpose", "prefetch"}},
		"by HEAD":             {http.MethodHead, nil},
		"by a script":         {http.MethodGet, []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}},
		"into a frame":        {http.MethodGet, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}},
		"as a picture":        {http.MethodGet, []string{"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}},
		"into an object":      {http.MethodGet, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "object"}},
		"by HEAD, by a human": {http.MethodHead, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}},
	} {
		a := r.Send(0, fetched.method, path, "", fetched.head...)
		if a.Status != http.StatusNotFound || a.Head.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", name, a.Status, a.Head)
		}
	}
	mine := opened(r, v)
	if a := mine.Send(operation.Init); !a.Success {
		t.Errorf("its user: %+v", a)
	}
	if a := r.Send(0, http.MethodGet, path, "", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"); a.Status != http.StatusNotFound || a.Head.Get("Set-Cookie") != "" {
		t.Errorf("the second browser: %d %v", a.Status, a.Head)
	}
}
