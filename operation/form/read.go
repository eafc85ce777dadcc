package form

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// maxDepth is how deep a form nests: form, attributes, attribute, options, option,
// text.
const maxDepth = 6

// An object is a JSON object whose names are all different.
type object struct {
	names  []string // as they came
	values map[string]any
}

// readJSON reads a JSON text into strings, bools, nil, json.Number, []any and
// object. Unlike encoding/json alone it refuses a name given twice, what is not
// UTF-8, and what is longer or deeper than it may be.
func readJSON(raw []byte, most, depth int) (any, error) {
	if len(raw) > most {
		return nil, wrong("", ErrSize)
	}
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return nil, wrong("", ErrMalformed)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return readValue(d, "", depth)
}

func readValue(d *json.Decoder, path string, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, wrong(path, ErrMalformed)
	}
	open, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth == 0 {
		return nil, wrong(path, ErrMalformed)
	}
	var v any
	if open == '{' {
		v, err = readNamed(d, path, depth-1)
	} else {
		v, err = readArray(d, path, depth-1)
	}
	if err == nil {
		_, err = d.Token() // its end
	}
	return v, err
}

func readNamed(d *json.Decoder, path string, depth int) (any, error) {
	o := object{values: map[string]any{}}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, wrong(path, ErrMalformed)
		}
		if _, twice := o.values[name]; twice {
			return nil, wrong(named(path, name), ErrMalformed)
		}
		v, err := readValue(d, named(path, name), depth)
		if err != nil {
			return nil, err
		}
		o.names = append(o.names, name)
		o.values[name] = v
	}
	return o, nil
}

func readArray(d *json.Decoder, path string, depth int) (any, error) {
	all := []any{}
	for i := 0; d.More(); i++ {
		v, err := readValue(d, indexed(path, i), depth)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// named is the path of a member whose name the sender chose. One that cannot be
// shown as it is leaves the path at its object.
func named(path, name string) string {
	if !goodID(name) {
		return path
	}
	return join(path, name)
}
