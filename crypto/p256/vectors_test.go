package p256

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every valid signature is accepted and every invalid one refused, whether by
// form or by arithmetic. There are no "acceptable" ones in these files; should a
// later edition bring some, this fails, and somebody decides.
func TestWycheproof(t *testing.T) {
	for name, want := range map[string]int{
		"ecdsa_secp256r1_sha256_test.json":       484,
		"ecdsa_secp256r1_sha256_p1363_test.json": 262,
	} {
		t.Run(name, func(t *testing.T) {
			var file struct {
				TestGroups []struct {
					PublicKey    struct{ Uncompressed string }
					PublicKeyPem string
					PublicKeyJwk *struct{ Kty, Crv, X, Y string }
					Tests        []struct {
						TcID    int
						Comment string
						Msg     string
						Sig     string
						Result  string
					}
				}
			}
			readJSON(t, name, &file)
			n := 0
			for _, g := range file.TestGroups {
				key, err := ParsePEM(g.PublicKeyPem)
				if err != nil {
					t.Fatalf("%v: %s", err, g.PublicKeyPem)
				}
				if p, err := ParsePoint(unhex(t, g.PublicKey.Uncompressed)); err != nil || !p.Equal(key) {
					t.Fatalf("point %s: %v", g.PublicKey.Uncompressed, err)
				}
				if j := g.PublicKeyJwk; j != nil {
					if k, err := ParseJWK(j.Kty, j.Crv, j.X, j.Y); err != nil || !k.Equal(key) {
						t.Fatalf("JWK %v: %v", *j, err)
					}
				}
				for _, tc := range g.Tests {
					n++
					if tc.Result != "valid" && tc.Result != "invalid" {
						t.Fatalf("%d: result %q: decide", tc.TcID, tc.Result)
					}
					sig, err := ParseSignature(unhex(t, tc.Sig))
					got := err == nil && key.Verify(unhex(t, tc.Msg), sig)
					if got != (tc.Result == "valid") {
						t.Errorf("%d (%s): verified %v, want %s", tc.TcID, tc.Comment, got, tc.Result)
					}
				}
			}
			if n != want {
				t.Errorf("ran %d tests, want %d", n, want)
			}
		})
	}
}

type protocolVectors struct {
	PrivateKeyJwk struct{ D string }
	PublicKeyJwk  struct{ Kty, Crv, X, Y string }
	PublicKeyPem  string
	Thumbprint    string
	Cases         []struct {
		Name, Text, TextUtf8Hex string
		Valid                   []struct{ Form, Signature string }
		Invalid                 []struct{ Why, Signature string }
	}
}

func TestProtocolSignatures(t *testing.T) {
	var v protocolVectors
	readJSON(t, "signatures.json", &v)
	key, err := ParsePEM(v.PublicKeyPem)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Cases) != 10 {
		t.Errorf("%d cases, want 10", len(v.Cases))
	}
	for _, c := range v.Cases {
		text := unhex(t, c.TextUtf8Hex)
		if string(text) != c.Text {
			t.Errorf("%s: text and its hex differ", c.Name)
		}
		for _, good := range c.Valid {
			sig, err := DecodeSignature(good.Signature)
			if err != nil || !key.Verify(text, sig) {
				t.Errorf("%s, %s: refused (%v)", c.Name, good.Form, err)
			}
		}
		for _, bad := range c.Invalid {
			sig, err := DecodeSignature(bad.Signature)
			if err == nil && key.Verify(text, sig) {
				t.Errorf("%s, %s: accepted", c.Name, bad.Why)
			}
		}
	}
}

func TestProtocolKeyForms(t *testing.T) {
	var v protocolVectors
	readJSON(t, "signatures.json", &v)
	j := v.PublicKeyJwk
	key, err := ParseJWK(j.Kty, j.Crv, j.X, j.Y)
	if err != nil {
		t.Fatal(err)
	}
	if got := key.PEM(); got != v.PublicKeyPem {
		t.Errorf("PEM() = %s", got)
	}
	if x, y := key.JWK(); x != j.X || y != j.Y {
		t.Errorf("JWK() = %s, %s", x, y)
	}
	if got := key.Thumbprint(); got != v.Thumbprint {
		t.Errorf("Thumbprint() = %s, want %s", got, v.Thumbprint)
	}
	d, err := base64.RawURLEncoding.DecodeString(v.PrivateKeyJwk.D)
	if err != nil {
		t.Fatal(err)
	}
	private, err := NewPrivateKey(d)
	if err != nil || !private.Public().Equal(key) {
		t.Errorf("private half gives another key (%v)", err)
	}
}

func TestThumbprintFormulas(t *testing.T) {
	var v struct {
		Thumbprint []struct {
			Jwk        struct{ Kty, Crv, X, Y string }
			Thumbprint string
		}
	}
	readJSON(t, "formulas.json", &v)
	if len(v.Thumbprint) == 0 {
		t.Fatal("no thumbprints")
	}
	for _, c := range v.Thumbprint {
		key, err := ParseJWK(c.Jwk.Kty, c.Jwk.Crv, c.Jwk.X, c.Jwk.Y)
		if err != nil || key.Thumbprint() != c.Thumbprint {
			t.Errorf("thumbprint %s (%v), want %s", key.Thumbprint(), err, c.Thumbprint)
		}
	}
}

// RFC 6979 appendix A.2.5: P-256 with SHA-256.
func TestRFC6979(t *testing.T) {
	key, err := NewPrivateKey(unhex(t, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"sample": "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716" +
			"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
		"test": "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367" +
			"019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
	} {
		sig := key.Sign([]byte(text))
		if hex.EncodeToString(sig[:]) != want {
			t.Errorf("signature of %q is %x, want %s", text, sig, want)
		}
	}
}
