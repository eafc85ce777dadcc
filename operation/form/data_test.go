package form_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"countersign/operation/form"

	"pgregory.net/rapid"
)

func ExampleNewData() {
	d, err := form.NewData(1).Amount("100.50", "EUR").IBAN("DE89 3704 0044 0532 0130 00", "").Skip().Skip().Note("Rent *May*").Data()
	fmt.Println(d, err)
	// Output: A1*A100.50EUR*IDE89370400440532013000***NRent \*May\* <nil>
}

type vectors struct {
	Valid []struct {
		Text, Canonical, Version string
		Template                 int
		Fields                   []*vectorField
	}
	Invalid []string
}

type vectorField struct {
	Kind, Amount, Currency, IBAN, BIC, Account, Date, Text, Letter string
}

// field is what a field of the vectors parses to.
func (v *vectorField) field() form.Field {
	if v == nil {
		return form.Field{}
	}
	f := form.Field{Kind: form.Kind(v.Kind[0]), Amount: form.Amount{Value: v.Amount, Currency: v.Currency},
		IBAN: v.IBAN, BIC: v.BIC, Account: v.Account, Date: v.Date, Text: v.Text}
	if v.Letter != "" {
		f.Letter = v.Letter[0]
	}
	return f
}

func readVectors(t testing.TB) (v vectors) {
	t.Helper()
	b, err := os.ReadFile("testdata/operation-data.json")
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil || len(v.Valid) == 0 || len(v.Invalid) == 0 {
		t.Fatal("no vectors", err)
	}
	return v
}

// The vectors were made by others.
func TestDataVectors(t *testing.T) {
	v := readVectors(t)
	for _, c := range v.Valid {
		want := form.Data{Version: c.Version[0], Template: c.Template}
		for _, f := range c.Fields {
			want.Fields = append(want.Fields, f.field())
		}
		got, err := form.ParseData(c.Text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", c.Text, got, err, want)
		}
		if c.Canonical == "" {
			c.Canonical = c.Text
		}
		if got.String() != c.Canonical {
			t.Errorf("%s is written %s", c.Text, got)
		}
	}
	for _, text := range v.Invalid {
		if d, err := form.ParseData(text); err == nil {
			t.Errorf("%q was read as %+v", text, d)
		}
	}
}

func TestDataErrors(t *testing.T) {
	for text, want := range map[string]form.Error{
		"B1":                                {Err: form.ErrMalformed},
		"A1 ":                               {Err: form.ErrMalformed},
		"A1*A1EUR\n":                        {Err: form.ErrHidden},
		"A1*N\u202eabc":                     {Err: form.ErrHidden},
		"A1*N\xff":                          {Err: form.ErrMalformed},
		"A0*T" + strings.Repeat("x", 8<<10): {Err: form.ErrSize},
		"A1******":                          {Path: "fields", Err: form.ErrSize},
		"A1*n":                              {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*N":                              {Path: "fields[0]", Err: form.ErrMalformed},
		"A1**éa":                            {Path: "fields[1]", Err: form.ErrMalformed},
		"A1*N\\t":                           {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*R1\\n2":                         {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*Q1\\n2":                         {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*Q  ":                            {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*A0.00EUR":                       {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*A01EUR":                         {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*A1.EUR":                         {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*A.5EUR":                         {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*A1,5EUR":                        {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*A1 EUR":                         {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*A1eur":                          {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*A1EURO":                         {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*AEU":                            {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*A1234567890123456789EUR":        {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*A1.123456789EUR":                {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*IDE89370400440532013001":        {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*IDE00370400440532013089":        {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*IDE89 3704 0044 0532 0130 00":   {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*Ide89370400440532013000":        {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*IDE89370400440532013000,":       {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*IDE89370400440532013000,COBADE": {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*IDE89370400440532013000,COBADEFF,COBADEFF": {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*D20190229": {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*D00000101": {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*D2019011":  {Path: "fields[0]", Err: form.ErrMalformed},
		"A1*D190229":   {Path: "fields[0]", Err: form.ErrMalformed},
	} {
		d, err := form.ParseData(text)
		var got *form.Error
		if !errors.As(err, &got) || *got != want {
			t.Errorf("%q: %+v, %v, want %v", text, d, err, &want)
		}
	}
}

func TestDataCanonical(t *testing.T) {
	for text, want := range map[string]string{
		"A00": "A0", "A07*": "A7", "A99*****": "A99", "A1*A0.01EUR": "A1*A0.01EUR", "A1*D20200229": "A1*D20200229",
		"A1*A999999999999999999.12345678EUR": "A1*A999999999999999999.12345678EUR",
		`A1*Q\*`:                             `A1*Q\*`, `A1*N\\n`: `A1*N\\n`, "A1*ICZ6508000000192000145399": "A1*ICZ6508000000192000145399",
		"A1*IGB29NWBK60161331926819": "A1*IGB29NWBK60161331926819", "A1*INO9386011117947": "A1*INO9386011117947",
		"A1*IMT84MALT011000012345MTLCAST001S": "A1*IMT84MALT011000012345MTLCAST001S",
	} {
		if d, err := form.ParseData(text); err != nil || d.String() != want {
			t.Errorf("%s: %v, %v", text, d, err)
		}
	}
}

func TestBuilder(t *testing.T) {
	for want, b := range map[string]*form.Builder{
		"A1":                             form.NewData(1),
		"A99*TA\\nB":                     form.NewData(99).Text("A\nB"),
		"A1*Q12345678/0100****D20160606": form.NewData(1).Account("12345678/0100").Skip().Skip().Skip().Date(2016, time.June, 6),
		"A1*A1EUR*IDE89370400440532013000,COBADEFFXXX*R1": form.NewData(1).Amount("1", "EUR").IBAN("DE89 3704 0044 0532 0130 00", "COBADEFFXXX").Reference("1").Skip(),
	} {
		if d, err := b.Data(); err != nil || d.String() != want {
			t.Errorf("%s: %v, %v", want, d, err)
		}
	}
	for name, b := range map[string]*form.Builder{
		"template below":    form.NewData(-1),
		"template above":    form.NewData(100),
		"zero":              form.NewData(1).Amount("0", "CZK"),
		"negative":          form.NewData(1).Amount("-1", "CZK"),
		"no number":         form.NewData(1).Amount("1e3", "CZK"),
		"shifted currency":  form.NewData(1).Amount("1", "0CZK"),
		"star in an amount": form.NewData(1).Amount("1EUR*A1", "EUR"),
		"no currency":       form.NewData(1).Amount("1", ""),
		"IBAN with BIC":     form.NewData(1).IBAN("DE89370400440532013000,COBADEFF", ""),
		"IBAN of two lines": form.NewData(1).IBAN("DE89370400440532013000\n", ""),
		"bad IBAN":          form.NewData(1).IBAN("DE89370400440532013001", ""),
		"no account":        form.NewData(1).Account(""),
		"no such day":       form.NewData(1).Date(2019, time.February, 29),
		"no such year":      form.NewData(1).Date(10000, time.January, 1),
		"year before":       form.NewData(1).Date(-1, time.January, 1),
		"empty text":        form.NewData(1).Note(""),
		"hidden":            form.NewData(1).Note("\u202e"),
		"carriage return":   form.NewData(1).Note("\r\n"),
		"reference":         form.NewData(1).Reference("a\nb"),
		"six":               form.NewData(1).Note("1").Skip().Skip().Skip().Skip().Skip(),
		"no UTF-8":          form.NewData(1).Note("\xff"),
	} {
		if d, err := b.Data(); err == nil {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestAmount(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		equal bool
	}{
		{"100", "100.00", true}, {"100.5", "100.50", true}, {"0.10", "0.1", true}, {"1000", "100", false}, {"100", "100.01", false},
		{"10", "1.0", false}, {"0.01", "0.1", false}, {"123456789012345678.00000001", "123456789012345678.00000002", false},
	} {
		a, b := form.Amount{Value: c.a, Currency: "EUR"}, form.Amount{Value: c.b, Currency: "EUR"}
		if a.Equal(b) != c.equal || b.Equal(a) != c.equal {
			t.Errorf("%s and %s: equal is %t", a, b, !c.equal)
		}
		if b.Currency = "CZK"; a.Equal(b) {
			t.Errorf("%s is %s", a, b)
		}
	}
}

// printable are characters that texts may have.
var printable = &unicode.RangeTable{R16: []unicode.Range16{{0x20, 0x7e, 1}, {0xa0, 0xac, 1}, {0xae, 0x24f, 1}, {0x3b1, 0x3c9, 1}, {0x4e00, 0x4eff, 1}}}

// someText has what a text may have, stars, backslashes and line feeds more often
// than chance would.
func someText(lines bool) *rapid.Generator[string] {
	special := []rune{'*', '\\', 'n', ' ', 'é', '語', '😀'}
	if lines {
		special = append(special, '\n')
	}
	return rapid.StringOfN(rapid.OneOf(rapid.SampledFrom(special), rapid.RuneFrom(nil, printable)), 1, 40, -1)
}

func drawField(t *rapid.T, b *form.Builder) {
	switch rapid.SampledFrom([]form.Kind{0, 'A', 'I', 'Q', 'D', 'R', 'N', 'T'}).Draw(t, "kind") {
	case form.FieldEmpty:
		b.Skip()
	case form.FieldAmount:
		b.Amount(rapid.StringMatching(`(0|[1-9][0-9]{0,17})\.[0-9]{0,7}[1-9]|[1-9][0-9]{0,17}`).Draw(t, "amount"), rapid.StringMatching(`[A-Z]{3}`).Draw(t, "currency"))
	case form.FieldIBAN:
		b.IBAN(rapid.SampledFrom([]string{"DE89370400440532013000", "CZ6508000000192000145399"}).Draw(t, "iban"),
			rapid.StringMatching(`|[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?`).Draw(t, "bic"))
	case form.FieldAccount:
		b.Account("1" + someText(false).Draw(t, "account"))
	case form.FieldDate:
		day := time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "day"), 0).UTC()
		b.Date(day.Date())
	case form.FieldReference:
		b.Reference(someText(false).Draw(t, "reference"))
	case form.FieldNote:
		b.Note(someText(true).Draw(t, "note"))
	case form.FieldText:
		b.Text(someText(true).Draw(t, "text"))
	}
}

func TestBuiltDataIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := form.NewData(rapid.IntRange(0, form.MaxTemplate).Draw(t, "template"))
		for range rapid.IntRange(0, form.MaxFields).Draw(t, "fields") {
			drawField(t, b)
		}
		built, err := b.Data()
		if err != nil {
			t.Fatal(err)
		}
		read, err := form.ParseData(built.String())
		if err != nil || !reflect.DeepEqual(read, built) {
			t.Fatalf("%s: read %+v, %v; built %+v", built, read, err, built)
		}
	})
}

// canonicalData checks what holds for every text.
func canonicalData(t interface{ Errorf(string, ...any) }, text string) {
	d, err := form.ParseData(text)
	var wrong *form.Error
	if err != nil {
		if !errors.As(err, &wrong) {
			t.Errorf("%q: %v is no form.Error", text, err)
		}
		return
	}
	again, err := form.ParseData(d.String())
	if err != nil || !reflect.DeepEqual(again, d) || again.String() != d.String() || len(d.String()) > len(text) {
		t.Errorf("%q is %q, read again as %+v, %v", text, d, again, err)
	}
	if d.Version != 'A' || d.Template < 0 || d.Template > 99 || len(d.Fields) > 5 || len(d.Fields) > 0 && d.Fields[len(d.Fields)-1] == (form.Field{}) {
		t.Errorf("%q was read as %+v", text, d)
	}
	if slices.ContainsFunc(d.Fields, func(f form.Field) bool { return f.Kind != form.FieldEmpty && f == form.Field{Kind: f.Kind} }) {
		t.Errorf("%q has a field without a value: %+v", text, d)
	}
}

func TestReadDataIsCanonical(t *testing.T) {
	piece := rapid.SampledFrom([]string{"A", "1", "0", "*", "*", `\`, "n", "N", "T", "Q", "R", "D", "I", "X", "EUR", "100", ".5", "20190629",
		"DE89370400440532013000", ",", "COBADEFF", "é", " ", "-"})
	rapid.Check(t, func(t *rapid.T) {
		canonicalData(t, "A1"+strings.Join(rapid.SliceOfN(piece, 0, 20).Draw(t, "pieces"), ""))
	})
}

func FuzzData(f *testing.F) {
	v := readVectors(f)
	for _, c := range v.Valid {
		f.Add(c.Text)
	}
	for _, text := range v.Invalid {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { canonicalData(t, text) })
}
