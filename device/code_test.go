package device

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"countersign/crypto/p256"
)

// The vectors in testdata were made by another implementation.
func readVectors(t testing.TB, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

type codeVectors struct {
	Valid []struct {
		Code     EnrolmentCode
		BytesHex string
	}
	Invalid []string
}

func TestEnrolmentCodeVectors(t *testing.T) {
	var file codeVectors
	readVectors(t, "enrollment-codes.json", &file)
	if len(file.Valid) == 0 || len(file.Invalid) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range file.Valid {
		b, err := hex.DecodeString(v.BytesHex)
		if err != nil {
			t.Fatal(err)
		}
		if got := formatCode([codeRandom]byte(b)); got != v.Code {
			t.Errorf("%s is written %s, want %s", v.BytesHex, got, v.Code)
		}
		for _, typed := range []string{string(v.Code), strings.ToLower(string(v.Code)), strings.ToLower(string(v.Code[:9])) + string(v.Code[9:])} {
			if got, ok := ParseEnrolmentCode(typed); !ok || got != v.Code {
				t.Errorf("%q is read as %q, %v", typed, got, ok)
			}
		}
	}
	for _, s := range file.Invalid {
		if got, ok := ParseEnrolmentCode(s); ok || got != "" {
			t.Errorf("%q is read as %q", s, got)
		}
	}
}

// CRC-16/ARC of its standard check text.
func TestCheckSum(t *testing.T) {
	if got := crc16([]byte("123456789")); got != 0xBB3D {
		t.Errorf("%#04x, want 0xBB3D", got)
	}
}

// One wrong character, or two neighbours swapped, is always noticed.
func TestMistypedCodes(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	code := string(NewEnrolmentCode())
	for i := range code {
		for _, c := range alphabet {
			typed := code[:i] + string(c) + code[i+1:]
			if _, ok := ParseEnrolmentCode(typed); ok && typed != code {
				t.Errorf("%s is taken for %s", typed, code)
			}
		}
		if i == 0 {
			continue
		}
		typed := code[:i-1] + code[i:i+1] + code[i-1:i] + code[i+1:]
		if _, ok := ParseEnrolmentCode(typed); ok && typed != code {
			t.Errorf("%s is taken for %s", typed, code)
		}
	}
}

func TestNewEnrolmentCodes(t *testing.T) {
	seen := map[EnrolmentCode]bool{}
	for range 100 {
		c := NewEnrolmentCode()
		if got, ok := ParseEnrolmentCode(string(c)); !ok || got != c || seen[c] {
			t.Fatalf("%s is read as %s, %v; made before: %v", c, got, ok, seen[c])
		}
		seen[c] = true
	}
}

// Whatever is taken for a code is, in upper case, exactly the code it stands for.
func FuzzParseEnrolmentCode(f *testing.F) {
	var file codeVectors
	readVectors(f, "enrollment-codes.json", &file)
	for _, v := range file.Valid {
		f.Add(string(v.Code))
		f.Add(strings.ToLower(string(v.Code)))
		f.Add(strings.ReplaceAll(string(v.Code), "-", ""))
	}
	for _, s := range append(file.Invalid, "W65WE3-T7VI-7FBS2-A4OYA", "W65WE-3T7VI-7FBſ2-A4OYA", "W65WE-3T7VI-7FBS2-A4OY\n") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		code, ok := ParseEnrolmentCode(s)
		if !ok {
			if code != "" {
				t.Errorf("%q is no code, and read as %q", s, code)
			}
			return
		}
		if again, ok := ParseEnrolmentCode(string(code)); !ok || again != code || !strings.EqualFold(s, string(code)) || len(s) != 23 {
			t.Errorf("%q is read as %q, and that as %q", s, code, again)
		}
	})
}

// The thumbprint of a key, and the text an enrolment signs with it, are the
// vectors'; every valid signature of the text verifies, every invalid one not.
func TestEnrolmentVector(t *testing.T) {
	var formulas struct {
		Thumbprint []struct {
			JWK        struct{ Kty, Crv, X, Y string }
			Thumbprint string
		}
	}
	readVectors(t, "formulas.json", &formulas)
	for _, v := range formulas.Thumbprint {
		key, err := p256.ParseJWK(v.JWK.Kty, v.JWK.Crv, v.JWK.X, v.JWK.Y)
		if err != nil || key.Thumbprint() != v.Thumbprint {
			t.Errorf("thumbprint %s, %v; want %s", key.Thumbprint(), err, v.Thumbprint)
		}
	}
	var file struct {
		PublicKeyPEM string
		Cases        []struct {
			Name, Text     string
			Valid, Invalid []struct{ Form, Why, Signature string }
		}
	}
	readVectors(t, "signatures.json", &file)
	key, err := p256.ParsePEM(file.PublicKeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	e := Enrolment{Code: "W65WE-3T7VI-7FBS2-A4OYA", Key: key, Timestamp: 1767225600, Nonce: "BwcHBwcHBwcHBwcHBwcHBw"}
	c := file.Cases[0]
	if got := string(e.Text("https://login.example.com")); c.Name != "enroll" || got != c.Text {
		t.Fatalf("%s:\n got %q\nwant %q", c.Name, got, c.Text)
	}
	verifies := func(s string) bool {
		sig, err := p256.DecodeSignature(s)
		return err == nil && key.Verify(e.Text("https://login.example.com"), sig)
	}
	for _, v := range c.Valid {
		if !verifies(v.Signature) {
			t.Errorf("%s does not verify", v.Form)
		}
	}
	for _, v := range c.Invalid {
		if verifies(v.Signature) {
			t.Errorf("%s verifies", v.Why)
		}
	}
}
