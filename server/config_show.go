package server

import (
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Show writes the effective configuration as YAML that Load reads back to the
// same values, each line that is not a default with its source as a comment.
// Of secrets it shows the file names; a password in redis.url is written xxxxx
// and so is the one value that does not come back.
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
	value := configTree(v)
	if path == "redis.url" {
		value = hidePassword(v.String())
	}
	text, err := yaml.MarshalWithOptions(value, yaml.Flow(true), yaml.JSON())
	s.err = firstError(s.err, err)
	fmt.Fprintf(&s.out, "%s: %s", key, strings.TrimSpace(string(text)))
	if at, ok := s.cfg.origins[path]; ok {
		s.out.WriteString(" # " + at.String())
	}
	s.out.WriteByte('\n')
}

// hidePassword is a URL fit to be seen. Text that is no URL is kept unless it
// may hold a password all the same: a Config made by hand is shown unchecked.
func hidePassword(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil && strings.Contains(text, "@"):
		return "xxxxx"
	case err == nil && hasPassword(u):
		return u.Redacted()
	}
	return text
}

// hasPassword reports whether u carries a password, an empty one not counting.
func hasPassword(u *url.URL) bool {
	password, _ := u.User.Password()
	return password != ""
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
