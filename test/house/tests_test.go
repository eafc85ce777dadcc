package house

import (
	"go/ast"
	"slices"
	"strings"
)

func testRules() []rule {
	return []rule{
		{
			name:  "tests neither sleep nor skip",
			check: checkTests,
			bad: []example{
				{"ws/a_test.go", "package ws\nfunc TestA(t *testing.T) { time.Sleep(1) }"},
				{"ws/a_test.go", "package ws\nfunc TestA(t *testing.T) { t.Skip() }"},
				{"ws/a_test.go", "package ws\nfunc TestA(t *testing.T) { t.Run(``, func(t *testing.T) { t.Skipf(``) }) }"},
				{"test/rig/a.go", "package rig\nfunc Need(tb testing.TB) { tb.SkipNow() }"},
			},
			good: []example{
				{"ws/a_test.go", "package ws\nfunc TestA(t *testing.T) { <-time.After(1) }"},
				{"ws/a_test.go", "package ws\nfunc action(t *rapid.T) { t.Skip() }"}, // draws another action, hides nothing
				{"ws/a.go", "package ws\nfunc wait() { time.Sleep(1) }"},
			},
		},
		{
			name:  "only cmd reads the environment",
			check: checkEnvironment,
			bad: []example{
				{"server/a.go", "package server\nvar a = os.Getenv(`A`)"},
				{"store/a.go", "package store\nfunc f() { os.LookupEnv(`A`) }"},
				{"store/a.go", "package store\nfunc f() { os.Environ() }"},
			},
			good: []example{
				{"cmd/countersign/a.go", "package main\nfunc f() { os.Environ() }"},
				{"server/a_test.go", "package server\nfunc f() { os.Environ() }"},
				{"server/a.go", "package server\nfunc f() { os.ReadFile(`a`) }"},
			},
		},
	}
}

// checkTests: a sleep is either too short on a busy machine or too long on every other; a skipped test proves nothing.
func checkTests(t *tree) (findings []string) {
	for _, f := range t.goes {
		if !f.isTest() {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := sel.X.(*ast.Ident)
			if !ok {
				return true
			}
			if x.Name == "time" && sel.Sel.Name == "Sleep" {
				findings = append(findings, t.at(sel, "a test waits for what happens, not for time"))
			}
			if strings.HasPrefix(sel.Sel.Name, "Skip") && ofTesting(x) {
				findings = append(findings, t.at(sel, "a test is not skipped: what it needs is installed, or it fails"))
			}
			return true
		})
	}
	return findings
}

// ofTesting says whether id is a parameter of a type of package testing.
func ofTesting(id *ast.Ident) bool {
	field, ok := declaration(id).(*ast.Field)
	if !ok {
		return false
	}
	typ := field.Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	sel, ok := typ.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && pkg.Name == "testing"
}

// checkEnvironment keeps the program a value: two of them with different settings can run in one process.
func checkEnvironment(t *tree) (findings []string) {
	readers := []string{"Getenv", "LookupEnv", "Environ", "ExpandEnv", "Setenv"}
	for _, f := range t.goes {
		if f.isTest() || room(f.path) == "cmd" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if ok && (pkg.Name == "os" || pkg.Name == "syscall") && slices.Contains(readers, sel.Sel.Name) {
				findings = append(findings, t.at(sel, "%s.%s: only cmd reads the environment", pkg.Name, sel.Sel.Name))
			}
			return true
		})
	}
	return findings
}
