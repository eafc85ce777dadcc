package keyring

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

func FuzzParseMaster(f *testing.F) {
	f.Add([]byte(base64.StdEncoding.EncodeToString(secretOf(1)) + "\n\n" + base64.RawURLEncoding.EncodeToString(secretOf(0xff))))
	f.Add([]byte("hunter2\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseMaster(text)
		if err != nil {
			if !errors.Is(err, ErrMaster) || m != nil {
				t.Fatalf("err = %v", err)
			}
			return
		}
		var lines []string
		for _, s := range m.secrets {
			if len(s.value) < 32 {
				t.Fatal("a short secret")
			}
			lines = append(lines, base64.StdEncoding.EncodeToString(s.value))
		}
		again, err := ParseMaster([]byte(strings.Join(lines, "\n")))
		if err != nil || again.Len() != m.Len() {
			t.Fatalf("does not come back: %v", err)
		}
		for i, s := range again.secrets {
			if s.id != m.secrets[i].id {
				t.Fatal("another secret comes back")
			}
		}
	})
}

func FuzzOpen(f *testing.F) {
	m := mustMaster(f, secretOf(1))
	f.Add(m.Seal(Record, nil, []byte("plain"))[:20])
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, _, err := m.Open(Hint, nil, b); !errors.Is(err, ErrOpen) {
			t.Fatalf("%x opens: %v", b, err)
		}
	})
}

func FuzzParseJWKS(f *testing.F) {
	f.Add(NewRing(mustKey(f, noon()), mustKey(f, noon())).JWKS(noon()))
	f.Add([]byte(`{"keys":[{"kty":"RSA"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseJWKS(b)
		if err != nil {
			if !errors.Is(err, ErrKeySet) || s.Len() != 0 {
				t.Fatalf("err = %v", err)
			}
			return
		}
		again, err := ParseJWKS(s.JWKS())
		if err != nil || !bytes.Equal(again.JWKS(), s.JWKS()) {
			t.Fatalf("does not come back: %v", err)
		}
	})
}

// Nobody but the key makes a token, so whatever verifies has the one good token's
// first two parts; and its text is the one for its bytes.
func FuzzVerify(f *testing.F) {
	k := mustKey(f, noon())
	set := NewRing(k).Public(noon())
	good := sign(f, k, typ, goodClaims())
	signed := good[:strings.LastIndexByte(good, '.')]
	f.Add(good)
	f.Add(good + "\n")
	f.Add(signed + ".")
	f.Fuzz(func(t *testing.T, token string) {
		err := set.Verify(token, typ, issuer, audience, noon(), jwt.MapClaims{})
		if err != nil {
			if !errors.Is(err, ErrToken) {
				t.Fatalf("err = %v", err)
			}
			return
		}
		sig, ok := strings.CutPrefix(token, signed+".")
		b, err := base64.RawURLEncoding.DecodeString(sig)
		if !ok || err != nil || base64.RawURLEncoding.EncodeToString(b) != sig {
			t.Fatalf("%q verifies", token)
		}
	})
}
