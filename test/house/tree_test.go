package house

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sort"
	"strings"
)

// tree is the source tree as the rules see it: every text file by its slash path from the root, and the Go files parsed.
type tree struct {
	text map[string]string
	goes []*goFile // sorted by path, without testdata
	fset *token.FileSet
}

// goFile is one parsed Go file.
type goFile struct {
	path string
	ast  *ast.File
}

// room is the top-level folder of a path: "session" of session/session.go, "." of a file in the root.
func room(p string) string {
	first, _, nested := strings.Cut(p, "/")
	if !nested {
		return "."
	}
	return first
}

// isTest says whether the file exists for tests alone.
func (f *goFile) isTest() bool {
	return strings.HasSuffix(f.path, "_test.go") || room(f.path) == "test"
}

// generated says whether a program wrote the file: sizes and documentation are then that program's business.
func (f *goFile) generated() bool { return ast.IsGenerated(f.ast) }

// at formats a finding at a node: path, line and what is wrong with it.
func (t *tree) at(n ast.Node, format string, args ...any) string {
	pos := t.fset.Position(n.Pos())
	return fmt.Sprintf("%s:%d: %s", pos.Filename, pos.Line, fmt.Sprintf(format, args...))
}

// newTree parses the Go files among text, leaving out testdata, as the go command does.
func newTree(text map[string]string) (*tree, error) {
	t := &tree{text: text, fset: token.NewFileSet()}
	for p, src := range text {
		if path.Ext(p) != ".go" || isForeign(p) {
			continue
		}
		parsed, err := parser.ParseFile(t.fset, p, src, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("house: parse %s: %w", p, err)
		}
		t.goes = append(t.goes, &goFile{path: p, ast: parsed})
	}
	sort.Slice(t.goes, func(i, j int) bool { return t.goes[i].path < t.goes[j].path })
	return t, nil
}

// isForeign says whether p is not written to this house's rules: testdata is material of others and deliberate faults,
// test/floor a bare program that is a module of its own.
func isForeign(p string) bool {
	return strings.Contains("/"+p, "/testdata/") || strings.HasPrefix(p, "test/floor/")
}

// readTree reads the tree below root: in a checkout what git tracks or would track, else every file but hidden folders.
func readTree(root string) (*tree, error) {
	paths, err := listFiles(root)
	if err != nil {
		return nil, err
	}
	text := make(map[string]string, len(paths))
	for _, p := range paths {
		full := filepath.Join(root, filepath.FromSlash(p))
		if info, err := os.Lstat(full); err != nil || !info.Mode().IsRegular() {
			continue // deleted but not yet committed, or a link
		}
		src, err := os.ReadFile(full)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("house: read tree: %w", err)
		}
		if !bytes.Contains(src[:min(len(src), 8000)], []byte{0}) {
			text[p] = string(src)
		}
	}
	return newTree(text)
}

func listFiles(root string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
		cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
		cmd.Dir = root
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("house: list files: %w", err)
		}
		return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 }), nil
	}
	var paths []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && d.Name() != ".ci" && p != root
		if d.IsDir() && (hidden || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if rel, err := filepath.Rel(root, p); err == nil && !d.IsDir() {
			paths = append(paths, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("house: list files: %w", err)
	}
	return paths, nil
}
