package demo

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"countersign/api/rp"
	"countersign/crypto/p256"
)

// clerk is a bank whose server answers whatever the test wants about the operations it
// was ordered.
type clerk struct {
	*Bank
	visit, order string

	mu     sync.Mutex
	status int
	answer rp.Ordered
}

func newClerk(t *testing.T) *clerk {
	t.Helper()
	x := &clerk{}
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		x.mu.Lock()
		defer x.mu.Unlock()
		w.WriteHeader(x.status)
		if err := json.NewEncoder(w).Encode(x.answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(issuer.Close)
	x.Bank = New(Options{Issuer: issuer.URL, ServiceID: "bank", Origin: "http://bank.example", Now: noon})
	c := newCustomer(rp.Token{Subject: "tok_alice"}, proof{})
	o := wish{Amount: "1", Currency: "CZK", To: "238400856/0300", Wrong: map[string]string{}}.order(c)
	o.Operation, o.URL, o.Tries = "op_1", issuer.URL+"/login?operation=op_1", 1
	c.Orders = []order{o}
	x.visit, x.order = x.visits.enter("", c), o.ID
	return x
}

// approved is what the server says once the phone has approved the order, which a test
// then changes.
func (x *clerk) approved(t *testing.T, change func(show map[string]any, said *rp.Ordered, lines []string)) {
	t.Helper()
	c, _ := x.visits.customer(x.visit)
	want := x.wanted(c, *c.find(x.order))
	form, err := json.Marshal(want.Form)
	if err != nil {
		t.Fatal(err)
	}
	said := rp.Ordered{ID: "op_1", Name: want.Name, Data: want.Data, Form: form, TokenID: "tok_alice", Result: rp.Done}
	show := map[string]any{"issuer": x.o.Issuer, "service": map[string]any{"id": "bank", "name": "Acme Bank"},
		"operation": map[string]any{"name": want.Name, "data": want.Data, "form": json.RawMessage(form)}}
	lines := []string{"countersign-verify-v1", x.o.Issuer, "sess_1", "tok_alice", "dev_1", "bank", "approve", "048291", "", "", "1767225630", "n"}
	change(show, &said, lines)
	shown, err := json.Marshal(show)
	if err != nil {
		t.Fatal(err)
	}
	lines[9] = rp.DataHash(string(shown))
	key, err := p256.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(lines, "\n")
	jx, jy := key.Public().JWK()
	said.Proof = &rp.Proof{Text: text, Signature: key.Sign([]byte(text)).String(), Key: rp.JWK{KeyType: "EC", Curve: "P-256", X: jx, Y: jy}, Display: string(shown), DeviceID: "dev_1"}
	x.says(http.StatusOK, said)
}

func (x *clerk) says(status int, said rp.Ordered) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.status, x.answer = status, said
}

// page asks for the order's page as its customer.
func (x *clerk) page() *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://bank.example/pay/"+x.order, http.NoBody)
	r.AddCookie(&http.Cookie{Name: "acme_bank", Value: x.visit})
	w := httptest.NewRecorder()
	x.ServeHTTP(w, r)
	return w
}

func operationOf(show map[string]any) map[string]any {
	o, _ := show["operation"].(map[string]any)
	return o
}

// A payment is booked only for the data, the operation, the form and the customer it
// was approved for, whatever the server says about it.
func TestBooking(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(show map[string]any, said *rp.Ordered, lines []string)
		good   bool
	}{
		"good": {func(map[string]any, *rp.Ordered, []string) {}, true},
		"amount changed": {func(s map[string]any, o *rp.Ordered, _ []string) {
			o.Data = strings.Replace(o.Data, "A1.00CZK", "A1000.00CZK", 1)
			operationOf(s)["data"] = o.Data
		}, false},
		"account changed": {func(s map[string]any, o *rp.Ordered, _ []string) {
			o.Data = strings.Replace(o.Data, "238400856", "238400857", 1)
			operationOf(s)["data"] = o.Data
		}, false},
		"another order like it": {func(s map[string]any, o *rp.Ordered, _ []string) {
			o.Data = o.Data[:strings.Index(o.Data, "*R")] + "*RELSE"
			operationOf(s)["data"] = o.Data
		}, false},
		"other form": {func(s map[string]any, o *rp.Ordered, _ []string) {
			o.Form = json.RawMessage(`{"title":"A gift for you"}`)
			operationOf(s)["form"] = o.Form
		}, false},
		"other operation": {func(s map[string]any, o *rp.Ordered, _ []string) {
			o.Name = "change_limit"
			operationOf(s)["name"] = o.Name
		}, false},
		"other customer": {func(_ map[string]any, o *rp.Ordered, l []string) { o.TokenID, l[3] = "tok_bob", "tok_bob" }, false},
		"other service": {func(s map[string]any, _ *rp.Ordered, l []string) {
			s["service"], l[5] = map[string]any{"id": "shop"}, "shop"
		}, false},
		"other issuer": {func(s map[string]any, _ *rp.Ordered, l []string) {
			s["issuer"], l[1] = "https://evil.example", "https://evil.example"
		}, false},
		"declined":        {func(_ map[string]any, _ *rp.Ordered, l []string) { l[6] = "deny" }, false},
		"a login":         {func(s map[string]any, _ *rp.Ordered, _ []string) { delete(s, "operation") }, false},
		"said to be else": {func(_ map[string]any, o *rp.Ordered, _ []string) { o.Data = "A1*A1.00CZK" }, false},
	} {
		x := newClerk(t)
		before, _ := x.visits.customer(x.visit)
		x.approved(t, tc.change)
		w := x.page()
		after, _ := x.visits.customer(x.visit)
		paid := after.Accounts[0].Balance == before.Accounts[0].Balance-100 && after.Orders[0].Receipt != nil
		shown := strings.Contains(w.Body.String(), "payment-done")
		if w.Code != http.StatusOK || paid != tc.good || shown != tc.good || !tc.good && after.Orders[0].Failed != failedProof {
			t.Errorf("%s: %d, paid %v, shown %v, %+v", name, w.Code, paid, shown, after.Orders[0])
		}
	}
}

// Done without a proof pays nothing, and there is no money twice.
func TestNotBooked(t *testing.T) {
	x := newClerk(t)
	x.says(http.StatusOK, rp.Ordered{ID: "op_1", Name: operationName, Result: rp.Done})
	if w := x.page(); !strings.Contains(w.Body.String(), "leaves no signature, which this bank does not take. Nothing was paid.") {
		t.Error(w.Body)
	}
	x = newClerk(t)
	if err := x.visits.change(x.visit, func(c *customer) error { c.Accounts[0].Balance = 99; return nil }); err != nil {
		t.Fatal(err)
	}
	x.approved(t, func(map[string]any, *rp.Ordered, []string) {})
	if w := x.page(); !strings.Contains(w.Body.String(), "not enough on the account any more. Nothing was paid.") {
		t.Error(w.Body)
	}
	if c, _ := x.visits.customer(x.visit); c.Accounts[0].Balance != 99 || c.Orders[0].Receipt != nil {
		t.Errorf("%+v", c)
	}
}

// Every end has its sentence; an answer that never came is no end.
func TestWhyNotPaid(t *testing.T) {
	for reason, words := range map[string]string{"expired": "The time to approve it was up. Nothing was paid.", "too_many": "There were too many wrong codes. Nothing was paid.",
		"INTERRUPTED_OPERATION": "You began something else to approve in this browser before you had approved this payment. Nothing was paid.",
		"no_method":             "It could not be approved. Nothing was paid.", "of_tomorrow": "It could not be approved. Nothing was paid."} {
		x := newClerk(t)
		x.says(http.StatusOK, rp.Ordered{ID: "op_1", Name: operationName, Result: rp.Failed, Reason: reason})
		if w := x.page(); !strings.Contains(w.Body.String(), words) || !strings.Contains(w.Body.String(), "Try again") {
			t.Errorf("%s: %s", reason, w.Body)
		}
	}
	x := newClerk(t)
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusUnauthorized, http.StatusFound} {
		x.says(status, rp.Ordered{})
		if w := x.page(); w.Code != http.StatusBadGateway {
			t.Errorf("%d: %d %s", status, w.Code, w.Body)
		}
	}
	x.says(http.StatusOK, rp.Ordered{ID: "op_2", Name: operationName, Result: rp.Failed, Reason: "declined"})
	if w := x.page(); w.Code != http.StatusBadGateway {
		t.Errorf("another operation: %d %s", w.Code, w.Body)
	}
	if c, _ := x.visits.customer(x.visit); !c.Orders[0].Open() {
		t.Errorf("%+v", c.Orders[0])
	}
	x.says(http.StatusOK, rp.Ordered{ID: "op_1", Name: operationName, Result: rp.Continue})
	if w := x.page(); !strings.Contains(w.Body.String(), "payment-waits") {
		t.Error(w.Body)
	}
}
