package server

import (
	"encoding"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Paragraphs is a text of several lines.
type Paragraphs string

// configKey is one key of a configuration struct.
type configKey struct {
	name  string // as in YAML
	field string // as in Go
	index int
	typ   reflect.Type
}

// keysOf lists the keys of struct type t in the order they are declared.
func keysOf(t reflect.Type) []configKey {
	var keys []configKey
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("koanf"); name != "" {
			keys = append(keys, configKey{name, t.Field(i).Name, i, t.Field(i).Type})
		}
	}
	return keys
}

// isGroup reports whether t is a mapping of further keys, not a value.
func isGroup(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// isText reports whether t is written as a string and parsed (30/m, 120s).
func isText(t reflect.Type) bool {
	return t == reflect.TypeFor[time.Duration]() || (t.Kind() == reflect.Struct && !isGroup(t))
}

// configKeyPaths lists the path of every key under t; elements of lists of
// groups are written services[].id.
func configKeyPaths(t reflect.Type, prefix string) []string {
	var paths []string
	for _, k := range keysOf(t) {
		path := prefix + k.name
		switch {
		case isGroup(k.typ):
			paths = append(paths, configKeyPaths(k.typ, path+".")...)
		case k.typ.Kind() == reflect.Slice && isGroup(k.typ.Elem()):
			paths = append(paths, configKeyPaths(k.typ.Elem(), path+"[].")...)
		default:
			paths = append(paths, path)
		}
	}
	return paths
}

// complaint is what is wrong with one value; the zero value: nothing.
type complaint struct{ what, hint string }

// readText reads the text of a single value for a field of type t. What it
// returns is what a layer holds: the text itself, a bool or an int.
func readText(t reflect.Type, text string) (any, complaint) {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		text = daysAsHours(text)
		return text, checkDuration(text)
	case t == reflect.TypeFor[Rate]():
		if _, err := ParseRate(text); err != nil {
			return text, complaint{shown(text) + " is not a rate", "a number of at least 1, a slash and a window of up to 24h, such as 30/m, 5/10m or 60/s"}
		}
		return text, complaint{}
	case t == reflect.TypeFor[netip.Prefix]():
		return readPrefix(text)
	case t.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return false, complaint{shown(text) + " is not true or false", "write true or false"}
		}
		return text == "true", complaint{}
	case t.Kind() == reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return 0, complaint{shown(text) + " is not a whole number", "digits only, such as 100000"}
		}
		return n, complaint{}
	}
	if t == reflect.TypeFor[Paragraphs]() {
		return text, complaint{} // judged by Check
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", complaint{"contains a control character or broken UTF-8", "one line of plain text"}
	}
	return text, complaint{}
}

// daysAsHours writes a number of days as Go reads durations, which know none.
func daysAsHours(text string) string {
	digits, days := strings.CutSuffix(text, "d")
	n, err := strconv.ParseUint(digits, 10, 16)
	if !days || err != nil {
		return text
	}
	return strconv.FormatUint(24*n, 10) + "h"
}

func checkDuration(text string) complaint {
	d, err := time.ParseDuration(text)
	if err == nil && d >= 0 {
		// ParseDuration takes a bare 0; one notation is enough.
		if text == "0" {
			return complaint{`"0" has no unit`, "write 0s"}
		}
		return complaint{}
	}
	if _, err := strconv.ParseUint(text, 10, 63); err == nil {
		return complaint{shown(text) + " has no unit", "write " + shorten(text) + "s for seconds"}
	}
	return complaint{shown(text) + " is not a duration", "a number and a unit, such as 120s, 5m, 1h or 90d"}
}

// readPrefix reads a network, or one address as the network of that address
// alone.
func readPrefix(text string) (string, complaint) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()).String(), complaint{}
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return text, complaint{shown(text) + " is not an address or a network in CIDR form", "such as 10.0.0.1, 10.0.0.0/8 or 2001:db8::/32"}
	}
	if p != p.Masked() {
		return text, complaint{p.String() + " has bits set behind its length", "write " + p.Masked().String()}
	}
	return text, complaint{}
}

// shown quotes a value in a message, cut short. Whatever may be a URL with a
// password in it is not shown.
func shown(value string) string {
	if strings.Contains(value, "@") {
		return "the value"
	}
	return strconv.Quote(shorten(value))
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// closest returns the candidate that a typing mistake may have turned into
// name, or "". Case and underscores do not count.
func closest(name string, candidates []string) string {
	best, bestDistance := "", 1+max(1, min(3, len(name)/3))
	for _, c := range candidates {
		if d := editDistance(plainName(name), plainName(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

func plainName(s string) string {
	return strings.ToLower(strings.ReplaceAll(shorten(s), "_", ""))
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours between a and b (optimal string alignment).
func editDistance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
