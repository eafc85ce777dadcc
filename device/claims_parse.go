package device

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// MaxClaim bounds one claim, in bytes: what is released travels in the JWT, which has
// to fit into headers.
const MaxClaim = 1024

// A ClaimError says what is wrong with a claim, and never shows its value.
type ClaimError struct{ Name, What, Hint string }

func (e ClaimError) Error() string { return "claim " + e.Name + " " + e.What }

// ParseClaim reads a claim as an operator writes it. A value that is a JSON object is
// one (an address may be), true and false are such where the claim is a yes or no, and
// all else is text. ClaimError.
func ParseClaim(name, text string) (json.RawMessage, error) {
	wrong := func(what, hint string) (json.RawMessage, error) { return nil, ClaimError{name, what, hint} }
	switch {
	case !slices.Contains(ClaimNames(), name):
		return nil, ClaimError{`"` + name + `"`, "is not known", "one of " + strings.Join(ClaimNames(), ", ")}
	case text == "":
		return wrong("has no value", "write --claim NAME=VALUE")
	case len(text) > MaxClaim || HasHidden(text):
		return wrong("is longer than 1024 bytes, or has control characters", "")
	case name == "birthdate":
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return wrong("is not a date", "write it as 1990-04-01")
		}
	case name == "is_eu_citizen" || strings.HasPrefix(name, "age_over_"):
		if text != "true" && text != "false" {
			return wrong("is neither true nor false", "")
		}
		return json.RawMessage(text), nil
	case name == "address" && strings.HasPrefix(text, "{"):
		var object map[string]any
		if err := json.Unmarshal([]byte(text), &object); err != nil {
			return wrong("is no JSON object", `such as {"locality":"Prague","country":"CZ"}`)
		}
		return json.Marshal(object)
	}
	return json.Marshal(text)
}
