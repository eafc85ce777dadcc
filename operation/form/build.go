package form

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Builder makes data, field after field in the order of its calls:
//
//	d, err := form.NewData(1).Amount("100.50", "EUR").IBAN("DE89 3704 0044 0532 0130 00", "").Skip().Note("Rent").Data()
//
// Nothing is judged before [Builder.Data].
type Builder struct {
	template int
	fields   []Field
}

// NewData begins data of a template, 0 to [MaxTemplate].
func NewData(template int) *Builder { return &Builder{template: template} }

func (b *Builder) add(f Field) *Builder {
	b.fields = append(b.fields, f)
	return b
}

// Amount adds a decimal number above zero and a currency, see [Amount].
func (b *Builder) Amount(value, currency string) *Builder {
	return b.add(Field{Kind: FieldAmount, Amount: Amount{value, currency}})
}

// IBAN adds an IBAN, whose spaces are dropped and whose check digits must be
// good, and its bank's BIC of 8 or 11 characters, or none.
func (b *Builder) IBAN(iban, bic string) *Builder {
	return b.add(Field{Kind: FieldIBAN, IBAN: strings.ReplaceAll(iban, " ", ""), BIC: bic})
}

// Account adds an account that is no IBAN, such as 238400856/0300: one line.
func (b *Builder) Account(account string) *Builder {
	return b.add(Field{Kind: FieldAccount, Account: account})
}

// Date adds a day of the calendar, in the years 1 to 9999.
func (b *Builder) Date(year int, month time.Month, day int) *Builder {
	return b.add(Field{Kind: FieldDate, Date: fmt.Sprintf("%04d-%02d-%02d", year, month, day)})
}

// Reference adds a payment's reference: one line.
func (b *Builder) Reference(text string) *Builder {
	return b.add(Field{Kind: FieldReference, Text: text})
}

// Note adds a note, which may have line feeds.
func (b *Builder) Note(text string) *Builder { return b.add(Field{Kind: FieldNote, Text: text}) }

// Text adds any text, which may have line feeds.
func (b *Builder) Text(text string) *Builder { return b.add(Field{Kind: FieldText, Text: text}) }

// Skip leaves the field of a template empty.
func (b *Builder) Skip() *Builder { return b.add(Field{}) }

// Data gives the data, or the [Error] that [ParseData] would have for it. The
// builder may go on afterwards.
func (b *Builder) Data() (Data, error) {
	if len(b.fields) > MaxFields {
		return Data{}, wrong("fields", ErrSize)
	}
	built := Data{Version: Version, Template: b.template, Fields: trimmed(slices.Clone(b.fields))}
	d, err := ParseData(built.String())
	if err != nil {
		return Data{}, err
	}
	// A value that reads as another, such as an IBAN with a comma in it.
	if d.Template != built.Template || !slices.Equal(d.Fields, built.Fields) {
		return Data{}, wrong("fields", ErrMalformed)
	}
	return d, nil
}
