package form

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A Catalogue has the texts of each language: language tag (BCP 47, such as de or
// pt-BR), then the text's id, then its words. An empty text is as good as none.
type Catalogue map[string]map[string]string

// Localise gives the form in the best of the wanted languages, the most wanted
// first. The message of each {id, message} becomes the catalogue's text of that id
// in the first language that has one (de-AT is also looked for as de, as in RFC
// 4647 §3.4), else in the fallback language, else it stays; a text that is then
// without words is [ErrMissing].
//
// After that `{id}` in title, greeting and summary and in the value of notes and
// alerts becomes what the attribute of that id shows, see [Attribute.Shown]. It is
// done once: what comes with a value is not looked at again. Braces around
// anything else stay.
//
// Numbers, amounts and dates are left as they are: what is shown is compared, with
// the data and with what other programs show. The result is judged as
// [Form.Validate] does, for hidden characters and lengths too. The catalogue may be
// nil. The form itself is not changed.
func (f Form) Localise(c Catalogue, languages []string, fallback string) (Form, error) {
	out := f.clone()
	if err := out.translate(c, append(slices.Clone(languages), fallback)); err != nil {
		return Form{}, err
	}
	out.substitute(nil)
	if err := out.Validate(); err != nil {
		return Form{}, err
	}
	return out, nil
}

// translate puts the words of a catalogue into the texts of a form.
func (f *Form) translate(c Catalogue, tags []string) error {
	return f.eachText(func(path string, t *Text) error {
		if words := c.lookup(t.ID, tags); words != "" {
			t.Message = words
		}
		if *t != (Text{}) && t.Message == "" {
			return wrong(path, ErrMissing)
		}
		return nil
	})
}

// lookup is the text of an id in the first of the languages that has one.
func (c Catalogue) lookup(id string, languages []string) string {
	if id == "" {
		return ""
	}
	for _, tag := range languages {
		for ; tag != ""; tag = shorter(tag) {
			if words := c.language(tag)[id]; words != "" {
				return words
			}
		}
	}
	return ""
}

// language is the catalogue of a tag, whose case is nothing (RFC 5646 §2.1.1).
func (c Catalogue) language(tag string) map[string]string {
	if texts, ok := c[tag]; ok {
		return texts
	}
	for _, known := range slices.Sorted(maps.Keys(c)) {
		if strings.EqualFold(known, tag) {
			return c[known]
		}
	}
	return nil
}

// shorter drops the last subtag, and with it one of a single character before it.
func shorter(tag string) string {
	for {
		at := strings.LastIndexByte(tag, '-')
		if at < 0 {
			return ""
		}
		if tag = tag[:at]; len(tag) < 2 || tag[len(tag)-2] != '-' {
			return tag
		}
	}
}

// clone copies what Localise changes.
func (f Form) clone() Form {
	f.Attributes = slices.Clone(f.Attributes)
	for i := range f.Attributes {
		f.Attributes[i].Options = slices.Clone(f.Attributes[i].Options)
	}
	return f
}

// eachText calls do for every text of a form, absent ones too, until an error.
func (f *Form) eachText(do func(path string, t *Text) error) error {
	type place struct {
		path string
		text *Text
	}
	places := []place{{"title", &f.Title}, {"greeting", &f.Greeting}, {"summary", &f.Summary}}
	for i := range f.Attributes {
		a, path := &f.Attributes[i], indexed("attributes", i)
		places = append(places, place{path + ".label", &a.Label}, place{path + ".value", &a.Value},
			place{path + ".name", &a.Name}, place{path + ".description", &a.Description})
		for j := range a.Options {
			places = append(places, place{indexed(path+".options", j) + ".label", &a.Options[j].Label})
		}
	}
	for _, p := range places {
		if err := do(p.path, p.text); err != nil {
			return err
		}
	}
	return nil
}

// placeholder names an attribute or, behind a $, a parameter.
var placeholder = regexp.MustCompile(`\$?\{[A-Za-z0-9._-]{1,64}\}`)

// substitute puts the values of parameters and of attributes where texts name them.
// All values are taken before the first is put in, and no text is gone over twice:
// what a value holds is never a name.
func (f *Form) substitute(parameters map[string]string) {
	open := map[*Text]bool{&f.Title: true, &f.Greeting: true, &f.Summary: true}
	for i := range f.Attributes {
		if a := &f.Attributes[i]; a.Type == TypeNote || a.Type == TypeAlert {
			open[&a.Value] = true
		}
	}
	_ = f.eachText(func(_ string, t *Text) error {
		if !open[t] {
			t.Message = put(t.Message, parameters, nil)
		}
		return nil
	})
	shown := map[string]string{}
	for _, a := range f.Attributes {
		if a.Type == TypeNote || a.Type == TypeAlert {
			a.Value.Message = put(a.Value.Message, parameters, nil)
		}
		if value := a.Shown(); value != "" && a.ID != "" {
			shown["{"+a.ID+"}"] = value
		}
	}
	for t := range open {
		t.Message = put(t.Message, parameters, shown)
	}
}

// put replaces ${name} by the parameter and {id} by what the attribute shows, if
// there are such.
func put(words string, parameters, shown map[string]string) string {
	return placeholder.ReplaceAllStringFunc(words, func(name string) string {
		id, mayBe := strings.CutPrefix(name, "$")
		if value, ok := parameters[strings.Trim(id, "{}")]; ok && mayBe {
			return value
		}
		if value, ok := shown[id]; ok {
			return strings.TrimSuffix(name, id) + value
		}
		return name
	})
}
