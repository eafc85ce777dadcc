package p256

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"slices"
	"testing"
)

func FuzzParsePEM(f *testing.F) {
	for _, name := range []string{"public", "compressed", "explicit", "p384", "private"} {
		f.Add(file(f, "openssl-"+name+".pem"))
	}
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := ParsePrivatePEM(s); err == nil {
			again, err := ParsePrivatePEM(k.MarshalPEM())
			if err != nil || !bytes.Equal(again.Scalar(), k.Scalar()) {
				t.Fatalf("private key does not come back: %v", err)
			}
		}
		k, err := ParsePEM(s)
		if err != nil {
			if !errors.Is(err, ErrKey) || !k.IsZero() {
				t.Fatalf("err = %v", err)
			}
			return
		}
		// PEM leaves its line breaks free; what it carries is one and the same.
		in, _ := pem.Decode([]byte(s))
		out, _ := pem.Decode([]byte(k.PEM()))
		if in == nil || !bytes.Equal(in.Bytes, out.Bytes) {
			t.Fatalf("%q encodes back to other bytes", s)
		}
	})
}

func FuzzParseJWK(f *testing.F) {
	x, y := mustKey(f).Public().JWK()
	f.Add("EC", "P-256", x, y)
	f.Add("EC", "P-256", x+"\n", y)
	f.Fuzz(func(t *testing.T, kty, crv, x, y string) {
		k, err := ParseJWK(kty, crv, x, y)
		if err != nil {
			if !errors.Is(err, ErrKey) || !k.IsZero() {
				t.Fatalf("err = %v", err)
			}
			return
		}
		if gotX, gotY := k.JWK(); gotX != x || gotY != y || kty != "EC" || crv != "P-256" {
			t.Fatalf("%q, %q encodes back to %q, %q", x, y, gotX, gotY)
		}
	})
}

func FuzzParsePoint(f *testing.F) {
	f.Add(mustKey(f).Public().Point())
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := ParsePoint(b); err == nil && !bytes.Equal(k.Point(), b) {
			t.Fatalf("%x encodes back to %x", b, k.Point())
		}
	})
}

func FuzzParseSignature(f *testing.F) {
	sig := mustKey(f).Sign([]byte("sample"))
	f.Add(sig[:])
	f.Add(sig.DER())
	f.Add([]byte("\x30\x06\x02\x01\x01\x02\x01\x01"))
	key := mustKey(f).Public()
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSignature(b)
		if err != nil {
			if !errors.Is(err, ErrSignature) || s != (Signature{}) {
				t.Fatalf("err = %v", err)
			}
			return
		}
		if !bytes.Equal(b, s[:]) && !bytes.Equal(b, s.DER()) {
			t.Fatalf("%x is neither the raw nor the DER form of %x", b, s)
		}
		key.Verify(b, s)
	})
}

func FuzzDecodeSignature(f *testing.F) {
	sig := mustKey(f).Sign([]byte("sample"))
	f.Add(sig.String())
	f.Add(base64.StdEncoding.EncodeToString(sig.DER()))
	f.Fuzz(func(t *testing.T, text string) {
		s, err := DecodeSignature(text)
		if err != nil {
			if !errors.Is(err, ErrSignature) || s != (Signature{}) {
				t.Fatalf("err = %v", err)
			}
			return
		}
		var forms []string
		for _, b := range [][]byte{s[:], s.DER()} {
			for _, enc := range []*base64.Encoding{
				base64.RawURLEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.StdEncoding,
			} {
				forms = append(forms, enc.EncodeToString(b))
			}
		}
		if !slices.Contains(forms, text) {
			t.Fatalf("%q is none of the forms of %x", text, s)
		}
	})
}
