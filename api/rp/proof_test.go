package rp_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"countersign/api/rp"
	"countersign/crypto/p256"
)

const (
	rentData = "A1*A100EUR*R1042"
	rentForm = `{"title":"Payment","attributes":[{"type":"NOTE","id":"n","value":"Rent <1>"}]}`
	rentShow = `{"issuer":"https://login.example.com","service":{"id":"bank","name":"Acme Bank"},"operation":{"name":"authorize_payment","data":"` + rentData + `","form":` + rentForm + `}}`
)

func rent() rp.Order {
	return rp.Order{TokenID: "tok_alice", Operation: rp.Operation{Name: "authorize_payment", Data: rentData, Form: map[string]any{"title": "Payment",
		"attributes": []map[string]string{{"type": "NOTE", "id": "n", "value": "Rent <1>"}}}}}
}

// phone is a key that signs whatever it is shown.
type phone struct{ p256.PrivateKey }

func newPhone(t *testing.T) phone {
	t.Helper()
	key, err := p256.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return phone{key}
}

// approves gives the operation of a display that was signed, as an honest server does.
func (p phone) approves(show string) rp.Ordered {
	text := strings.Join([]string{"countersign-verify-v1", "https://login.example.com", "sess_1", "tok_alice", "dev_1", "bank", "approve", "048291", "",
		rp.DataHash(show), "1767225630", "n"}, "\n")
	x, y := p.Public().JWK()
	return rp.Ordered{ID: "op_1", Name: "authorize_payment", Data: rentData, Form: []byte(rentForm), TokenID: "tok_alice", Result: rp.Done,
		Proof: &rp.Proof{Text: text, Signature: p.Sign([]byte(text)).String(), Key: rp.JWK{KeyType: "EC", Curve: "P-256", X: x, Y: y}, Display: show, DeviceID: "dev_1"}}
}

func bank() *rp.Client {
	return &rp.Client{Issuer: "https://login.example.com", ServiceID: "bank"}
}

func TestVerifyProof(t *testing.T) {
	p := newPhone(t)
	got, err := bank().VerifyProof(p.approves(rentShow), rent())
	if err != nil || got.TokenID != "tok_alice" || got.DeviceID != "dev_1" || got.SessionID != "sess_1" || got.Thumbprint != p.Public().Thumbprint() ||
		got.ServiceID != "bank" || got.ServiceName != "Acme Bank" || got.Name != "authorize_payment" || got.Data != rentData || string(got.Form) != rentForm || got.At.Unix() != 1767225630 {
		t.Errorf("%v, %+v", err, got)
	}
	login := p.approves(rentShow[:strings.Index(rentShow, `,"operation"`)] + "}")
	login.Name, login.Data, login.Form = "login", "", nil
	if got, err := bank().VerifyProof(login, rp.Order{Operation: rp.Operation{Name: "login"}}); err != nil || got.Name != "login" {
		t.Errorf("a login: %v, %+v", err, got)
	}
}

// A phone has signed something, and the server says that it was what was ordered; or
// the server hands out what nobody signed.
func TestVerifyProofOfAnother(t *testing.T) {
	p := newPhone(t)
	change := func(before, after string) func(*rp.Ordered, *rp.Order) {
		if !strings.Contains(rentShow, before) {
			t.Fatalf("nothing to change in %s", before)
		}
		return func(o *rp.Ordered, _ *rp.Order) {
			*o = p.approves(strings.Replace(rentShow, before, after, 1))
		}
	}
	wants := func(f func(*rp.Order)) func(*rp.Ordered, *rp.Order) { return func(_ *rp.Ordered, w *rp.Order) { f(w) } }
	for what, tc := range map[string]struct {
		change func(*rp.Ordered, *rp.Order)
		want   error
		says   string
	}{
		"goes on":         {func(o *rp.Ordered, _ *rp.Order) { o.Result = rp.Continue }, rp.ErrNotDone, ""},
		"has failed":      {func(o *rp.Ordered, _ *rp.Order) { o.Result = rp.Failed }, rp.ErrNotDone, ""},
		"no proof":        {func(o *rp.Ordered, _ *rp.Order) { o.Proof = nil }, rp.ErrNoProof, ""},
		"empty proof":     {func(o *rp.Ordered, _ *rp.Order) { o.Proof = &rp.Proof{} }, rp.ErrProof, "key, signature, text"},
		"more money":      {change("A100EUR", "A900EUR"), rp.ErrProof, "operation"},
		"another name":    {change("authorize_payment", "gift"), rp.ErrProof, "operation"},
		"another form":    {change("Rent", "Gift"), rp.ErrProof, "operation"},
		"no form":         {change(`,"form":`+rentForm, ""), rp.ErrProof, "operation"},
		"another issuer":  {change("login.example.com", "login.example.org"), rp.ErrProof, "issuer"},
		"another service": {change(`"bank"`, `"shop"`), rp.ErrProof, "service"},
		"a login": {func(o *rp.Ordered, _ *rp.Order) {
			*o = p.approves(rentShow[:strings.Index(rentShow, `,"operation"`)] + "}")
		}, rp.ErrProof, "operation"},
		"null shown":    {change(rentShow[strings.Index(rentShow, `{"name":"auth`):], "null}"), rp.ErrProof, "operation"},
		"data twice":    {change(`"data":`, `"data":"A1*A9EUR","data":`), rp.ErrProof, "display, operation"},
		"half a letter": {change("Payment", `Pay\ud800ment`), rp.ErrProof, "display, operation"},
		"two displays":  {change(rentShow, rentShow+rentShow), rp.ErrProof, "issuer, service, display, operation"},
		"not UTF-8":     {change("Payment", "Pay\xffment"), rp.ErrProof, "display, operation"},
		"shown but not signed": {func(o *rp.Ordered, _ *rp.Order) {
			o.Proof.Display = strings.Replace(rentShow, "Acme", "Evil", 1)
		}, rp.ErrProof, "display"},
		"signed by another": {func(o *rp.Ordered, _ *rp.Order) { o.Proof.Key = newPhone(t).approves(rentShow).Proof.Key }, rp.ErrProof, "signature"},
		"zeros":             {func(o *rp.Ordered, _ *rp.Order) { o.Proof.Signature = strings.Repeat("A", 86) }, rp.ErrProof, "signature"},
		"DER": {func(o *rp.Ordered, _ *rp.Order) {
			o.Proof.Signature = base64.RawURLEncoding.EncodeToString(p.Sign([]byte(o.Proof.Text)).DER())
		}, rp.ErrProof, "signature"},
		"said another user":  {func(o *rp.Ordered, _ *rp.Order) { o.TokenID = "tok_bob" }, rp.ErrProof, "user"},
		"wanted bob":         {wants(func(w *rp.Order) { w.TokenID = "tok_bob" }), rp.ErrProof, "user"},
		"wanted a gift":      {wants(func(w *rp.Order) { w.Name = "gift" }), rp.ErrProof, "operation"},
		"wanted less":        {wants(func(w *rp.Order) { w.Data = "A1*A1EUR*R1042" }), rp.ErrProof, "operation"},
		"wanted nothing":     {wants(func(w *rp.Order) { *w = rp.Order{} }), rp.ErrProof, "operation"},
		"wanted no form":     {wants(func(w *rp.Order) { w.Form = nil }), rp.ErrProof, "operation"},
		"wanted another":     {wants(func(w *rp.Order) { w.Form = map[string]string{"title": "Payment"} }), rp.ErrProof, "operation"},
		"no form of any use": {wants(func(w *rp.Order) { w.Form = func() {} }), rp.ErrProof, "operation"},
	} {
		o, w := p.approves(rentShow), rent()
		tc.change(&o, &w)
		got, err := bank().VerifyProof(o, w)
		if !errors.Is(err, tc.want) || got.TokenID != "" {
			t.Errorf("%s: %v, %+v", what, err, got)
		} else if _, wrong, _ := strings.Cut(err.Error(), "hold: "); !strings.HasPrefix(wrong, tc.says) || tc.says != "key, signature, text" && wrong != tc.says {
			t.Errorf("%s: %v, want %s", what, err, tc.says)
		}
	}
	if _, err := (&rp.Client{}).VerifyProof(p.approves(rentShow), rent()); !errors.Is(err, rp.ErrProof) {
		t.Errorf("whoever's it is: %v", err)
	}
}

// However a form is written, it is the same; and what JSON escapes in pairs is text.
func TestVerifyProofRewritten(t *testing.T) {
	p := newPhone(t)
	show := strings.Replace(rentShow, `"title":"Payment"`, `"title" : "\u0050aym\u0065nt \\ud800 \ud83d\ude00"`, 1)
	o, w := p.approves(show), rent()
	form, _ := w.Form.(map[string]any)
	form["title"] = `Payment \ud800 😀`
	o.Form = nil
	if _, err := bank().VerifyProof(o, w); err == nil {
		t.Error("the server says that there was no form")
	}
	o.Form = []byte(strings.Replace(rentForm, `Payment`, `Payment \\ud800 😀`, 1))
	if _, err := bank().VerifyProof(o, w); err != nil {
		t.Error(err)
	}
}
