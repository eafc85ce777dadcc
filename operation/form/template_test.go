package form_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"countersign/device"
	"countersign/operation/form"

	"pgregory.net/rapid"
)

func ExampleTemplate_Fill() {
	t, faults := form.ParseTemplate(`A1*A${amount}EUR*Q${account}**D${day}*N${note}`, []byte(`{"title":{"id":"pay","message":"Pay ${amount}"},"attributes":[
		{"type":"AMOUNT","id":"sum","amount":"${amount}","currency":"EUR"},{"type":"NOTE","value":"${note}"}]}`))
	fmt.Println(t.Parameters(), len(faults))
	data, f, err := t.Fill(map[string]string{"amount": "100", "account": "238400856/0300", "day": "20190629", "note": "5 * 3\n{sum} ${day}"},
		form.Texts{Catalogue: form.Catalogue{"de": {"pay": "{sum} bezahlen: ${note}"}}}, "de")
	fmt.Println(data, err)
	fmt.Println(string(f.Compact()))
	// Output:
	// [account amount day note] 0
	// A1*A100EUR*Q238400856/0300**D20190629*N5 \* 3\n{sum} ${day} <nil>
	// {"title":{"id":"pay","message":"100 EUR bezahlen: 5 * 3\n{sum} ${day}"},"attributes":[{"type":"AMOUNT","id":"sum","amount":"100","currency":"EUR"},{"type":"NOTE","value":"5 * 3\n{sum} ${day}"}]}
}

// parsed is a template that is good.
func parsed(t rapid.TB, data, raw string) form.Template {
	t.Helper()
	x, faults := form.ParseTemplate(data, []byte(raw))
	if len(faults) > 0 {
		t.Fatalf("%s: %v", data, faults[0])
	}
	return x
}

// Whatever the values are: each is the value of its own field and of no other, and
// is shown as it came.
func TestValuesStayValues(t *testing.T) {
	x := parsed(t, `A0*N${a}*T\*${b}\\${a}*X${c}`, `{"title":"${a}|{n}|${b}","attributes":[{"type":"NOTE","id":"n","value":"${b}"},{"type":"ALERT","value":"{n}"},{"type":"KEY_VALUE","label":"l","value":"${c}"}]}`)
	part := rapid.SampledFrom([]string{`\`, `*`, "\n", `\n`, `\*`, `${a}`, `${b}`, `{n}`, `$`, `{`, `}`, `A1`, `N`, `*A1EUR`, `ä`, `x`, `"`})
	rapid.Check(t, func(rt *rapid.T) {
		values := map[string]string{}
		for _, name := range []string{"a", "b", "c"} {
			values[name] = strings.Join(rapid.SliceOfN(part, 1, 8).Draw(rt, name), "")
		}
		data, f, err := x.Fill(values, form.Texts{}, "")
		if err != nil {
			rt.Fatal(err)
		}
		d, err := form.ParseData(data)
		if err != nil || device.HasHidden(data) || d.String() != data {
			rt.Fatalf("%s: %v", data, err)
		}
		a, b, c := values["a"], values["b"], values["c"]
		want := []form.Field{{Kind: form.FieldNote, Text: a}, {Kind: form.FieldText, Text: `*` + b + `\` + a}, {Kind: form.FieldText, Letter: 'X', Text: c}}
		if !slices.Equal(d.Fields, want) {
			rt.Errorf("%s: %+v", data, d.Fields)
		}
		shown := []string{f.Title.Message, f.Attributes[0].Value.Message, f.Attributes[1].Value.Message, f.Attributes[2].Value.Message}
		if !slices.Equal(shown, []string{a + "|" + b + "|" + b, b, b, c}) {
			rt.Errorf("%q", shown)
		}
	})
}

// What is wrong with an order is told of the parameter that it is wrong with.
func TestFillErrors(t *testing.T) {
	x := parsed(t, `A1*A${amount}${currency}*I${iban}*R${ref}*D${day}*N${note}`, `{"title":"${note}","greeting":{"id":"g","message":"m"},"attributes":[
		{"type":"AMOUNT","amount":"${shown}","currency":"EUR"},{"type":"HEADING","label":"For ${note}"},{"type":"KEY_VALUE","label":"On","value":"${date}","format":"DATE"},
		{"type":"KEY_VALUE","label":"To","value":"${to}"},{"type":"PARTY_INFO","name":"Bob","logoUrl":"${logo}"},
		{"type":"CHOICE","options":[{"id":"a","label":"A"}],"selected":"${choice}"}]}`)
	good := map[string]string{"amount": "100", "currency": "EUR", "iban": "DE89370400440532013000", "ref": "7", "day": "20260101", "note": "Rent", "shown": "100.00",
		"date": "2026-01-01", "to": "DE89 3704 0044 0532 0130 00", "logo": "https://bob.example/l.png", "choice": "a"}
	if _, _, err := x.Fill(good, form.Texts{}, ""); err != nil {
		t.Fatal(err)
	}
	for _, y := range []struct {
		name, value, path string
		err               error
	}{
		{"amount", "", "parameters.amount", form.ErrMissing},
		{"other", "x", "parameters.other", form.ErrUnknown},
		{"o\u202ether", "x", "parameters", form.ErrUnknown},
		{"amount", "0", "parameters.amount, parameters.currency", form.ErrMalformed},
		{"amount", "100EUR*A1", "parameters.amount, parameters.currency", form.ErrMalformed},
		{"iban", "DE89370400440532013001", "parameters.iban", form.ErrMalformed},
		{"ref", "7\n8", "parameters.ref", form.ErrMalformed},
		{"day", "20260230", "parameters.day", form.ErrMalformed},
		{"note", "\u202e", "parameters.note", form.ErrHidden},
		{"note", "\r", "parameters.note", form.ErrHidden},
		{"note", "a\xff", "parameters.note", form.ErrHidden},
		{"note", strings.Repeat("語", 1001), "parameters.note", form.ErrSize},
		{"note", strings.Repeat("語", 1000), "parameters.note", form.ErrSize}, // with what stands beside it
		{"note", "two\nlines", "parameters.note", form.ErrHidden},            // in a heading
		{"shown", "1e2", "parameters.shown", form.ErrMalformed},
		{"shown", "101", "form.attributes[0].amount", form.ErrMismatch},
		{"to", "CZ6508000000192000145399", "form.attributes[3].value", form.ErrMismatch},
		{"date", "tomorrow", "parameters.date", form.ErrMalformed},
		{"logo", "javascript:alert(1)", "parameters.logo", form.ErrMalformed},
		{"choice", "b", "parameters.choice", form.ErrMalformed},
	} {
		values := map[string]string{y.name: y.value}
		for name, v := range good {
			if name != y.name {
				values[name] = v
			}
		}
		_, _, err := x.Fill(values, form.Texts{}, "")
		var got *form.Error
		if !errors.As(err, &got) || got.Path != y.path || !errors.Is(err, y.err) {
			t.Errorf("%s %.20q: %v, want %s %v", y.name, y.value, err, y.path, y.err)
		}
	}
	if _, _, err := x.Fill(nil, form.Texts{}, ""); err == nil || err.Error() != "form: parameters.amount: missing" {
		t.Error(err)
	}
	_, _, err := parsed(t, `A0*N${a}`, `{"title":{"id":"nowhere"}}`).Fill(map[string]string{"a": "x"}, form.Texts{Fallback: "en"}, "")
	if err == nil || err.Error() != "form: form.title: missing" {
		t.Error(err)
	}
	long := parsed(t, `A0*N${a}*N${a}*N${a}`, `{}`)
	if _, _, err := long.Fill(map[string]string{"a": strings.Repeat("語", 1000)}, form.Texts{}, ""); err == nil || err.Error() != "form: parameters: too large" {
		t.Error(err)
	}
}

// Everything that is wrong with a template is found at once.
func TestTemplateFaults(t *testing.T) {
	many := ""
	for i := range form.MaxParameters + 1 {
		many += fmt.Sprintf("${p%d}", i)
	}
	for _, x := range []struct {
		data, raw string
		want      []string
	}{
		{`A1*N${a}`, `{"title":"${b}{c}$ {"}`, nil},
		{`A1*${a}`, ``, []string{"data.fields[0]: has a ${…} that cannot be there"}},
		{`A${a}*Nx`, ``, []string{"data: malformed"}},
		{`pay ${a}`, ``, []string{"data: malformed"}},
		{``, ``, []string{"data: malformed"}},
		{"A1*N${a}\n", ``, []string{"data: has a hidden character"}},
		{`A1*N\${a}*N${a}\*n${a}*N${a*A1EUR*N${a b}`, ``, []string{"data.fields[0]: malformed", "data.fields[2]: has a ${…} that cannot be there",
			"data.fields[4]: has a ${…} that cannot be there"}},
		{`A1*N${a}\`, ``, []string{"data.fields[0]: malformed"}},
		{`A1*A0EUR*n${a}****Nx`, ``, []string{"data.fields: too large", "data.fields[0]: malformed", "data.fields[1]: has a ${…} that cannot be there"}},
		{`A1*N` + strings.Repeat("x", form.MaxData), ``, []string{"data: too large"}},
		{`A1*N` + many, ``, []string{"too large"}},
		{`A1`, `{"title":"${","titel":"x","summary":"\u202e${a}","attributes":[{"type":"AMOUNT","amount":"1${a}","currency":"EUR"},{"type":"NEWER"},{"type":"KEY_VALUE","label":"l","value":"x"}]}`,
			[]string{"form.titel: unknown", "form.attributes[1].type: unknown"}},
		{`A1`, `{"title":"${","summary":"\u202e${a}","attributes":[{"type":"AMOUNT","amount":"1${a}","currency":"EU"},{"type":"NOTE","id":"${a}","value":"x"},
			{"type":"IMAGE","thumbnailUrl":"https://${a}"},{"type":"HEADING","label":"a\n${a}"},{"type":"KEY_VALUE","label":"l","format":"DATE","value":"2026-02-30"},{"type":"KEY_VALUE","label":"l","format":"DATE","value":"${a}"}]}`,
			[]string{"form.title: has a ${…} that cannot be there", "form.attributes[0].amount: has a ${…} that cannot be there", "form.attributes[2].thumbnailUrl: has a ${…} that cannot be there",
				"form.summary: has a hidden character", "form.attributes[0].currency: malformed", "form.attributes[1].id: malformed", "form.attributes[3].label: has a hidden character", "form.attributes[4].value: malformed"}},
		{`A1`, `{"attributes":[{"type":"NOTE","id":"a","value":"x"},{"type":"NOTE","id":"a","value":"x"}]}`, []string{"form.attributes[1].id: malformed"}},
		{`A1`, `[]`, []string{"form: malformed"}},
	} {
		var raw []byte
		if x.raw != "" {
			raw = []byte(x.raw)
		}
		_, found := form.ParseTemplate(x.data, raw)
		var got []string
		for _, f := range found {
			got = append(got, strings.TrimPrefix(f.Error(), "form: "))
		}
		if !slices.Equal(got, x.want) {
			t.Errorf("%.40s %.40s:\n got %q\nwant %q", x.data, x.raw, got, x.want)
		}
	}
}

// Words that a template cannot use are found before anybody orders by it.
func TestMisfits(t *testing.T) {
	x := parsed(t, `A0*N${a}`, `{"title":{"id":"t"},"attributes":[{"type":"HEADING","label":{"id":"h"}},{"type":"KEY_VALUE","label":"l","value":{"id":"v","message":"2026-01-01"},"format":"DATE"}]}`)
	found := x.Misfits(form.Catalogue{"en": {"t": "two\nlines of ${a}", "h": "one line", "v": "2026-01-02", "other": "two\nlines ${b}"},
		"de": {"t": "${b}", "h": "two\nlines", "v": "morgen"}, "fr": {"t": "${"}})
	var got []string
	for _, f := range found {
		got = append(got, strings.TrimPrefix(f.Error(), "form: "))
	}
	if want := []string{"de.h: has a hidden character", "de.v: malformed", "de.t: has a ${…} that cannot be there", "fr.t: has a ${…} that cannot be there"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
