package form

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"countersign/device"
)

// MaxParameters is how many parameters a template has at most.
const MaxParameters = 32

// A Template is structured data, and perhaps a form, in which ${parameter} stands for
// what an order gives. [ParseTemplate] makes good ones.
type Template struct {
	head       string   // of the data: version and template
	fields     []string // of the data, as they stand between two stars
	form       *Form    // nil: there is none
	parameters []string // sorted
}

// Parameters are the names of what an order gives, sorted.
func (t Template) Parameters() []string { return slices.Clone(t.parameters) }

// parameter names a value, as ids are formed.
var parameter = regexp.MustCompile(`\$\{([A-Za-z0-9._-]{1,64})\}`)

// wholeParameter says whether words are a parameter and nothing else.
func wholeParameter(words string) bool { return parameter.FindString(words) == words && words != "" }

// parametersIn are the names in words; ok is false if a ${ in them begins none.
func parametersIn(words string) (names []string, ok bool) {
	for _, m := range parameter.FindAllStringSubmatch(words, -1) {
		names = append(names, m[1])
	}
	return names, !strings.Contains(parameter.ReplaceAllString(words, ""), "${")
}

// Fill gives the data and the form of an order, or no form if the template has none.
// A value is one thing whatever it holds: in the data it is escaped, so that it cannot
// end its field, and in the form it is text that is not gone over again. The form is
// localised as by [Form.Localise], whose words may name parameters too, and held
// against the data. An error is an [Error] whose path begins with parameters or form.
func (t Template) Fill(values map[string]string, x Texts, language string) (data string, f *Form, err error) {
	if err := t.takes(values); err != nil {
		return "", nil, err
	}
	d, data, err := t.fillData(values)
	if err != nil || t.form == nil {
		return data, nil, err
	}
	out, err := t.fillForm(values, x, language)
	if err == nil {
		err = at("form", Check(d, out))
	}
	if err != nil {
		return "", nil, err
	}
	return data, &out, nil
}

// takes says whether an order gives what the template wants: each value once, of 1 to
// [MaxText] characters, line feeds among them but no other hidden ones.
func (t Template) takes(values map[string]string) error {
	for _, name := range t.parameters {
		v, given := values[name]
		path := join("parameters", name)
		switch {
		case !given || v == "":
			return wrong(path, ErrMissing)
		case utf8.RuneCountInString(v) > MaxText:
			return wrong(path, ErrSize)
		case !utf8.ValidString(v) || device.HasHidden(strings.ReplaceAll(v, "\n", "")):
			return wrong(path, ErrHidden)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(t.parameters, name) {
			return wrong(named("parameters", name), ErrUnknown)
		}
	}
	return nil
}

// fillData writes the data. What a field does not take is told of its parameters.
func (t Template) fillData(values map[string]string) (Data, string, error) {
	escaped := map[string]string{}
	for name, v := range values {
		escaped[name] = escape(v)
	}
	data := t.head
	for _, raw := range t.fields {
		filled := put(raw, escaped, nil)
		if _, err := parseField(filled); err != nil {
			names, _ := parametersIn(raw)
			return Data{}, "", wrong("parameters."+strings.Join(names, ", parameters."), ErrMalformed)
		}
		data += "*" + filled
	}
	d, err := ParseData(data)
	if err != nil {
		return Data{}, "", wrong("parameters", ErrSize) // each field is good
	}
	return d, data, nil
}

// fillForm localises the form. What is wrong where a parameter stands is told of it.
func (t Template) fillForm(values map[string]string, x Texts, language string) (Form, error) {
	out := t.form.clone()
	if err := out.translate(x.Catalogue, []string{language, x.Fallback}); err != nil {
		return Form{}, at("form", err)
	}
	from := map[string]string{} // member → parameter
	out.eachSlot(func(p slot) {
		if names, _ := parametersIn(*p.words); len(names) > 0 {
			from[p.path] = names[0]
		}
		if p.sample != "" {
			*p.words = put(*p.words, values, nil)
		}
	})
	out.substitute(values)
	err := out.Validate()
	for _, e := range faults(err) {
		if name, ok := from[e.Path]; ok {
			return Form{}, wrong(join("parameters", name), e.Err)
		}
	}
	return out, at("form", err)
}

// at is an error of this package told from further out.
func at(path string, err error) error {
	for _, e := range faults(err) {
		return wrong(e.At(path), e.Err)
	}
	return err
}
