package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// withTexts is a configuration whose service has a file of texts.
func withTexts(t *testing.T, content, fallback string) Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "texts.json")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(Source{File: "c.yaml", Content: []byte(minimal + "services:\n  - id: shop\n    origins: [https://shop.example]\n    texts:\n      file: " + file + "\n      fallback: " + fallback + "\n")})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestReadTexts(t *testing.T) {
	texts, err := withTexts(t, `{"en":{"pay.title":"Payment"},"de":{"pay.title":"Zahlung"}}`, "EN").ReadTexts()
	if err != nil || texts["shop"].Fallback != "EN" || texts["shop"].Catalogue["de"]["pay.title"] != "Zahlung" {
		t.Errorf("%v, %v", texts, err)
	}
}

// A node does not start with texts that are not good, and is told of all of it, by
// the line that names the file.
func TestTextsMistakes(t *testing.T) {
	line := strings.Count(minimal, "\n") + 5
	cfg := withTexts(t, `{"en":{"a":"secret\u202e"},"de":{"b c":"secret"}}`, "en")
	for what, ask := range map[string]func() error{
		"read":  func() error { _, err := cfg.ReadTexts(); return err },
		"start": func() error { _, err := New(cfg, Secrets{}, Options{}); return err },
	} {
		found, ok := errors.AsType[Errors](ask())
		if !ok || len(found) != 2 {
			t.Fatalf("%s: %v", what, found)
		}
		for i, want := range []string{"en.a: has a hidden character", "de: malformed"} {
			p := found[i]
			if p.Path != "services[0].texts.file" || p.at.line != line || !strings.HasSuffix(p.What, want) || strings.Contains(found.Error(), "secret") {
				t.Errorf("%s: %s", what, found)
			}
		}
	}
	if _, err := withTexts(t, `{"en":{}}`, "de").ReadTexts(); err == nil || !strings.Contains(err.Error(), "services[0].texts.fallback: is no language of the file") {
		t.Error(err)
	}
	if _, err := withTexts(t, strings.Repeat(" ", 257<<10), "de").ReadTexts(); err == nil || !strings.Contains(err.Error(), "larger than 256 KiB") {
		t.Error(err)
	}
}

func TestCheckTexts(t *testing.T) {
	service := minimal + "services:\n  - {id: shop, origins: [https://shop.example], texts: {"
	runCheckCases(t, []checkCase{
		{service + "}}", ""},
		{service + "file: /x, fallback: de-AT}}", ""},
		{service + "file: /x}}", "services[0].texts.fallback: is required with file"},
		{service + "fallback: en}}", "services[0].texts.fallback: has no effect"},
		{service + "file: /x, fallback: de_AT}}", `services[0].texts.fallback: "de_AT" is no language tag`},
	})
}
