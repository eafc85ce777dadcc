package api

import (
	"strings"
	"testing"

	"countersign/session"
)

func TestChallengeForm(t *testing.T) {
	good := session.ChallengeOf("a verifier")
	for s, want := range map[string]bool{
		good: true, "": false, good + "=": false, good[:42]: false, good[:42] + "=": false,
		good[:20] + "\n" + good[20:]: false, good[:20] + "\r\n" + good[22:]: false,
		strings.Repeat("!", 43): false, strings.Repeat("_", 43): false, // trailing bits that are not zero
	} {
		if isDigest(s) != want {
			t.Errorf("isDigest(%q) is not %v", s, want)
		}
	}
}
