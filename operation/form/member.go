package form

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"countersign/device"
)

// A member is one member of an object on the wire, and its place in T: how it is
// read, judged and written, so that the three cannot part.
type member[T any] struct {
	name  string
	need  bool
	there func(x *T) bool
	read  func(x *T, path string, v any) error // the JSON type; nothing of the value
	check func(x *T, path string) error        // the value, if it is there
	write func(b *bytes.Buffer, x *T)
}

const required, optional = true, false

// word is a string that is no text for people.
func word[T any](name string, need bool, at func(*T) *string, good func(string) bool) member[T] {
	return member[T]{
		name: name, need: need,
		there: func(x *T) bool { return *at(x) != "" },
		read: func(x *T, path string, v any) error {
			s, ok := v.(string)
			if !ok || s == "" {
				return wrong(path, ErrMalformed)
			}
			*at(x) = s
			return nil
		},
		check: func(x *T, path string) error {
			if good != nil && !good(*at(x)) {
				return wrong(path, ErrMalformed)
			}
			return nil
		},
		write: func(b *bytes.Buffer, x *T) { quote(b, *at(x)) },
	}
}

// words is a text for people: a string, or {id, message}.
func words[T any](name string, need bool, at func(*T) *Text) member[T] {
	return member[T]{
		name: name, need: need,
		there: func(x *T) bool { return *at(x) != Text{} },
		read: func(x *T, path string, v any) error {
			if s, ok := v.(string); ok {
				*at(x) = Text{Message: s}
			} else if err := readObject(at(x), path, v, textMembers); err != nil {
				return err
			}
			if (*at(x) == Text{}) {
				return wrong(path, ErrMissing)
			}
			return nil
		},
		check: func(x *T, path string) error { return at(x).check(path) },
		write: func(b *bytes.Buffer, x *T) {
			if t := at(x); t.ID == "" {
				quote(b, t.Message)
			} else {
				writeObject(b, t, textMembers)
			}
		},
	}
}

// line is words of one line: more of them would look like the lines that a phone
// makes of other members.
func line[T any](name string, need bool, at func(*T) *Text) member[T] {
	m := words(name, need, at)
	check := m.check
	m.check = func(x *T, path string) error {
		if strings.Contains(at(x).Message, "\n") {
			return wrong(path, ErrHidden)
		}
		return check(x, path)
	}
	return m
}

func (t *Text) check(path string) error {
	switch {
	case t.ID != "" && !goodID(t.ID):
		return wrong(path+".id", ErrMalformed)
	case utf8.RuneCountInString(t.Message) > MaxText:
		return wrong(path, ErrSize)
	case !utf8.ValidString(t.Message):
		return wrong(path, ErrMalformed)
	case device.HasHidden(strings.ReplaceAll(t.Message, "\n", "")):
		return wrong(path, ErrHidden)
	}
	return nil
}

// flag is true or absent; false is written as absent.
func flag[T any](name string, at func(*T) *bool) member[T] {
	return member[T]{
		name:  name,
		there: func(x *T) bool { return *at(x) },
		read: func(x *T, path string, v any) error {
			yes, ok := v.(bool)
			if !ok {
				return wrong(path, ErrMalformed)
			}
			*at(x) = yes
			return nil
		},
		check: func(*T, string) error { return nil },
		write: func(b *bytes.Buffer, _ *T) { b.WriteString("true") },
	}
}

// list is an array of objects, whose members may depend on what they are.
func list[T, E any](name string, need bool, most int, at func(*T) *[]E, of func(*E) []member[E]) member[T] {
	return member[T]{
		name: name, need: need,
		there: func(x *T) bool { return len(*at(x)) > 0 },
		read: func(x *T, path string, v any) error {
			all, ok := v.([]any)
			if !ok {
				return wrong(path, ErrMalformed)
			}
			if len(all) > most {
				return wrong(path, ErrSize)
			}
			for i, v := range all {
				e, err := readElement(indexed(path, i), v, of)
				if err != nil {
					return err
				}
				*at(x) = append(*at(x), e)
			}
			return nil
		},
		check: func(x *T, path string) error {
			if len(*at(x)) > most {
				return wrong(path, ErrSize)
			}
			for i := range *at(x) {
				e := &(*at(x))[i]
				if err := checkObject(e, indexed(path, i), of(e)); err != nil {
					return err
				}
			}
			return nil
		},
		write: func(b *bytes.Buffer, x *T) {
			for i := range *at(x) {
				b.WriteByte("[,"[min(i, 1)])
				e := &(*at(x))[i]
				writeObject(b, e, of(e))
			}
			b.WriteByte(']')
		},
	}
}

// indexed is the path of an array's element.
func indexed(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// readElement reads an element. Its first member comes first wherever it stands,
// because the others may depend on it.
func readElement[E any](path string, v any, of func(*E) []member[E]) (e E, err error) {
	o, ok := v.(object)
	if !ok {
		return e, wrong(path, ErrMalformed)
	}
	first := of(&e)[:1]
	if v, there := o.values[first[0].name]; there {
		if err := first[0].read(&e, join(path, first[0].name), v); err != nil {
			return e, err
		}
	}
	if err := checkObject(&e, path, first); err != nil {
		return e, err
	}
	return e, readObject(&e, path, o, of(&e))
}

// readObject sets what an object has, and refuses what is not a member. What is
// missing, and what the values are, is not looked at.
func readObject[T any](x *T, path string, v any, members []member[T]) error {
	o, ok := v.(object)
	if !ok {
		return wrong(path, ErrMalformed)
	}
	for _, name := range o.names {
		i := slices.IndexFunc(members, func(m member[T]) bool { return m.name == name })
		if i < 0 {
			return wrong(named(path, name), ErrUnknown)
		}
		if err := members[i].read(x, join(path, name), o.values[name]); err != nil {
			return err
		}
	}
	return nil
}

func checkObject[T any](x *T, path string, members []member[T]) error {
	for _, m := range members {
		switch {
		case m.there(x):
			if err := m.check(x, join(path, m.name)); err != nil {
				return err
			}
		case m.need:
			return wrong(join(path, m.name), ErrMissing)
		}
	}
	return nil
}

func writeObject[T any](b *bytes.Buffer, x *T, members []member[T]) {
	first := true
	b.WriteByte('{')
	for _, m := range members {
		if !m.there(x) {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		quote(b, m.name)
		b.WriteByte(':')
		m.write(b, x)
	}
	b.WriteByte('}')
}

// quote writes a JSON string, with <, > and & as they are.
func quote(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)         // a string into memory: it cannot fail
	b.Truncate(b.Len() - 1) // its line feed
}
