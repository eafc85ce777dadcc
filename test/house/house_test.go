package house

import (
	"slices"
	"testing"
)

// rule is one rule of the house with the proof that it can fail.
type rule struct {
	name  string
	check func(*tree) []string // findings, one line each; none when the tree keeps the rule
	bad   []example            // each must be refused
	good  []example            // each must be accepted
}

// example is a synthetic tree: path and content in turn.
type example []string

func rules() []rule {
	return slices.Concat(layerRules(), importRules(), styleRules(), sizeRules(), stateRules(), testRules(), wordRules(),
		dependencyRules(), threatRules())
}

// TestHouse holds the real tree against every rule.
func TestHouse(t *testing.T) {
	actual, err := readTree("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(actual.goes) == 0 || actual.text["go.mod"] == "" {
		t.Fatal("no Go files or no go.mod found: the rules would pass on nothing")
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			for _, finding := range r.check(actual) {
				t.Error(finding)
			}
		})
	}
}

// TestRulesCanFail shows each rule what it must refuse and what it must accept.
func TestRulesCanFail(t *testing.T) {
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			if len(r.bad) == 0 || len(r.good) == 0 {
				t.Fatal("a rule needs an example to refuse and one to accept")
			}
			for _, ex := range r.bad {
				if len(r.check(ex.tree(t))) == 0 {
					t.Errorf("accepted, but should refuse:\n%s", ex)
				}
			}
			for _, ex := range r.good {
				for _, finding := range r.check(ex.tree(t)) {
					t.Errorf("refused, but should accept: %s", finding)
				}
			}
		})
	}
}

func (ex example) tree(t *testing.T) *tree {
	t.Helper()
	text := map[string]string{}
	for pair := range slices.Chunk(ex, 2) {
		text[pair[0]] = pair[1]
	}
	synthetic, err := newTree(text)
	if err != nil {
		t.Fatal(err)
	}
	return synthetic
}
