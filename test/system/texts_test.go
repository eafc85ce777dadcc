package system

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/operation"
	"countersign/server"
	"countersign/test/rig"
)

// texted gives the shop texts in English, German and Swiss German; all of it falls
// back to English. Each language begins its words with its tag.
func texted(t *testing.T) func(*server.Config) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "texts.json")
	words := map[string]map[string]string{}
	for _, tag := range []string{"en", "de"} {
		words[tag] = map[string]string{"title": tag + " title: {a}", "greeting": tag + " greeting\n{c}", "summary": tag + " summary {b} {d} {e} {g} {i} {none}", "value": tag + " value", "note": tag + " note of {a}"}
		for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "g.name", "g.text", "h", "i", "x"} {
			words[tag][id] = tag + " " + id
		}
	}
	words["de-CH"] = map[string]string{"title": "de-CH title"}
	words["en"]["english"], words["en"]["twoLines"], words["de"]["to"] = "en only", "two\nlines", "CZ6508000000192000145399"
	raw, err := json.Marshal(words)
	if err == nil {
		err = os.WriteFile(file, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func(c *server.Config) { c.Services[1].Texts = server.TextsConfig{File: file, Fallback: "en"} }
}

// textedKinds has every kind of attribute, with a text of the catalogue wherever
// there can be one. What stands in its messages is shown nowhere.
const textedKinds = `{"title":{"id":"title","message":"m"},"greeting":{"id":"greeting"},"summary":{"id":"summary"},"attributes":[
	{"type":"AMOUNT","id":"a","label":{"id":"a","message":"m"},"amount":"100.50","currency":"EUR"},
	{"type":"AMOUNT_CONVERSION","id":"b","label":{"id":"b"},"sourceAmount":"100.50","sourceCurrency":"EUR","targetAmount":"2500","targetCurrency":"CZK"},
	{"type":"KEY_VALUE","id":"c","label":{"id":"c"},"value":{"id":"value"}},
	{"type":"NOTE","id":"d","label":{"id":"d"},"value":{"id":"note"}},
	{"type":"HEADING","id":"e","label":{"id":"e"}},
	{"type":"ALERT","id":"f","label":{"id":"f"},"value":{"id":"note"}},
	{"type":"PARTY_INFO","id":"g","label":{"id":"g"},"name":{"id":"g.name"},"description":{"id":"g.text"}},
	{"type":"IMAGE","id":"h","label":{"id":"h"},"thumbnailUrl":"https://bob.example/s.png"},
	{"type":"CHOICE","id":"i","label":{"id":"i"},"options":[{"id":"x","label":{"id":"x"}}],"selected":"x"}]}`

// shownIn is textedKinds in a language, as it is kept, shown and signed; title is that of
// the title's words.
func shownIn(title, tag string) string {
	return `{"title":{"id":"title","message":"` + title + `"},"greeting":{"id":"greeting","message":"` + tag + ` greeting\n` + tag + ` value"},` +
		`"summary":{"id":"summary","message":"` + tag + ` summary 100.50 EUR → 2500 CZK ` + tag + ` note of {a} ` + tag + ` e ` + tag + ` g.name ` + tag + ` x {none}"},"attributes":[` +
		`{"type":"AMOUNT","id":"a","label":{"id":"a","message":"` + tag + ` a"},"amount":"100.50","currency":"EUR"},` +
		`{"type":"AMOUNT_CONVERSION","id":"b","label":{"id":"b","message":"` + tag + ` b"},"sourceAmount":"100.50","sourceCurrency":"EUR","targetAmount":"2500","targetCurrency":"CZK"},` +
		`{"type":"KEY_VALUE","id":"c","label":{"id":"c","message":"` + tag + ` c"},"value":{"id":"value","message":"` + tag + ` value"}},` +
		`{"type":"NOTE","id":"d","label":{"id":"d","message":"` + tag + ` d"},"value":{"id":"note","message":"` + tag + ` note of 100.50 EUR"}},` +
		`{"type":"HEADING","id":"e","label":{"id":"e","message":"` + tag + ` e"}},` +
		`{"type":"ALERT","id":"f","label":{"id":"f","message":"` + tag + ` f"},"value":{"id":"note","message":"` + tag + ` note of 100.50 EUR"}},` +
		`{"type":"PARTY_INFO","id":"g","label":{"id":"g","message":"` + tag + ` g"},"name":{"id":"g.name","message":"` + tag + ` g.name"},"description":{"id":"g.text","message":"` + tag + ` g.text"}},` +
		`{"type":"IMAGE","id":"h","label":{"id":"h","message":"` + tag + ` h"},"thumbnailUrl":"https://bob.example/s.png"},` +
		`{"type":"CHOICE","id":"i","label":{"id":"i","message":"` + tag + ` i"},"options":[{"id":"x","label":{"id":"x","message":"` + tag + ` x"}}],"selected":"x"}]}`
}

// A form is put into the language of its operation once: that is kept, shown on
// page and phone, and signed.
func TestFormIsLocalised(t *testing.T) {
	t.Parallel()
	r := backendRig(t, texted(t))
	d := r.Desk(0)
	for _, x := range []struct {
		language any
		want     string
	}{
		{"de", shownIn("de title: 100.50 EUR", "de")},
		{"DE-ch", shownIn("de-CH title", "de")},
		{"de-AT", shownIn("de title: 100.50 EUR", "de")},
		{"fr", shownIn("en title: 100.50 EUR", "en")},
		{nil, shownIn("en title: 100.50 EUR", "en")},
	} {
		phone := r.Phone(0)
		v := d.Order(rig.Payment(phone, "data", payment, "form", json.RawMessage(textedKinds), "language", x.language))
		if string(v.Form) != x.want {
			t.Errorf("%v: kept is\n%s, want\n%s", x.language, v.Form, x.want)
		}
		p := r.Open(1, v.OperationID)
		if page := p.Send(operation.Init).Data.Form; string(page) != x.want {
			t.Errorf("%v: the page has %s", x.language, page)
		}
		p.Send(operation.Choose, "method", "device")
		r.Approve(phone, p.Start(false))
		if proof := d.Ask(v.OperationID).Proof; proof == nil || !strings.Contains(proof.Display, `"form":`+x.want) {
			t.Errorf("%v: signed is %+v", x.language, proof)
		}
	}
	// A start takes the language of its operation.
	phone := r.Phone(0)
	body := rig.JSON(map[string]any{"tokenId": phone.Token, "operation": map[string]any{"name": "pay", "data": payment, "form": json.RawMessage(textedKinds), "language": "de"}})
	c := r.Claim(phone, started(t, r, r.Send(0, http.MethodPost, initiate, body, "Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret))).SessionID, "")
	if !strings.Contains(c.Display, `"form":`+shownIn("de title: 100.50 EUR", "de")) {
		t.Errorf("a start shows %s", c.Display)
	}
}

// What is judged is the form as it is shown, and what is wrong with it is named.
func TestLocalisedFormIsJudged(t *testing.T) {
	t.Parallel()
	r := backendRig(t, texted(t))
	d, phone := r.Desk(0), r.Phone(0)
	status := map[string]int{"form_mismatch": http.StatusUnprocessableEntity, "invalid_request": http.StatusBadRequest}
	to := func(id string) string {
		return `{"attributes":[{"type":"KEY_VALUE","label":"To","format":"ACCOUNT","value":{"id":"` + id + `","message":"DE89370400440532013000"}}]}`
	}
	for _, x := range []struct {
		form, language, code, detail string
	}{
		{to("to"), "en", "", ""},
		{to("to"), "de", "form_mismatch", "form.attributes[0].value is not what data says"},
		{`{"title":{"id":"nowhere"}}`, "de", "invalid_request", "invalid: form.title"},
		{`{"attributes":[{"type":"CHOICE","options":[{"id":"a","label":{"id":"nowhere"}}]}]}`, "de", "invalid_request", "invalid: form.attributes[0].options[0].label"},
		{`{"title":{"id":"twoLines"},"greeting":{"id":"english"}}`, "de", "", ""},
		{`{"attributes":[{"type":"HEADING","label":{"id":"twoLines"}}]}`, "de", "invalid_request", "invalid: form.attributes[0].label"},
		{`{}`, "de_CH", "invalid_request", "invalid: language"},
		{`{}`, "", "invalid_request", "invalid: language"},
		{`{}`, strings.Repeat("de-", 12) + "de", "invalid_request", "invalid: language"},
	} {
		a := d.TryOrder(rig.Payment(phone, "data", payment, "form", json.RawMessage(x.form), "language", x.language))
		if x.code == "" {
			r.Into(a, &struct{}{})
			continue
		}
		r.Refused(x.form+x.language, a, status[x.code], x.code)
		if a.Problem.Detail != x.detail {
			t.Errorf("%s in %q: %q", x.form, x.language, a.Problem.Detail)
		}
	}
	// Another service has no texts, and the words that come along are shown.
	v := d.Of("counter").Order(rig.Payment(phone, "form", json.RawMessage(`{"title":{"id":"title","message":"as it came"}}`), "language", "de"))
	if string(v.Form) != `{"title":{"id":"title","message":"as it came"}}` {
		t.Errorf("of a service without texts: %s", v.Form)
	}
	body := rig.JSON(map[string]any{"tokenId": phone.Token, "operation": map[string]any{"name": "pay", "data": payment, "language": "*"}})
	if a := r.Send(0, http.MethodPost, initiate, body, "Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret)); a.Problem.Detail != "invalid: operation.language" {
		t.Errorf("a start: %+v", a.Problem)
	}
}

// A back end that runs wild is told to wait, by every node, and no other is.
func TestOrdersPerService(t *testing.T) {
	t.Parallel()
	r := backendRig(t, func(c *server.Config) {
		limited(c)
		c.Limits.OperationsPerService = server.Rate{N: 4, Per: time.Hour}
	})
	d, phone := r.Desk(0), r.Phone(0)
	for i := range 4 { // good or not
		if a := d.At(i % 2).TryOrder(rig.Payment(phone, "data", []any{"A1*A0EUR", rig.Data}[i%2])); a.Status != []int{400, 200}[i%2] {
			t.Errorf("order %d: %d %s", i, a.Status, a.Body)
		}
	}
	for n := range 2 {
		rateLimited(t, r, "the fifth", d.At(n).TryOrder(rig.Payment(phone)), 3600)
	}
	d.Of("counter").Order(rig.Payment(phone))
	r.Eventually("it is on record", func() bool { return r.Log.Contains(`"detail":"operations"`) })
}
