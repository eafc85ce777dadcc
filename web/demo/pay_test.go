package demo_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"countersign/api/rp"
	"countersign/operation"
	"countersign/session"
	"countersign/test/rig"
)

// Alice pays: the server's page shows her what it is, her phone shows the amount and
// the account that she signs, and the bank compares what was signed with its own data.
func TestPayment(t *testing.T) {
	tn := newTown(t)
	alice, b := tn.Phone(0), tn.browser()
	b.login(alice)
	o := b.order("100,25", " 238400856/0300 ", `Rent *May* \ June`)
	if got := b.get(o.path); !strings.Contains(got.body, `data-testid="payment-waits"`) || strings.Contains(got.body, "payment-done") {
		t.Error(got.body)
	}
	data := `A1*A100.25CZK*Q238400856/0300*R` + strings.TrimPrefix(o.path, "/pay/") + `**NRent \*May\* \\ June`
	if got := tn.Desk(0).Ask(o.operation); got.TokenID != alice.Token || got.Data != data {
		t.Errorf("ordered %+v", got)
	}
	s := b.reviewed(o)
	d := b.decided(alice, s, session.Approve)
	if d.Operation == nil || d.Operation.Name != "authorize_payment" || d.Operation.Data != data || len(d.Scopes) != 0 {
		t.Fatalf("the phone showed %+v", d)
	}
	var form struct{ Attributes []map[string]string }
	if err := json.Unmarshal(d.Operation.Form, &form); err != nil || len(form.Attributes) != 3 || form.Attributes[0]["amount"] != "100.25" ||
		form.Attributes[0]["currency"] != "CZK" || form.Attributes[1]["value"] != "238400856/0300" || form.Attributes[2]["value"] != `Rent *May* \ June` {
		t.Errorf("the phone showed %s", d.Operation.Form)
	}
	got := b.back(o)
	body := html.UnescapeString(got.body)
	for _, want := range []string{`data-testid="payment-done"`, data, "<b>operation", "<b>signature", "<b>display", s.SessionID, `"id": "` + rig.Shop + `"`, "countersign-verify-v1\n" + tn.Issuer} {
		if !strings.Contains(body, want) {
			t.Errorf("the receipt lacks %s: %s", want, body)
		}
	}
	if b.balance() != "84150.15CZK" {
		t.Errorf("the balance is %s", b.balance())
	}
	if got := b.get(o.path + "/approval"); got.path != o.path || !strings.Contains(got.body, "payment-done") {
		t.Errorf("what is over leads to %s", got.path)
	}
	if got := b.form(o.path); got.path != o.path || !strings.Contains(got.body, "payment-done") || b.balance() != "84150.15CZK" {
		t.Errorf("again leads to %s, and leaves %s", got.path, b.balance())
	}
	var kept rp.Ordered
	file := b.get(o.path + "/proof")
	if err := json.Unmarshal([]byte(file.body), &kept); err != nil || kept.Proof == nil || !strings.HasPrefix(file.head.Get("Content-Disposition"), "attachment") {
		t.Fatalf("kept is %v %s", file.head, file.body)
	}
	if found := (rp.Judge{Issuer: tn.Issuer, ServiceID: rig.Shop, Data: &data}).Judge(*kept.Proof, &kept); found.Approval == nil {
		t.Errorf("what is kept does not hold: %+v", found)
	}
}

// However often and at once the order's page asks, what was approved is paid once; and
// it is paid though the browser has never come back.
func TestPaidOnce(t *testing.T) {
	tn := newTown(t)
	alice, b := tn.Phone(0), tn.browser()
	b.login(alice)
	o := b.order("1", "238400856/0300", "")
	b.decided(alice, b.reviewed(o), session.Approve)
	var tabs sync.WaitGroup
	for range 8 {
		tabs.Go(func() {
			if got := b.get(o.path); !strings.Contains(got.body, "payment-done") {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	tabs.Wait()
	if b.balance() != "84249.40CZK" {
		t.Errorf("the balance is %s", b.balance())
	}
	o = b.order("1", "238400856/0300", "")
	b.decided(alice, b.reviewed(o), session.Approve)
	if b.balance(); b.balance() != "84248.40CZK" {
		t.Errorf("without coming back, the balance is %s", b.balance())
	}
	b.refused("no proof", b.get(b.order("1", "238400856/0300", "").path+"/proof"), http.StatusNotFound, "was not made")
}

// Whatever comes by way of a browser pays nothing: the return address, another's order,
// or a browser that is not logged in.
func TestForgedPayments(t *testing.T) {
	tn := newTown(t)
	alice, b := tn.Phone(0), tn.browser()
	b.login(alice)
	cheap, dear := b.order("1", "238400856/0300", ""), b.order("1000", "238400856/0300", "")
	unpaid := func(what string) {
		t.Helper()
		if strings.Contains(b.get(dear.path).body, "payment-done") {
			t.Errorf("%s: it is paid", what)
		}
	}
	b.pays(alice, cheap)
	for _, query := range []string{"?result=DONE", "?operation=" + cheap.operation, "?operationId=" + cheap.operation + "&result=DONE&externalId=" + strings.TrimPrefix(dear.path, "/pay/")} {
		if got := b.get(dear.path + query); b.get(dear.path+"/approval"+query).path != tn.Issuer+"/login?operation="+dear.operation || !strings.Contains(got.body, "payment-waits") {
			t.Errorf("%s: %s", query, got.body)
		}
		unpaid(query)
	}

	mallory, other := tn.Phone(0), tn.browser()
	other.login(mallory)
	other.refused("another's order", other.get(dear.path), http.StatusNotFound, "no such payment")
	other.refused("another's order", other.form(dear.path), http.StatusNotFound, "no such payment")
	other.refused("another's page", other.get(dear.path+"/approval"), http.StatusNotFound, "no such payment")
	other.refused("another's proof", other.get(cheap.path+"/proof"), http.StatusNotFound, "no such payment")
	if now := tn.Desk(0).Ask(dear.operation); now.Result != "CONTINUE" {
		t.Errorf("another ended it: %+v", now)
	}
	unpaid("another's order")

	s := b.reviewed(dear)
	if _, err := mallory.Claim(rig.Ctx(t), s.SessionID, ""); err == nil {
		t.Error("another's phone may approve it")
	}
	b.form("/logout")
	b.decided(alice, s, session.Approve)
	b.refused("after logout", b.get(dear.path), http.StatusUnauthorized, "not logged in")
	if b.loggedIn() {
		t.Error("still logged in")
	}
}

// What fails says why, costs nothing, and can be tried again, with another operation.
func TestPaymentFails(t *testing.T) {
	tn := newTown(t)
	alice, b := tn.Phone(0), tn.browser()
	b.login(alice)
	o := b.order("1", "238400856/0300", "")
	for _, tc := range []struct {
		words string
		fail  func()
	}{
		{"You declined this payment on your phone. Nothing was paid.", func() { b.decided(alice, b.reviewed(o), session.Deny) }},
		{"You cancelled the approval. Nothing was paid.", func() { b.reviewed(o); b.at(o).Send(operation.Cancel) }},
	} {
		tc.fail()
		got := b.back(o)
		b.refused(tc.words, got, http.StatusOK, tc.words)
		if !strings.Contains(got.body, `data-testid="payment-failed"`) || !strings.Contains(got.body, "Try again") || strings.Contains(got.body, "payment-waits") {
			t.Error(got.body)
		}
		again := b.sentAway(b.form(o.path))
		if again.operation == o.operation || again.path != o.path {
			t.Errorf("again is %+v, after %+v", again, o)
		}
		o = again
	}
	if got := b.pays(alice, o); !strings.Contains(got.body, "payment-done") || b.balance() != "84249.40CZK" {
		t.Errorf("after all, %s is left: %s", b.balance(), got.body)
	}
	o = b.order("1", "238400856/0300", "")
	b.decided(alice, b.reviewed(o), session.Report)
	b.refused("reported", b.back(o), http.StatusOK, "You reported this request on your phone as not yours, so for 15 minutes nothing of ours reaches it.")
	if again := b.sentAway(b.form(o.path)); again.path != o.path || b.balance() != "84249.40CZK" {
		t.Errorf("again is %+v, and %s is left", again, b.balance())
	}
}

// Who begins the approval anew has one that counts: the one before is given up, and if
// a phone has just approved that, it is what pays.
func TestBeginAnew(t *testing.T) {
	tn := newTown(t)
	alice, b := tn.Phone(0), tn.browser()
	b.login(alice)
	first := b.order("1", "238400856/0300", "")
	asked := b.reviewed(first)
	// In two tabs at once.
	var tabs sync.WaitGroup
	ends := make([]page, 2)
	for i := range ends {
		tabs.Go(func() { ends[i] = b.form(first.path) })
	}
	tabs.Wait()
	for _, end := range ends { // the page may be the first tab's before it has the cookie for both
		if !strings.HasPrefix(end.path, tn.Issuer+"/login?operation=") {
			t.Errorf("sent to %d %s", end.status, end.path)
		}
	}
	if got := b.get(first.path + "/approval"); got.status != http.StatusOK || !strings.HasPrefix(got.path, tn.Issuer+"/login?operation=") {
		t.Errorf("going on leads to %d %s", got.status, got.path)
	}
	second := b.sentAway(b.form(first.path))
	if now := tn.Desk(0).Ask(first.operation); now.Result != "FAILED" || now.Reason != "cancelled" || second.operation == first.operation {
		t.Errorf("the first is %+v, and the second %s", now, second.operation)
	}
	if _, err := alice.Claim(rig.Ctx(t), asked.SessionID, ""); err == nil {
		t.Error("the first can still be approved")
	}
	if open := tn.Desk(0).List(alice.Token, "CONTINUE"); len(open) != 1 || open[0] != second.operation {
		t.Errorf("%v are open, want %s", open, second.operation)
	}
	b.decided(alice, b.reviewed(second), session.Approve)
	if got := b.form(first.path); got.path != first.path || !strings.Contains(got.body, "payment-done") || b.balance() != "84249.40CZK" {
		t.Errorf("%s: %s is left", got.path, b.balance())
	}
}

// Two payments in one browser are two: each ends by itself.
func TestTwoPayments(t *testing.T) {
	tn := newTown(t)
	alice, b := tn.Phone(0), tn.browser()
	b.login(alice)
	first, second := b.order("1", "238400856/0300", ""), b.order("2", "238400856/0300", "")
	one, two := b.reviewed(first), b.reviewed(second)
	b.decided(alice, two, session.Approve)
	if got := b.back(second); !strings.Contains(got.body, "payment-done") || b.balance() != "84248.40CZK" {
		t.Errorf("the second: %s", got.body)
	}
	if got := b.get(first.path); !strings.Contains(got.body, "payment-waits") {
		t.Errorf("the first: %s", got.body)
	}
	b.decided(alice, one, session.Approve)
	if got := b.back(first); !strings.Contains(got.body, "payment-done") || b.balance() != "84247.40CZK" {
		t.Errorf("the first: %s", got.body)
	}
}

// A server's page is opened by the browser's own redirect: it is no form of the bank's
// that other addresses can be put into.
func TestSentAwayNowhereElse(t *testing.T) {
	tn := newTown(t)
	b := tn.browser()
	b.login(tn.Phone(0))
	b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	fields := url.Values{"amount": {"1"}, "currency": {"CZK"}, "account": {"238400856/0300"}, "returnUrl": {"https://evil.example/"}, "url": {"https://evil.example/"}}
	got := b.do(http.MethodPost, "/pay?url=https://evil.example/", "application/x-www-form-urlencoded", fields.Encode())
	id, there := strings.CutPrefix(got.head.Get("Location"), tn.Issuer+"/login?operation=")
	if got.status != http.StatusSeeOther || !there {
		t.Fatalf("%d to %s", got.status, got.head.Get("Location"))
	}
	if now := tn.Desk(0).Ask(id); now.Result != "CONTINUE" {
		t.Errorf("%+v", now)
	}
}
