package browser

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// axe is axe-core, once for all tests.
var axe = sync.OnceValues(func() ([]byte, error) {
	return os.ReadFile(filepath.Join("..", "..", "web", "node_modules", "axe-core", "axe.min.js"))
})

// violation is what axe found.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct {
		Target         []any
		HTML           string
		FailureSummary string
	}
}

// audit runs every rule of WCAG 2.2 A and AA and of good practice that axe knows
// over the page, shadow roots included.
func (b *tab) audit(what string) {
	b.t.Helper()
	source, err := axe()
	if err != nil {
		b.t.Fatalf("axe-core is needed: npm ci in web, or run make test, which does: %v", err)
	}
	if !eval[bool](b, "typeof globalThis.axe === 'object'") {
		eval[chromedp.Void](b, string(source)+"; void 0") // the debugger's scripts are under no policy
	}
	eval[chromedp.Void](b, "look.still()")
	// Where colours are forced those of the user's are painted, and axe reads those of the page.
	const run = `axe.run(document, {preload: false, resultTypes: ['violations'],
		rules: {'color-contrast': {enabled: !matchMedia('(forced-colors: active)').matches}},
		runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'],
	}).then((r) => JSON.stringify({violations: r.violations, passes: r.passes.length}))`
	var found struct {
		Violations []violation
		Passes     int
	}
	if err := json.Unmarshal([]byte(eval[string](b, run)), &found); err != nil {
		b.t.Fatal(err)
	}
	if found.Passes == 0 {
		b.t.Errorf("%s: axe looked at nothing", what)
	}
	for _, v := range found.Violations {
		var nodes strings.Builder
		for _, n := range v.Nodes {
			fmt.Fprintf(&nodes, "\n  %v %s\n    %s", n.Target, n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", " "))
		}
		b.t.Errorf("%s: %s (%s): %s%s", what, v.ID, v.Impact, v.Help, &nodes)
	}
}

// An audit that finds nothing anywhere proves nothing.
func TestAuditFinds(t *testing.T) {
	t.Parallel()
	b := newProfile(t).open("about:blank")
	b.do(`document.body.append(document.createElement('button'))`)
	inner := &recorder{TB: t}
	bad := &tab{t: inner, ctx: b.ctx}
	bad.audit("a button without a name")
	if !strings.Contains(inner.said, "button-name") {
		t.Errorf("axe found only %q", inner.said)
	}
}

// A recorder is a test whose failures are looked at instead of counted.
type recorder struct {
	testing.TB
	said string
}

// Errorf implements testing.TB.
func (r *recorder) Errorf(format string, a ...any) { r.said += fmt.Sprintf(format, a...) + "\n" }

// Helper implements testing.TB.
func (r *recorder) Helper() {}
