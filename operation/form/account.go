package form

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

var (
	ibanForm = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$`)                // ISO 13616-1
	bicForm  = regexp.MustCompile(`^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?$`) // ISO 9362
	// domesticForm is a number with a bank code such as 19-2000145399/0800. A
	// shorter one, such as 05/2019, is more likely a month.
	domesticForm = regexp.MustCompile(`^(?:[0-9]{1,6}-[0-9]{2,10}|[0-9]{6,10})/[0-9]{4}$`)
)

// goodIBAN checks form and check digits (ISO 13616-1, ISO 7064 MOD 97-10): with
// the first four characters put last and letters read as 10 to 35, the number is
// 1 modulo 97. Check digits are 02 to 98; 00, 01 and 99 would pass as others.
func goodIBAN(s string) bool {
	if !ibanForm.MatchString(s) || s[2:4] == "00" || s[2:4] == "01" || s[2:4] == "99" {
		return false
	}
	rest := 0
	for _, c := range s[4:] + s[:4] {
		if c >= 'A' {
			rest = (rest*100 + int(c-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(c-'0')) % 97
		}
	}
	return rest == 1
}

// goodAccount is the form of a free account: one line with something on it.
func goodAccount(s string) bool {
	return strings.TrimSpace(s) != "" && !strings.Contains(s, "\n")
}

// plainAccount is an account as accounts are compared: without spaces, in capital
// letters.
func plainAccount(s string) string {
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s))
}

// looksLikeAccount says whether a plain account is one by its form alone, its
// check digits good or not.
func looksLikeAccount(plain string) bool {
	return looksLikeIBAN(bare(plain)) || domesticForm.MatchString(plain)
}

// looksLikeIBAN: of a country that has IBANs. An order's number begins as it likes,
// and a creditor reference (ISO 11649) with RF.
func looksLikeIBAN(bare string) bool {
	return ibanForm.MatchString(bare) && slices.Contains(ibanCountries(), bare[:2])
}

// bare is a plain account without what numbers are grouped by: an IBAN has letters
// and digits alone, whatever it is written with.
func bare(plain string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Dash, r) || r == '.' || r == '/' {
			return -1
		}
		return r
	}, plain)
}

// ibanCountries are those of the IBAN registry (ISO 13616-2).
func ibanCountries() []string {
	return strings.Fields(`AD AE AL AT AZ BA BE BG BH BI BR BY CH CR CY CZ DE DJ DK DO EE EG ES FI FK FO FR GB GE GI GL GR GT HN HR HU
		IE IL IQ IS IT JO KW KZ LB LC LI LT LU LV LY MC MD ME MK MN MR MT MU NI NL NO OM PK PL PS PT QA RO RS RU SA SC SD SE SI SK SM
		SO ST SV TL TN TR UA VA VG XK YE`)
}
