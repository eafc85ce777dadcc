package house

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
)

func styleRules() []rule {
	return []rule{
		{
			name:  "package comments",
			check: checkPackageComments,
			bad: []example{
				{"session/a.go", "package session"},
				{"session/a.go", "// Stuff about sessions.\npackage session"},
				{"test/rig/a_test.go", "package rig"},
			},
			good: []example{
				{"session/a.go", "package session", "session/b.go", "// Package session decides.\npackage session"},
				{"cmd/countersign/main.go", "// Countersign is a server.\npackage main"},
				{"session/a.go", "// Package session decides.\npackage session", "session/a_test.go", "package session_test"},
			},
		},
		{
			name:  "exported names documented",
			check: checkExported,
			bad: []example{
				{"session/a.go", "package session\nfunc Open() {}"},
				{"session/a.go", "package session\ntype ID string"},
				{"session/a.go", "package session\ntype ID string // x\nfunc (ID) Short() string { return \"\" }"},
				{"session/a.go", "package session\nconst (\n\tA = 1\n)"},
			},
			good: []example{
				{"session/a.go", "package session\n// Open opens.\nfunc Open() {}"},
				{"session/a.go", "package session\n// The ends.\nconst (\n\tA = 1\n)"},
				{"session/a.go", "package session\nconst (\n\tA = 1 // the first\n)"},
				{"session/a.go", "package session\ntype id string\nfunc (id) Short() {}"},
				{"session/a.go", "package session\n// ID names.\ntype ID string\nfunc (ID) String() string { return \"\" }"},
				{"session/a_test.go", "package session\nfunc TestX() {}"},
			},
		},
		{
			name:  "names",
			check: checkNames,
			bad: []example{
				{"server/util/a.go", "package util"},
				{"server/a.go", "package common"},
				{"store/a.go", "package store\ntype SessionManager struct{}"},
				{"store/a.go", "package store\ntype storeImpl struct{}"},
			},
			good: []example{{"store/a.go", "package store\ntype Sessions struct{}"}},
		},
		{
			name:  "nothing left undone",
			check: checkUndone,
			bad: []example{
				{"session/a.go", "package session\n// " + "TO" + "DO: later"},
				{"Makefile", "# " + "FIX" + "ME\n"},
			},
			good: []example{
				{"session/a.go", "package session\n// Later is what the phone does."},
				{"session/testdata/theirs.json", "TO" + "DO"},
			},
		},
	}
}

// checkPackageComments wants one comment a package, in whichever file; tests of a package live under its comment.
func checkPackageComments(t *tree) (findings []string) {
	documented := map[string]bool{}
	first := map[string]*goFile{}
	for _, f := range t.goes {
		if strings.HasSuffix(f.ast.Name.Name, "_test") {
			continue
		}
		dir := path.Dir(f.path)
		if first[dir] == nil {
			first[dir] = f
		}
		if doc := f.ast.Doc.Text(); f.ast.Name.Name == "main" && doc != "" || strings.HasPrefix(doc, "Package "+f.ast.Name.Name+" ") {
			documented[dir] = true
		}
	}
	for dir, f := range first {
		if !documented[dir] {
			findings = append(findings, t.at(f.ast.Name, "package %s has no comment beginning with its name", f.ast.Name.Name))
		}
	}
	slices.Sort(findings)
	return findings
}

// selfExplaining are methods that an interface everybody knows already documents.
var selfExplaining = []string{"Error", "String", "Unwrap", "Is", "As", "Read", "Write", "Close", "ServeHTTP", "Len", "Less", "Swap"}

func checkExported(t *tree) (findings []string) {
	for _, f := range t.goes {
		if f.isTest() || f.generated() || f.ast.Name.Name == "main" {
			continue
		}
		for _, decl := range f.ast.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) && (d.Recv == nil || !slices.Contains(selfExplaining, d.Name.Name)) {
					findings = append(findings, t.at(d, "%s is exported and has no comment", d.Name.Name))
				}
			case *ast.GenDecl:
				findings = append(findings, t.undocumentedSpecs(d)...)
			}
		}
	}
	return findings
}

// exportedReceiver says whether the outside can call it: a function, or a method of an exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	exported := false
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			exported = id.IsExported()
			return false
		}
		return !exported
	})
	return exported
}

// undocumentedSpecs lets the comment of a group speak for its constants and variables, but not for its types.
func (t *tree) undocumentedSpecs(d *ast.GenDecl) (findings []string) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && s.Doc == nil && s.Comment == nil && (d.Doc == nil || d.Lparen.IsValid()) {
				findings = append(findings, t.at(s, "%s is exported and has no comment", s.Name.Name))
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if name.IsExported() && s.Doc == nil && s.Comment == nil && d.Doc == nil {
					findings = append(findings, t.at(name, "%s is exported and has no comment", name.Name))
				}
			}
		}
	}
	return findings
}

var (
	// catchAll are names of packages that say nothing about what is inside.
	catchAll = []string{"util", "utils", "common", "commons", "helper", "helpers", "misc", "shared", "base", "lib", "types", "models"}
	// emptyWords are ends of type names that say nothing either.
	emptyWords = []string{"Impl", "Manager", "Helper", "Util", "Utils"}
)

func checkNames(t *tree) (findings []string) {
	for _, f := range t.goes {
		if slices.Contains(catchAll, strings.TrimSuffix(f.ast.Name.Name, "_test")) || slices.Contains(catchAll, path.Base(path.Dir(f.path))) {
			findings = append(findings, t.at(f.ast.Name, "a package is named after what it owns, not %s", f.ast.Name.Name))
		}
		for _, decl := range f.ast.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok || d.Tok != token.TYPE {
				continue
			}
			for _, spec := range d.Specs {
				s, _ := spec.(*ast.TypeSpec)
				for _, word := range emptyWords {
					if s != nil && strings.HasSuffix(s.Name.Name, word) {
						findings = append(findings, t.at(s, "%s: say what it does instead of %s", s.Name.Name, word))
					}
				}
			}
		}
	}
	return findings
}

// undone is spelt in halves, so that it does not find itself.
var undone = regexp.MustCompile(`\b(` + "TO" + "DO|FIX" + "ME|XX" + `X)\b`)

func checkUndone(t *tree) []string {
	return t.grep(undone, func(p string) bool { return !isForeign(p) && p != "go.sum" && path.Base(p) != "package-lock.json" })
}
