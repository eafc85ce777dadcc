package api

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxBody  = 16 << 10
	maxDepth = 8
)

// readBody takes the whole body. An empty one needs no content type.
func readBody(r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, malformed("body")
	}
	if len(b) > maxBody {
		return nil, refuse("too_large", "the body may have 16 KiB")
	}
	if len(b) == 0 {
		return b, nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, refuse("unsupported_media_type", "send application/json")
	}
	return b, nil
}

// errNull: a known member is null.
var errNull = errors.New("null")

// decode reads a JSON object into v, strictly: names are case-sensitive and
// given once, no known member is null or of another type, nothing nests deeper
// than eight, and nothing comes after it. Unknown members are ignored. An error
// names the member and never shows its value.
func decode(b []byte, v any) error {
	if len(bytes.TrimSpace(b)) == 0 {
		b = []byte("{}")
	}
	if tooDeep(b) {
		return malformed("body")
	}
	var options []json.Options
	if bytes.Contains(b, []byte("null")) {
		options = append(options, json.WithUnmarshalers(noNull())) // costs as much as the decoding itself
	}
	if err := json.Unmarshal(b, v, options...); err != nil {
		return malformed(member(err))
	}
	return nil
}

// noNull refuses null wherever a value is decoded, that is, in known members.
func noNull() *json.Unmarshalers {
	return json.UnmarshalFromFunc(func(d *jsontext.Decoder, _ any) error {
		if d.PeekKind() == 'n' {
			return errNull
		}
		return errors.ErrUnsupported // go on as usual
	})
}

// tooDeep says whether arrays and objects nest deeper than allowed.
func tooDeep(b []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// member names what an error of the decoder is about, if it is a name that can
// be shown.
func member(err error) string {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	pointer := ""
	switch {
	case errors.As(err, &semantic):
		pointer = string(semantic.JSONPointer)
	case errors.As(err, &syntactic):
		pointer = string(syntactic.JSONPointer)
	}
	name := strings.ReplaceAll(strings.Trim(pointer, "/"), "/", ".")
	if !visible(name, 1, 64) {
		return "body"
	}
	return name
}

// visible says whether s is so many visible ASCII characters.
func visible(s string, least, most int) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
