package form

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"countersign/device"
)

const (
	// Version is the only version of structured data that there is.
	Version byte = 'A'
	// MaxFields is how many fields data has at most.
	MaxFields = 5
	// MaxData is how long data may be, in bytes.
	MaxData = 8 << 10
	// MaxTemplate is the highest template. What a template means, such as 1 for
	// a payment, is between those who read it; one that a reader does not know
	// it reads as 0, the generic one.
	MaxTemplate = 99
)

// A Kind says what a field of data holds. Its value is the letter on the wire.
type Kind byte

// The kinds. A field with another capital letter is of a version to come, and is
// read as [FieldText].
const (
	FieldEmpty     Kind = 0
	FieldAmount    Kind = 'A'
	FieldIBAN      Kind = 'I'
	FieldAccount   Kind = 'Q' // not an IBAN; free
	FieldDate      Kind = 'D'
	FieldReference Kind = 'R'
	FieldNote      Kind = 'N'
	FieldText      Kind = 'T'
)

// Data is structured operation data. [ParseData] and [Builder] make good ones.
type Data struct {
	Version  byte
	Template int     // 0 to [MaxTemplate]
	Fields   []Field // at most [MaxFields]; the last is not empty
}

// A Field is one field of data. Only the members of its kind are set; fields can
// be compared with ==.
type Field struct {
	Kind   Kind
	Amount Amount
	IBAN   string // with good check digits, without spaces
	BIC    string // of the IBAN; may be empty
	// Account is one line that is not only spaces.
	Account string
	Date    string // 2006-01-02, a real day
	// Text is a reference (one line), a note or a text, and not empty. Notes
	// and texts may have line feeds.
	Text string
	// Letter is the letter of a kind that this version does not know, whose
	// Kind is [FieldText]; else 0.
	Letter byte
}

var dataForm = regexp.MustCompile(`^A([0-9]{1,2})(\*|$)`)

// Structured says whether a text begins as structured data does. If [ParseData] then
// refuses it, it was meant to be.
func Structured(text string) bool { return dataForm.MatchString(text) }

// ParseData reads structured data:
//
//	data  = "A" template 0*5( "*" field )   ; template: one or two digits
//	field = "" / letter value               ; letter: A to Z
//
// In a value `\\`, `\*` and `\n` stand for a backslash, a star and a line feed,
// and no other escape is known. Empty fields at the end count toward [MaxFields]
// and are dropped. An error is an [Error] with a path such as fields[0].
func ParseData(text string) (Data, error) {
	if len(text) > MaxData {
		return Data{}, wrong("", ErrSize)
	}
	if device.HasHidden(text) {
		return Data{}, wrong("", ErrHidden)
	}
	head := dataForm.FindStringSubmatch(text)
	if head == nil || !utf8.ValidString(text) {
		return Data{}, wrong("", ErrMalformed)
	}
	template, err := strconv.Atoi(head[1])
	if err != nil {
		return Data{}, wrong("", ErrMalformed)
	}
	d := Data{Version: Version, Template: template}
	for i, raw := range splitFields(strings.TrimPrefix(text, "A"+head[1])) {
		if i == MaxFields {
			return Data{}, wrong("fields", ErrSize)
		}
		f, err := parseField(raw)
		if err != nil {
			return Data{}, wrong(fmt.Sprintf("fields[%d]", i), err)
		}
		d.Fields = append(d.Fields, f)
	}
	d.Fields = trimmed(d.Fields)
	return d, nil
}

// splitFields parts "*a*b" into a and b, at the stars that are not escaped.
func splitFields(text string) (raw []string) {
	begin := -1
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '*':
			if begin >= 0 {
				raw = append(raw, text[begin:i])
			}
			begin = i + 1
		}
	}
	if begin >= 0 {
		raw = append(raw, text[begin:])
	}
	return raw
}

// trimmed drops the empty fields at the end.
func trimmed(fields []Field) []Field {
	for len(fields) > 0 && fields[len(fields)-1].Kind == FieldEmpty {
		fields = fields[:len(fields)-1]
	}
	if len(fields) == 0 {
		return nil
	}
	return fields
}

// String writes data in its canonical form: no empty fields at the end, a
// template without leading zeros. It is what [ParseData] reads.
func (d Data) String() string {
	var b strings.Builder
	b.WriteByte(d.Version)
	b.WriteString(strconv.Itoa(d.Template))
	for _, f := range trimmed(d.Fields) {
		b.WriteByte('*')
		b.WriteString(f.String())
	}
	return b.String()
}
