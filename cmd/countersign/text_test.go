package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"countersign/ws"

	"rsc.io/qr"
)

const someIssuer = "https://login.example.com"

// TestQRText: of a QR code's text only the right issuer's is taken apart.
func TestQRText(t *testing.T) {
	const id = "sess_AAAAAAAAAAAAAAAAAAAAAA"
	for _, c := range []struct {
		text, session, scan string
		good                bool
	}{
		{someIssuer + "/s/" + id + "?t=12&c=abcdefghijklmnop", id, "12:abcdefghijklmnop", true},
		{someIssuer + "/s/" + id, id, "", true},
		{someIssuer + "/s/" + id + "?t=12", id, "", true},
		{someIssuer + ".evil.example/s/" + id + "?t=1&c=abcdefghijklmnop", "", "", false},
		{"http://login.example.com/s/" + id + "?t=1&c=abcdefghijklmnop", "", "", false},
		{someIssuer + "/s/../s/" + id + "?t=1&c=abcdefghijklmnop", "", "", false},
		{someIssuer + "/s/" + id + "/x?t=1&c=abcdefghijklmnop", "", "", false},
		{someIssuer + "/s/?t=1&c=abcdefghijklmnop", "", "", false},
		{someIssuer + "/s/" + id + "?t=%zz", "", "", false},
		{someIssuer + "/s/" + id + "#h=abcdefghijklmnop", id, "h:abcdefghijklmnop", true},
		{someIssuer + ".evil.example/s/" + id + "#h=abcdefghijklmnop", "", "", false},
	} {
		session, scan, err := parseQR(someIssuer, c.text)
		if session != c.session || scan != c.scan || (err == nil) != c.good {
			t.Errorf("parseQR(%q) = %q, %q, %v", c.text, session, scan, err)
		}
	}
}

// TestDrawnQR reads the drawn blocks back as modules.
func TestDrawnQR(t *testing.T) {
	code, err := qr.Encode(someIssuer+"/s/sess_AAAAAAAAAAAAAAAAAAAAAA?t=12&c=abcdefghijklmnop", qr.L)
	if err != nil {
		t.Fatal(err)
	}
	for _, colours := range []bool{true, false} {
		drawn := strings.NewReplacer("\x1b[30;47m", "", "\x1b[0m", "").Replace(drawQR(code.Size, code.Black, colours))
		for row, line := range strings.Split(strings.TrimSuffix(drawn, "\n"), "\n") {
			for column, block := range []rune(line) {
				x, y := column-quiet, 2*row-quiet
				// Without colours the ink is light: what is not inked is dark.
				if upper := block == '█' || block == '▀'; upper != (code.Black(x, y) == colours) {
					t.Fatalf("colours %t: module %d,%d is wrong", colours, x, y)
				}
				lower := block == '█' || block == '▄'
				if y+1 < code.Size+quiet && lower != (code.Black(x, y+1) == colours) {
					t.Fatalf("colours %t: module %d,%d is wrong", colours, x, y+1)
				}
			}
		}
	}
}

// TestPlain: nothing of the other side reaches the terminal but letters.
func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"Acme Bank":          "Acme Bank",
		"Žluťoučký kůň 日本":   "Žluťoučký kůň 日本",
		"\x1b[2Jgone":        "\uFFFD[2Jgone",
		"a\nb\r\tc":          "a\uFFFDb\uFFFD\uFFFDc",
		"bank\u202egro.live": "bank\uFFFDgro.live",
		"\u009b31m\u200f":    "\uFFFD31m\uFFFD",
	} {
		if got := plain(in); got != want {
			t.Errorf("plain(%q) = %q", in, got)
		}
	}
}

func TestBigDigits(t *testing.T) {
	want := []string{
		"     _   _          _   _",
		"  |  _|  _|    |_| |_  |_",
		"  | |_   _|      |  _| |_|",
		"", "123 456",
	}
	if got := strings.Join(bigDigits("123 456"), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("drawn:\n%s", got)
	}
}

// TestConnectAgain: a watcher gives up only when connecting again cannot help.
func TestConnectAgain(t *testing.T) {
	for code, again := range map[int]bool{1000: false, 1001: true, 1006: true, 1009: false, 1013: true, 4001: false, 4004: false, 4009: false} {
		if got := !hopeless(fmt.Errorf("wrapped: %w", ws.CloseError{Code: code})); got != again {
			t.Errorf("%d: connect again: %t", code, got)
		}
	}
	if hopeless(errors.New("connection refused")) {
		t.Error("a dropped connection is given up")
	}
}

// TestComplaints: an error is one line, with its hints behind it.
func TestComplaints(t *testing.T) {
	request := &url.Error{Op: "Post", URL: "http://localhost:8080/auth/initiate?token=secret", Err: errors.New("connection refused")}
	for _, c := range []struct {
		err  error
		want string
	}{
		{failf("no such thing"), "countersign: error: no such thing\n"},
		{hint(hint(failf("no"), "inner"), "outer %d", 1), "countersign: error: no\ncountersign: hint: outer 1\ncountersign: hint: inner\n"},
		{errors.Join(hint(failf("one"), "mend it"), failf("two")), "countersign: error: one two\ncountersign: hint: mend it\n"},
		{fmt.Errorf("approved, but: %w", request), "countersign: error: approved, but: http://localhost:8080 cannot be reached: connection refused\n"},
	} {
		var b strings.Builder
		env := &environment{Stderr: &b}
		env.complain(c.err)
		if b.String() != c.want {
			t.Errorf("%v is told as:\n%s", c.err, b.String())
		}
	}
	if hint(nil, "nothing") != nil {
		t.Error("a hint makes an error of none")
	}
}

func TestNearby(t *testing.T) {
	for listen, want := range map[string]string{":9090": "127.0.0.1:9090", "0.0.0.0:9090": "127.0.0.1:9090", "[::]:9090": "[::1]:9090",
		"10.0.0.7:9090": "10.0.0.7:9090", "localhost:9090": "localhost:9090"} {
		if got := nearby(listen); got != want {
			t.Errorf("nearby(%s) = %s", listen, got)
		}
	}
}
