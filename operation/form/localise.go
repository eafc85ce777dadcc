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
	tags := append(slices.Clone(languages), fallback)
	err := out.eachText(func(path string, t *Text) error {
		if words := c.lookup(t.ID, tags); words != "" {
			t.Message = words
		}
		if *t != (Text{}) && t.Message == "" {
			return wrong(path, ErrMissing)
		}
		return nil
	})
	if err != nil {
		return Form{}, err
	}
	out.substitute()
	if err := out.Validate(); err != nil {
		return Form{}, err
	}
	return out, nil
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

var placeholder = regexp.MustCompile(`\{[A-Za-z0-9._-]{1,64}\}`)

// substitute puts the values of attributes where texts name them. All values are
// taken before the first is put in.
func (f *Form) substitute() {
	shown := map[string]string{}
	for _, a := range f.Attributes {
		if value := a.Shown(); value != "" && a.ID != "" {
			shown["{"+a.ID+"}"] = value
		}
	}
	into := []*Text{&f.Title, &f.Greeting, &f.Summary}
	for i := range f.Attributes {
		if a := &f.Attributes[i]; a.Type == TypeNote || a.Type == TypeAlert {
			into = append(into, &a.Value)
		}
	}
	for _, t := range into {
		t.Message = placeholder.ReplaceAllStringFunc(t.Message, func(name string) string {
			if value, ok := shown[name]; ok {
				return value
			}
			return name
		})
	}
}
