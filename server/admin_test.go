package server

import (
	"crypto/sha256"
	"strings"
	"testing"
)

// A token is good by the line that was made with it, and the line does not give it away.
func TestOperatorTokens(t *testing.T) {
	boss, line, ok := NewOperatorToken("boss", true)
	reader, other, ok2 := NewOperatorToken("reader", false)
	if !ok || !ok2 || strings.Contains(line, boss) || boss == reader || len(boss) < 43 {
		t.Fatal(boss, line)
	}
	got, err := ParseOperatorTokens("# who may\n\n" + line + "\r\n  " + other + "  \n")
	if err != nil || len(got) != 2 || got[0].Name != "boss" || !got[0].Changes || got[0].Hash != sha256.Sum256([]byte(boss)) || got[1].Changes || got[1].Name != "reader" {
		t.Errorf("%+v %v", got, err)
	}
	hash := strings.Fields(line)[2]
	for what, text := range map[string]string{
		"two fields": "boss " + hash, "four fields": line + " x", "another scope": "boss countersign:all " + hash, "an identity's id": "tok_x countersign:admin " + hash,
		"no hex": "boss countersign:admin " + strings.Repeat("x", 64), "a short hash": "boss countersign:admin " + hash[2:], "the token itself": "boss countersign:admin " + boss,
		"a name twice": line + "\nboss countersign:audit " + strings.Fields(other)[2], "a token twice": line + "\nother countersign:audit " + hash,
	} {
		if got, err := ParseOperatorTokens(text); err == nil || got != nil || strings.Contains(err.Error(), hash) || !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("%s: %v %v", what, got, err)
		}
	}
	for _, name := range []string{"", "a b", "tok_x", "#x", strings.Repeat("x", 65)} {
		if _, _, ok := NewOperatorToken(name, true); ok {
			t.Errorf("%q is taken for a name", name)
		}
	}
}
