package house

import (
	"regexp"
	"slices"
	"strings"
)

const dependenciesPage = "docs/dependencies.md"

func dependencyRules() []rule {
	page := "| module | for |\n|---|---|\n| `example.org/a`, `example.org/b/v2` | all |\n"
	return []rule{{
		name:  "docs/dependencies.md is true",
		check: checkDependencies,
		bad: []example{
			{dependenciesPage, page, "go.mod", "require (\n\texample.org/a v1.0.0\n)\n"},
			{dependenciesPage, page, "go.mod", "require (\n\texample.org/a v1.0.0\n\texample.org/b/v2 v2.0.0\n\texample.org/c v1.0.0\n)\n"},
			{dependenciesPage, page, "go.mod", "require (\n\texample.org/a v1.0.0\n\texample.org/b/v2 v2.0.0 // indirect\n)\n"},
		},
		good: []example{
			{dependenciesPage, page, "go.mod", "require example.org/a v1.0.0\n\nrequire (\n\texample.org/b/v2 v2.0.0\n\texample.org/d v1.0.0 // indirect\n)\n"},
		},
	}}
}

// checkDependencies compares the first cells of the page's tables with the direct requirements of go.mod.
func checkDependencies(t *tree) (findings []string) {
	told, required := toldModules(t.text[dependenciesPage]), directModules(t.text["go.mod"])
	for _, m := range required {
		if !slices.Contains(told, m) {
			findings = append(findings, dependenciesPage+": nothing about "+m+", which go.mod requires directly")
		}
	}
	for _, m := range told {
		if !slices.Contains(required, m) {
			findings = append(findings, dependenciesPage+": "+m+" is no direct requirement of go.mod")
		}
	}
	return findings
}

// quotedModule matches a module path in backquotes: a domain, a slash and the rest.
var quotedModule = regexp.MustCompile("`([a-z0-9-]+(?:\\.[a-z0-9-]+)+/[^`]+)`")

func toldModules(page string) (modules []string) {
	for line := range strings.Lines(page) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 || strings.TrimSpace(cells[0]) != "" {
			continue
		}
		for _, found := range quotedModule.FindAllStringSubmatch(cells[1], -1) {
			modules = append(modules, found[1])
		}
	}
	return modules
}

// directModules reads the requirements without the mark `// indirect`.
func directModules(gomod string) (modules []string) {
	inBlock := false
	for line := range strings.Lines(gomod) {
		line = strings.TrimSpace(line)
		one, single := strings.CutPrefix(line, "require ")
		switch line {
		case "require (":
			inBlock = true
			continue
		case ")":
			inBlock = false
		}
		if !inBlock && !single || strings.HasSuffix(line, "// indirect") {
			continue
		}
		if module, _, ok := strings.Cut(one, " v"); ok {
			modules = append(modules, module)
		}
	}
	return modules
}
