package server

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// maxConfigBytes and maxConfigDepth bound what the YAML parser, which
	// recurses, is given to chew.
	maxConfigBytes = 256 << 10
	maxConfigDepth = 16
)

// yamlReader turns one YAML file into a layer of values, and says for each
// where it was set. It goes on after a mistake, to find all of them.
type yamlReader struct {
	file     string
	origins  map[string]configPlace
	problems Errors
}

func (r *yamlReader) at(line int) configPlace {
	return configPlace{layer: layerFile, line: line, name: r.file}
}

func (r *yamlReader) fail(at configPlace, path, what, hint string) {
	r.problems = append(r.problems, Problem{Path: path, Where: at.String(), What: what, Hint: hint, at: at})
}

// unread is fail for a value that could not be read. It returns what stands in
// for it, which keeps list elements at their places.
func (r *yamlReader) unread(t reflect.Type, at configPlace, path, what, hint string) any {
	r.fail(at, path, what, hint)
	r.problems[len(r.problems)-1].unread = true
	return standIn(t)
}

// read returns the values of content by key, or nil when it is not one YAML
// mapping at all; then there is no use in judging what it leaves out.
func (r *yamlReader) read(content []byte) map[string]any {
	content = bytes.TrimPrefix(content, []byte("\uFEFF"))
	file, ok := r.parse(content)
	if !ok {
		return nil
	}
	if len(file.Docs) > 1 {
		r.fail(r.at(0), "", "holds more than one YAML document", "remove every --- but the first")
		return nil
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil || file.Docs[0].Body.Type() == ast.CommentType {
		return map[string]any{}
	}
	switch body := file.Docs[0].Body.(type) {
	case ast.MapNode:
		return r.mapping(body, reflect.TypeFor[Config](), "")
	case *ast.NullNode:
		return map[string]any{}
	default:
		r.fail(r.at(lineOf(body, 1)), "", "is not a mapping of keys to values", "start with a line such as issuer: https://login.example.com")
		return nil
	}
}

func (r *yamlReader) parse(content []byte) (file *ast.File, ok bool) {
	if len(content) > maxConfigBytes {
		r.fail(r.at(0), "", "is larger than 256 KiB", "")
		return nil, false
	}
	if !utf8.Valid(content) {
		r.fail(r.at(0), "", "is not UTF-8 text", "")
		return nil, false
	}
	// A parser of other people's making must not take the process down over
	// a bad file: whatever it panics about is a syntax error to us.
	defer func() {
		if recover() != nil {
			r.fail(r.at(0), "", "is not YAML the parser can read", "")
			file, ok = nil, false
		}
	}()
	tokens := lexer.Tokenize(string(content))
	if line := tooDeep(tokens); line > 0 {
		r.fail(r.at(line), "", "is nested too deeply", "")
		return nil, false
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		// The error's own text quotes the lines around it, and some messages
		// quote a value, which may be a password: only the line and the
		// message up to a quotation mark are passed on.
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) && syntax.GetToken() != nil {
			message, _, _ := strings.Cut(syntax.GetMessage(), ` "`)
			r.fail(r.at(syntax.GetToken().Position.Line), "", "not valid YAML: "+message, "check the indentation, quotes and brackets of this line and the one above")
		} else {
			r.fail(r.at(0), "", "not valid YAML", "")
		}
		return nil, false
	}
	return file, true
}

// tooDeep returns the line on which brackets, or dashes on one line, nest
// deeper than any configuration does; 0 if none.
func tooDeep(tokens token.Tokens) int {
	brackets, dashes, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, dashes = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType:
			dashes++
		}
		if brackets > maxConfigDepth || dashes > maxConfigDepth || t.Position.IndentLevel > maxConfigDepth {
			return line
		}
	}
	return 0
}

// lineOf returns the line of n, or fallback when the parser kept none.
func lineOf(n ast.Node, fallback int) int {
	if n == nil || reflect.ValueOf(n).IsNil() || n.GetToken() == nil || n.GetToken().Position == nil {
		return fallback
	}
	return n.GetToken().Position.Line
}

// mapping reads the keys of struct type t. A mistake in one key leaves it out.
func (r *yamlReader) mapping(n ast.MapNode, t reflect.Type, path string) map[string]any {
	known := map[string]configKey{}
	for _, k := range keysOf(t) {
		known[k.name] = k
	}
	values, first := map[string]any{}, map[string]int{}
	for it := n.MapRange(); it.Next(); {
		line := lineOf(it.Key(), 0)
		name, ok := it.Key().(*ast.StringNode)
		if !ok {
			r.fail(r.at(line), path, "has a key that is not a plain name", "anchors, merge keys and numbers are not keys here")
			continue
		}
		key, ok := known[name.Value]
		full := joinPath(path, shorten(name.Value))
		switch {
		case !ok:
			r.fail(r.at(line), full, "unknown key", hintForKey(name.Value, path, t))
		case first[key.name] > 0:
			r.fail(r.at(line), full, "is given twice", fmt.Sprintf("it is already on line %d: keep one", first[key.name]))
		default:
			first[key.name] = line
			r.origins[full] = r.at(line)
			values[key.name] = r.value(it.Value(), key.typ, full, line)
		}
	}
	return values
}

// value reads n for a field of type t.
func (r *yamlReader) value(n ast.Node, t reflect.Type, path string, line int) any {
	at := r.at(line)
	switch n.(type) {
	case nil, *ast.NullNode:
		return r.unread(t, at, path, "has no value", "give it one, or remove the key to get the default")
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return r.unread(t, at, path, "uses a YAML anchor, alias or tag", "write the value out")
	}
	switch {
	case isGroup(t), t.Kind() == reflect.Map:
		group, ok := n.(ast.MapNode)
		if !ok {
			return r.unread(t, at, path, "must be a mapping of keys, not "+nodeKind(n), "")
		}
		if t.Kind() == reflect.Map {
			return r.free(n, path, line)
		}
		return r.mapping(group, t, path)
	case t.Kind() == reflect.Slice:
		return r.list(n, t, path, at)
	}
	return r.scalar(n, t, path, at)
}

func (r *yamlReader) list(n ast.Node, t reflect.Type, path string, at configPlace) any {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		hint := ""
		if _, ok := n.(ast.ScalarNode); ok {
			hint = "put it in brackets: [ … ]"
		}
		return r.unread(t, at, path, "must be a list, not "+nodeKind(n), hint)
	}
	values := make([]any, 0, len(list.Values))
	for i, element := range list.Values {
		p := path + "[" + strconv.Itoa(i) + "]"
		line := lineOf(element, at.line)
		r.origins[p] = r.at(line)
		values = append(values, r.value(element, t.Elem(), p, line))
	}
	return values
}

func (r *yamlReader) scalar(n ast.Node, t reflect.Type, path string, at configPlace) any {
	var text string
	quoted := false
	switch n := n.(type) {
	case *ast.StringNode:
		text = n.Value
		quoted = n.Token.Type == token.SingleQuoteType || n.Token.Type == token.DoubleQuoteType
	case *ast.LiteralNode:
		text, quoted = strings.TrimSuffix(n.Value.Value, "\n"), true
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode:
		text = n.GetToken().Value
		if t.Kind() == reflect.String {
			return r.unread(t, at, path, "must be text, not "+nodeKind(n), "put it in quotes")
		}
	default:
		return r.unread(t, at, path, "must be "+kindName(t)+", not "+nodeKind(n), "")
	}
	if quoted && (t.Kind() == reflect.Bool || t == reflect.TypeFor[int]()) {
		return r.unread(t, at, path, "must be "+kindName(t)+", not text in quotes", "remove the quotes")
	}
	value, wrong := readText(t, text)
	if wrong.what != "" {
		return r.unread(t, at, path, wrong.what, wrong.hint)
	}
	return value
}

// standIn stands for a value that could not be read, in a form that decodes. A
// text is not empty, so that rules about other keys take it as given.
func standIn(t reflect.Type) any {
	switch {
	case t == reflect.TypeFor[Rate]():
		return "1/s"
	case t == reflect.TypeFor[int]():
		return 0
	case isGroup(t), t.Kind() == reflect.Map:
		return map[string]any{}
	case t.Kind() == reflect.Slice:
		return []any{}
	case t.Kind() == reflect.Bool:
		return false
	case t == reflect.TypeFor[time.Duration]():
		return "0s"
	case t.Kind() == reflect.String:
		return "unread"
	}
	return ""
}

// nodeKind names what the file has.
func nodeKind(n ast.Node) string {
	switch n.(type) {
	case ast.MapNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.BoolNode:
		return "true or false"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	}
	return "text"
}

// kindName names what the schema wants of a single value.
func kindName(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t == reflect.TypeFor[int]():
		return "a whole number"
	case t == reflect.TypeFor[Rate]():
		return "a rate"
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Struct:
		return "a network"
	}
	return "a duration"
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// hintForKey guesses what an unknown key under path (a group of type t) meant.
func hintForKey(name, path string, t reflect.Type) string {
	var siblings []string
	for _, k := range keysOf(t) {
		if strings.EqualFold(k.name, name+"File") {
			return "secrets are read from a file: write " + k.name + " and the file's path"
		}
		siblings = append(siblings, k.name)
	}
	if best := closest(name, siblings); best != "" {
		return "did you mean " + best + "?"
	}
	for _, p := range configKeyPaths(reflect.TypeFor[Config](), "") {
		if strings.EqualFold(p[strings.LastIndexByte(p, '.')+1:], name) {
			return "did you mean " + p + "?"
		}
	}
	if path == "" {
		return "`countersign config docs` lists every key"
	}
	return "known here: " + strings.Join(siblings, ", ")
}
