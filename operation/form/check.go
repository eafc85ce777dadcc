package form

import (
	"slices"
	"strings"
)

// Check says whether a form shows amounts and accounts of the data alone. If not,
// the error is an [Error] with [ErrMismatch] and the path of the member. Amounts
// are compared as numbers with their currency, accounts without spaces and without
// regard to case, an IBAN also without dashes, dots and slashes.
//
//   - An AMOUNT must be an amount of the data; of an AMOUNT_CONVERSION either side.
//   - A KEY_VALUE that is an account must be an account or IBAN of the data. It is
//     one if its format is ACCOUNT; if it has no format, also if the last part of
//     its id is "account" or "iban", or if its value looks like one; and if it is
//     TEXT, if its value is an IBAN with good check digits.
//
// The words of other texts are not searched: they are shown as the service's words,
// and the data beside them. What the data has and the form does not is no mismatch.
// Check a localised form: a catalogue can change a value.
func Check(d Data, f Form) error {
	for i, a := range f.Attributes {
		if name, ok := a.agrees(d); !ok {
			return wrong(join(indexed("attributes", i), name), ErrMismatch)
		}
	}
	return nil
}

// agrees says whether the data has what an attribute shows, or which member it has
// not.
func (a Attribute) agrees(d Data) (name string, ok bool) {
	switch a.Type {
	case TypeAmount:
		return "amount", d.hasAmount(a.Amount)
	case TypeConversion:
		return "sourceAmount", d.hasAmount(a.Source) || d.hasAmount(a.Target)
	case TypeKeyValue:
		return "value", !a.isAccount() || d.hasAccount(a.Value.Message)
	default: // words, not numbers
		return "", true
	}
}

func (d Data) hasAmount(a Amount) bool {
	return slices.ContainsFunc(d.Fields, func(f Field) bool { return f.Kind == FieldAmount && f.Amount.Equal(a) })
}

func (d Data) hasAccount(s string) bool {
	plain := plainAccount(s)
	return slices.ContainsFunc(d.Fields, func(f Field) bool {
		return f.Kind == FieldIBAN && f.IBAN == bare(plain) || f.Kind == FieldAccount && plainAccount(f.Account) == plain
	})
}

func (a Attribute) isAccount() bool {
	plain := plainAccount(a.Value.Message)
	switch a.Format {
	case FormatAccount:
		return plain != ""
	case "":
		last := a.ID[strings.LastIndexByte(a.ID, '.')+1:]
		return plain != "" && (strings.EqualFold(last, "account") || strings.EqualFold(last, "iban") || looksLikeAccount(plain))
	case FormatText:
		return goodIBAN(bare(plain)) && looksLikeIBAN(bare(plain))
	default: // a date or a number
		return false
	}
}
