package server

import (
	"maps"
	"slices"
	"strconv"

	"countersign/operation/form"
)

// texts checks what is said of a service's texts; the file itself is read later.
func (k *configCheck) texts(path string, t TextsConfig) {
	switch {
	case t.File == "" && t.Fallback != "":
		k.fail(path+".fallback", "has no effect without file", "name the file of texts, or remove it")
	case t.File != "" && t.Fallback == "":
		k.fail(path+".fallback", "is required with file", "a language of the file, such as en")
	case t.File != "" && !form.GoodLanguage(t.Fallback):
		k.fail(path+".fallback", shown(t.Fallback)+" is no language tag", "as in BCP 47, such as en or pt-BR")
	}
}

const textsHint = `such as {"en": {"pay.title": "Payment"}}: ids are 1 to 64 letters, digits, ., _ and -, words at most 1000 characters, all seen but for line feeds`

// ReadTexts reads the services' texts. The error is an Errors with everything that
// is wrong; it shows no words.
func (c Config) ReadTexts() (map[string]form.Texts, error) {
	r := secretReader{cfg: c}
	texts := map[string]form.Texts{}
	for i, s := range c.Services {
		path := "services[" + strconv.Itoa(i) + "].texts"
		raw := r.readUpTo(path+".file", s.Texts.File, form.MaxCatalogue)
		if raw == nil {
			continue
		}
		catalogue, faults := form.ParseCatalogue(raw)
		for _, f := range faults {
			r.fail(path+".file", "the file it names is not good: "+told(f), textsHint)
		}
		if len(faults) == 0 && !catalogue.Has(s.Texts.Fallback) {
			r.fail(path+".fallback", "is no language of the file", "a language of the file")
		}
		if len(faults) == 0 {
			r.misfits(path+".file", catalogue)
		}
		texts[s.ID] = form.Texts{Catalogue: catalogue, Fallback: s.Texts.Fallback}
	}
	if len(r.found) > 0 {
		r.found.sort()
		return nil, r.found
	}
	return texts, nil
}

// misfits finds the words of a catalogue that do not fit where templates want them.
func (r *secretReader) misfits(path string, catalogue form.Catalogue) {
	templates := r.cfg.OperationTemplates()
	for _, name := range slices.Sorted(maps.Keys(templates)) {
		for _, f := range templates[name].Text.Misfits(catalogue) {
			r.fail(path, "the file it names does not fit templates."+name+": "+told(f), "labels and names are of one line; ${…} is a parameter of the template")
		}
	}
}

// told is a fault with its path, as problems have it.
func told(f *form.Error) string {
	if f.Path == "" {
		return f.Err.Error()
	}
	return f.Path + ": " + f.Err.Error()
}
