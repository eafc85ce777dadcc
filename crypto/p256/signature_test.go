package p256

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"testing"
)

func number(t *testing.T, s string) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		t.Fatalf("no number: %s", s)
	}
	return n
}

// The standard library's encoder judges ours, at every border.
func TestDERForm(t *testing.T) {
	n := new(big.Int).SetBytes([]byte(order))
	values := []*big.Int{
		big.NewInt(1), big.NewInt(127), big.NewInt(128), big.NewInt(255), big.NewInt(256),
		number(t, strings.Repeat("7f", 32)), number(t, "80"+strings.Repeat("00", 31)),
		number(t, "80"+strings.Repeat("00", 30)), new(big.Int).Sub(n, big.NewInt(1)),
	}
	for _, r := range values {
		for _, s := range values {
			var sig Signature
			r.FillBytes(sig[:32])
			s.FillBytes(sig[32:])
			want, err := asn1.Marshal([]*big.Int{r, s})
			if err != nil {
				t.Fatal(err)
			}
			if got := sig.DER(); !bytes.Equal(got, want) {
				t.Errorf("DER of (%x, %x) = %x, want %x", r, s, got, want)
			}
			for _, b := range [][]byte{want, sig[:]} {
				if len(b) == rawSize && &b[0] != &sig[0] {
					continue // 64 bytes are raw, also when they are DER
				}
				if got, err := ParseSignature(b); err != nil || got != sig {
					t.Errorf("ParseSignature(%x): %v", b, err)
				}
			}
		}
	}
}

func TestSixtyFourBytesAreRaw(t *testing.T) {
	// DER of an r of 29 and an s of 29 bytes is 64 bytes in all.
	var sig Signature
	sig[3], sig[35] = 1, 1
	der := sig.DER()
	if len(der) != rawSize {
		t.Fatalf("DER is %d bytes", len(der))
	}
	got, err := ParseSignature(der)
	if err != nil || !bytes.Equal(got[:], der) {
		t.Errorf("64 bytes of DER are not taken for raw (%v)", err)
	}
}

func TestParseSignatureRefusals(t *testing.T) {
	sig := mustKey(t).Sign([]byte("sample")) // both halves have their high bit set
	r, s := string(sig[:32]), string(sig[32:])
	good := "\x30\x46\x02\x21\x00" + r + "\x02\x21\x00" + s
	if got, err := ParseSignature([]byte(good)); err != nil || got != sig {
		t.Fatal(err)
	}
	zero := strings.Repeat("\x00", 32)
	for name, b := range map[string]string{
		"empty":              "",
		"one byte":           "\x30",
		"empty sequence":     "\x30\x00",
		"one integer":        "\x30\x03\x02\x01\x01",
		"no length":          "\x30\x02\x02\x01",
		"three integers":     "\x30\x09\x02\x01\x01\x02\x01\x01\x02\x01\x01",
		"trailing byte":      good + "\x00",
		"trailing in length": "\x30\x47" + good[2:] + "\x00",
		"cut":                good[:len(good)-1],
		"long form":          "\x30\x81\x46" + good[2:],
		"indefinite":         "\x30\x80" + good[2:] + "\x00\x00",
		"set":                "\x31" + good[1:],
		"octet string":       "\x30\x46\x04" + good[3:],
		"long form integer":  "\x30\x47\x02\x81\x21\x00" + r + "\x02\x21\x00" + s,
		"negative":           "\x30\x45\x02\x20" + r + "\x02\x21\x00" + s,
		"empty integer":      "\x30\x25\x02\x00\x02\x21\x00" + s,
		"zero too many":      "\x30\x07\x02\x02\x00\x01\x02\x01\x01",
		"33 bytes":           "\x30\x46\x02\x21\x01" + r + "\x02\x21\x00" + s,
		"34 bytes":           "\x30\x47\x02\x22\x00\x01" + r + "\x02\x21\x00" + s,
		"r zero":             "\x30\x06\x02\x01\x00\x02\x01\x01",
		"s zero":             "\x30\x06\x02\x01\x01\x02\x01\x00",
		"r is n":             "\x30\x26\x02\x21\x00" + order + "\x02\x01\x01",
		"s is n":             "\x30\x26\x02\x01\x01\x02\x21\x00" + order,
		"raw, 63 bytes":      r + s[:31],
		"raw, 65 bytes":      r + s + "\x00",
		"raw, r zero":        zero + s,
		"raw, s zero":        r + zero,
		"raw, r is n":        order + s,
		"raw, s is n":        r + order,
		"raw, all ones":      strings.Repeat("\xff", 64),
	} {
		if got, err := ParseSignature([]byte(b)); !errors.Is(err, ErrSignature) || got != (Signature{}) {
			t.Errorf("%s: err = %v, want ErrSignature", name, err)
		}
	}
}

func TestDecodeSignatureForms(t *testing.T) {
	sig := mustKey(t).Sign([]byte("sample"))
	for _, b := range [][]byte{sig[:], sig.DER()} {
		for _, enc := range []*base64.Encoding{
			base64.RawURLEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.StdEncoding,
		} {
			if got, err := DecodeSignature(enc.EncodeToString(b)); err != nil || got != sig {
				t.Errorf("%d bytes: %v", len(b), err)
			}
		}
	}
	if got, err := DecodeSignature(sig.String()); err != nil || got != sig {
		t.Errorf("String() is not decoded: %v", err)
	}
}

func TestDecodeSignatureRefusals(t *testing.T) {
	sig := mustKey(t).Sign([]byte("sample"))
	url := sig.String() // 86 characters, holds - or _
	padded := url + "=="
	if !strings.ContainsAny(url, "-_") {
		t.Fatal("this signature does not tell the alphabets apart")
	}
	i := strings.IndexAny(url, "-_")
	for name, s := range map[string]string{
		"empty":            "",
		"newline at end":   url + "\n",
		"CRLF":             url[:40] + "\r\n" + url[40:],
		"space":            " " + url,
		"one =":            url + "=",
		"three =":          padded + "=",
		"= inside":         url[:84] + "==" + url[84:],
		"mixed alphabets":  strings.Repeat("+", 1) + url[1:i] + url[i:],
		"trailing bits":    url[:85] + string(url[85]+1),
		"cut":              url[:85],
		"huge":             strings.Repeat("A", 1<<20),
		"only padding":     "====",
		"not ASCII":        url[:84] + "é",
		"text after pad":   padded + "AA",
		"percent encoding": strings.ReplaceAll(padded, "=", "%3D"),
	} {
		if got, err := DecodeSignature(s); !errors.Is(err, ErrSignature) || got != (Signature{}) {
			t.Errorf("%s: err = %v, want ErrSignature", name, err)
		}
	}
}

func TestHighSVerifies(t *testing.T) {
	key := mustKey(t)
	sig := key.Sign([]byte("sample"))
	other := sig
	n := new(big.Int).SetBytes([]byte(order))
	n.Sub(n, new(big.Int).SetBytes(sig[32:])).FillBytes(other[32:])
	if other == sig || !key.Public().Verify([]byte("sample"), other) {
		t.Error("n−s does not verify")
	}
}

func TestZeroSignature(t *testing.T) {
	if mustKey(t).Public().Verify([]byte("sample"), Signature{}) {
		t.Error("the zero signature verifies")
	}
}
