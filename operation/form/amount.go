package form

import (
	"regexp"
	"strings"
)

// An Amount is money, exactly as it is written: no float comes near it. Its zero
// value is none.
type Amount struct {
	// Value is a decimal number above zero: at most 18 digits without leading
	// zeros, and perhaps a point and 1 to 8 more, such as 100 or 100.50.
	Value string
	// Currency has the form of an ISO 4217 code: three capital letters.
	Currency string
}

var (
	valueForm    = regexp.MustCompile(`^(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,8})?$`)
	currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)
)

func goodValue(s string) bool { return valueForm.MatchString(s) && strings.ContainsAny(s, "123456789") }

func goodCurrency(s string) bool { return currencyForm.MatchString(s) }

// WellFormed says whether a has the form that its members tell.
func (a Amount) WellFormed() bool { return goodValue(a.Value) && goodCurrency(a.Currency) }

// Equal compares well-formed amounts as numbers: 100 EUR is 100.00 EUR.
func (a Amount) Equal(b Amount) bool {
	return a.Currency == b.Currency && significant(a.Value) == significant(b.Value)
}

// significant drops the zeros at the end of a fraction. Before the point there
// are none to drop.
func significant(value string) string {
	if !strings.Contains(value, ".") {
		return value
	}
	return strings.TrimSuffix(strings.TrimRight(value, "0"), ".")
}

// String writes an amount for people: 100.50 EUR.
func (a Amount) String() string { return a.Value + " " + a.Currency }
