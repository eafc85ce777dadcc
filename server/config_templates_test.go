package server

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/operation/form"
)

// The example in docs/operations.md is a good one, and is filled as its words say.
func TestTemplateOfTheDocuments(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\ntemplates:\n")
	example, _, found := strings.Cut(example, "```")
	if !found {
		t.Fatal("docs/operations.md has no templates")
	}
	cfg, err := Load(Source{File: "c.yaml", Content: []byte(minimal + "templates:\n" + example)})
	if err != nil {
		t.Fatal(err)
	}
	x := cfg.OperationTemplates()["pay_invoice"]
	if x.Flow != "authorize_payment" || x.Expiry != 5*time.Minute || x.Attempts != 3 || x.Factors != 1 {
		t.Errorf("%+v", x)
	}
	values := map[string]string{}
	for _, name := range x.Text.Parameters() {
		values[name] = map[string]string{"amount": "100.50", "currency": "EUR", "iban": "DE89370400440532013000", "number": "1042", "note": "Two pairs * of shoes"}[name]
	}
	data, f, err := x.Text.Fill(values, form.Texts{}, "")
	if err != nil || data != `A1*A100.50EUR*IDE89370400440532013000*R1042**NTwo pairs \* of shoes` || !strings.Contains(string(f.Compact()), "You pay 100.50 EUR to Acme Shop for order 1042.") {
		t.Errorf("%s %+v %v", data, f, err)
	}
}

// A template is as short as it can be; its own name is that of its flow.
func TestTemplates(t *testing.T) {
	cfg, err := Load(Source{File: "c.yaml", Content: []byte(minimal + `flows: {refund: {steps: [device]}}
templates:
  refund: {data: "A0*N${note}"}
  long:
    name: login
    data: A0
    form:
      attributes:
        - {type: AMOUNT_CONVERSION, sourceAmount: "1", sourceCurrency: EUR, targetAmount: "${amount}", targetCurrency: CZK, dynamic: true}
        - type: NOTE
          value: |
            two
            lines <b>
`)})
	if err != nil {
		t.Fatal(err)
	}
	x := cfg.OperationTemplates()
	if x["refund"].Flow != "refund" || x["long"].Flow != "login" || !slices.Equal(x["long"].Text.Parameters(), []string{"amount"}) {
		t.Errorf("%+v", x)
	}
	data, f, err := x["refund"].Text.Fill(map[string]string{"note": "n"}, form.Texts{}, "")
	if err != nil || data != "A0*Nn" || f != nil {
		t.Errorf("%s %v %v", data, f, err)
	}
}

// Everything that is wrong is told at once, with its line.
func TestTemplateMistakes(t *testing.T) {
	found := problems(t, Source{File: "c.yaml", Content: []byte(minimal + `templates:
  a b: {name: login, data: A1}
  login: {data: "A1*${x}"}
  nowhere: {data: A1}
  empty: {name: login}
  odd: {name: login, data: A1, colour: red}
  text: device
  short: {name: login, data: A1, expiry: 1s}
  many: {name: login, data: A1, attempts: 99}
  weak: {name: login, data: A1, factors: 2}
  form:
    name: login
    data: A1*A0EUR
    form:
      title: "${"
      attributes:
        - {type: AMOUNT, amount: 7, currency: EUR}
        - {type: NEWER}
`)})
	var got []string
	for _, p := range found {
		got = append(got, strings.TrimPrefix(p.Where, "c.yaml:")+" "+p.Path+": "+p.What)
	}
	base := strings.Count(minimal, "\n") + 2
	for _, want := range []struct {
		line int
		what string
	}{
		{0, "templates.a b: is no name of a template"},
		{1, "templates.login.data.fields[0]: has a ${…} that cannot be there"},
		{2, `templates.nowhere.name: there is no operation "nowhere"`},
		{3, "templates.empty.data: malformed"},
		{4, `templates.odd: has no key "colour"`},
		{5, "templates.text: is no group"},
		{6, "templates.short.expiry: must be 30s to 24h"},
		{7, "templates.many.attempts: must be 1 to 20"},
		{8, "templates.weak.factors: the flow can be gone through with 1 of 2 factors"},
		{11, "templates.form.data.fields[0]: malformed"},
		{15, "templates.form.form.attributes[0].amount: malformed"},
		{16, "templates.form.form.attributes[1].type: unknown"},
	} {
		if full := strconv.Itoa(base+want.line) + " " + want.what; !slices.Contains(got, full) {
			t.Errorf("not told: %s", full)
		}
	}
	if t.Failed() || len(found) != 13 { // text has no flow either
		t.Errorf("told:\n%s", strings.Join(got, "\n"))
	}
}

// Words that a template cannot use are a fault of the file that has them.
func TestTextsFitTemplates(t *testing.T) {
	cfg := withTexts(t, `{"en":{"pay.to":"two\nlines"}}`, "en")
	cfg.Templates = map[string]any{"login": map[string]any{"data": "A1", "form": map[string]any{"attributes": []any{map[string]any{"type": "HEADING", "label": map[string]any{"id": "pay.to"}}}}}}
	_, err := cfg.ReadTexts()
	if err == nil || !strings.Contains(err.Error(), "services[0].texts.file: the file it names does not fit templates.login: en.pay.to: has a hidden character") {
		t.Error(err)
	}
}
