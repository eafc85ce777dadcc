package form_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"countersign/operation/form"
)

func ExampleForm_Localise() {
	f, err := form.Parse([]byte(`{"title":{"id":"pay.title"},"attributes":[{"type":"AMOUNT","id":"amount","label":{"id":"amount","message":"Amount"},"amount":"100.50","currency":"EUR"}]}`))
	if err != nil {
		fmt.Println(err)
	}
	f, err = f.Localise(form.Catalogue{
		"de": {"pay.title": "{amount} bezahlen", "amount": "Betrag"},
		"en": {"pay.title": "Pay {amount}"},
	}, []string{"de-AT", "en"}, "en")
	fmt.Println(f.Title.Message, f.Attributes[0].Label.Message, err)
	// Output: 100.50 EUR bezahlen Betrag <nil>
}

func TestBestLanguage(t *testing.T) {
	c := form.Catalogue{
		"de":         {"a": "de a", "b": "de b"},
		"pt-BR":      {"a": "pt-BR a"},
		"zh-Hant-TW": {"a": "zh-Hant-TW a"},
		"zh-Hant":    {"a": "zh-Hant a", "c": "zh-Hant c"},
		"en":         {"a": "en a", "b": "en b", "c": ""},
	}
	for _, x := range []struct {
		languages string
		id, want  string
	}{
		{"de", "a", "de a"},
		{"DE-at", "a", "de a"},
		{"pt-br", "a", "pt-BR a"},
		{"pt-BR", "b", "en b"},
		{"pt-BR de", "b", "de b"},
		{"pt", "a", "en a"},
		{"zh-Hant-TW-x-y", "a", "zh-Hant-TW a"},
		{"zh-Hant-HK", "a", "zh-Hant a"},
		{"zh-Hant-TW", "c", "zh-Hant c"},
		{"zh", "c", "as it came"},
		{"fr *", "a", "en a"},
		{"", "a", "en a"},
		{"", "c", "as it came"},
		{"de", "d", "as it came"},
	} {
		f := form.Form{Title: form.Text{ID: x.id, Message: "as it came"}}
		got, err := f.Localise(c, strings.Fields(x.languages), "en")
		if err != nil || got.Title != (form.Text{ID: x.id, Message: x.want}) {
			t.Errorf("%s of %q: %+v, %v, want %s", x.id, x.languages, got.Title, err, x.want)
		}
		if f.Title.Message != "as it came" {
			t.Error("the form itself was changed")
		}
	}
}

// Every text of a form comes from the catalogue, and nothing else of it.
func TestLocaliseEverything(t *testing.T) {
	raw := everything
	for _, plain := range []string{`"Please check <b> & approve."`, `"You pay\n{operation.amount}"`, `"Amount"`, `"Rate"`, `"Note"`, `"Details"`,
		`"Attention"`, `"Bob’s Shop"`, `"Shoes"`, `"The shoes"`, `"Everyday account"`} {
		raw = strings.Replace(raw, ":"+plain, `:{"id":"x","message":`+plain+`}`, 1)
	}
	f, err := form.Parse([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	before := string(f.Compact())
	got, err := f.Localise(form.Catalogue{"cs": {"x": "česky", "pay.title": "česky", "pay.to": "česky", "pay.new": "česky", "pay.b": "česky"}}, []string{"cs"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if string(f.Compact()) != before {
		t.Error("the form itself was changed")
	}
	text := string(got.Compact())
	if n := strings.Count(text, `"message":"česky"`); n != 15 {
		t.Errorf("%d texts were localised in %s", n, text)
	}
	for _, kept := range []string{`"amount":"100.50"`, `"value":"DE89 3704 0044 0532 0130 00"`, `"value":"Rent"`, `"targetAmount":"2500"`} {
		if !strings.Contains(text, kept) {
			t.Errorf("%s is not in %s", kept, text)
		}
	}
}

func TestSubstitution(t *testing.T) {
	f, err := form.Parse([]byte(`{"title":"Pay {amount} {unknown} {} {a b}","greeting":"To {to}: {note}","summary":{"id":"s"},"attributes":[
		{"type":"AMOUNT","id":"amount","label":"{amount}","amount":"100.50","currency":"EUR"},
		{"type":"KEY_VALUE","id":"to","label":"To","value":"{amount}"},
		{"type":"NOTE","id":"note","value":"{to} and {note}"},
		{"type":"ALERT","id":"alert","label":"{to}","value":"{choice}, {other}, {party}, {rate}, {heading}, {picture}"},
		{"type":"CHOICE","id":"choice","options":[{"id":"a","label":"A"},{"id":"b","label":{"id":"b"}}],"selected":"b"},
		{"type":"CHOICE","id":"other","options":[{"id":"a","label":"A"}]},
		{"type":"PARTY_INFO","id":"party","name":"Bob"},
		{"type":"HEADING","id":"heading","label":"Head"},
		{"type":"IMAGE","id":"picture","thumbnailUrl":"https://a.example"},
		{"type":"AMOUNT_CONVERSION","id":"rate","sourceAmount":"1","sourceCurrency":"EUR","targetAmount":"2.5","targetCurrency":"CZK"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Localise(form.Catalogue{"en": {"s": "{amount}!", "b": "B {amount}"}}, nil, "en")
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]string{
		"title":       {got.Title.Message, "Pay 100.50 EUR {unknown} {} {a b}"},
		"greeting":    {got.Greeting.Message, "To {amount}: {to} and {note}"},
		"summary":     {got.Summary.Message, "100.50 EUR!"},
		"label":       {got.Attributes[0].Label.Message, "{amount}"},
		"key value":   {got.Attributes[1].Value.Message, "{amount}"},
		"note":        {got.Attributes[2].Value.Message, "{amount} and {to} and {note}"},
		"alert label": {got.Attributes[3].Label.Message, "{to}"},
		"alert":       {got.Attributes[3].Value.Message, "B {amount}, {other}, Bob, 1 EUR → 2.5 CZK, Head, {picture}"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %q, want %q", what, pair[0], pair[1])
		}
	}
}

func TestLocaliseErrors(t *testing.T) {
	c := form.Catalogue{"en": {"evil": "\u202e", "long": strings.Repeat("x", 1001), "day": "tomorrow"}}
	note := func(value string) string { return `{"type":"NOTE","id":"n","value":"` + value + `"}` }
	for _, x := range []struct {
		raw, path string
		err       error
	}{
		{`{"title":{"id":"missing"}}`, "title", form.ErrMissing},
		{attribute(`{"type":"CHOICE","options":[{"id":"a","label":{"id":"missing"}}]}`), "attributes[0].options[0].label", form.ErrMissing},
		{`{"title":{"id":"evil"}}`, "title", form.ErrHidden},
		{`{"title":{"id":"long"}}`, "title", form.ErrSize},
		{attribute(`{"type":"KEY_VALUE","label":"a","value":{"id":"day"},"format":"DATE"}`), "attributes[0].value", form.ErrMalformed},
		{`{"title":"{n}{n}","attributes":[` + note(strings.Repeat("x", 501)) + `]}`, "title", form.ErrSize},
		{`{"title":"{n}","greeting":"{n}","summary":"{n}","attributes":[` + note(strings.Repeat("語", 900)) + `]}`, "", form.ErrSize},
	} {
		f, err := form.Parse([]byte(x.raw))
		if err != nil {
			t.Fatal(x.raw, err)
		}
		_, err = f.Localise(c, []string{"en"}, "")
		var got *form.Error
		if !errors.As(err, &got) || !errors.Is(err, x.err) || got.Path != x.path {
			t.Errorf("%.100s: %v, want %q %v", x.raw, err, x.path, x.err)
		}
	}
}
