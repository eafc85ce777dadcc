package audit

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"
)

// declared are the kinds declared in the source, in their order.
func declared(t *testing.T) (kinds []Kind) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "audit.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "Kind" {
			return true
		}
		for _, v := range spec.Values {
			lit, ok := v.(*ast.BasicLit)
			if !ok {
				t.Fatalf("kind %s is no literal", spec.Names[0])
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, Kind(text))
		}
		return true
	})
	return kinds
}

// The list of kinds is the kinds there are, each once.
func TestKindsIsComplete(t *testing.T) {
	if got, want := Kinds(), declared(t); !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("listed   %v\ndeclared %v", got, want)
	}
	seen := map[Kind]bool{}
	for _, k := range Kinds() {
		if seen[k] {
			t.Errorf("%s stands for two", k)
		}
		seen[k] = true
	}
}

// The list belongs to its caller.
func TestKindsIsACopy(t *testing.T) {
	Kinds()[0] = "changed"
	if Kinds()[0] == "changed" {
		t.Error("a caller changed the list")
	}
}

type recorder struct {
	events []Event
	err    error
}

func (r *recorder) Record(_ context.Context, e Event) error {
	r.events = append(r.events, e)
	return r.err
}

// Everybody gets every event, though one before failed; every error is told.
func TestTee(t *testing.T) {
	errA, errB := errors.New("a"), errors.New("b")
	a, b, c := &recorder{err: errA}, &recorder{err: errB}, &recorder{}
	event := Event{Time: time.Unix(1, 0), Kind: SessionStarted, Session: "sess_1"}
	err := Tee(a, b, c).Record(t.Context(), event)
	if !errors.Is(err, errA) || !errors.Is(err, errB) {
		t.Errorf("told %v", err)
	}
	for _, r := range []*recorder{a, b, c} {
		if !reflect.DeepEqual(r.events, []Event{event}) {
			t.Errorf("got %v", r.events)
		}
	}
	if err := Tee(c, Discard{}).Record(t.Context(), event); err != nil || len(c.events) != 2 {
		t.Errorf("%v, %d events", err, len(c.events))
	}
	if err := Tee().Record(t.Context(), event); err != nil {
		t.Errorf("nobody: %v", err)
	}
}
