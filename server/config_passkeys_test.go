package server

import (
	"os"
	"strings"
	"testing"

	"countersign/operation"
)

// The flows that docs/operations.md has for passkeys are good; not so where the issuer
// has no name.
func TestPasskeyFlows(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "### Passkeys")
	_, example, _ := strings.Cut(section, "```yaml\n")
	example, _, found := strings.Cut(example, "```")
	if !found {
		t.Fatal("docs/operations.md has no flows of passkeys")
	}
	cfg, err := Load(Source{File: "c.yaml", Content: []byte(minimal + example)})
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.OperationFlows()["add_passkey"]; got.String() != "identify > device > passkey_add" || !got.Has(operation.ByPasskeyAdd) || got.Has(operation.ByReview) {
		t.Errorf("adds by %s", got)
	}
	cfg.Issuer = "https://192.0.2.1"
	told := strings.Count(cfg.Check(ForServe).Error(), "has passkeys")
	if told != 2 {
		t.Errorf("told %d times that an address has no passkeys", told)
	}
}
