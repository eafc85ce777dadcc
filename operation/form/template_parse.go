package form

import (
	"maps"
	"slices"
	"strings"

	"countersign/device"
)

// ParseTemplate reads a template, and finds everything that is wrong with it; raw may
// be nil. A path begins with data or form; of an attribute of the form the first fault
// is told.
//
// In the data a parameter stands behind a field's letter. In the form it stands in
// texts, and it may be the whole of an amount, a currency, an address or a selection.
func ParseTemplate(data string, raw []byte) (Template, []*Error) {
	t, found := templateData(data)
	names := map[string]bool{}
	for _, f := range t.fields {
		in, _ := parametersIn(f)
		for _, name := range in {
			names[name] = true
		}
	}
	if raw != nil {
		f, wrongs := templateForm(raw)
		found = append(found, wrongs...)
		t.form = &f
		f.eachSlot(func(p slot) {
			in, _ := parametersIn(*p.words)
			for _, name := range in {
				names[name] = true
			}
		})
	}
	if len(names) > MaxParameters {
		found = append(found, &Error{"", ErrSize})
	}
	t.parameters = slices.Sorted(maps.Keys(names))
	return t, found
}

// templateData takes the data of a template apart.
func templateData(data string) (t Template, found []*Error) {
	head := dataForm.FindStringSubmatch(data)
	switch {
	case len(data) > MaxData:
		return t, faults(wrong("data", ErrSize))
	case device.HasHidden(data):
		return t, faults(wrong("data", ErrHidden))
	case head == nil:
		return t, faults(wrong("data", ErrMalformed))
	}
	t.head = "A" + head[1]
	t.fields = splitFields(strings.TrimPrefix(data, t.head))
	if len(t.fields) > MaxFields {
		found = append(found, &Error{"data.fields", ErrSize})
	}
	for i, raw := range t.fields {
		if err := templateField(raw); err != nil {
			found = append(found, &Error{indexed("data.fields", i), err})
		}
	}
	return t, found
}

// templateField judges a field that may have parameters: its letter is its own, and
// what stands between them is whole, so that no value becomes part of an escape.
func templateField(raw string) error {
	if !strings.Contains(raw, "${") {
		_, err := parseField(raw)
		return err
	}
	if _, ok := parametersIn(raw); !ok || raw[0] < 'A' || raw[0] > 'Z' {
		return ErrParameter
	}
	for _, fixed := range parameter.Split(raw[1:], -1) {
		if _, ok := unescape(fixed); !ok {
			return ErrMalformed
		}
	}
	return nil
}

// templateForm reads the form of a template, part by part.
func templateForm(raw []byte) (f Form, found []*Error) {
	v, err := readJSON(raw, MaxForm, maxDepth)
	o, ok := v.(object)
	if err == nil && !ok {
		err = wrong("", ErrMalformed)
	}
	if err != nil {
		return f, faults(at("form", err))
	}
	for _, name := range o.names {
		list, many := o.values[name].([]any)
		if name != "attributes" || !many {
			found = append(found, faults(at("form", readObject(&f, "", object{[]string{name}, o.values}, formMembers)))...)
			continue
		}
		for i, v := range list {
			a, err := readElement(indexed("form.attributes", i), v, attributeMembers)
			found = append(found, faults(err)...)
			if err == nil {
				f.Attributes = append(f.Attributes, a)
			}
		}
	}
	if len(found) == 0 {
		found = f.unfit("form")
	}
	return f, found
}

// A slot is where a form may have a parameter.
type slot struct {
	path  string
	words *string
	// sample is what could stand there for one; empty: any text, in which others may
	// stand beside it.
	sample string
}

// eachSlot calls do for every slot of a form.
func (f *Form) eachSlot(do func(slot)) {
	_ = f.eachText(func(path string, t *Text) error {
		do(slot{path, &t.Message, ""})
		return nil
	})
	for i := range f.Attributes {
		a, path := &f.Attributes[i], indexed("attributes", i)
		selected := "x"
		if len(a.Options) > 0 {
			selected = a.Options[0].ID
		}
		for _, p := range []slot{
			{"amount", &a.Amount.Value, "1"}, {"currency", &a.Amount.Currency, "EUR"},
			{"sourceAmount", &a.Source.Value, "1"}, {"sourceCurrency", &a.Source.Currency, "EUR"},
			{"targetAmount", &a.Target.Value, "1"}, {"targetCurrency", &a.Target.Currency, "EUR"},
			{"logoUrl", &a.LogoURL, "https://a.example"}, {"websiteUrl", &a.WebsiteURL, "https://a.example"},
			{"thumbnailUrl", &a.ThumbnailURL, "https://a.example"}, {"originalUrl", &a.OriginalURL, "https://a.example"},
			{"selected", &a.Selected, selected},
		} {
			p.path = path + "." + p.path
			do(p)
		}
	}
}

// unfit finds what no values can make good.
func (f Form) unfit(at string) (found []*Error) {
	in := f.clone()
	in.eachSlot(func(p slot) {
		names, ok := parametersIn(*p.words)
		if !ok || p.sample != "" && len(names) > 0 && !wholeParameter(*p.words) {
			found = append(found, &Error{join(at, p.path), ErrParameter})
			*p.words = "${x}" // told once
		}
		switch {
		case !strings.Contains(*p.words, "${"):
		case p.sample != "":
			*p.words = p.sample
		default:
			*p.words = parameter.ReplaceAllString(*p.words, "x")
		}
	})
	for i, a := range f.Attributes {
		if names, _ := parametersIn(a.Value.Message); len(names) > 0 && a.Format != "" {
			in.Attributes[i].Value = Text{ID: "x"} // the format is judged with the value
		}
	}
	for _, part := range in.parts() {
		for _, e := range faults(part.form.Validate()) {
			if rest, ok := strings.CutPrefix(e.Path, "attributes[0]"); ok {
				e.Path = part.path + rest
			}
			found = append(found, &Error{join(at, e.Path), e.Err})
		}
	}
	if len(found) == 0 {
		for _, e := range faults(in.Validate()) {
			found = append(found, &Error{join(at, e.Path), e.Err})
		}
	}
	return found
}

type part struct {
	path string
	form Form
}

// parts are the members of a form, each as a form of its own.
func (f Form) parts() []part {
	list := []part{{form: Form{Title: f.Title}}, {form: Form{Greeting: f.Greeting}}, {form: Form{Summary: f.Summary}}}
	for i, a := range f.Attributes {
		list = append(list, part{indexed("attributes", i), Form{Attributes: []Attribute{a}}})
	}
	return list
}

// Misfits finds the words of a catalogue that have no place in the template where it
// asks for them, such as two lines in a label, or a parameter that there is not. The
// path of a fault is language.id.
func (t Template) Misfits(c Catalogue) (found []*Error) {
	if t.form == nil {
		return nil
	}
	for _, tag := range slices.Sorted(maps.Keys(c)) {
		in, ids := t.form.clone(), map[string]string{}
		_ = in.eachText(func(path string, x *Text) error {
			if words := c[tag][x.ID]; x.ID != "" && words != "" {
				x.Message, ids[path] = words, x.ID
			}
			return nil
		})
		for _, e := range in.unfit("") {
			if id, ok := ids[e.Path]; ok {
				found = append(found, &Error{join(tag, id), e.Err})
			}
		}
		found = append(found, t.strangers(in, tag, ids)...)
	}
	return found
}

// strangers are the words that name parameters which the template has not.
func (t Template) strangers(in Form, tag string, ids map[string]string) (found []*Error) {
	in.eachSlot(func(p slot) {
		names, _ := parametersIn(*p.words)
		if id, ok := ids[p.path]; ok && slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(t.parameters, n) }) {
			found = append(found, &Error{join(tag, id), ErrParameter})
		}
	})
	return found
}
