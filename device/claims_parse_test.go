package device

import (
	"errors"
	"strings"
	"testing"
)

// Claims are read strictly, and what is wrong with one never shows its value.
func TestParseClaim(t *testing.T) {
	for text, want := range map[string]string{
		"given_name Alice": `"Alice"`, "birthdate 1990-04-01": `"1990-04-01"`, "age_over_18 true": "true", "is_eu_citizen false": "false",
		`address {"country":"CZ"}`: `{"country":"CZ"}`, "address Prague": `"Prague"`, `given_name {"a":1}`: `"{\"a\":1}"`,
	} {
		name, value, _ := strings.Cut(text, " ")
		if got, err := ParseClaim(name, value); err != nil || string(got) != want {
			t.Errorf("%s: %s %v", text, got, err)
		}
	}
	for _, text := range []string{"nickname secret", "given_name ", "birthdate secret", "age_over_21 secret", "given_name secret\n", `address {"secret`, "email secret" + strings.Repeat("x", MaxClaim)} {
		name, value, _ := strings.Cut(text, " ")
		got, err := ParseClaim(name, value)
		if wrong := (ClaimError{}); !errors.As(err, &wrong) || got != nil || strings.Contains(err.Error()+wrong.Hint, "secret") {
			t.Errorf("%s: %s %v", text, got, err)
		}
	}
}
