package gateway

import (
	"errors"
	"strings"

	"countersign/operation"
	"countersign/operation/form"
)

// The texts there are (web/pages/texts).
const (
	textLogIn   = "messageLogIn"
	textApprove = "messageApprove"
)

// errText says that there are no words in a language.
var errText = errors.New("gateway: no text")

// titleMost is how many characters of a title are sent: an amount and an account
// stand behind it, which are what must be read.
const titleMost = 60

// text is what the user reads: who asks, what they approve by typing the code, that
// they are to tell it to nobody, and the code at the end.
func (g *Gateway) text(l operation.Letter) (string, error) {
	key := textApprove
	if l.Data == "" {
		key = textLogIn
	}
	words := g.Say(l.Language, key)
	if words == "" {
		return "", errText
	}
	// In one go: no value is looked at again.
	return strings.NewReplacer("{service}", short(l.Name), "{what}", what(l), "{code}", l.Code).Replace(words), nil
}

// what names what is approved. The amount and the account are those of the data, which
// is what counts; the title is how the service calls it.
func what(l operation.Letter) string {
	var title string
	if f, err := form.Parse(l.Form); err == nil {
		title = short(f.Title.Message)
	}
	d, err := form.ParseData(l.Data)
	if err != nil { // a free text, which is all there is
		if title == "" {
			return short(l.Data)
		}
		return title + ", " + short(l.Data)
	}
	parts, words := []string{}, ""
	if title != "" {
		parts = append(parts, title)
	}
	for _, f := range d.Fields {
		switch f.Kind {
		case form.FieldAmount:
			parts = append(parts, f.Amount.String())
		case form.FieldIBAN:
			parts = append(parts, f.IBAN)
		case form.FieldAccount:
			parts = append(parts, f.Account)
		case form.FieldReference, form.FieldNote, form.FieldText:
			words = short(f.Text)
		case form.FieldEmpty, form.FieldDate:
		}
	}
	if len(parts) == 0 {
		parts = []string{words}
	}
	return strings.Join(parts, ", ")
}

// short is a text as one line that is not too long.
func short(s string) string {
	line := []rune(strings.Join(strings.Fields(s), " "))
	if len(line) <= titleMost {
		return string(line)
	}
	return string(line[:titleMost-1]) + "…"
}
