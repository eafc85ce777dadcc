package device

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func claimsDay() time.Time { return time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC) }

// Each scope releases its claims, as stored or derived, and no other.
func TestRelease(t *testing.T) {
	for _, tc := range []struct {
		name   string
		stored string // JSON
		scopes []Scope
		want   string // JSON
	}{
		{"nothing asked", `{"name":"Alice Doe","email":"a@example.com"}`, nil, `{}`},
		{"nothing known", `{}`, Scopes(), `{}`},
		{"name from its parts", `{"given_name":"Alice","family_name":"Doe"}`, []Scope{Name}, `{"family_name":"Doe","given_name":"Alice","name":"Alice Doe"}`},
		{"name as stored", `{"name":"Dr Alice Doe","given_name":"Alice"}`, []Scope{Name}, `{"given_name":"Alice","name":"Dr Alice Doe"}`},
		{"one name alone", `{"family_name":"Doe"}`, []Scope{Name}, `{"family_name":"Doe","name":"Doe"}`},
		{"initials", `{"given_name":"alice","family_name":"Ødegård"}`, []Scope{NameInitial}, `{"name_initial":"A. Ø."}`},
		{"initials as stored", `{"name_initial":"A.","given_name":"Bob"}`, []Scope{NameInitial}, `{"name_initial":"A."}`},
		{"birth date", `{"birthdate":"1990-05-17"}`, []Scope{Birthdate}, `{"birthdate":"1990-05-17"}`},
		{"age without the birth date", `{"birthdate":"1990-05-17"}`, []Scope{AgeOver18, AgeOver21, AgeOver25, AgeRange},
			`{"age_over_18":true,"age_over_21":true,"age_over_25":true,"age_range":"35-44"}`},
		{"age as stored", `{"age_over_18":true,"birthdate":"2020-01-01"}`, []Scope{AgeOver18}, `{"age_over_18":true}`},
		{"age of no date", `{"birthdate":"17 May 1990"}`, []Scope{AgeOver18, AgeRange}, `{}`},
		{"age of a day to come", `{"birthdate":"2030-01-01"}`, []Scope{AgeOver18, AgeRange}, `{}`},
		{"age of a number", `{"birthdate":19900517}`, []Scope{AgeOver18}, `{}`},
		{"nationality alone", `{"nationality":"CZ"}`, []Scope{Nationality}, `{"nationality":"CZ"}`},
		{"citizen of the EU", `{"nationality":"cz"}`, []Scope{IsEUCitizen}, `{"is_eu_citizen":true}`},
		{"by three letters", `{"nationality":"DEU"}`, []Scope{IsEUCitizen}, `{"is_eu_citizen":true}`},
		{"no citizen of the EU", `{"nationality":"GB"}`, []Scope{IsEUCitizen}, `{"is_eu_citizen":false}`},
		{"citizen of nobody knows what", `{}`, []Scope{IsEUCitizen}, `{}`},
		{"the others as they are", `{"email":"a@example.com","phone":"+420123","address":{"country":"CZ"},"picture":"https://a.example/a.png"}`,
			[]Scope{Email, Phone, Address, Picture}, `{"address":{"country":"CZ"},"email":"a@example.com","phone":"+420123","picture":"https://a.example/a.png"}`},
		{"one of them", `{"email":"a@example.com","phone":"+420123"}`, []Scope{Email}, `{"email":"a@example.com"}`},
		{"no scope of ours", `{"email":"a@example.com","iss":"evil"}`, []Scope{"email", "identity:iss", "identity:", "openid", ""}, `{}`},
	} {
		var stored Claims
		if err := json.Unmarshal([]byte(tc.stored), &stored); err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(stored.Release(tc.scopes, claimsDay()))
		if err != nil || string(got) != tc.want {
			t.Errorf("%s: %s, %v; want %s", tc.name, got, err, tc.want)
		}
	}
}

// Ages change on the birthday, by the calendar in UTC.
func TestAges(t *testing.T) {
	for _, tc := range []struct {
		born, now string
		over18    string
		ageRange  string
	}{
		{"2008-03-15", "2026-03-15T00:00:00Z", "true", "18-20"},
		{"2008-03-15", "2026-03-14T23:59:59Z", "false", "16-17"},
		{"2008-03-15", "2026-03-15T01:00:00+02:00", "false", "16-17"},
		{"2008-03-16", "2026-03-15T00:00:00Z", "false", "16-17"},
		{"2008-02-29", "2026-02-28T12:00:00Z", "false", "16-17"},
		{"2008-02-29", "2026-03-01T00:00:00Z", "true", "18-20"},
		{"2026-03-15", "2026-03-15T00:00:00Z", "false", "0-12"},
		{"2013-03-15", "2026-03-15T00:00:00Z", "false", "13-15"},
		{"2005-03-15", "2026-03-15T00:00:00Z", "true", "21-24"},
		{"2001-03-15", "2026-03-15T00:00:00Z", "true", "25-34"},
		{"1961-03-16", "2026-03-15T00:00:00Z", "true", "55-64"},
		{"1961-03-15", "2026-03-15T00:00:00Z", "true", "65+"},
	} {
		now, err := time.Parse(time.RFC3339, tc.now)
		if err != nil {
			t.Fatal(err)
		}
		c := Claims{"birthdate": json.RawMessage(`"` + tc.born + `"`)}
		got := c.Release([]Scope{AgeOver18, AgeRange}, now)
		if string(got["age_over_18"]) != tc.over18 || string(got["age_range"]) != `"`+tc.ageRange+`"` {
			t.Errorf("born %s, on %s: %s, %s", tc.born, tc.now, got["age_over_18"], got["age_range"])
		}
	}
}

// Every scope but name stands for the claim of its own name.
func TestScopesAndClaimNames(t *testing.T) {
	names := ClaimNames()
	for _, s := range Scopes() {
		name, ok := strings.CutPrefix(string(s), "identity:")
		if !ok || !slices.Contains(names, name) {
			t.Errorf("scope %s has no claim", s)
		}
		stored := Claims{}
		for _, n := range names {
			stored[n] = json.RawMessage(`"x"`)
		}
		got := stored.Release([]Scope{s}, claimsDay())
		if want := map[bool]int{true: 3, false: 1}[s == Name]; len(got) != want || got[name] == nil {
			t.Errorf("%s releases %v", s, got)
		}
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != len(Scopes())+2 {
		t.Errorf("%d names of claims for %d scopes", len(names), len(Scopes()))
	}
}
