package server

import (
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Show writes the effective configuration as YAML that Load reads back to the
// same values, each line that is not a default with its source as a comment.
// Of secrets it shows the file names, which is all a Config holds.
func (c Config) Show(w io.Writer) error {
	s := configPrinter{cfg: c}
	s.group(reflect.ValueOf(c), "", "")
	if s.err != nil {
		return fmt.Errorf("server: show configuration: %w", s.err)
	}
	if _, err := io.WriteString(w, s.out.String()); err != nil {
		return fmt.Errorf("server: show configuration: %w", err)
	}
	return nil
}

type configPrinter struct {
	cfg Config
	out strings.Builder
	err error
}

// group writes the keys of struct v, each line after indent.
func (s *configPrinter) group(v reflect.Value, path, indent string) {
	for _, k := range keysOf(v.Type()) {
		field, p := v.Field(k.index), joinPath(path, k.name)
		switch {
		case isGroup(k.typ):
			fmt.Fprintf(&s.out, "%s%s:\n", indent, k.name)
			s.group(field, p, indent+"  ")
		case k.typ.Kind() == reflect.Slice && isGroup(k.typ.Elem()) && field.Len() > 0:
			fmt.Fprintf(&s.out, "%s%s:\n", indent, k.name)
			for i := range field.Len() {
				element := configPrinter{cfg: s.cfg}
				element.group(field.Index(i), fmt.Sprintf("%s[%d]", p, i), indent+"    ")
				s.err = firstError(s.err, element.err)
				s.out.WriteString(indent + "  - " + strings.TrimPrefix(element.out.String(), indent+"    "))
			}
		default:
			s.line(indent+k.name, field, p)
		}
	}
}

func (s *configPrinter) line(key string, v reflect.Value, path string) {
	text, err := yaml.MarshalWithOptions(configTree(v), yaml.Flow(true), yaml.JSON())
	s.err = firstError(s.err, err)
	fmt.Fprintf(&s.out, "%s: %s", key, strings.TrimSpace(string(text)))
	if at, ok := s.cfg.origins[path]; ok {
		s.out.WriteString(" # " + at.String())
	}
	s.out.WriteByte('\n')
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// valueText is how a value that is parsed from text (120s, 30/m) is written.
func valueText(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case time.Duration:
		return shortDuration(value)
	case Rate:
		return value.String()
	case netip.Prefix:
		return value.String()
	}
	return fmt.Sprint(v.Interface())
}
