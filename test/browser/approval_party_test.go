package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"countersign/api"
	"countersign/operation"
	"countersign/server"
	"countersign/test/rig"
)

// A shop is a service whose back end begins operations, and sends its users'
// browsers to the pages that run them.
type shop struct {
	*World
	origin string
}

// paymentData is what the shop has approved, for programs.
const paymentData = "A1*A100EUR*IDE89370400440532013000*NRent"

// paymentForms is what people see of it, in their languages.
var paymentForms = map[string]string{
	"en": `{"title":"Approve a payment","summary":"You pay your rent to Acme Shop.","attributes":[
		{"type":"AMOUNT","id":"amount","label":"Amount","amount":"100","currency":"EUR"},
		{"type":"KEY_VALUE","id":"account","label":"To account","value":"DE89370400440532013000"},
		{"type":"NOTE","id":"note","label":"Note","value":"Rent"}]}`,
	"de": `{"title":"Eine Zahlung freigeben","summary":"Sie zahlen Ihre Miete an Acme Shop.","attributes":[
		{"type":"AMOUNT","id":"amount","label":"Betrag","amount":"100","currency":"EUR"},
		{"type":"KEY_VALUE","id":"account","label":"An Konto","value":"DE89370400440532013000"},
		{"type":"NOTE","id":"note","label":"Notiz","value":"Rent"}]}`,
	"ar": `{"title":"الموافقة على دفعة","summary":"تدفع إيجارك إلى Acme Shop.","attributes":[
		{"type":"AMOUNT","id":"amount","label":"المبلغ","amount":"100","currency":"EUR"},
		{"type":"KEY_VALUE","id":"account","label":"إلى الحساب","value":"DE89370400440532013000"},
		{"type":"NOTE","id":"note","label":"ملاحظة","value":"Rent"}]}`,
}

// newShop starts the system with a shop.
func newShop(t *testing.T, configure ...func(*server.Config)) *shop {
	t.Helper()
	s, listed := openShop(t)
	s.World = newWorld(t, append([]func(*server.Config){listed}, configure...)...)
	return s
}

// openShop opens a shop, with a page to come back to, and gives what lists it in a
// world's configuration.
func openShop(t *testing.T) (*shop, func(*server.Config)) {
	t.Helper()
	l := listen(t)
	serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Shop</title><h1>Back at the shop</h1></html>`)
	}))
	s := &shop{origin: origin(l)}
	return s, func(c *server.Config) {
		x := c.Services[1]
		x.ID, x.Name, x.Origins, x.ReturnURL = shopID, "Acme Shop", []string{s.origin}, s.origin+"/back"
		c.Services = append(c.Services, x)
	}
}

// call is a request of the shop's back end about operations.
func (s *shop) call(method, path string, body any, into any) {
	s.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(rig.Ctx(s.t), method, s.proxy.url+path, bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(shopID, bankSecret)
	resp, err := s.HTTP.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || json.Unmarshal(answer, into) != nil {
		s.t.Fatalf("%s %s: %d %s, %v", method, path, resp.StatusCode, answer, err)
	}
}

// order begins a payment; members are added to the request.
func (s *shop) order(members ...any) (v api.OperationView) {
	s.t.Helper()
	body := map[string]any{"name": operation.Payment, "data": paymentData, "form": json.RawMessage(paymentForms["en"])}
	for i := 0; i+1 < len(members); i += 2 {
		body[members[i].(string)] = members[i+1]
	}
	s.call(http.MethodPost, "/operations", body, &v)
	return v
}

// result asks how an operation stands.
func (s *shop) result(v api.OperationView) (now api.OperationView) {
	s.t.Helper()
	s.call(http.MethodGet, "/operations/"+v.OperationID, nil, &now)
	return now
}

// visit opens the page of an operation in a browser.
func (s *shop) visit(b *profile, v api.OperationView) *loginPage {
	s.t.Helper()
	return &loginPage{b.open(v.URL)}
}

// back waits for the browser to be at the shop again.
func (s *shop) back(l *loginPage) {
	s.t.Helper()
	l.see("Back at the shop")
	if at := eval[string](l.tab, "location.href"); at != s.origin+"/back" {
		s.t.Errorf("came back as %s", at)
	}
}

// goOn is the button of a review that offers one way to approve.
var goOn = action("choose-device")

// reviewed reads what is to be approved, and goes on.
func (l *loginPage) reviewed(want ...string) {
	l.t.Helper()
	l.seeElement(part("panel-review"))
	for _, text := range want {
		l.see(text)
	}
	l.click(goOn)
}
