package server

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// consenting is a configuration whose service has users agree to something.
func consenting(consent string) string {
	return strings.TrimSuffix(minimal, "\n") + "\nservices:\n  - id: shop\n    origins: [https://shop.example]\n    consent:\n" + consent
}

const goodConsent = `      version: 2026-01
      validity: 90d
      options: [{id: news}, {id: terms, required: true}]
      texts:
        - language: en
          text: |
            Acme Bank keeps your data.

            Not for long.
          options: {news: Send me news., terms: I have read the terms.}
        - {language: de, text: Die Acme Bank speichert Ihre Daten., options: {news: Neuigkeiten, terms: Die Bedingungen}}
`

// What users agree to is read with its line breaks, and its time in days.
func TestConsent(t *testing.T) {
	cfg, err := Load(Source{File: "c.yaml", Content: []byte(consenting(goodConsent))})
	if err != nil {
		t.Fatal(err)
	}
	want := ConsentConfig{Version: "2026-01", Validity: 90 * 24 * time.Hour, Options: []ConsentOption{{ID: "news"}, {ID: "terms", Required: true}},
		Texts: []ConsentText{
			{Language: "en", Text: "Acme Bank keeps your data.\n\nNot for long.", Options: map[string]string{"news": "Send me news.", "terms": "I have read the terms."}},
			{Language: "de", Text: "Die Acme Bank speichert Ihre Daten.", Options: map[string]string{"news": "Neuigkeiten", "terms": "Die Bedingungen"}},
		}}
	if diff := cmp.Diff(want, cfg.Services[0].Consent); diff != "" {
		t.Error(diff)
	}
}

func TestCheckConsent(t *testing.T) {
	with := func(old, fresh string) string { return consenting(strings.Replace(goodConsent, old, fresh, 1)) }
	runCheckCases(t, []checkCase{
		{consenting(goodConsent), ""},
		{with("version: 2026-01", "version: 'a b'"), "consent.version: is no version"},
		{with("      version: 2026-01\n", ""), "consent.version: is empty although there is more"},
		{with("90d", "1m"), "consent.validity: 1m is out of range"},
		{with("90d", "3651d"), "consent.validity: 87624h is out of range"},
		{with("90d", "90"), "consent.validity: \"90\" has no unit"},
		{with("      validity: 90d\n", ""), "consent.validity: 0s is out of range"},
		{consenting(strings.ReplaceAll(goodConsent, "news", "News")), "options[0].id: is no name"},
		{with("{id: news}", "{id: terms}, {id: news}"), "options[2].id: is listed twice"},
		{with("language: en", "language: en_GB"), "texts[0].language: is no language"},
		{with("language: de", "language: EN"), "texts[1].language: is that of texts[0]"},
		{with(", terms: Die Bedingungen", ""), "texts[1].options: does not say what \"terms\" is called"},
		{with(", terms: Die", ", more: Mehr, terms: Die"), "texts[1].options.more: is none of consent.options"},
		{with("news: Neuigkeiten", "news: ' '"), "texts[1].options.news: is blank"},
		{with("news: Neuigkeiten", `news: "a\nb"`), "texts[1].options.news: contains a control"},
		{with("news: Neuigkeiten", "news: "+strings.Repeat("n", 301)), "texts[1].options.news: is longer than 300"},
		{with("keeps", "keeps\u202e"), "texts[0].text: contains a control"},
		{with("keeps", "keeps\u200b"), "texts[0].text: contains a control, hidden"},
		{with("keeps", strings.Repeat("k", 10_000)), "texts[0].text: is longer than 10000"},
		{consenting("      {version: 1.0.0, validity: 1h}\n"), "consent.texts: is required with version"},
	})
}

// All that is wrong is told at once.
func TestConsentMistakes(t *testing.T) {
	found := problems(t, Source{File: "c.yaml", Content: []byte(consenting("      {version: 'a b', validity: 1s, options: [{id: A}], texts: [{language: x, text: ' ', options: {b: ''}}]}\n"))})
	if len(found) != 8 {
		t.Errorf("%d faults:\n%v", len(found), found)
	}
}

// The example in docs/relying-parties.md is a good one.
func TestConsentOfTheDocuments(t *testing.T) {
	page, err := os.ReadFile("../docs/relying-parties.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "### And has its users agree")
	_, example, _ = strings.Cut(example, "```yaml\n")
	example, _, found := strings.Cut(example, "```")
	if !found {
		t.Fatal("docs/relying-parties.md has no consent")
	}
	header, _, _ := strings.Cut(minimal, "services:")
	cfg, err := Load(Source{File: "c.yaml", Content: []byte(header + "\n" + example)})
	if err != nil {
		t.Fatal(err)
	}
	if c := cfg.Services[0].Consent; c.Version != "2026-01" || len(c.Texts) != 2 || cfg.OperationFlows()["login"].String() != "identify > device > consent" {
		t.Errorf("%+v", c)
	}
}
