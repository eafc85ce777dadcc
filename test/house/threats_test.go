package house

import (
	"fmt"
	"go/ast"
	"regexp"
	"slices"
	"strings"
)

func threatRules() []rule {
	const test = "package ws\nfunc TestA(t *testing.T) {}"
	return []rule{{
		name:  "docs/threats*.md name tests that there are",
		check: checkThreats,
		bad: []example{
			{"docs/threats.md", "| a | b | `TestA`, `TestB` |", "ws/a_test.go", test},
			{"docs/threats-oauth.md", "TestA", "ws/a.go", "package ws\nfunc TestA(t *testing.T) {}"},
			{"docs/threats.md", "`TestA`", "ws/a_test.go", "package ws\nfunc (x) TestA() {}"},
			{"docs/threats.md", "`TestA…`", "ws/a_test.go", "package ws\nfunc TestAll(t *testing.T) {}"},
		},
		good: []example{
			{"docs/threats.md", "`TestA`, TestA; Tested and Testament", "ws/a_test.go", test},
			{"docs/design.md", "`TestB`", "ws/a_test.go", test},
		},
	}}
}

// namedTest matches what the go command takes for the name of a test.
var namedTest = regexp.MustCompile(`\bTest[A-Z]\w*`)

// checkThreats keeps the tables of threats from naming a test that was renamed or is gone: what nothing holds would look
// held.
func checkThreats(t *tree) (findings []string) {
	var tests []string
	for _, f := range t.goes {
		for _, decl := range f.ast.Decls {
			if d, ok := decl.(*ast.FuncDecl); ok && d.Recv == nil && strings.HasSuffix(f.path, "_test.go") {
				tests = append(tests, d.Name.Name)
			}
		}
	}
	for p, text := range t.text {
		if !strings.HasPrefix(p, "docs/threats") {
			continue
		}
		line := 0
		for l := range strings.Lines(text) {
			line++
			for _, name := range namedTest.FindAllString(l, -1) {
				if !slices.Contains(tests, name) {
					findings = append(findings, fmt.Sprintf("%s:%d: there is no %s", p, line, name))
				}
			}
		}
	}
	slices.Sort(findings)
	return findings
}
