package web

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// Languages are those of the login page, the first being what everybody gets
// who understands none of them.
var languages = []string{"en", "de", "sv", "cs", "fr", "es", "ar"}

// Languages are those of the pages, as BCP 47 tags.
func Languages() []string { return slices.Clone(languages) }

// rightToLeft are those written so.
var rightToLeft = map[string]bool{"ar": true}

// A catalogue has a language's texts. Texts that depend on a number are left to
// the script.
type catalogue map[string]string

// texts are all catalogues, and how one is chosen.
type texts struct {
	by      map[string]catalogue
	matcher language.Matcher
}

func readTexts() (texts, error) {
	t := texts{by: map[string]catalogue{}}
	var tags []language.Tag
	for _, l := range languages {
		t.by[l] = catalogue{}
		for _, folder := range []string{"sdk/locales", "pages/texts"} {
			text, err := locales.ReadFile(path.Join(folder, l+".json"))
			if err != nil {
				return t, err
			}
			if err := t.by[l].add(text); err != nil {
				return t, fmt.Errorf("web: texts of %s: %w", l, err)
			}
		}
		tags = append(tags, language.MustParse(l))
	}
	t.matcher = language.NewMatcher(tags)
	return t, nil
}

// add takes the texts of a file.
func (c catalogue) add(file []byte) error {
	var all map[string]any
	if err := json.Unmarshal(file, &all); err != nil {
		return err
	}
	for k, v := range all {
		if s, ok := v.(string); ok {
			c[k] = s
		}
	}
	return nil
}

// choose picks a language: what the service asked for (ui_locales, OpenID Connect
// Core §3.1.2.1: tags with spaces between, best first), then what the browser
// prefers.
func (t texts) choose(uiLocales, acceptLanguage string) string {
	var wanted []language.Tag
	for _, l := range strings.Fields(uiLocales) {
		if tag, err := language.Parse(l); err == nil {
			wanted = append(wanted, tag)
		}
	}
	if i, ok := t.match(wanted); ok {
		return languages[i]
	}
	accepted, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return languages[0]
	}
	i, _ := t.match(accepted)
	return languages[i]
}

// match is false when none of the languages is understood.
func (t texts) match(wanted []language.Tag) (int, bool) {
	_, i, confidence := t.matcher.Match(wanted...)
	if confidence == language.No {
		return 0, false
	}
	return i, true
}

// say gives a text with one placeholder filled in.
func (c catalogue) say(key, name, value string) string {
	return strings.ReplaceAll(c[key], "{"+name+"}", value)
}

func direction(l string) string {
	if rightToLeft[l] {
		return "rtl"
	}
	return "ltr"
}
