package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// states are those of the login page, as /login?demo=STATE shows them.
var states = []string{"starting", "pending", "same-device", "scan", "compare", "masked", "ending", "claimed", "wrong-code", "bad-signature",
	"elsewhere", "offline", "approved", "declined", "reported", "too-many", "expired", "cancelled", "cancelled-service", "cancelled-admin",
	"replaced", "refused", "limited", "network", "lost", "unsupported", "returned-finished", "returned-waiting", "returned-stranger"}

// demo shows a state of the login page and waits until it stands.
func (b *tab) demo(w *World, state string, query ...string) *tab {
	b.t.Helper()
	b.visit(w.hosted(append([]string{"demo=" + state}, query...)...))
	b.seeElement(part("title"))
	switch state {
	case "offline": // it is patient before it says so
		b.seeElement(part("message-offline"))
	case "pending", "scan", "compare", "masked", "ending":
		await(b, "a QR code", `look.sees('.qr svg')`, isTrue)
	}
	return b
}

func isTrue(ok bool) bool { return ok }

// looks are what users set their browsers to.
var looks = [][]string{
	{"prefers-color-scheme: light"},
	{"prefers-color-scheme: dark"},
	{"forced-colors: active", "prefers-reduced-motion: reduce"},
}

// Every state of the login page is one that axe finds nothing wrong with, as the
// user has it, and fits a narrow window.
func TestStatesAreAccessible(t *testing.T) {
	w := newWorld(t)
	b := newProfile(t).open(w.hosted("demo=pending"))
	for _, look := range looks {
		b.media(look...)
		for _, state := range states {
			b.demo(w, state)
			b.audit(fmt.Sprint(state, " with ", look))
			b.narrow(state)
		}
	}
}

// The states the tests look at are all that there are.
func TestStatesAreComplete(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(filepath.Join("..", "..", "web", "sdk", "src", "element", "demo.ts"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`'([a-z-]+)': (?:\(\) =>|failed\(|'(?:finished|waiting|stranger)')`).FindAllStringSubmatch(string(source), -1)
	for _, m := range found {
		if !slices.Contains(states, m[1]) {
			t.Errorf("no test looks at the state %q", m[1])
		}
	}
	if len(found) != len(states) {
		t.Errorf("the page knows %d states, the tests %d", len(found), len(states))
	}
}
