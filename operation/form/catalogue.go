package form

import (
	"errors"
	"regexp"
)

const (
	// MaxCatalogue is how long the file of a catalogue may be, in bytes.
	MaxCatalogue = 256 << 10
	// MaxLanguages is how many languages a catalogue has at most.
	MaxLanguages = 64
	// catalogueDepth: languages, texts, words.
	catalogueDepth = 3
)

// languageForm is that of a language tag (RFC 5646 §2.1), less what no catalogue
// needs: tags that are registered as a whole, and private ones.
var languageForm = regexp.MustCompile(`^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*$`)

// maxLanguage is the length that RFC 5646 §4.4.1 wants room for.
const maxLanguage = 35

// GoodLanguage says whether a text has the form of a language tag, such as de or
// pt-BR. Whether there is such a language is nobody's matter here.
func GoodLanguage(tag string) bool { return len(tag) <= maxLanguage && languageForm.MatchString(tag) }

// Texts are the words of a service for its forms.
type Texts struct {
	Catalogue Catalogue
	Fallback  string // the language of whoever wants none, or one there is not
}

// ParseCatalogue reads a catalogue from JSON, {language: {id: words}}, and finds
// everything that is wrong with it: a language or an id that is not of its form or
// there twice, in whatever case; words that no form takes. The path of a fault is
// language.id. What is not JSON is one fault.
func ParseCatalogue(raw []byte) (Catalogue, []*Error) {
	v, err := readJSON(raw, MaxCatalogue, catalogueDepth)
	if err != nil {
		return nil, faults(err)
	}
	languages, ok := v.(object)
	if !ok {
		return nil, faults(wrong("", ErrMalformed))
	}
	var found []*Error
	if len(languages.names) > MaxLanguages {
		found = faults(wrong("", ErrSize))
	}
	c := Catalogue{}
	for _, tag := range languages.names {
		switch texts, ok := languages.values[tag].(object); {
		case !GoodLanguage(tag), !ok, c.language(tag) != nil:
			found = append(found, faults(wrong(named("", tag), ErrMalformed))...)
		default:
			c[tag] = map[string]string{}
			found = append(found, c.read(tag, texts)...)
		}
	}
	return c, found
}

// read takes the texts of a language.
func (c Catalogue) read(tag string, texts object) (found []*Error) {
	for _, id := range texts.names {
		words, ok := texts.values[id].(string)
		t := Text{ID: id, Message: words}
		switch err := t.check(named(tag, id)); {
		case !ok, !goodID(id):
			found = append(found, faults(wrong(named(tag, id), ErrMalformed))...)
		case err != nil:
			found = append(found, faults(err)...)
		default:
			c[tag][id] = words
		}
	}
	return found
}

// Has says whether a catalogue has texts of a language, in whatever case its tag is
// written.
func (c Catalogue) Has(tag string) bool { return c.language(tag) != nil }

// faults are what an error of this package tells.
func faults(err error) []*Error {
	var e *Error
	if errors.As(err, &e) {
		return []*Error{e}
	}
	return nil
}
