package form

import (
	"strings"
	"time"
)

// parseField reads one field as it stands between two stars.
func parseField(raw string) (Field, error) {
	if raw == "" {
		return Field{}, nil
	}
	letter := raw[0]
	value, ok := unescape(raw[1:])
	if letter < 'A' || letter > 'Z' || !ok || value == "" {
		return Field{}, ErrMalformed
	}
	f := fieldOf(Kind(letter), value)
	if !f.wellFormed() {
		return Field{}, ErrMalformed
	}
	return f, nil
}

// fieldOf takes a value apart, without judging it.
func fieldOf(k Kind, value string) Field {
	f := Field{Kind: k}
	switch k {
	case FieldAmount:
		at := max(0, len(value)-len("EUR"))
		f.Amount = Amount{value[:at], value[at:]}
	case FieldIBAN:
		f.IBAN, f.BIC, _ = strings.Cut(value, ",")
		if strings.HasSuffix(value, ",") {
			f.IBAN = value // a comma needs a BIC
		}
	case FieldAccount:
		f.Account = value
	case FieldDate:
		if day, err := time.Parse("20060102", value); err == nil && day.Year() > 0 {
			f.Date = day.Format(time.DateOnly)
		}
	case FieldReference, FieldNote, FieldText:
		f.Text = value
	default:
		f = Field{Kind: FieldText, Text: value, Letter: byte(k)}
	}
	return f
}

func (f Field) wellFormed() bool {
	switch f.Kind {
	case FieldAmount:
		return f.Amount.WellFormed()
	case FieldIBAN:
		return goodIBAN(f.IBAN) && (f.BIC == "" || bicForm.MatchString(f.BIC))
	case FieldAccount:
		return goodAccount(f.Account)
	case FieldReference:
		return !strings.Contains(f.Text, "\n")
	case FieldDate:
		return f.Date != ""
	default: // any text
		return true
	}
}

// String writes a field as it stands between two stars.
func (f Field) String() string {
	letter, value := byte(f.Kind), f.Text
	switch f.Kind {
	case FieldEmpty:
		return ""
	case FieldAmount:
		value = f.Amount.Value + f.Amount.Currency
	case FieldIBAN:
		value = f.IBAN
		if f.BIC != "" {
			value += "," + f.BIC
		}
	case FieldAccount:
		value = f.Account
	case FieldDate:
		value = strings.ReplaceAll(f.Date, "-", "")
	case FieldText:
		if f.Letter != 0 {
			letter = f.Letter
		}
	case FieldReference, FieldNote:
	}
	return string(letter) + escape(value)
}

func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, "\n", `\n`).Replace(s)
}

func unescape(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			return "", false
		}
		switch s[i] {
		case '\\', '*':
			b.WriteByte(s[i])
		case 'n':
			b.WriteByte('\n')
		default:
			return "", false
		}
	}
	return b.String(), true
}
