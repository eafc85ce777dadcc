package house

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// outside are words of the places where this repository is worked on. The repository speaks of itself alone: whoever
// clones it finds every path and every host that it names. The words are spelt in halves, so as not to find themselves.
var outside = regexp.MustCompile(strings.Join([]string{
	regexp.QuoteMeta("/wo" + "rk/"),
	regexp.QuoteMeta("../sha" + "red"),
	regexp.QuoteMeta("/tmp/br" + "ief"),
	regexp.QuoteMeta("/tmp/go" + "bin"),
	regexp.QuoteMeta("registry." + "npmjs.org"),
	regexp.QuoteMeta("registry." + "yarnpkg.com"),
	regexp.QuoteMeta("proxy." + "golang.org"),
	regexp.QuoteMeta("sum." + "golang.org"),
	`"resol` + `ved": *"http`,
}, "|"))

func wordRules() []rule {
	return []rule{{
		name:  "the repository speaks of itself alone",
		check: checkOutside,
		bad: []example{
			{"docs/a.md", "see /wo" + "rk/main"},
			{"docs/a.md", "see ../sha" + "red/notes"},
			{"Dockerfile", "ENV GOPROXY=https://proxy." + "golang.org"},
			{"web/package-lock.json", `{"resol` + `ved": "https://r.example/a.tgz"}`},
			{"api/testdata/a.json", "/wo" + "rk/"},
		},
		good: []example{
			{"docs/a.md", "how it works, ../api/openapi.yaml"},
			{"go.sum", "sum." + "golang.org v1"},
		},
	}}
}

func checkOutside(t *tree) []string {
	return t.grep(outside, func(p string) bool { return path.Base(p) != "go.sum" })
}

// grep finds a pattern in the text files that in lets through.
func (t *tree) grep(pattern *regexp.Regexp, in func(path string) bool) (findings []string) {
	for p, src := range t.text {
		if !in(p) || !pattern.MatchString(src) {
			continue
		}
		line := 0
		for l := range strings.Lines(src) {
			line++
			if found := pattern.FindString(l); found != "" {
				findings = append(findings, fmt.Sprintf("%s:%d: says %q", p, line, found))
			}
		}
	}
	slices.Sort(findings)
	return findings
}
