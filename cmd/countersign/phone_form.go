package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"countersign/operation/form"
)

// formLines writes a form for a terminal. Nothing of it is left out: what this
// version does not know, part by part, is written as it came.
func formLines(raw []byte) []string {
	if f, ok := readForm(raw); ok {
		return drawForm(f)
	}
	parts, ok := jsonParts(raw)
	if !ok {
		return []string{plain(string(raw))}
	}
	var lines []string
	for _, p := range parts {
		if p.name != "attributes" {
			lines = append(lines, partLines(p.name, p.value, p.value)...)
			continue
		}
		var attributes []json.RawMessage
		if json.Unmarshal([]byte(p.value), &attributes) != nil {
			lines = append(lines, plain("attributes: "+p.value))
		}
		for _, a := range attributes {
			lines = append(lines, partLines(p.name, "["+string(a)+"]", string(a))...)
		}
	}
	return lines
}

// readForm reads a form whose texts all have words: a terminal has no catalogue.
func readForm(raw []byte) (form.Form, bool) {
	f, err := form.Parse(raw)
	if err == nil {
		_, err = f.Localise(nil, nil, "") // the form is shown as it came
	}
	return f, err == nil
}

// partLines writes one member of a form, as if it were all of it.
func partLines(name, value, shown string) []string {
	if key, err := json.Marshal(name); err == nil {
		if f, ok := readForm([]byte("{" + string(key) + ":" + value + "}")); ok {
			return drawForm(f)
		}
	}
	return []string{plain(name + ": " + shown)}
}

type jsonPart struct{ name, value string }

// jsonParts are the members of a JSON object in their order, those given twice
// twice.
func jsonParts(raw []byte) (parts []jsonPart, ok bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return nil, false
	}
	for d.More() {
		name, err := d.Token()
		key, isName := name.(string)
		var value json.RawMessage
		if err != nil || !isName || d.Decode(&value) != nil {
			return nil, false
		}
		parts = append(parts, jsonPart{key, string(value)})
	}
	return parts, true
}

func drawForm(f form.Form) (lines []string) {
	for _, t := range []form.Text{f.Title, f.Greeting, f.Summary} {
		lines = append(lines, textLines("", t.Message)...)
	}
	for _, a := range f.Attributes {
		lines = append(lines, attributeLines(a)...)
	}
	return lines
}

// unlabelled stands before the value of an attribute without a label.
var unlabelled = map[form.Type]string{form.TypeAmount: "Amount", form.TypeConversion: "Conversion", form.TypeNote: "Note",
	form.TypeParty: "Party", form.TypeImage: "Image", form.TypeChoice: "Choice"}

func attributeLines(a form.Attribute) []string {
	label, said := a.Label.Message, a.Shown()
	if label == "" {
		label = unlabelled[a.Type]
	}
	switch a.Type {
	case form.TypeHeading:
		return textLines("-- ", said)
	case form.TypeAlert:
		level := string(form.LevelInfo)
		if a.Level != "" {
			level = string(a.Level)
		}
		label = level + prefixed(": ", label)
	case form.TypeConversion:
		if a.Dynamic {
			said += " (the rate may still change)"
		}
	case form.TypeParty:
		said = joined(said, a.Description.Message, prefixed("website ", a.WebsiteURL), prefixed("logo ", a.LogoURL))
	case form.TypeImage:
		said = joined(a.ThumbnailURL+" (not loaded)", a.OriginalURL)
	case form.TypeChoice:
		said = ""
		for _, o := range a.Options {
			mark := "[ ] "
			if o.ID == a.Selected {
				mark = "[x] "
			}
			said = joined(said, mark+o.Label.Message)
		}
	case form.TypeAmount, form.TypeKeyValue, form.TypeNote:
	}
	return textLines(label+": ", said)
}

// prefixed puts something before a text that is there.
func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// joined puts texts that are there below one another.
func joined(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(s string) bool { return s == "" }), "\n")
}

// textLines writes a text with what stands before it, each further line set in, so
// that no line of it looks like one of ours.
func textLines(before, s string) (lines []string) {
	if s == "" {
		return nil
	}
	for i, line := range strings.Split(before+s, "\n") {
		if i > 0 {
			line = "  " + line
		}
		lines = append(lines, plain(line))
	}
	return lines
}
