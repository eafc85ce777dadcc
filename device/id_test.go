package device

import (
	"strings"
	"testing"
	"time"
)

func TestTokenIDForms(t *testing.T) {
	good := NewTokenID()
	if !good.WellFormed() || good == NewTokenID() || !strings.HasPrefix(string(NewID()), "dev_") {
		t.Errorf("%s and another", good)
	}
	for _, bad := range []TokenID{"", "tok_", good[:25], good + "A", "dev_" + good[4:], "TOK_" + good[4:], "tok_" + TokenID(strings.Repeat("A", 21)+"B"),
		"tok_" + TokenID(strings.Repeat("A", 20)+"\n\n"), "tok_" + TokenID(strings.Repeat("A", 20)+"=="), "tok_" + TokenID(strings.Repeat("/", 22)), "alice@example.com"} {
		if bad.WellFormed() {
			t.Errorf("%q is well formed", bad)
		}
		c := bad.Canonical()
		if !c.WellFormed() || c == bad || c != bad.Canonical() || c == (bad+"x").Canonical() {
			t.Errorf("%q stands for %q", bad, c)
		}
	}
}

// A well-formed id is the text of its 16 bytes; any other stands for one that is.
func FuzzTokenID(f *testing.F) {
	f.Add(string(NewTokenID()))
	f.Add("tok_" + strings.Repeat("A", 21) + "B")
	f.Add("tok_" + strings.Repeat("A", 20) + "\n\n")
	f.Add("alice@example.com")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		id := TokenID(s)
		b, ok := id.Bytes()
		if ok != id.WellFormed() || ok && TokenIDFrom(b) != id {
			t.Errorf("%q is %x, %v", s, b, ok)
		}
		if c := id.Canonical(); !c.WellFormed() || ok != (c == id) {
			t.Errorf("%q stands for %q", s, c)
		}
	})
}

func TestNonceForms(t *testing.T) {
	const good = "BwcHBwcHBwcHBwcHBwcHBw"
	if !Nonce(good).WellFormed() {
		t.Errorf("%s is refused", good)
	}
	for _, bad := range []string{"", good[:21], good + "A", good + "==", good[:21] + "x", "+" + good[1:], good + "\n", good[:10] + "\n" + good[10:], "\r\n" + good,
		strings.Repeat("A", 20), strings.Repeat("A", 24)} {
		if Nonce(bad).WellFormed() {
			t.Errorf("%q is a nonce", bad)
		}
	}
}

// Half a minute to both sides, the edges included; a nonce is kept for as long.
func TestFreshness(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 999_999_999, time.UTC)
	for off, want := range map[int64]bool{-31: false, -30: true, 0: true, 30: true, 31: false, -1 << 62: false, 1 << 62: false} {
		if got := Fresh(now.Unix()+off, now); got != want {
			t.Errorf("%d s off: %v", off, got)
		}
	}
	ts := now.Unix()
	end := NonceEnd(ts)
	if Fresh(ts, end) || !Fresh(ts, end.Add(-time.Nanosecond)) {
		t.Errorf("a nonce is kept until %s, its request is fresh until another time", end)
	}
}

func TestControlAndHiddenCharacters(t *testing.T) {
	for s, want := range map[string]struct{ control, hidden bool }{
		"Alice’s phone ✓": {false, false}, "": {false, false}, "مرحبا": {false, false},
		"a\nb": {true, true}, "\x00": {true, true}, "a\x7f": {true, true}, "a\u0085": {false, true},
		"a\u202eb": {false, true}, "a\u2066b": {false, true}, "\u200f": {false, true}, "\u061c": {false, true},
		"a\u200bb": {false, true}, "a\u00adb": {false, true}, "\ufeff": {false, true}, "\u3164": {false, true}, "\u2028": {false, true}, "\u2800": {false, true}, "\U000e0041": {false, true},
		"می\u200cخواهم": {false, false}, "👩\u200d🚀": {false, false}, "❤\ufe0f": {false, false}, "a\u00a0b": {false, false}, "\u0601": {false, false},
	} {
		if HasControl(s) != want.control || HasHidden(s) != want.hidden {
			t.Errorf("%q: control %v, hidden %v", s, HasControl(s), HasHidden(s))
		}
	}
}
