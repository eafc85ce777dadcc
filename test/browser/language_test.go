package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// words are the texts of a language, from the file that the pages are built from;
// wordsOfPages those that pages without a script have alone.
func words(t testing.TB, lang string) func(key string) string {
	t.Helper()
	return wordsIn(t, lang, "sdk", "locales")
}

func wordsOfPages(t testing.TB, lang string) func(key string) string {
	t.Helper()
	return wordsIn(t, lang, "pages", "texts")
}

func wordsIn(t testing.TB, lang string, folder ...string) func(key string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"..", "..", "web"}, append(folder, lang+".json")...)...))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return func(key string) string {
		t.Helper()
		s, _ := all[key].(string)
		if s == "" {
			t.Fatalf("%s has no text %s", lang, key)
		}
		return s
	}
}

// The page speaks what the service asks for, else what the browser prefers.
func TestLanguages(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct{ prefers, ui, lang, dir string }{
		{"de-AT,de,en", "", "de", "ltr"},
		{"de", "sv", "sv", "ltr"},
		{"fi", "", "en", "ltr"},
		{"cs", "fi fr", "fr", "ltr"},
		{"en", "ar", "ar", "rtl"},
		{"ar", "", "ar", "rtl"},
	} {
		b := newProfile(t).prefers(tc.prefers).open(w.hosted("ui_locales=" + tc.ui))
		say := words(t, tc.lang)
		b.see(say("scanIntro"))
		b.see(say("cancel"))
		if at := eval[string](b, `document.documentElement.lang + ' ' + document.documentElement.dir`); at != tc.lang+" "+tc.dir {
			t.Errorf("%+v: the page is %s", tc, at)
		}
		if dir := eval[string](b, `getComputedStyle(look.find('[part~="title"]')).direction`); dir != tc.dir {
			t.Errorf("%+v: it reads %s", tc, dir)
		}
	}
	b := newProfile(t).open(w.hosted("ui_locales=ar", "demo=pending"))
	if dir := eval[string](b, `getComputedStyle(look.find('.digits')).direction`); dir != "ltr" {
		t.Errorf("the code reads %s in Arabic", dir)
	}
	b.audit("Arabic")
}

// Every state of the login page fits a narrow window in every language, and every
// text is there with its placeholders filled in.
func TestLanguagesFit(t *testing.T) {
	w := newWorld(t)
	b := newProfile(t).open(w.hosted("demo=pending"))
	b.size(320, 640, 2)
	for _, lang := range []string{"en", "de", "sv", "cs", "fr", "es", "ar"} {
		for _, state := range states {
			b.do(fmt.Sprintf(`((e) => { document.documentElement.lang = e.lang = %[1]q; document.documentElement.dir = %[1]q === 'ar' ? 'rtl' : 'ltr'; e.setAttribute('demo', %[2]q); })(document.querySelector('countersign-login'))`, lang, state))
			await(b, state+" in "+lang, `document.querySelector('countersign-login').shadowRoot.querySelector('.stage').lang`, func(s string) bool { return s == lang })
			if wide := eval[int](b, "document.documentElement.scrollWidth"); wide > 320 {
				t.Errorf("%s in %s: %d pixels wide in a window of 320", state, lang, wide)
			}
			if text := b.text(); strings.ContainsAny(text, "{}") || strings.Contains(text, "undefined") {
				t.Errorf("%s in %s: %s", state, lang, text)
			}
		}
	}
}
