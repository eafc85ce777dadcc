package form_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"countersign/operation/form"
)

func TestParseCatalogue(t *testing.T) {
	c, found := form.ParseCatalogue([]byte(`{"en":{"pay.title":"Payment","note":"two\nlines","none":""},"pt-BR":{"pay.title":"Pagamento"},"xyz":{}}`))
	if len(found) > 0 || c["pt-BR"]["pay.title"] != "Pagamento" || c["en"]["note"] != "two\nlines" {
		t.Errorf("%v, %v", c, found)
	}
	if !c.Has("PT-br") || !c.Has("XYZ") || c.Has("pt") {
		t.Error("the languages are others")
	}
}

// Everything that is wrong is found at once, and told without its words.
func TestCatalogueFaults(t *testing.T) {
	many := map[string]string{}
	for i := range form.MaxLanguages + 1 {
		many[fmt.Sprintf("aa-%d", i)] = ""
	}
	languages := make([]string, 0, len(many))
	for tag := range many {
		languages = append(languages, fmt.Sprintf("%q:{}", tag))
	}
	for _, x := range []struct {
		raw  string
		want []string
	}{
		{`{"en":{"a":"\u202e","b":"\u0007","c d":"x","e":7,"f":"` + strings.Repeat("語", 1001) + `","g":"` + strings.Repeat("語", 1000) + `"},"de_AT":{},"fr":"x","EN":{},"d":{},"` + strings.Repeat("a", 9) + `":{}}`,
			[]string{"en.a: has a hidden character", "en.b: has a hidden character", "en: malformed", "en.e: malformed", "en.f: too large", "de_AT: malformed", "fr: malformed", "EN: malformed", "d: malformed", "aaaaaaaaa: malformed"}},
		{`{"en":{"a":"x","a":"y"}}`, []string{"en.a: malformed"}},
		{`{"en":{"a":{"b":"c"}}}`, []string{"en.a: malformed"}},
		{`{"en":{"a":{"b":{}}}}`, []string{"en.a.b: malformed"}},
		{`[]`, []string{"malformed"}}, {`{`, []string{"malformed"}}, {`{"en":{"a":null}}`, []string{"en.a: malformed"}},
		{`{` + strings.Repeat(" ", form.MaxCatalogue) + `}`, []string{"too large"}},
		{`{` + strings.Join(languages, ",") + `}`, []string{"too large"}},
	} {
		_, found := form.ParseCatalogue([]byte(x.raw))
		var got []string
		for _, f := range found {
			got = append(got, strings.TrimPrefix(f.Error(), "form: "))
		}
		if !slices.Equal(got, x.want) {
			t.Errorf("%.60s: %q, want %q", x.raw, got, x.want)
		}
	}
}

func TestGoodLanguage(t *testing.T) {
	for tag, want := range map[string]bool{"de": true, "DE-at": true, "zh-Hant-TW": true, "sl-rozaj-biske-1994": true, "en-x-acme": true,
		"": false, "d": false, "*": false, "de_AT": false, "de-": false, "-de": false, "de--AT": false, "de-123456789": false, "dé": false, "de\n": false, "de" + strings.Repeat("-a", 17): false} {
		if form.GoodLanguage(tag) != want {
			t.Errorf("%q: %t", tag, !want)
		}
	}
}
