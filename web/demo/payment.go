package demo

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"countersign/api/rp"
)

// account is money that there is not.
type account struct {
	Name, Number, Currency string
	Balance                int64 // in hundredths
}

// order is a payment that waits for its approval, was made, or failed.
type order struct {
	ID       string
	Currency string
	Amount   int64 // in hundredths
	To, Note string
	Data     string // as docs/protocol.md writes it: what the phone signs
	// Operation is the one by which it is being approved, URL its page; empty: none was
	// begun. Tries counts those that were.
	Operation, URL string
	Tries          int
	Failed         string   // why the operation did not pay it, in a word; empty: it has not failed
	Receipt        *receipt // nil: not paid
}

const maxNote = 140

func newCustomer(t rp.Token, p proof) customer {
	name, _ := t.Claims["name"].(string)
	return customer{Subject: t.Subject, Name: name, Login: p, Accounts: []account{
		{"Everyday account", "238400901/0300", "CZK", 84_250_40},
		{"Euro account", "DE89 3704 0044 0532 0130 00", "EUR", 2_310_75},
		{"Savings", "238400919/0300", "CZK", 410_000_00},
	}}
}

func (c *customer) find(id string) *order {
	if i := slices.IndexFunc(c.Orders, func(o order) bool { return o.ID == id }); i >= 0 {
		return &c.Orders[i]
	}
	return nil
}

// from is the account that pays in a currency.
func (c *customer) from(currency string) *account {
	if i := slices.IndexFunc(c.Accounts, func(a account) bool { return a.Currency == currency }); i >= 0 {
		return &c.Accounts[i]
	}
	return nil
}

// book pays an order, once however often it is asked to, or says that there is not
// enough money.
func (c *customer) book(o *order, r receipt) {
	a := c.from(o.Currency)
	switch {
	case o.Receipt != nil:
	case a == nil || a.Balance < o.Amount:
		o.Failed = failedPoor
	default:
		a.Balance -= o.Amount
		o.Receipt = &r
	}
}

// Sum is the amount as people read it.
func (o order) Sum() string { return grouped(o.Amount) + " " + o.Currency }

// Money is the balance as people read it.
func (a account) Money() string { return grouped(a.Balance) + " " + a.Currency }

// grouped writes hundredths with a space between thousands, one that no line breaks at.
func grouped(hundredths int64) string {
	whole := strconv.FormatInt(hundredths/100, 10)
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "\u00a0" + whole[i:]
	}
	return fmt.Sprintf("%s.%02d", whole, hundredths%100)
}

// plain writes hundredths as operation data does.
func plain(hundredths int64) string { return fmt.Sprintf("%d.%02d", hundredths/100, hundredths%100) }

// wish is the form of a payment as it was filled in, and what is wrong with it
// by field.
type wish struct {
	Amount, Currency, To, Note string
	Wrong                      map[string]string
}

func wishOf(form url.Values) wish {
	return wish{Amount: strings.TrimSpace(form.Get("amount")), Currency: form.Get("currency"), To: strings.TrimSpace(form.Get("account")),
		Note: strings.TrimSpace(form.Get("note")), Wrong: map[string]string{}}
}

// order makes the order of a wish, or says in Wrong why not.
func (w wish) order(c customer) order {
	o := order{ID: rand.Text(), Currency: w.Currency, Note: w.Note}
	var field string
	from := c.from(w.Currency)
	if from == nil {
		w.Wrong["currency"] = "You have no account in this currency."
	}
	var err error
	if o.Amount, err = parseAmount(w.Amount); err != nil {
		w.Wrong["amount"] = "Write an amount above zero such as 100.25."
	} else if from != nil && o.Amount > from.Balance {
		w.Wrong["amount"] = "There is not enough on the account: " + from.Money() + "."
	}
	if o.To, field, err = parseAccount(w.To); err != nil {
		w.Wrong["account"] = "Write an account such as 238400856/0300, or an IBAN."
	}
	if len([]rune(w.Note)) > maxNote || strings.ContainsFunc(w.Note, hidden) {
		w.Wrong["note"] = "Write at most 140 ordinary characters."
	}
	// With the order's own id a proof is of this order, and of no other like it.
	fields := []string{"A1", "A" + plain(o.Amount) + o.Currency, field, "R" + o.ID}
	if o.Note != "" {
		fields = append(fields, "", "N"+escape(o.Note))
	}
	o.Data = strings.Join(fields, "*")
	return o
}

// form is what the phone shows; amount and account are those of the data.
func (o order) form() map[string]any {
	attributes := []map[string]string{
		{"type": "AMOUNT", "id": "operation.amount", "label": "Amount", "amount": plain(o.Amount), "currency": o.Currency},
		{"type": "KEY_VALUE", "id": "operation.account", "label": "To account", "value": o.To},
	}
	if o.Note != "" {
		attributes = append(attributes, map[string]string{"type": "NOTE", "id": "operation.note", "label": "Note", "value": o.Note})
	}
	return map[string]any{"title": "Payment", "greeting": "Please check the payment before you approve it.",
		"summary": "Pay " + plain(o.Amount) + " " + o.Currency + " to " + o.To, "attributes": attributes}
}

var (
	amountForm  = regexp.MustCompile(`^([0-9]{1,7})(?:[.,]([0-9]{1,2}))?$`)
	accountForm = regexp.MustCompile(`^(?:[0-9]{1,6}-)?[0-9]{2,10}/[0-9]{4}$`)
	ibanForm    = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$`)
	errForm     = errors.New("demo: wrong form")
)

// parseAmount reads hundredths; a space between thousands is fine.
func parseAmount(s string) (int64, error) {
	m := amountForm.FindStringSubmatch(strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) {
			return -1
		}
		return c
	}, s))
	if m == nil {
		return 0, errForm
	}
	n, err := strconv.ParseInt(m[1]+(m[2] + "00")[:2], 10, 64)
	if err != nil || n == 0 {
		return 0, errForm
	}
	return n, nil
}

// parseAccount reads a Czech account number or an IBAN, and gives it as people
// and as operation data write it.
func parseAccount(s string) (shown, field string, err error) {
	s = strings.ToUpper(strings.ReplaceAll(s, " ", ""))
	switch {
	case accountForm.MatchString(s):
		return s, "Q" + s, nil
	case ibanForm.MatchString(s) && goodIBAN(s):
		return s, "I" + s, nil
	}
	return "", "", errForm
}

// goodIBAN checks the two digits of ISO 13616: letters are 10 to 35, the first
// four characters come last, and the number is 1 modulo 97.
func goodIBAN(s string) bool {
	var digits strings.Builder
	for _, c := range s[4:] + s[:4] {
		if c >= 'A' {
			digits.WriteString(strconv.Itoa(int(c-'A') + 10))
		} else {
			digits.WriteRune(c)
		}
	}
	n, ok := new(big.Int).SetString(digits.String(), 10)
	return ok && new(big.Int).Mod(n, big.NewInt(97)).Int64() == 1
}

// escape writes a text as a field of operation data.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`).Replace(s)
}

// hidden is what a phone would not show as it is: controls and what turns the
// direction of text around.
func hidden(c rune) bool { return unicode.In(c, unicode.C, unicode.Zl, unicode.Zp) }
