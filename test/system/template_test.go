package system

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign/operation"
	"countersign/server"
	"countersign/test/rig"
)

// templates are those of the tests: pay is a payment, sign has the name of its flow
// and no form.
func templates(c *server.Config) {
	text := func(id, message string) map[string]any { return map[string]any{"id": id, "message": message} }
	c.Templates = map[string]any{
		"pay": map[string]any{"name": "authorize_payment", "data": "A1*A${amount}EUR*Q${account}*R${number}*D${date}*N${note}", "expiry": "2m", "attempts": 2, "factors": 1,
			"form": map[string]any{"title": text("pay", "Pay {sum}"), "summary": "${note} {note}", "attributes": []any{
				map[string]any{"type": "AMOUNT", "id": "sum", "amount": "${amount}", "currency": "EUR"},
				map[string]any{"type": "KEY_VALUE", "label": "To", "value": "${account}", "format": "ACCOUNT"},
				map[string]any{"type": "NOTE", "id": "note", "value": "${note}"}}}},
		"sign": map[string]any{"data": "A0*T${note}"},
	}
}

// invoice are the members of an order by the template pay; names and values in turn
// change its parameters, nil takes one away.
func invoice(change ...any) map[string]any {
	values := map[string]any{"amount": "100.50", "account": "238400856/0300", "number": "1042", "date": "20190629", "note": "Rent"}
	for i := 0; i+1 < len(change); i += 2 {
		name, _ := change[i].(string)
		if values[name] = change[i+1]; values[name] == nil {
			delete(values, name)
		}
	}
	return map[string]any{"template": "pay", "parameters": values}
}

// with adds a member to an order.
func with(order map[string]any, name string, value any) map[string]any {
	order[name] = value
	return order
}

// What a template makes of an order is like any operation: kept, shown, signed, for as
// long and as often as the template says, on every node.
func TestTemplateOrders(t *testing.T) {
	t.Parallel()
	r := backendRig(t, texted(t), templates)
	d, phone := r.Desk(0), r.Phone(0)
	note := `*A1EUR \n ${amount} {sum}` + "\n2 * 3"
	v := d.Order(with(with(invoice("note", note), "tokenId", phone.Token), "externalId", "order-1042"), "Idempotency-Key", "order-1042")
	data := `A1*A100.50EUR*Q238400856/0300*R1042*D20190629*N\*A1EUR \\n ${amount} {sum}\n2 \* 3`
	shown := `*A1EUR \\n ${amount} {sum}\n2 * 3`
	form := `{"title":{"id":"pay","message":"Pay 100.50 EUR"},"summary":"` + shown + " " + shown + `","attributes":[{"type":"AMOUNT","id":"sum","amount":"100.50","currency":"EUR"},` +
		`{"type":"KEY_VALUE","label":"To","value":"238400856/0300","format":"ACCOUNT"},{"type":"NOTE","id":"note","value":"` + shown + `"}]}`
	if v.Name != "authorize_payment" || v.Data != data || string(v.Form) != form || v.ExternalID != "order-1042" {
		t.Errorf("ordered: %+v\n%s\n%s", v, v.Form, form)
	}
	from, _ := time.Parse(time.RFC3339, v.CreatedAt)
	if to, err := time.Parse(time.RFC3339, v.ExpiresAt); err != nil || to.Sub(from) != 2*time.Minute {
		t.Errorf("from %s to %s", v.CreatedAt, v.ExpiresAt)
	}
	if again := d.At(1).Order(with(with(invoice("note", note), "tokenId", phone.Token), "externalId", "order-1042"), "Idempotency-Key", "order-1042"); again.OperationID != v.OperationID {
		t.Errorf("again: %+v", again)
	}
	p := r.Open(1, v.OperationID)
	p.Send(operation.Choose, "method", "device")
	for n := range 2 { // the bound is kept with the operation
		if a := p.At(n).Send(operation.Init); a.Data.RemainingAttempts == nil || *a.Data.RemainingAttempts != 2 {
			t.Errorf("node %d: %+v", n, a.Data.RemainingAttempts)
		}
	}
	r.Approve(phone, p.Start(false))
	if got := d.At(1).Ask(v.OperationID); got.Proof == nil || !strings.Contains(got.Proof.Display, `"data":"`+strings.ReplaceAll(data, `\`, `\\`)+`","form":`+form) {
		t.Errorf("signed: %+v", got.Proof)
	}
	if v := d.Order(map[string]any{"template": "sign", "tokenId": phone.Token, "parameters": map[string]any{"note": "x"}}); v.Name != "sign" || v.Data != "A0*Tx" || v.Form != nil {
		t.Errorf("without a form: %+v", v)
	}
}

// What is wrong with an order by a template is named, and nothing begins.
func TestTemplateOrdersRefused(t *testing.T) {
	t.Parallel()
	r := backendRig(t, texted(t), templates)
	d, phone := r.Desk(0), r.Phone(0)
	for _, x := range []struct {
		order  map[string]any
		detail string
	}{
		{invoice("amount", nil), "parameters.amount"}, {invoice("amount", ""), "parameters.amount"}, {invoice("amount", 7), "parameters.amount"},
		{invoice("amount", "0"), "parameters.amount"}, {invoice("amount", "1EUR*A2"), "parameters.amount"},
		{invoice("account", "a\nb"), "parameters.account"}, {invoice("date", "20190230"), "parameters.date"},
		{invoice("note", "\u202e"), "parameters.note"}, {invoice("note", strings.Repeat("x", 1001)), "parameters.note"},
		{invoice("other", "x"), "parameters.other"}, {invoice("o ther", "x"), "parameters"},
		{map[string]any{"template": "pay"}, "parameters.account"}, {with(invoice(), "parameters", "x"), "parameters"}, {with(invoice(), "template", ""), "template"},
		{with(invoice(), "name", "authorize_payment"), "name"}, {with(invoice(), "data", rig.Data), "data"}, {with(invoice(), "form", map[string]any{}), "form"},
		{with(invoice(), "language", "*"), "language"}, {with(invoice(), "returnUrl", "https://bob.example/"), "returnUrl"},
		{rig.Payment(nil, "parameters", map[string]any{}), "parameters"}, {rig.Payment(nil, "template", 7), "template"},
	} {
		x.order["tokenId"] = phone.Token
		a := d.TryOrder(x.order)
		if r.Refused(rig.JSON(x.order), a, http.StatusBadRequest, "invalid_request"); a.Problem.Detail != "invalid: "+x.detail {
			t.Errorf("%s: %q, want %q", rig.JSON(x.order), a.Problem.Detail, x.detail)
		}
	}
	r.Refused("null", d.Send(http.MethodPost, "/operations", `{"template":"sign","parameters":{"note":null}}`), http.StatusBadRequest, "invalid_request")
	r.Refused("twice", d.Send(http.MethodPost, "/operations", `{"template":"sign","parameters":{"note":"a","note":"b"}}`), http.StatusBadRequest, "invalid_request")
	r.Refused("no such template", d.TryOrder(with(invoice(), "template", "authorize_payment")), http.StatusUnprocessableEntity, "operation_unknown")
	if got := d.List(phone.Token, ""); len(got) != 0 {
		t.Errorf("begun: %v", got)
	}
}
