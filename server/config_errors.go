package server

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing wrong with the configuration. No member ever shows the
// content of a secret file, nor a value that may hold a password.
type Problem struct {
	// Path is the key, such as services[0].modes[1]; empty: the whole source.
	Path string
	// Where is the place to mend: "countersign.yaml:12",
	// "environment COUNTERSIGN_SESSION__TTL", "flag --issuer" or "default".
	Where string
	// What is wrong, in lower case.
	What string
	// Hint says how to mend it; may be empty.
	Hint string

	at configPlace
	// unread says that the value at Path is a stand-in for what was written.
	unread bool
}

// Errors is everything wrong with a configuration at once, in the order of the
// file, then the environment, the flags and the defaults.
type Errors []Problem

// Error prints one problem per line, `where: path: what`, each followed by its
// hint on an indented line.
func (e Errors) Error() string {
	var b strings.Builder
	for i, p := range e {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p.Where + ": ")
		if p.Path != "" {
			b.WriteString(p.Path + ": ")
		}
		b.WriteString(p.What)
		if p.Hint != "" {
			b.WriteString("\n    hint: " + p.Hint)
		}
	}
	return b.String()
}

// sort orders by place and keeps the order of finding within one place.
func (e Errors) sort() {
	slices.SortStableFunc(e, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.at.layer, b.at.layer), cmp.Compare(a.at.line, b.at.line))
	})
}

// Together makes one error of several, each nil or an Errors.
func Together(list ...error) error {
	var all Errors
	for _, err := range list {
		found, ok := err.(Errors) //nolint:errorlint // as they come from this package, unwrapped
		if err != nil && !ok {
			return err
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return nil
	}
	all.sort()
	return all
}

// without drops the problems of a key that could not be read, or of one above
// or below it: what stands in its place is not to be judged.
func (e Errors) without(broken Errors) Errors {
	return slices.DeleteFunc(e, func(p Problem) bool {
		return slices.ContainsFunc(broken, func(b Problem) bool {
			return b.unread && (withinPath(p.Path, b.Path) || withinPath(b.Path, p.Path))
		})
	})
}

// withinPath reports whether path is outer or a member or element of it.
func withinPath(path, outer string) bool {
	rest, found := strings.CutPrefix(path, outer)
	return found && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// configLayer is a source of values; a later one overrides an earlier one. The
// order is also the one problems are listed in, defaults excepted.
type configLayer int

const (
	layerFile configLayer = iota
	layerEnviron
	layerFlags
	layerDefault
)

// configPlace is where a value was set.
type configPlace struct {
	layer configLayer
	line  int    // of the file, from 1; 0 elsewhere
	name  string // file, environment variable or flag
}

func (p configPlace) String() string {
	switch {
	case p.layer == layerFile && p.line > 0:
		return p.name + ":" + strconv.Itoa(p.line)
	case p.layer == layerFile:
		return p.name
	case p.layer == layerEnviron:
		return "environment " + p.name
	case p.layer == layerFlags:
		return "flag --" + p.name
	}
	return "default"
}

// place says where path was set. A key left out inside a list element belongs
// to the element's own line, for that is where it has to be added.
func (c Config) place(path string) configPlace {
	for {
		if at, ok := c.origins[path]; ok {
			return at
		}
		if !strings.Contains(path, "[") && !strings.HasPrefix(path, "flows.") && !strings.HasPrefix(path, "templates.") {
			return configPlace{layer: layerDefault}
		}
		path = path[:strings.LastIndexAny(path, ".[")]
	}
}
