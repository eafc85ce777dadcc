package server

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// free reads what has names of the user's own, such as the flows: groups, lists,
// texts, numbers, true and false. Whoever uses them says what must be what.
func (r *yamlReader) free(n ast.Node, path string, line int) any {
	at := r.at(line)
	switch n := n.(type) {
	case nil, *ast.NullNode:
		r.fail(at, path, "has no value", "give it one, or remove the key to get the default")
		return ""
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return strings.TrimSuffix(n.Value.Value, "\n")
	case *ast.BoolNode:
		return n.Value
	case *ast.IntegerNode:
		if v, err := strconv.Atoi(n.GetToken().Value); err == nil {
			return v
		}
	case ast.MapNode:
		return r.freeGroup(n, path)
	case *ast.SequenceNode:
		list := make([]any, 0, len(n.Values))
		for i, element := range n.Values {
			p := path + "[" + strconv.Itoa(i) + "]"
			line := lineOf(element, at.line)
			r.origins[p] = r.at(line)
			list = append(list, r.free(element, p, line))
		}
		return list
	}
	r.fail(at, path, "must be a mapping, a list, text, a whole number, true or false", "anchors, aliases and tags are not read")
	return ""
}

func (r *yamlReader) freeGroup(n ast.MapNode, path string) map[string]any {
	values, first := map[string]any{}, map[string]int{}
	for it := n.MapRange(); it.Next(); {
		line := lineOf(it.Key(), 0)
		name, ok := it.Key().(*ast.StringNode)
		if !ok {
			r.fail(r.at(line), path, "has a key that is not a plain name", "anchors, merge keys and numbers are not keys here")
			continue
		}
		full := joinPath(path, shorten(name.Value))
		if first[name.Value] > 0 {
			r.fail(r.at(line), full, "is given twice", fmt.Sprintf("it is already on line %d: keep one", first[name.Value]))
			continue
		}
		first[name.Value] = line
		r.origins[full] = r.at(line)
		values[name.Value] = r.free(it.Value(), full, line)
	}
	return values
}
