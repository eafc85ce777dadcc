package system

import (
	"strings"
	"testing"

	"countersign/api"
	"countersign/test/rig"
)

const payment = "A1*A100.50EUR*IDE89370400440532013000*R7**NRent"

// everyKind has an attribute of each kind with all that it can have.
const everyKind = `{"type":"AMOUNT","id":"a","label":"l","amount":"100.50","currency":"EUR"},` +
	`{"type":"AMOUNT_CONVERSION","id":"b","label":"l","sourceAmount":"100.50","sourceCurrency":"EUR","targetAmount":"2500","targetCurrency":"CZK","dynamic":true},` +
	`{"type":"KEY_VALUE","id":"c","label":"l","value":"DE89370400440532013000","format":"ACCOUNT"},` +
	`{"type":"NOTE","id":"d","label":"l","value":"v"},` +
	`{"type":"HEADING","id":"e","label":"l"},` +
	`{"type":"ALERT","id":"f","label":"l","value":"v","alertType":"ERROR"},` +
	`{"type":"PARTY_INFO","id":"g","label":"l","name":"n","description":"d","logoUrl":"https://bob.example/l.png","websiteUrl":"https://bob.example"},` +
	`{"type":"IMAGE","id":"h","label":"l","thumbnailUrl":"https://bob.example/s.png","originalUrl":"https://bob.example/l.png"},` +
	`{"type":"CHOICE","id":"i","label":"l","options":[{"id":"x","label":"y"}],"selected":"x"}`

// startForm starts a session whose operation has data and a form.
func startForm(r *rig.Rig, p *api.Phone, data, form string) rig.Answer {
	return r.Send(0, "POST", initiate, `{"tokenId":"`+p.Token+`","operation":{"name":"pay","data":"`+data+`","form":`+form+`}}`,
		"Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret))
}

// The phone shows the form in its one way of writing, with the values where the texts name them.
func TestOperationFormShown(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	for _, x := range []struct{ data, form, shown string }{
		{payment, `{}`, `{}`},
		{payment, `{"summary":"Pay {operation.amount}", "title":{"id":"pay","message":"<Payment>"}, "attributes":[
			{"currency":"EUR","amount":"100.5","id":"operation.amount","type":"AMOUNT"},
			{"type":"KEY_VALUE","label":"To","value":"DE89 3704 0044 0532 0130 00"}]}`,
			`{"title":{"id":"pay","message":"<Payment>"},"summary":"Pay 100.5 EUR","attributes":[` +
				`{"type":"AMOUNT","id":"operation.amount","amount":"100.5","currency":"EUR"},` +
				`{"type":"KEY_VALUE","label":"To","value":"DE89 3704 0044 0532 0130 00"}]}`},
		{payment, `{"attributes":[{"type":"CHOICE","options":[{"id":"a","label":{"id":"b","message":"eight deep"}}]}]}`,
			`{"attributes":[{"type":"CHOICE","options":[{"id":"a","label":{"id":"b","message":"eight deep"}}]}]}`},
		{payment, `{"attributes":[` + everyKind + `]}`, `{"attributes":[` + everyKind + `]}`},
		// Free text says nothing that a form could contradict.
		{"pay Bob", `{"attributes":[{"type":"AMOUNT","amount":"7","currency":"EUR"}]}`, `{"attributes":[{"type":"AMOUNT","amount":"7","currency":"EUR"}]}`},
	} {
		rig.CheckForm(t, []byte(x.form))
		p := r.Phone(0)
		c := r.Claim(p, started(t, r, startForm(r, p, x.data, x.form)).SessionID, "")
		if want := `"operation":{"name":"pay","data":"` + x.data + `","form":` + x.shown + `}`; !strings.Contains(c.Display, want) {
			t.Errorf("%s\nis not in %s", want, c.Display)
		}
	}
}

func TestOperationFormRefused(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	p := r.Phone(0)
	for _, x := range []struct{ form, code, member string }{
		{`{"titel":"a"}`, "invalid_request", "operation.form.titel"},
		{`{"title":{"id":"a"}}`, "invalid_request", "operation.form.title"},
		{`{"attributes":[{"type":"HEADING","label":"a"},{"type":"AMOUNT","amount":"1e2","currency":"EUR"}]}`, "invalid_request", "operation.form.attributes[1].amount"},
		{`{"attributes":[{"type":"NEWER"}]}`, "invalid_request", "operation.form.attributes[0].type"},
		{`{"attributes":[{"type":"NOTE","value":"a","secret":"b"}]}`, "invalid_request", "operation.form.attributes[0].secret"},
		{`{"attributes":[{"type":"NOTE","value":null}]}`, "invalid_request", "operation.form.attributes[0].value"},
		{`{"attributes":[{"type":"IMAGE","thumbnailUrl":"http://a.example"}]}`, "invalid_request", "operation.form.attributes[0].thumbnailUrl"},
		{`{"title":"` + strings.Repeat("x", 1001) + `"}`, "invalid_request", "operation.form.title"},
		{`{` + strings.Repeat(" ", 8<<10) + `}`, "invalid_request", "operation.form"},
		{`{"attributes":[{"type":"AMOUNT","amount":"100.51","currency":"EUR"}]}`, "form_mismatch", "operation.form.attributes[0].amount"},
		{`{"attributes":[{"type":"KEY_VALUE","label":"To","value":"CZ6508000000192000145399"}]}`, "form_mismatch", "operation.form.attributes[0].value"},
		{`{"attributes":[{"type":"KEY_VALUE","label":"To","value":"238400856/0300"}]}`, "form_mismatch", "operation.form.attributes[0].value"},
	} {
		a := startForm(r, p, payment, x.form)
		status := 400
		if x.code == "form_mismatch" {
			status = 422
		}
		r.Refused(x.form, a, status, x.code)
		if words := strings.Fields(a.Problem.Detail); len(words) == 0 || words[0] != x.member && words[len(words)-1] != x.member {
			t.Errorf("%s: detail %q", x.form, a.Problem.Detail)
		}
	}
	// Data that is meant to be structured is not taken for free text, which no form could contradict.
	for _, data := range []string{"A1*A100.50EUR*NPay * now", "A1*A100", "A1*A0EUR", "A1*IDE89370400440532013001", `A1*NC:\\temp`, "A1*a*b*c*d*e*f"} {
		a := startForm(r, p, data, `{"attributes":[{"type":"AMOUNT","amount":"7","currency":"EUR"}]}`)
		if r.Refused(data, a, 400, "invalid_request"); a.Problem.Detail != "invalid: operation.data" {
			t.Errorf("%s: detail %q", data, a.Problem.Detail)
		}
	}
	// A back end's operation names its members from further in.
	for form, want := range map[string]string{
		`{"a":1}`: "invalid: form.a",
		`{"attributes":[{"type":"AMOUNT","amount":"7","currency":"EUR"}]}`: "form.attributes[0].amount is not what data says",
	} {
		a := r.Send(0, "POST", "/operations", `{"name":"pay","data":"`+payment+`","form":`+form+`}`, "Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret))
		if a.Problem.Detail != want {
			t.Errorf("%s: %d %q", form, a.Status, a.Problem.Detail)
		}
	}
	// Whoever may not ask for an operation does not learn what is wrong with one.
	r.Refused("a page", r.Send(0, "POST", initiate, `{"serviceId":"demo","operation":{"name":"pay","data":"`+payment+`","form":{"a":1}}}`,
		"Origin", rig.Origin), 403, "service_auth_required")
}
