package operation

import (
	"slices"
	"strings"
	"time"
)

// Terms are what a service asks its users to agree to: a text of a version, and
// options. They are configuration, and found good there.
type Terms struct {
	Version  string
	Validity time.Duration // how long an agreement holds
	Options  []Term
	Texts    []TermsText // at least one; the first is for whoever reads none of them
}

// A Term is an option: something that is agreed to by itself.
type Term struct {
	ID       string
	Required bool // nobody goes on without
}

// A TermsText is what the terms say in one language.
type TermsText struct {
	Language string // a tag such as de or de-AT
	Text     string // plain, of several lines
	Options  map[string]string
}

// in gives the text of a language: the same tag, or else the same language, or else
// the first.
func (t Terms) in(language string) TermsText {
	for _, same := range []func(a, b string) bool{strings.EqualFold, sameLanguage} {
		if i := slices.IndexFunc(t.Texts, func(x TermsText) bool { return same(x.Language, language) }); i >= 0 {
			return t.Texts[i]
		}
	}
	return t.Texts[0]
}

func sameLanguage(a, b string) bool {
	a, _, _ = strings.Cut(a, "-")
	b, _, _ = strings.Cut(b, "-")
	return strings.EqualFold(a, b)
}

// option finds one by its id.
func (t Terms) option(id string) (Term, bool) {
	i := slices.IndexFunc(t.Options, func(x Term) bool { return x.ID == id })
	if i < 0 {
		return Term{}, false
	}
	return t.Options[i], true
}

// question asks for the terms in a language. Nothing is ticked but what was agreed to
// already, and still is: a box that is ticked for somebody is no consent.
func (t Terms) question(language string, before Consent, now time.Time) Question {
	text := t.in(language)
	q := Question{Text: text.Text, Version: t.Version, Language: text.Language}
	for _, o := range t.Options {
		q.Options = append(q.Options, Option{ID: o.ID, Text: text.Options[o.ID], Required: o.Required,
			Value: before.Holds(t.Version, now) && slices.Contains(before.Options, o.ID)})
	}
	return q
}
