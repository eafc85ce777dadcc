package rp

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is deeper than any display or form is.
const maxDepth = 32

// strictJSON says whether b is one JSON text that every reader takes for the same
// (RFC 8259 §4 and §8 leave it open): UTF-8, no member twice, no half of a surrogate
// pair. The standard library lets all of these pass.
func strictJSON(b []byte) bool {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // a number too big for a float is still JSON
	if !utf8.Valid(b) || !json.Valid(b) || !wholePairs(b) || !distinct(d, maxDepth) {
		return false
	}
	_, err := d.Token()
	return err == io.EOF
}

// distinct reads a value, and says whether its objects have each member once.
func distinct(d *json.Decoder, depth int) bool {
	t, err := d.Token()
	open, nested := t.(json.Delim)
	if err != nil || !nested || depth == 0 {
		return err == nil && !nested
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			t, err := d.Token()
			name, ok := t.(string)
			if err != nil || !ok || seen[name] {
				return false
			}
			seen[name] = true
		}
		if !distinct(d, depth-1) {
			return false
		}
	}
	_, err = d.Token() // the end
	return err == nil
}

// wholePairs says whether the surrogates that JSON escapes, \ud800 to \udfff, come as
// pairs. b is valid JSON.
func wholePairs(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		r := escaped(b[i:])
		if i++; !utf16.IsSurrogate(r) {
			continue
		}
		const unit = 6
		if i--; utf16.DecodeRune(r, escaped(b[i+unit:])) == utf8.RuneError {
			return false
		}
		i += 2*unit - 1
	}
	return true
}

// escaped is the unit that b begins with as \uXXXX; 0: with none.
func escaped(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}

// members reads an object by its exact names, which a struct would not; nil: there is
// none.
func members(b []byte) (m map[string]json.RawMessage, ok bool) {
	return m, len(b) == 0 || json.Unmarshal(b, &m) == nil
}

// textOf reads a member that is a text, or not there.
func textOf(m map[string]json.RawMessage, name string, into *string) bool {
	raw, given := m[name]
	return !given || json.Unmarshal(raw, into) == nil
}

// sameJSON compares values, however they are written; nothing is the same as nothing
// alone.
func sameJSON(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	x, ok := value(a)
	y, fine := value(b)
	return ok && fine && reflect.DeepEqual(x, y)
}

// value reads JSON; its numbers stay as they are written.
func value(b []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return v, strictJSON(b) && d.Decode(&v) == nil
}
