package main

import (
	"strings"
	"testing"
)

// A list of passkeys has all that an operator chooses by.
func TestShowPasskeys(t *testing.T) {
	var out strings.Builder
	env := &environment{Stdout: &out}
	if err := env.showPasskeys([]passkeyView{{ID: "one", Synced: true, By: "dev_1", CreatedAt: "2026-01-02T03:04:05Z"}, {ID: "two", By: "dev_2", UsedAt: "2026-02-03T04:05:06Z"}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ID   SYNCED  ADDED BY", "one  yes     dev_1", "two  no      dev_2", "2026-02-03T04:05:06Z"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
