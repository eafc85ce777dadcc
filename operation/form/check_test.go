package form_test

import (
	"errors"
	"testing"

	"countersign/operation/form"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		data, attribute, path string // no path: they agree
	}{
		{"A1*A100EUR", `{"type":"AMOUNT","amount":"100.00","currency":"EUR"}`, ""},
		{"A1*A100.10EUR", `{"type":"AMOUNT","amount":"100.1","currency":"EUR"}`, ""},
		{"A1*A100EUR", `{"type":"AMOUNT","amount":"100.01","currency":"EUR"}`, "amount"},
		{"A1*A100EUR", `{"type":"AMOUNT","amount":"1000","currency":"EUR"}`, "amount"},
		{"A1*A100EUR", `{"type":"AMOUNT","amount":"100","currency":"CZK"}`, "amount"},
		{"A2", `{"type":"AMOUNT","amount":"100","currency":"EUR"}`, "amount"},
		{"A1*A100EUR*A5EUR", `{"type":"AMOUNT","amount":"5","currency":"EUR"}`, ""},
		{"A1*A100EUR", `{"type":"AMOUNT_CONVERSION","sourceAmount":"2500","sourceCurrency":"CZK","targetAmount":"100.0","targetCurrency":"EUR"}`, ""},
		{"A1*A2500CZK", `{"type":"AMOUNT_CONVERSION","sourceAmount":"2500","sourceCurrency":"CZK","targetAmount":"100","targetCurrency":"EUR"}`, ""},
		{"A1*A100EUR", `{"type":"AMOUNT_CONVERSION","sourceAmount":"100","sourceCurrency":"CZK","targetAmount":"4","targetCurrency":"EUR"}`, "sourceAmount"},

		{"A1**IDE89370400440532013000", `{"type":"KEY_VALUE","label":"To","value":"DE89 3704 0044 0532 0130 00"}`, ""},
		{"A1**IDE89370400440532013000", `{"type":"KEY_VALUE","label":"To","value":"de89\u00a0370400440532013000"}`, ""},
		{"A1**IDE89370400440532013000", `{"type":"KEY_VALUE","label":"To","value":"CZ65 0800 0000 1920 0014 5399"}`, "value"},
		{"A1**IDE89370400440532013000", `{"type":"KEY_VALUE","label":"To","value":"DE89370400440532013001"}`, "value"},
		{"A1**IDE89370400440532013000", `{"type":"KEY_VALUE","label":"To","value":"CZ6508000000192000145399","format":"TEXT"}`, "value"},
		{"A1**IDE89370400440532013000", `{"type":"KEY_VALUE","label":"To","value":"CZ65-0800-0000-1920-0014-5399"}`, "value"},
		{"A1**IDE89370400440532013000", `{"type":"KEY_VALUE","label":"To","value":"CZ65\u20110800.0000/1920 0014 5399","format":"TEXT"}`, "value"},
		{"A1**IDE89370400440532013000", `{"type":"KEY_VALUE","label":"To","value":"DE89-3704-0044-0532-0130-00"}`, ""},
		{"A1**IDE89370400440532013000", `{"type":"KEY_VALUE","label":"Order","value":"PO20240000012345"}`, ""},
		{"A1**Q238400856/0300", `{"type":"KEY_VALUE","label":"To","value":"238400856/0300"}`, ""},
		{"A1**Q238400856/0300", `{"type":"KEY_VALUE","label":"To","value":"238400857/0300"}`, "value"},
		{"A1**Q238400856/0300", `{"type":"KEY_VALUE","label":"To","value":"238400856/0800"}`, "value"},
		{"A1**Q19-2000145399/0800", `{"type":"KEY_VALUE","label":"To","value":"19 - 2000145399 / 0800"}`, ""},
		{"A1**Qacct 7 of Bob", `{"type":"KEY_VALUE","label":"To","value":"ACCT 7 of Bob","format":"ACCOUNT"}`, ""},
		{"A1**Qacct 7 of Bob", `{"type":"KEY_VALUE","label":"To","value":"acct 8 of Bob","format":"ACCOUNT"}`, "value"},
		{"A1**Qacct 7 of Bob", `{"type":"KEY_VALUE","id":"operation.account","label":"To","value":"acct 8"}`, "value"},
		{"A1**Qacct 7 of Bob", `{"type":"KEY_VALUE","id":"IBAN","label":"To","value":{"id":"a","message":"acct 8"}}`, "value"},
		{"A1*A1EUR", `{"type":"KEY_VALUE","id":"account","label":"To","value":"238400856/0300"}`, "value"},

		// No accounts.
		{"A1**Q238400856/0300", `{"type":"KEY_VALUE","label":"Month","value":"05/2019"}`, ""},
		{"A1**Q238400856/0300", `{"type":"KEY_VALUE","label":"Reference","value":"RF18 5390 0754 7034"}`, ""},
		{"A1**Q238400856/0300", `{"type":"KEY_VALUE","label":"Invoice","value":"20240001/2024","format":"TEXT"}`, ""},
		{"A1**Q238400856/0300", `{"type":"KEY_VALUE","label":"Fee","value":"5.00 EUR"}`, ""},
		{"A1**Q238400856/0300", `{"type":"KEY_VALUE","id":"account","label":"Later","value":{"id":"a"}}`, ""},
		{"A1**Q238400856/0300", `{"type":"NOTE","id":"account","value":"238400857/0300"}`, ""},
		{"A1**Q238400856/0300", `{"type":"CHOICE","label":"From","options":[{"id":"a","label":"238400857/0300"}]}`, ""},
		{"A1*A1EUR*Q238400856/0300", `{"type":"HEADING","label":"a"}`, ""},
	} {
		d, err := form.ParseData(c.data)
		if err != nil {
			t.Fatal(c.data, err)
		}
		f, err := form.Parse([]byte(`{"title":"1 CZK to 1/0100","attributes":[{"type":"HEADING","label":"first"},` + c.attribute + `]}`))
		if err != nil {
			t.Fatal(c.attribute, err)
		}
		err = form.Check(d, f)
		var got *form.Error
		switch {
		case c.path == "" && err != nil:
			t.Errorf("%s and %s: %v", c.data, c.attribute, err)
		case c.path != "" && (!errors.As(err, &got) || !errors.Is(err, form.ErrMismatch) || got.Path != "attributes[1]."+c.path):
			t.Errorf("%s and %s: %v, want %s", c.data, c.attribute, err, c.path)
		}
	}
}
