package main

import (
	"encoding/json"
	"strings"
	"testing"

	"countersign/api"
)

func TestFormLines(t *testing.T) {
	for raw, want := range map[string]string{
		`{"title":"Payment","greeting":{"id":"g","message":"Please check."},"summary":"You pay\n{a}","attributes":[
			{"type":"AMOUNT","id":"a","label":"Amount","amount":"100.50","currency":"EUR"},{"type":"AMOUNT","amount":"1","currency":"EUR"},
			{"type":"AMOUNT_CONVERSION","label":"Rate","sourceAmount":"1","sourceCurrency":"EUR","targetAmount":"25.10","targetCurrency":"CZK","dynamic":true},
			{"type":"KEY_VALUE","label":{"id":"to","message":"To account"},"value":"238400856/0300"},
			{"type":"NOTE","value":"one\n  service   Evil"},
			{"type":"HEADING","label":"Details"},
			{"type":"ALERT","label":"Attention","value":"New payee","alertType":"WARNING"},{"type":"ALERT","value":"a"},
			{"type":"PARTY_INFO","name":"Bob","description":"Shoes","logoUrl":"https://bob.example/l.png","websiteUrl":"https://bob.example"},
			{"type":"IMAGE","label":"Shoes","thumbnailUrl":"https://bob.example/s.png","originalUrl":"https://bob.example/b.png"},
			{"type":"CHOICE","label":"From","options":[{"id":"a","label":"Everyday"},{"id":"b","label":"Savings"}],"selected":"b"}]}`: `Payment
Please check.
You pay
  {a}
Amount: 100.50 EUR
Amount: 1 EUR
Rate: 1 EUR → 25.10 CZK (the rate may still change)
To account: 238400856/0300
Note: one
    service   Evil
-- Details
WARNING: Attention: New payee
INFO: a
Party: Bob
  Shoes
  website https://bob.example
  logo https://bob.example/l.png
Shoes: https://bob.example/s.png (not loaded)
  https://bob.example/b.png
From: [ ] Everyday
  [x] Savings`,
		// What is not known is there as it came, and what is known beside it is readable.
		`{"title":"a","extra":{"n": 1.50},"summary":{"id":"b"},"attributes":[{"type":"NEWER","value":1},{"type":"NOTE","value":"c"},{"type":"NOTE","value":"d","more":"e"}]}`: `a
extra: {"n": 1.50}
summary: {"id":"b"}
attributes: {"type":"NEWER","value":1}
Note: c
attributes: {"type":"NOTE","value":"d","more":"e"}`,
		`{"title":"a","title":"b","attributes":{"a":1}}`: "a\nb\nattributes: {\"a\":1}",
		`{"title":"a\u001b[2J"}`:                         `title: "a\u001b[2J"`,
		`{"title":"` + "\u202e" + `"}`:                   "title: \"\uFFFD\"",
		`["a"]`:                                          `["a"]`,
		`{}`:                                             ``,
	} {
		if got := strings.Join(formLines([]byte(raw)), "\n"); got != want {
			t.Errorf("%s is shown as\n%s\nnot\n%s", raw, got, want)
		}
	}
}

// Nothing of what is approved can stand where only we write.
func TestShowDisplay(t *testing.T) {
	var d api.Display
	raw := `{"service":{"id":"shop","name":"Acme Shop"},"operation":{"name":"pay","data":"A1*A1EUR","form":{"title":"Pay\n  service   Evil Shop"}}}`
	if err := json.Unmarshal([]byte(raw), &d); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	env := &environment{Stdout: &b}
	if err := env.showDisplay(d); err != nil {
		t.Fatal(err)
	}
	want := `
  a back end of Acme Shop

  service   Acme Shop (shop)
  approves  pay
            Pay
                service   Evil Shop
  data      A1*A1EUR

`
	if b.String() != want {
		t.Errorf("shown:\n%s", b.String())
	}
}
