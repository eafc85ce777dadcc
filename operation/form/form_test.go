package form_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"countersign/device"
	"countersign/operation/form"

	"pgregory.net/rapid"
)

// everything has every type with every member, in the canonical order.
const everything = `{"title":{"id":"pay.title","message":"Payment"},"greeting":"Please check <b> & approve.","summary":"You pay\n{operation.amount}","attributes":[` +
	`{"type":"AMOUNT","id":"operation.amount","label":"Amount","amount":"100.50","currency":"EUR"},` +
	`{"type":"AMOUNT_CONVERSION","id":"conversion","label":"Rate","sourceAmount":"100.50","sourceCurrency":"EUR","targetAmount":"2500","targetCurrency":"CZK","dynamic":true},` +
	`{"type":"KEY_VALUE","id":"operation.account","label":{"id":"pay.to"},"value":"DE89 3704 0044 0532 0130 00","format":"ACCOUNT"},` +
	`{"type":"NOTE","id":"operation.note","label":"Note","value":"Rent"},` +
	`{"type":"HEADING","id":"details","label":"Details"},` +
	`{"type":"ALERT","id":"alert","label":"Attention","value":{"id":"pay.new","message":"New payee"},"alertType":"WARNING"},` +
	`{"type":"PARTY_INFO","id":"payee","label":"Payee","name":"Bob’s Shop","description":"Shoes","logoUrl":"https://bob.example/logo.png","websiteUrl":"https://bob.example/"},` +
	`{"type":"IMAGE","id":"picture","label":"The shoes","thumbnailUrl":"https://bob.example/s.png","originalUrl":"https://bob.example/l.png?a=1#b"},` +
	`{"type":"CHOICE","id":"from","label":"From","options":[{"id":"a","label":"Everyday account"},{"id":"b","label":{"id":"pay.b","message":"Savings"}}],"selected":"b"}]}`

func TestEveryKind(t *testing.T) {
	f, err := form.Parse([]byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(f.Compact()); got != everything {
		t.Errorf("written as\n%s, not\n%s", got, everything)
	}
	var shown []string
	for _, a := range f.Attributes {
		shown = append(shown, a.Shown())
	}
	want := []string{"100.50 EUR", "100.50 EUR → 2500 CZK", "DE89 3704 0044 0532 0130 00", "Rent", "Details", "New payee", "Bob’s Shop", "The shoes", "Savings"}
	if !reflect.DeepEqual(shown, want) {
		t.Errorf("shown: %q", shown)
	}
}

// The forms that our own programs send.
func TestFormsAtHand(t *testing.T) {
	for _, raw := range []string{
		`{}`,
		` { "attributes" : [ ] } `,
		`{"title":"Payment","summary":"Rent to Bob"}`,
		`{"attributes":[{"id":"binding_message","label":"Message","type":"NOTE","value":"Table 4*"}]}`,
		`{"attributes":[{"amount":"100.25","currency":"CZK","id":"operation.amount","label":"Amount","type":"AMOUNT"},` +
			`{"id":"operation.account","label":"To account","type":"KEY_VALUE","value":"238400856/0300"},` +
			`{"id":"operation.note","label":"Note","type":"NOTE","value":"Rent *May* \\ June"}],` +
			`"greeting":"Please check the payment before you approve it.","summary":"Pay 100.25 CZK to 238400856/0300","title":"Payment"}`,
		`{"attributes":[{"type":"AMOUNT","amount":"1","currency":"EUR"},{"type":"NOTE","value":"a"},{"type":"NOTE","value":"b"}]}`,
		`{"attributes":[{"type":"AMOUNT_CONVERSION","sourceAmount":"1","sourceCurrency":"EUR","targetAmount":"2","targetCurrency":"CZK","dynamic":false}]}`,
		`{"attributes":[{"type":"KEY_VALUE","label":"Day","value":"2019-06-29","format":"DATE"},{"type":"KEY_VALUE","label":"Rate","value":"-0.25","format":"NUMBER"}]}`,
	} {
		f, err := form.Parse([]byte(raw))
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		again, err := form.Parse(f.Compact())
		if err != nil || !reflect.DeepEqual(again.Compact(), f.Compact()) {
			t.Errorf("%s is written as %s: %v", raw, f.Compact(), err)
		}
	}
}

// attribute puts an attribute into a form.
func attribute(raw string) string { return `{"attributes":[` + raw + `]}` }

func many(n int, raw string) string { return strings.TrimSuffix(strings.Repeat(raw+",", n), ",") }

// A formError is a form that is refused, with the member that is to blame.
type formError struct {
	raw, path string
	err       error
}

func refused(t *testing.T, cases []formError) {
	t.Helper()
	for _, c := range cases {
		f, err := form.Parse([]byte(c.raw))
		var got *form.Error
		if !errors.As(err, &got) || !errors.Is(err, c.err) || got.Path != c.path {
			t.Errorf("%.200s: %v, want %q %v", c.raw, err, c.path, c.err)
		}
		if !reflect.DeepEqual(f, form.Form{}) {
			t.Errorf("%.200s: %+v came with the error", c.raw, f)
		}
	}
}

func TestFormErrors(t *testing.T) {
	long := strings.Repeat("é", form.MaxText)
	refused(t, []formError{
		{``, "", form.ErrMalformed},
		{`null`, "", form.ErrMalformed},
		{`[]`, "", form.ErrMalformed},
		{`"a"`, "", form.ErrMalformed},
		{`{}{}`, "", form.ErrMalformed},
		{`{"title":"a",}`, "", form.ErrMalformed},
		{`{"title":"` + "\xff" + `"}`, "", form.ErrMalformed},
		{`{"title":"a","title":"a"}`, "title", form.ErrMalformed},
		{`{"title":null}`, "title", form.ErrMalformed},
		{`{"title":1}`, "title", form.ErrMalformed},
		{`{"title":["a"]}`, "title", form.ErrMalformed},
		{`{"title":""}`, "title", form.ErrMissing},
		{`{"title":{}}`, "title", form.ErrMissing},
		{`{"title":{"id":"a","message":""}}`, "title.message", form.ErrMalformed},
		{`{"title":{"id":"a b"}}`, "title.id", form.ErrMalformed},
		{`{"title":{"id":"a","text":"b"}}`, "title.text", form.ErrUnknown},
		{`{"title":{"id":"a","id":"b"}}`, "title.id", form.ErrMalformed},
		{`{"title":{"id":{"id":"a"}}}`, "title.id", form.ErrMalformed},
		{`{"Title":"a"}`, "Title", form.ErrUnknown},
		{`{"n":1.50}`, "n", form.ErrUnknown},
		{`{"a b":1}`, "", form.ErrUnknown},
		{`{"\u202e":1}`, "", form.ErrUnknown},
		{`{"` + strings.Repeat("x", 65) + `":1}`, "", form.ErrUnknown},
		{`{"title":"` + long + `é"}`, "title", form.ErrSize},
		{`{"title":"a\tb"}`, "title", form.ErrHidden},
		{`{"title":"a\r\n"}`, "title", form.ErrHidden},
		{`{"summary":"\u202e"}`, "summary", form.ErrHidden},
		{`{"greeting":{"id":"a","message":"\u2066"}}`, "greeting", form.ErrHidden},
		{`{"attributes":{}}`, "attributes", form.ErrMalformed},
		{`{"attributes":[` + many(33, `{"type":"NOTE","value":"a"}`) + `]}`, "attributes", form.ErrSize},
		{`{"attributes":[[[[[[[1]]]]]]]}`, "attributes[0][0][0][0][0]", form.ErrMalformed},
		{attribute(many(9, `{"type":"NOTE","value":"`+strings.Repeat("x", 900)+`"}`)), "", form.ErrSize},
	})
	if _, err := form.Parse([]byte(`{"title":"` + long + `"}`)); err != nil {
		t.Errorf("%d characters: %v", form.MaxText, err)
	}
}

func TestAttributeErrors(t *testing.T) {
	refused(t, []formError{
		{attribute(`1`), "attributes[0]", form.ErrMalformed},
		{attribute(`{}`), "attributes[0].type", form.ErrMissing},
		{attribute(`{"id":"a","type":"NEWER"}`), "attributes[0].type", form.ErrUnknown},
		{attribute(`{"type":"amount"}`), "attributes[0].type", form.ErrUnknown},
		{attribute(`{"type":1}`), "attributes[0].type", form.ErrMalformed},
		{attribute(`{"type":"NOTE","value":"a"},{"type":"AMOUNT","currency":"EUR"}`), "attributes[1].amount", form.ErrMissing},
		{attribute(`{"type":"AMOUNT","amount":"1"}`), "attributes[0].currency", form.ErrMissing},
		{attribute(`{"type":"AMOUNT","amount":1,"currency":"EUR"}`), "attributes[0].amount", form.ErrMalformed},
		{attribute(`{"type":"AMOUNT","amount":"0.00","currency":"EUR"}`), "attributes[0].amount", form.ErrMalformed},
		{attribute(`{"type":"AMOUNT","amount":"1,000.00","currency":"EUR"}`), "attributes[0].amount", form.ErrMalformed},
		{attribute(`{"type":"AMOUNT","amount":"1","currency":"€"}`), "attributes[0].currency", form.ErrMalformed},
		{attribute(`{"type":"AMOUNT","amount":"1","currency":"EUR","value":"2"}`), "attributes[0].value", form.ErrUnknown},
		{attribute(`{"type":"AMOUNT","id":"","amount":"1","currency":"EUR"}`), "attributes[0].id", form.ErrMalformed},
		{attribute(`{"type":"AMOUNT_CONVERSION","sourceAmount":"1","sourceCurrency":"EUR","targetAmount":"x","targetCurrency":"CZK"}`), "attributes[0].targetAmount", form.ErrMalformed},
		{attribute(`{"type":"AMOUNT_CONVERSION","sourceAmount":"1","sourceCurrency":"EUR","targetAmount":"1","targetCurrency":"CZK","dynamic":"yes"}`), "attributes[0].dynamic", form.ErrMalformed},
		{attribute(`{"type":"KEY_VALUE","id":"a","value":"b"}`), "attributes[0].label", form.ErrMissing},
		{attribute(`{"type":"KEY_VALUE","label":"a"}`), "attributes[0].value", form.ErrMissing},
		{attribute(`{"type":"KEY_VALUE","label":"a","value":{"deep":true}}`), "attributes[0].value.deep", form.ErrUnknown},
		{attribute(`{"type":"KEY_VALUE","label":"a","value":"b","format":"HTML"}`), "attributes[0].format", form.ErrMalformed},
		{attribute(`{"type":"KEY_VALUE","label":"a","value":"29.6.2019","format":"DATE"}`), "attributes[0].value", form.ErrMalformed},
		{attribute(`{"type":"KEY_VALUE","label":"a","value":"1e3","format":"NUMBER"}`), "attributes[0].value", form.ErrMalformed},
		{attribute(`{"type":"KEY_VALUE","label":"a","value":"1\n2","format":"ACCOUNT"}`), "attributes[0].value", form.ErrMalformed},
		{attribute(`{"type":"NOTE","value":"a","format":"TEXT"}`), "attributes[0].format", form.ErrUnknown},
		{attribute(`{"type":"NOTE","value":"\u0000"}`), "attributes[0].value", form.ErrHidden},
		{attribute(`{"type":"HEADING","label":"Total\nAmount: 1 EUR"}`), "attributes[0].label", form.ErrHidden},
		{attribute(`{"type":"PARTY_INFO","name":"Bob\nwebsite https://bank.example/"}`), "attributes[0].name", form.ErrHidden},
		{attribute(`{"type":"PARTY_INFO","name":"Bob","description":"Shoes\nWebsite: https://bank.example/"}`), "attributes[0].description", form.ErrHidden},
		{attribute(`{"type":"HEADING","label":"a","value":"b"}`), "attributes[0].value", form.ErrUnknown},
		{attribute(`{"type":"ALERT","value":"a","alertType":"PANIC"}`), "attributes[0].alertType", form.ErrMalformed},
		{attribute(`{"type":"PARTY_INFO","name":"a","websiteUrl":"http://a.example"}`), "attributes[0].websiteUrl", form.ErrMalformed},
		{attribute(`{"type":"PARTY_INFO","description":"a"}`), "attributes[0].name", form.ErrMissing},
		{attribute(`{"type":"IMAGE","originalUrl":"https://a.example"}`), "attributes[0].thumbnailUrl", form.ErrMissing},
		{attribute(`{"type":"CHOICE","options":[]}`), "attributes[0].options", form.ErrMissing},
		{attribute(`{"type":"CHOICE","options":["a"]}`), "attributes[0].options[0]", form.ErrMalformed},
		{attribute(`{"type":"CHOICE","options":[{"label":"b"}]}`), "attributes[0].options[0].id", form.ErrMissing},
		{attribute(`{"type":"CHOICE","options":[{"id":"a"}]}`), "attributes[0].options[0].label", form.ErrMissing},
		{attribute(`{"type":"CHOICE","options":[{"id":"a","label":"b"},{"id":"a","label":"c"}]}`), "attributes[0].options[1].id", form.ErrMalformed},
		{attribute(`{"type":"CHOICE","options":[{"id":"a","label":"b","price":1}]}`), "attributes[0].options[0].price", form.ErrUnknown},
		{attribute(`{"type":"CHOICE","options":[{"id":"a","label":"b"}],"selected":"c"}`), "attributes[0].selected", form.ErrMalformed},
		{attribute(`{"type":"CHOICE","options":[` + many(17, `{"id":"a","label":"b"}`) + `]}`), "attributes[0].options", form.ErrSize},
		{attribute(`{"type":"NOTE","id":"a","value":"b"},{"type":"NOTE","id":"a","value":"b"}`), "attributes[1].id", form.ErrMalformed},
	})
}

func TestAddresses(t *testing.T) {
	for address, good := range map[string]bool{
		"https://a.example": true, "https://a.example:8443/b?c=d%20e#f": true, "https://[2001:db8::1]/": true,
		"http://a.example": false, "HTTPS://a.example": false, "//a.example": false, "a.example": false, "javascript:alert(1)": false,
		"data:image/png;base64,AAAA": false, "https://": false, "https:///a": false, "https://:443/": false, "https://user@a.example": false,
		"https://bank.example@evil.example": false, "https://bänk.example": false, "https://a.example/ b": false, "https://a.example/%zz": false,
		"https://a.example:x/": false, "https://a.example/" + strings.Repeat("x", 512): false,
	} {
		raw, err := json.Marshal(map[string]any{"attributes": []map[string]string{{"type": "IMAGE", "thumbnailUrl": address}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := form.Parse(raw); (err == nil) != good {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// A form that a program built is judged like one that came.
func TestValidateBuilt(t *testing.T) {
	note := func(change func(*form.Attribute)) form.Form {
		a := form.Attribute{Type: form.TypeNote, Value: form.Words("a")}
		change(&a)
		return form.Form{Attributes: []form.Attribute{a}}
	}
	for want, f := range map[string]form.Form{
		"":                       note(func(*form.Attribute) {}),
		"attributes[0].amount":   note(func(a *form.Attribute) { a.Amount.Value = "1" }),
		"attributes[0].options":  note(func(a *form.Attribute) { a.Options = []form.Option{{ID: "a", Label: form.Words("b")}} }),
		"attributes[0].dynamic":  note(func(a *form.Attribute) { a.Dynamic = true }),
		"attributes[0].type":     note(func(a *form.Attribute) { a.Type = "" }),
		"attributes[0].value":    note(func(a *form.Attribute) { a.Value = form.Words("\xff") }),
		"attributes[0].label.id": note(func(a *form.Attribute) { a.Label.ID = "ä" }),
		"title":                  {Title: form.Words("\u200f")},
		"attributes":             {Attributes: make([]form.Attribute, 33)},
	} {
		err := f.Validate()
		var got *form.Error
		if want == "" && err != nil || want != "" && (!errors.As(err, &got) || got.Path != want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestErrorPath(t *testing.T) {
	_, err := form.Parse([]byte(attribute(`{"type":"AMOUNT","amount":"x","currency":"EUR"}`)))
	var got *form.Error
	if !errors.As(err, &got) || got.At("operation.form") != "operation.form.attributes[0].amount" || err.Error() != "form: attributes[0].amount: malformed" {
		t.Errorf("%v", err)
	}
	if whole := (&form.Error{Err: form.ErrSize}); whole.At("form") != "form" || whole.Error() != "form: too large" {
		t.Error(whole)
	}
}

// canonicalForm checks what holds for every JSON text.
func canonicalForm(t interface{ Errorf(string, ...any) }, raw []byte) {
	f, err := form.Parse(raw)
	if err != nil {
		var wrong *form.Error
		if !errors.As(err, &wrong) || len(wrong.Path) > 200 || strings.ContainsFunc(wrong.Path, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
			t.Errorf("%q: %v", raw, err)
		}
		return
	}
	compact := f.Compact()
	again, err := form.Parse(compact)
	if err != nil || !bytes.Equal(again.Compact(), compact) {
		t.Errorf("%q is %q, then %q: %v", raw, compact, again.Compact(), err)
	}
	// Nothing was lost or made up: another parser finds the same in both.
	var came, written any
	if json.Unmarshal(raw, &came) != nil || json.Unmarshal(compact, &written) != nil || !reflect.DeepEqual(plainForm(came), plainForm(written)) {
		t.Errorf("%q became %q", raw, compact)
	}
	if device.HasHidden(strings.ReplaceAll(fmt.Sprint(written), "\n", "")) {
		t.Errorf("hidden: %q", compact)
	}
	if local, err := f.Localise(form.Catalogue{"en": {"a": "b"}}, []string{"en"}, ""); err == nil {
		if err := local.Validate(); err != nil {
			t.Errorf("%q localised: %v", raw, err)
		}
	}
}

// plainForm drops what may be written in two ways: an empty list, false, and a text
// without an id.
func plainForm(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, value := range v {
			if list, ok := value.([]any); value == false || ok && len(list) == 0 {
				continue
			}
			out[name] = plainForm(value)
		}
		if len(out) == 1 && out["message"] != nil {
			return out["message"]
		}
		return out
	case []any:
		for i := range v {
			v[i] = plainForm(v[i])
		}
	}
	return v
}

func FuzzForm(f *testing.F) {
	for _, s := range []string{everything, `{}`, `{"title":{"id":"a"}}`, `{"title":"{a}","attributes":[{"type":"NOTE","id":"a","value":"{a}"}]}`,
		`{"attributes":[{"type":"AMOUNT","amount":"1","currency":"EUR","amount":"2"}]}`, `{"title":"\ud800"}`, `[[[[[[[[[]]]]]]]]]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { canonicalForm(t, raw) })
}

func TestWrittenFormIsRead(t *testing.T) {
	words := func(lines bool) *rapid.Generator[form.Text] {
		return rapid.Custom(func(t *rapid.T) form.Text {
			return form.Text{ID: rapid.StringMatching(`|[A-Za-z0-9._-]{1,8}`).Draw(t, "id"), Message: someText(lines).Draw(t, "message")}
		})
	}
	text, line := words(true), words(false)
	word := rapid.StringMatching(`[A-Za-z0-9._-]{1,8}`)
	rapid.Check(t, func(t *rapid.T) {
		f := form.Form{Title: text.Draw(t, "title"), Summary: text.Draw(t, "summary")}
		for i := range rapid.IntRange(0, 6).Draw(t, "attributes") {
			a := form.Attribute{Type: form.TypeNote, ID: fmt.Sprint(i), Label: line.Draw(t, "label"), Value: text.Draw(t, "value")}
			if rapid.Bool().Draw(t, "choice") {
				a = form.Attribute{Type: form.TypeChoice, Label: a.Label, Options: []form.Option{{ID: word.Draw(t, "option"), Label: line.Draw(t, "choice label")}}}
			}
			f.Attributes = append(f.Attributes, a)
		}
		read, err := form.Parse(f.Compact())
		if err != nil || !reflect.DeepEqual(read, f) {
			t.Fatalf("%s was read as %+v, %v", f.Compact(), read, err)
		}
	})
}

// What docs/protocol.md shows is true.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## Operation data and form\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, v := range readVectors(t).Valid {
		if !strings.Contains(section, "| `"+v.Text+"` |") {
			t.Errorf("%s is not documented", v.Text)
		}
	}
	_, example, _ := strings.Cut(section, "```json\n")
	example, _, _ = strings.Cut(example, "```")
	f, err := form.Parse([]byte(example))
	if err != nil || !found {
		t.Fatalf("the example: %v", err)
	}
	_, rest, _ := strings.Cut(section, "It fits\nthe data `")
	text, _, _ := strings.Cut(rest, "`")
	d, err := form.ParseData(text)
	if err == nil {
		err = form.Check(d, f)
	}
	if err != nil {
		t.Errorf("%q: %v", text, err)
	}
	_, rest, _ = strings.Cut(section, "\nNot structured: ")
	rest, _, _ = strings.Cut(rest, "\n\n")
	for i, part := range strings.Split(rest, "`") {
		if _, err := form.ParseData(part); i%2 == 1 && err == nil {
			t.Errorf("%q is structured", part)
		}
	}
}
