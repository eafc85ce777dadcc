package p256

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

func file(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestOpenSSLForms(t *testing.T) {
	public, err := ParsePEM(file(t, "openssl-public.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if got := public.PEM(); got != file(t, "openssl-public.pem") {
		t.Errorf("PEM() = %s", got)
	}
	private, err := ParsePrivatePEM(file(t, "openssl-private.pem"))
	if err != nil || !private.Public().Equal(public) {
		t.Fatalf("private key: %v", err)
	}
	if got := private.MarshalPEM(); got != file(t, "openssl-private.pem") {
		t.Error("MarshalPEM gives another form than OpenSSL")
	}
	sig, err := ParseSignature([]byte(file(t, "openssl-sample.sig")))
	if err != nil || !public.Verify([]byte("sample"), sig) {
		t.Errorf("OpenSSL's signature is refused (%v)", err)
	}
	for _, other := range []string{"compressed", "explicit", "p384", "ed25519", "secp256k1", "private"} {
		if _, err := ParsePEM(file(t, "openssl-"+other+".pem")); !errors.Is(err, ErrKey) {
			t.Errorf("%s: err = %v, want ErrKey", other, err)
		}
	}
}

func TestParsePEMWantsOneBlockAlone(t *testing.T) {
	good := file(t, "openssl-public.pem")
	for name, s := range map[string]string{
		"white space around": "\n \t" + good + "\r\n\n",
		"CRLF":               strings.ReplaceAll(good, "\n", "\r\n"),
		"no last newline":    strings.TrimSpace(good),
	} {
		if _, err := ParsePEM(s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	begin := "-----BEGIN PUBLIC KEY-----\n"
	for name, s := range map[string]string{
		"empty":             "",
		"text before":       "x\n" + good,
		"text after":        good + "x",
		"NUL after":         good + "\x00",
		"two blocks":        good + good,
		"broken block":      begin + "!\n" + good,
		"headers":           strings.Replace(good, begin, begin+"Proc-Type: 4\n\n", 1),
		"another name":      strings.ReplaceAll(good, "PUBLIC KEY", "EC PUBLIC KEY"),
		"no end":            good[:len(good)-30],
		"one character off": strings.Replace(good, "4crC", "4crD", 1),
		"huge":              begin + strings.Repeat("A", 1<<20),
	} {
		if k, err := ParsePEM(s); !errors.Is(err, ErrKey) || !k.IsZero() {
			t.Errorf("%s: err = %v, want ErrKey", name, err)
		}
	}
}

func TestParseJWKIsStrict(t *testing.T) {
	key := mustKey(t).Public()
	x, y := key.JWK()
	if got, err := ParseJWK("EC", "P-256", x, y); err != nil || !got.Equal(key) {
		t.Fatal(err)
	}
	zero := strings.Repeat("A", 43)
	for name, a := range map[string][4]string{
		"kty":             {"ec", "P-256", x, y},
		"crv":             {"EC", "P-384", x, y},
		"no y":            {"EC", "P-256", x, ""},
		"padding":         {"EC", "P-256", x + "=", y},
		"newline":         {"EC", "P-256", x + "\n", y},
		"inner newline":   {"EC", "P-256", x[:20] + "\n" + x[20:], y},
		"leading zero":    {"EC", "P-256", "AA" + x, y},
		"standard base64": {"EC", "P-256", x[:42] + "+", y},
		"exchanged":       {"EC", "P-256", y, x},
		"origin":          {"EC", "P-256", zero, zero},
		"x above p":       {"EC", "P-256", strings.Repeat("_", 42) + "8", y},
		"trailing bits":   {"EC", "P-256", zero[:42] + "B", y},
	} {
		if k, err := ParseJWK(a[0], a[1], a[2], a[3]); !errors.Is(err, ErrKey) || !k.IsZero() {
			t.Errorf("%s: err = %v, want ErrKey", name, err)
		}
	}
}

func TestParsePointIsStrict(t *testing.T) {
	good := mustKey(t).Public().Point()
	compressed := append([]byte{2 + good[64]&1}, good[1:33]...)
	hybrid := bytes.Clone(good)
	hybrid[0] = 6 + good[64]&1
	off := bytes.Clone(good)
	off[64] ^= 1
	for name, b := range map[string][]byte{
		"nil": nil, "infinity": {0}, "compressed": compressed, "hybrid": hybrid, "off the curve": off,
		"short": good[:64], "long": append(bytes.Clone(good), 0),
		"padded compressed": append(compressed, make([]byte, 32)...),
	} {
		if k, err := ParsePoint(b); !errors.Is(err, ErrKey) || !k.IsZero() {
			t.Errorf("%s: err = %v, want ErrKey", name, err)
		}
	}
}

func TestPublicKeyIsAValue(t *testing.T) {
	key := mustKey(t).Public()
	name := key.Thumbprint()
	clear(key.Point())
	key.ECDSA().X.SetInt64(0) //nolint:staticcheck // what a careless holder could still do
	if key.Thumbprint() != name || !key.Verify([]byte("a"), mustKey(t).Sign([]byte("a"))) {
		t.Error("what a key handed out changes the key")
	}
}

func TestZeroPublicKey(t *testing.T) {
	var zero PublicKey
	if !zero.IsZero() || zero.ECDSA() != nil || zero.Equal(mustKey(t).Public()) {
		t.Error("the zero key is a key")
	}
	if zero.Verify(nil, mustKey(t).Sign(nil)) {
		t.Error("the zero key verifies")
	}
}

func TestPrivateKeyRoundTrip(t *testing.T) {
	key, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	fromPEM, err := ParsePrivatePEM(key.MarshalPEM())
	if err != nil {
		t.Fatal(err)
	}
	fromScalar, err := NewPrivateKey(key.Scalar())
	if err != nil {
		t.Fatal(err)
	}
	text := []byte("text")
	for _, k := range []PrivateKey{key, fromPEM, fromScalar} {
		if s := k.Sign(text); s != key.Sign(text) || !key.Public().Verify(text, s) {
			t.Error("a key that was written and read signs otherwise")
		}
	}
	if key.Public().Verify([]byte("other"), key.Sign(text)) {
		t.Error("a signature holds for another text")
	}
}

func TestPrivateKeyRefusals(t *testing.T) {
	for name, scalar := range map[string][]byte{
		"nil": nil, "zero": make([]byte, 32), "n": []byte(order),
		"short": make([]byte, 31), "long": append(make([]byte, 32), 1),
	} {
		if _, err := NewPrivateKey(scalar); !errors.Is(err, ErrKey) {
			t.Errorf("scalar %s: err = %v, want ErrKey", name, err)
		}
	}
	for _, name := range []string{"openssl-public.pem", "openssl-sample.sig", "openssl-ed25519.pem"} {
		if _, err := ParsePrivatePEM(file(t, name)); !errors.Is(err, ErrKey) {
			t.Errorf("%s: err = %v, want ErrKey", name, err)
		}
	}
}

func TestSigner(t *testing.T) {
	key := mustKey(t)
	digest := sha256.Sum256([]byte("sample"))
	der, err := key.Signer().Sign(nil, digest[:], crypto.SHA256)
	if want := key.Sign([]byte("sample")); err != nil || !bytes.Equal(der, want.DER()) {
		t.Errorf("Signer and Sign differ (%v)", err)
	}
	public, ok := key.Signer().Public().(*ecdsa.PublicKey)
	if !ok || !public.Equal(key.Public().ECDSA()) {
		t.Error("Signer has another public key")
	}
	if _, err := key.Signer().Sign(nil, digest[:31], crypto.SHA256); err == nil {
		t.Error("signed a digest of 31 bytes")
	}
	if _, err := key.Signer().Sign(nil, make([]byte, 48), crypto.SHA384); err == nil {
		t.Error("signed a SHA-384 digest")
	}
}

func TestPrivateKeyDoesNotPrint(t *testing.T) {
	key := mustKey(t)
	want := "p256.PrivateKey(" + key.Public().Thumbprint() + ")"
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, key); got != want {
			t.Errorf("%s prints %s", verb, got)
		}
		got := fmt.Sprintf(verb, struct{ k PrivateKey }{key})
		if secret := fmt.Sprintf(verb, key.Scalar()[:8]); strings.Contains(got, strings.Trim(secret, "[]")) {
			t.Errorf("%s of an enclosing struct shows the scalar", verb)
		}
	}
}

// mustKey is the key of RFC 6979 appendix A.2.5.
func mustKey(t testing.TB) PrivateKey {
	t.Helper()
	key, err := NewPrivateKey([]byte("\xc9\xaf\xa9\xd8\x45\xba\x75\x16\x6b\x5c\x21\x57\x67\xb1\xd6\x93" +
		"\x4e\x50\xc3\xdb\x36\xe8\x9b\x12\x7b\x8a\x62\x2b\x12\x0f\x67\x21"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}
