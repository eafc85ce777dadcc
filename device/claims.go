package device

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Claims are what is known of an identity, by claim name: strings, but for
// address, which may be an object. What is not there is not released.
type Claims map[string]json.RawMessage

// A Scope stands for claims, and for nothing else.
type Scope string

// The scopes there are (docs/protocol.md, Token).
const (
	Name        Scope = "identity:name"
	NameInitial Scope = "identity:name_initial"
	Birthdate   Scope = "identity:birthdate"
	AgeOver18   Scope = "identity:age_over_18"
	AgeOver21   Scope = "identity:age_over_21"
	AgeOver25   Scope = "identity:age_over_25"
	AgeRange    Scope = "identity:age_range"
	Nationality Scope = "identity:nationality"
	IsEUCitizen Scope = "identity:is_eu_citizen"
	Email       Scope = "identity:email"
	Phone       Scope = "identity:phone"
	Address     Scope = "identity:address"
	Picture     Scope = "identity:picture"
)

// The scopes of operators. They release nothing of anybody, and are not among [Scopes]:
// services have them by the configuration's admin alone.
const (
	OperatorAdmin Scope = "countersign:admin" // everything in the operators' API
	OperatorAudit Scope = "countersign:audit" // reading it
)

// OfOperators says whether a scope is one of operators.
func (s Scope) OfOperators() bool { return s == OperatorAdmin || s == OperatorAudit }

// Scopes lists every scope that releases something.
func Scopes() []Scope {
	return []Scope{Name, NameInitial, Birthdate, AgeOver18, AgeOver21, AgeOver25, AgeRange,
		Nationality, IsEUCitizen, Email, Phone, Address, Picture}
}

// claimPrefix is what a scope has before the claim of its name.
const claimPrefix = "identity:"

// ClaimNames lists the claims an identity may be given.
func ClaimNames() []string {
	names := []string{"given_name", "family_name"}
	for _, s := range Scopes() {
		names = append(names, strings.TrimPrefix(string(s), claimPrefix))
	}
	return names
}

// Release gives the claims that scopes stand for at the time now, and no
// others. What can be derived is derived (age_over_18 from birthdate) without
// releasing what it was derived from; what is neither known nor derivable is
// left out.
func (c Claims) Release(scopes []Scope, now time.Time) Claims {
	out := Claims{}
	for _, s := range scopes {
		if !slices.Contains(Scopes(), s) {
			continue
		}
		names := []string{strings.TrimPrefix(string(s), claimPrefix)}
		if s == Name {
			names = append(names, "given_name", "family_name")
		}
		for _, n := range names {
			if v, ok := c.value(n, now); ok {
				out[n] = v
			}
		}
	}
	return out
}

// value is the claim as stored, else as derived.
func (c Claims) value(name string, now time.Time) (json.RawMessage, bool) {
	if v, ok := c[name]; ok {
		return v, true
	}
	switch name {
	case "name":
		return quote(strings.TrimSpace(c.text("given_name") + " " + c.text("family_name")))
	case "name_initial":
		return quote(initials(c.text("given_name"), c.text("family_name")))
	case "age_over_18", "age_over_21", "age_over_25":
		age, ok := c.age(now)
		limit := map[string]int{"age_over_18": 18, "age_over_21": 21, "age_over_25": 25}[name]
		return boolean(age >= limit), ok
	case "age_range":
		age, ok := c.age(now)
		if !ok {
			return nil, false
		}
		return quote(ageRange(age))
	case "is_eu_citizen":
		n := strings.ToUpper(c.text("nationality"))
		return boolean(slices.Contains(euCountries(), n)), n != ""
	}
	return nil, false
}

func (c Claims) text(name string) string {
	var s string
	if json.Unmarshal(c[name], &s) != nil {
		return ""
	}
	return s
}

// age is whole years since the birth date, by the calendar in UTC.
func (c Claims) age(now time.Time) (int, bool) {
	born, err := time.Parse(time.DateOnly, c.text("birthdate"))
	if err != nil {
		return 0, false
	}
	now = now.UTC()
	age := now.Year() - born.Year()
	if now.Month() < born.Month() || now.Month() == born.Month() && now.Day() < born.Day() {
		age--
	}
	return age, age >= 0
}

// ageRange names the range an age falls in.
func ageRange(age int) string {
	bounds := []struct {
		under int
		name  string
	}{{13, "0-12"}, {16, "13-15"}, {18, "16-17"}, {21, "18-20"}, {25, "21-24"}, {35, "25-34"}, {45, "35-44"}, {55, "45-54"}, {65, "55-64"}}
	for _, b := range bounds {
		if age < b.under {
			return b.name
		}
	}
	return "65+"
}

// initials gives "A. D." for Alice Doe.
func initials(names ...string) string {
	var out []string
	for _, n := range names {
		for _, r := range n {
			out = append(out, strings.ToUpper(string(r))+".")
			break
		}
	}
	return strings.Join(out, " ")
}

// euCountries are the member states, ISO 3166-1 alpha-2 and alpha-3.
func euCountries() []string {
	return strings.Fields(`AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE
		AUT BEL BGR HRV CYP CZE DNK EST FIN FRA DEU GRC HUN IRL ITA LVA LTU LUX MLT NLD POL PRT ROU SVK SVN ESP SWE`)
}

// quote gives a JSON string; an empty one is no claim.
func quote(s string) (json.RawMessage, bool) {
	b, err := json.Marshal(s)
	return b, err == nil && s != ""
}

func boolean(b bool) json.RawMessage {
	if b {
		return json.RawMessage("true")
	}
	return json.RawMessage("false")
}
