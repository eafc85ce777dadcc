package server

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// environPrefix begins every environment variable that is ours.
const environPrefix = "COUNTERSIGN_"

// textReader turns names with text values, from the environment or from flags,
// into a layer of values.
type textReader struct {
	values   map[string]any
	origins  map[string]configPlace
	problems Errors
}

func (r *textReader) fail(at configPlace, path string, c complaint) {
	r.problems = append(r.problems, Problem{Path: path, Where: at.String(), What: c.what, Hint: c.hint, at: at})
}

// unread is fail for a value that could not be read.
func (r *textReader) unread(at configPlace, path string, c complaint) {
	r.fail(at, path, c)
	r.problems[len(r.problems)-1].unread = true
}

// environ reads COUNTERSIGN_SESSION__TTL=90s as session.ttl: two underscores
// step into a group, and case does not count. Lists are separated by commas.
func (r *textReader) environ(environ []string) {
	kubernetes := kubernetesLinks()
	set := map[string]string{}
	for _, variable := range slices.Sorted(slices.Values(environ)) {
		name, text, _ := strings.Cut(variable, "=")
		rest, ours := strings.CutPrefix(name, environPrefix)
		if !ours || kubernetes.MatchString(rest+"="+text) {
			continue
		}
		at := configPlace{layer: layerEnviron, name: name}
		key, ok := findConfigKey(strings.Split(rest, "__"))
		switch {
		case !ok:
			r.fail(at, "", complaint{"unknown variable", hintForVariable(rest)})
		case set[key.name] != "":
			r.fail(at, key.name, complaint{"is given twice", "remove this variable or " + set[key.name]})
		default:
			set[key.name] = name
			r.set(key, text, at)
		}
	}
}

// flags reads values by dotted path, in the same notation.
func (r *textReader) flags(flags map[string]string) {
	for _, path := range slices.Sorted(maps.Keys(flags)) {
		at := configPlace{layer: layerFlags, name: path}
		key, ok := findConfigKey(strings.Split(path, "."))
		if !ok {
			r.fail(at, path, complaint{what: "unknown key"})
			continue
		}
		r.set(key, flags[path], at)
	}
}

// set reads text for key, whose name is its dotted path.
func (r *textReader) set(key configKey, text string, at configPlace) {
	switch {
	case isGroup(key.typ):
		r.fail(at, key.name, complaint{"is a group of keys, not a value", "name the key too, as in " + environPrefix + "SESSION__TTL"})
		return
	case key.name == "services", key.name == "flows":
		r.fail(at, key.name, complaint{"can only be set in the file", "move it to the configuration file"})
		return
	}
	r.origins[key.name] = at
	for element := range r.origins {
		// What an earlier layer's list elements were is history.
		if strings.HasPrefix(element, key.name+"[") {
			delete(r.origins, element)
		}
	}
	var value any
	if key.typ.Kind() == reflect.Slice {
		list := []any{}
		for part := range strings.SplitSeq(text, ",") {
			part = strings.TrimSpace(part)
			if part == "" {
				continue
			}
			element, wrong := readText(key.typ.Elem(), part)
			if wrong.what != "" {
				r.unread(at, key.name, wrong)
				return
			}
			list = append(list, element)
		}
		value = list
	} else {
		var wrong complaint
		if value, wrong = readText(key.typ, text); wrong.what != "" {
			r.unread(at, key.name, wrong)
			return
		}
	}
	r.put(strings.Split(key.name, "."), value)
}

func (r *textReader) put(path []string, value any) {
	if r.values == nil {
		r.values = map[string]any{}
	}
	group := r.values
	for _, name := range path[:len(path)-1] {
		below, ok := group[name].(map[string]any)
		if !ok {
			below = map[string]any{}
			group[name] = below
		}
		group = below
	}
	group[path[len(path)-1]] = value
}

// findConfigKey finds a key by the names on its path, in any case. Everything
// below services and flows is found as services or flows itself.
func findConfigKey(path []string) (configKey, bool) {
	t, full, found := reflect.TypeFor[Config](), "", configKey{}
	for i, name := range path {
		keys := keysOf(t)
		at := slices.IndexFunc(keys, func(k configKey) bool { return strings.EqualFold(k.name, name) })
		if at < 0 {
			return configKey{}, false
		}
		found = keys[at]
		full = joinPath(full, found.name)
		found.name, t = full, found.typ
		if full == "services" || full == "flows" {
			return found, true
		}
		if !isGroup(t) && i < len(path)-1 {
			return configKey{}, false
		}
	}
	return found, true
}

// hintForVariable guesses what an unknown variable (without prefix) meant.
func hintForVariable(rest string) string {
	var names []string
	for _, path := range configKeyPaths(reflect.TypeFor[Config](), "") {
		if !strings.Contains(path, "[]") {
			names = append(names, strings.ToUpper(strings.ReplaceAll(path, ".", "__")))
		}
	}
	if best := closest(rest, append(names, "SERVICES")); best != "" {
		return "did you mean " + environPrefix + best + "?"
	}
	for _, name := range names {
		if plainName(name) == plainName(rest)+"file" {
			return "secrets are read from a file: set " + environPrefix + name + " to its path"
		}
	}
	return "two underscores step into a group: session.ttl is " + environPrefix + "SESSION__TTL"
}

// kubernetesLinks matches what Kubernetes sets in every pod of a namespace
// that has a Service named countersign or countersign-…, as "REST=value". They
// are not meant for us, and refusing them would keep such pods from starting.
func kubernetesLinks() *regexp.Regexp {
	return regexp.MustCompile(`^([A-Z0-9_]+_)?(SERVICE_HOST=.*|SERVICE_PORT(_[A-Z0-9_]+)?=\d+|PORT(_\d+_(TCP|UDP|SCTP))?=(tcp|udp|sctp)://.*|PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)=.*)$`)
}
