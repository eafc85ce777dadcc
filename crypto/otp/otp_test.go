package otp

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"math/big"
	"strconv"
	"testing"
)

var key = bytes.Repeat([]byte{7}, 32)

func ExampleDerive() {
	key := bytes.Repeat([]byte{1}, 32) // from the keyring, 32 bytes
	code := Derive(key, "sess_AAECAwQFBgcICQoLDA0ODw", 0)
	typed, ok := Parse("933055")
	fmt.Println(ok, code.Equal(typed), code.MaskLast2())
	// Output: true true 9330**
}

// The definition again, in the slowest and plainest way.
func TestDeriveFollowsItsDefinition(t *testing.T) {
	for _, period := range []int64{0, 1, -1, 1<<63 - 1, -1 << 63} {
		for _, id := range []string{"", "sess_a", "a\nb", "\xff"} {
			mac := hmac.New(sha256.New, key)
			fmt.Fprintf(mac, "countersign-otp-v1\n%s\n%d", id, period)
			n := new(big.Int).SetBytes(mac.Sum(nil)[:8])
			want := fmt.Sprintf("%06d", n.Mod(n, big.NewInt(1_000_000)))
			if got := Derive(key, id, period); string(got) != want {
				t.Errorf("Derive(%q, %d) = %s, want %s", id, period, got, want)
			}
		}
	}
}

// Made with Python's hmac module.
func TestDeriveVector(t *testing.T) {
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i)
	}
	if got := Derive(key, "sess_AAECAwQFBgcICQoLDA0ODw", 7); got != "180686" {
		t.Errorf("got %s, want 180686", got)
	}
}

func TestDeriveSeparatesKeyIDAndPeriod(t *testing.T) {
	base := Derive(key, "sess_a", 1)
	other := bytes.Clone(key)
	other[31]++
	for name, c := range map[string]Code{
		"key":    Derive(other, "sess_a", 1),
		"id":     Derive(key, "sess_b", 1),
		"period": Derive(key, "sess_a", 2),
	} {
		if c.Equal(base) {
			t.Errorf("another %s gives the same code", name)
		}
	}
}

// Every digit at every place comes about equally often. With 20,000 codes a count
// has a standard deviation of 42; eight of them never happen by chance, and the
// input is fixed anyway.
func TestDeriveIsUniform(t *testing.T) {
	var seen [digits][10]int
	for i := range 20000 {
		c := Derive(key, "sess_"+strconv.Itoa(i), 0)
		if _, ok := Parse(string(c)); !ok {
			t.Fatalf("%q is no code", c)
		}
		for place := range digits {
			seen[place][c[place]-'0']++
		}
	}
	for place := range digits {
		for digit, n := range seen[place] {
			if n < 2000-340 || n > 2000+340 {
				t.Errorf("digit %d stands at place %d %d times of 20000", digit, place, n)
			}
		}
	}
}

func TestParse(t *testing.T) {
	for _, s := range []string{"000000", "482913", "999999"} {
		if c, ok := Parse(s); !ok || string(c) != s {
			t.Errorf("Parse(%q) = %q, %v", s, c, ok)
		}
	}
	for _, s := range []string{
		"", "48291", "4829133", " 48291", "48291 ", "+48291", "-48291", "48291a", "48291\n",
		"4829\u0661", "\u0661\u0662\u0663", "48\x0013", "4829**",
	} {
		if c, ok := Parse(s); ok || c != "" {
			t.Errorf("Parse(%q) = %q, %v, want it refused", s, c, ok)
		}
	}
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		a, b Code
		want bool
	}{
		{"482913", "482913", true},
		{"482913", "482914", false},
		{"482913", "582913", false},
		{"482913", "4829", false},
		{"482913", "", false},
	} {
		if got := c.a.Equal(c.b); got != c.want {
			t.Errorf("%q.Equal(%q) = %v", c.a, c.b, got)
		}
	}
}

func TestMaskLast2(t *testing.T) {
	for c, want := range map[Code]string{"482913": "4829**", "000000": "0000**", "": "******", "12": "******"} {
		if got := c.MaskLast2(); got != want {
			t.Errorf("%q.MaskLast2() = %q, want %q", c, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("482913")
	f.Add("48291\u0661")
	f.Fuzz(func(t *testing.T, s string) {
		c, ok := Parse(s)
		n, err := strconv.ParseUint(s, 10, 32)
		if want := err == nil && fmt.Sprintf("%06d", n) == s && len(s) == 6; ok != want {
			t.Fatalf("Parse(%q) = %v, want %v", s, ok, want)
		}
		if ok && string(c) != s {
			t.Fatalf("Parse(%q) = %q", s, c)
		}
	})
}

func BenchmarkDerive(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Derive(key, "sess_AAECAwQFBgcICQoLDA0ODw", 0)
	}
}
