package keyring

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"countersign/crypto/p256"

	"github.com/golang-jwt/jwt/v5"
)

const (
	typ      = "countersign+jwt"
	issuer   = "https://login.example.com"
	audience = "acme-bank"
)

func goodClaims() jwt.MapClaims {
	return jwt.MapClaims{
		"iss": issuer, "aud": audience, "sub": "alice",
		"iat": noon().Unix(), "exp": noon().Add(time.Hour).Unix(),
	}
}

func with(name string, value any) jwt.MapClaims {
	c := goodClaims()
	if c[name] = value; value == nil {
		delete(c, name)
	}
	return c
}

func sign(t testing.TB, k Key, typ string, claims jwt.Claims) string {
	t.Helper()
	token, err := k.Sign(typ, claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestSignIsDeterministic(t *testing.T) {
	k := mustKey(t, noon())
	a, b := sign(t, k, typ, goodClaims()), sign(t, k, typ, goodClaims())
	if a != b {
		t.Error("the same claims give two tokens")
	}
	m := mustMaster(t, secretOf(1))
	opened, _, err := OpenKey(m, k.Seal(m), k.Created, k.ActiveFrom, k.RetireAt)
	if err != nil || sign(t, opened, typ, goodClaims()) != a {
		t.Errorf("another node signs otherwise (%v)", err)
	}
	head, err := base64.RawURLEncoding.DecodeString(strings.Split(a, ".")[0])
	if want := `{"alg":"ES256","kid":"` + k.ID + `","typ":"countersign+jwt"}`; err != nil || string(head) != want {
		t.Errorf("header %s, want %s", head, want)
	}
}

// RFC 6979 appendix A.2.5, through the signing method.
func TestSigningMethodFollowsRFC6979(t *testing.T) {
	scalar, err := hex.DecodeString("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
	if err != nil {
		t.Fatal(err)
	}
	private, err := p256.NewPrivateKey(scalar)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"sample": "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716" +
			"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
		"test": "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367" +
			"019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
	} {
		sig, err := es256{}.Sign(text, private)
		if err != nil || hex.EncodeToString(sig) != want {
			t.Errorf("%q: %x, %v", text, sig, err)
		}
		if err := (es256{}).Verify(text, sig, private.Public()); err != nil {
			t.Error(err)
		}
		if err := jwt.SigningMethodES256.Verify(text, sig, private.Public().ECDSA()); err != nil {
			t.Errorf("golang-jwt refuses it: %v", err)
		}
		if err := (es256{}).Verify(text+"x", sig, private.Public()); err == nil {
			t.Error("verifies another text")
		}
	}
	if _, err := (es256{}).Sign("", "no key"); err == nil {
		t.Error("signs with no key")
	}
}

func TestSigningMethodIsNotRegistered(t *testing.T) {
	if _, ours := jwt.GetSigningMethod("ES256").(es256); ours {
		t.Error("ours replaced the library's")
	}
}

func TestSignRefusesWhatJSONCannotHold(t *testing.T) {
	token, err := mustKey(t, noon()).Sign(typ, jwt.MapClaims{"x": math.NaN()})
	if !errors.Is(err, ErrClaims) || token != "" {
		t.Errorf("%q, %v", token, err)
	}
}

func TestVerifyAccepts(t *testing.T) {
	k := mustKey(t, noon())
	set, err := ParseJWKS(NewRing(mustKey(t, noon()), k).JWKS(noon()))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]jwt.MapClaims{
		"plain":          goodClaims(),
		"aud array":      with("aud", []string{"other", audience}),
		"iat 60 s ahead": with("iat", noon().Unix()+60),
		"nbf now":        with("nbf", noon().Unix()),
		"no iat":         with("iat", nil),
		"1 s to go":      with("exp", noon().Unix()+1),
	} {
		got := jwt.MapClaims{}
		if err := set.Verify(sign(t, k, typ, c), typ, issuer, audience, noon(), got); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got["sub"] != "alice" {
			t.Errorf("%s: claims %v", name, got)
		}
	}
	var into jwt.RegisteredClaims
	if err := set.Verify(sign(t, k, typ, goodClaims()), typ, issuer, audience, noon(), &into); err != nil || into.Subject != "alice" {
		t.Errorf("into a struct: %v, %v", into, err)
	}
}

func TestVerifyRefusesClaims(t *testing.T) {
	k := mustKey(t, noon())
	set := NewRing(k).Public(noon())
	for name, c := range map[string]struct {
		claims jwt.MapClaims
		says   string
	}{
		"other iss":      {with("iss", issuer+"/"), "issuer"},
		"no iss":         {with("iss", nil), "required claim"},
		"other aud":      {with("aud", "bob"), "audience"},
		"no aud":         {with("aud", nil), "required claim"},
		"expired":        {with("exp", noon().Unix()), "expired"},
		"no exp":         {with("exp", nil), "required claim"},
		"exp a string":   {with("exp", "2026"), "malformed"},
		"nbf ahead":      {with("nbf", noon().Unix()+1), "not valid yet"},
		"iat 61 s ahead": {with("iat", noon().Unix()+61), "before issued"},
	} {
		err := set.Verify(sign(t, k, typ, c.claims), typ, issuer, audience, noon(), jwt.MapClaims{})
		if !errors.Is(err, ErrToken) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: err = %v, want %q", name, err, c.says)
		}
	}
}

func TestVerifyRefusesTokens(t *testing.T) {
	k, stranger := mustKey(t, noon()), mustKey(t, noon())
	set := NewRing(k).Public(noon())
	good := sign(t, k, typ, goodClaims())
	part := strings.Split(good, ".")
	head := func(h string, signer Key) string {
		text := base64.RawURLEncoding.EncodeToString([]byte(h)) + "." + part[1]
		return text + "." + signer.private.Sign([]byte(text)).String()
	}
	hmacToken := jwt.NewWithClaims(jwt.SigningMethodHS256, goodClaims())
	hmacToken.Header["kid"], hmacToken.Header["typ"] = k.ID, typ
	hs256, err := hmacToken.SignedString([]byte(k.Public().PEM()))
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"empty": "", "no dots": "abc", "two parts": part[0] + "." + part[1], "four parts": good + ".",
		"newline":        good + "\n",
		"inner newline":  part[0] + ".\r\n" + part[1] + "." + part[2],
		"padding":        good + "==",
		"trailing bits":  good[:len(good)-1] + string(good[len(good)-1]+1),
		"signature cut":  good[:len(good)-2],
		"no signature":   part[0] + "." + part[1] + ".",
		"other typ":      sign(t, k, "JWT", goodClaims()),
		"typ in capital": sign(t, k, "Countersign+JWT", goodClaims()),
		"stranger":       sign(t, stranger, typ, goodClaims()),
		"stranger's signature, our kid": head(
			`{"alg":"ES256","kid":"`+k.ID+`","typ":"`+typ+`"}`, stranger),
		"no kid":      head(`{"alg":"ES256","typ":"`+typ+`"}`, k),
		"kid no text": head(`{"alg":"ES256","kid":7,"typ":"`+typ+`"}`, k),
		"no typ":      head(`{"alg":"ES256","kid":"`+k.ID+`"}`, k),
		"crit":        head(`{"alg":"ES256","crit":["b64"],"b64":false,"kid":"`+k.ID+`","typ":"`+typ+`"}`, k),
		"ES384":       head(`{"alg":"ES384","kid":"`+k.ID+`","typ":"`+typ+`"}`, k),
		"none": base64.RawURLEncoding.EncodeToString([]byte(
			`{"alg":"none","kid":"`+k.ID+`","typ":"`+typ+`"}`)) + "." + part[1] + ".",
		"HS256 with the public key": hs256,
		"long":                      sign(t, k, typ, with("x", strings.Repeat("a", 8<<10))),
	} {
		err := set.Verify(token, typ, issuer, audience, noon(), jwt.MapClaims{})
		if !errors.Is(err, ErrToken) {
			t.Errorf("%s: err = %v, want ErrToken", name, err)
		} else if len(err.Error()) > 80 {
			t.Errorf("%s: the error may show the token: %v", name, err)
		}
	}
	if err := (PublicSet{}).Verify(good, typ, issuer, audience, noon(), jwt.MapClaims{}); !errors.Is(err, ErrToken) {
		t.Errorf("the empty set: %v", err)
	}
	for _, a := range [][3]string{{"", issuer, audience}, {typ, "", audience}, {typ, issuer, ""}} {
		if err := set.Verify(good, a[0], a[1], a[2], noon(), jwt.MapClaims{}); !errors.Is(err, ErrToken) {
			t.Errorf("checked against nothing: %v", err)
		}
	}
}

func TestParseJWKS(t *testing.T) {
	a, b := mustKey(t, noon()), mustKey(t, noon())
	doc := func(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }
	key := func(k Key, change string, value any) string {
		x, y := k.Public().JWK()
		m := map[string]any{"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": k.ID, "alg": "ES256", "use": "sig"}
		if m[change] = value; value == nil {
			delete(m, change)
		}
		out, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	plain := key(a, "", nil)
	for name, c := range map[string]struct {
		text string
		n    int
	}{
		"one":                    {doc(plain), 1},
		"two":                    {doc(plain, key(b, "x5c", []string{"AA"})), 2},
		"none":                   {doc(), 0},
		"alg and use missing":    {doc(key(a, "alg", nil), key(b, "use", nil)), 2},
		"others are skipped":     {doc(`{"kty":"RSA","n":"AA","e":"AQAB"}`, plain, `{"kty":"OKP"}`), 1},
		"for encryption skipped": {doc(key(a, "use", "enc"), key(b, "alg", "ECDH-ES")), 0},
		"P-384 skipped":          {doc(key(a, "crv", "P-384")), 0},
	} {
		if s, err := ParseJWKS([]byte(c.text)); err != nil || s.Len() != c.n {
			t.Errorf("%s: %d keys, %v", name, s.Len(), err)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "null": "null", "array": "[]", "no keys": "{}", "keys null": `{"keys":null}`,
		"text after":     doc(plain) + "{}",
		"off the curve":  doc(key(a, "x", strings.Repeat("A", 43))),
		"padding":        doc(key(a, "x", "AAAA=")),
		"other kid":      doc(key(a, "kid", b.ID)),
		"no kid":         doc(key(a, "kid", nil)),
		"twice":          doc(plain, plain),
		"private":        doc(key(a, "d", "AA")),
		"private null":   doc(`{"kty":"EC","d":null}`),
		"symmetric":      doc(plain, `{"kty":"oct","k":"AA"}`),
		"too many":       doc(strings.Repeat(`{},`, 64) + `{}`),
		"too long":       doc(plain) + strings.Repeat(" ", 64<<10),
		"kty a number":   doc(`{"kty":1}`),
		"nested too far": strings.Repeat(`{"keys":`, 1<<13),
	} {
		if s, err := ParseJWKS([]byte(text)); !errors.Is(err, ErrKeySet) || s.Len() != 0 {
			t.Errorf("%s: err = %v, want ErrKeySet", name, err)
		}
	}
}
