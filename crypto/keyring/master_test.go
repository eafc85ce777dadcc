package keyring

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

func secretOf(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func mustMaster(t testing.TB, secrets ...[]byte) *Master {
	t.Helper()
	m, err := NewMaster(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestParseMasterForms(t *testing.T) {
	a, b := bytes.Repeat([]byte{0xfb, 0xff}, 16), secretOf(2)
	want := mustMaster(t, a, b)
	std, url := base64.StdEncoding, base64.URLEncoding
	for name, text := range map[string]string{
		"base64":             std.EncodeToString(a) + "\n" + std.EncodeToString(b) + "\n",
		"base64url":          url.EncodeToString(a) + "\n" + url.EncodeToString(b),
		"no padding":         base64.RawStdEncoding.EncodeToString(a) + "\n" + base64.RawURLEncoding.EncodeToString(b),
		"blank lines, CRLF":  "\r\n  \n" + std.EncodeToString(a) + "\r\n\r\n\t" + url.EncodeToString(b) + " \n\n",
		"each line its form": url.EncodeToString(a) + "\n" + base64.RawStdEncoding.EncodeToString(b),
	} {
		m, err := ParseMaster([]byte(text))
		if err != nil || m.Len() != 2 || m.First() != want.First() || !m.Has(want.secrets[1].id) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
	if !bytes.Equal(want.secrets[0].value, a) {
		t.Error("the first line is not the first secret")
	}
}

func TestParseMasterRefusals(t *testing.T) {
	line := func(b byte, n int) string {
		return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, n)) + "\n"
	}
	var many string
	for i := range 17 {
		many += line(byte(i), 32)
	}
	for name, c := range map[string]struct{ text, says string }{
		"none":          {"\n \n", "none given"},
		"empty":         {"", "none given"},
		"short":         {line(1, 32) + "\n" + line(2, 31), "line 3 is too short, required: 32 random bytes"},
		"not base64":    {"hunter2hunter2\n", "line 1 is not base64"},
		"mixed":         {"+_" + line(1, 33), "line 1 is not base64"},
		"comment":       {"# of production\n" + line(1, 32), "line 1 is not base64"},
		"trailing bits": {strings.Repeat("A", 42) + "B", "line 1 is not base64"},
		"inner CR":      {"AAAA\r" + line(1, 33), "line 1 is not base64"},
		"duplicate":     {line(1, 32) + line(2, 32) + line(1, 32), "line 3 repeats line 1"},
		"17":            {many, "more than 16"},
		"huge":          {strings.Repeat("\n", 1<<17), "64 KiB"},
	} {
		m, err := ParseMaster([]byte(c.text))
		if m != nil || !errors.Is(err, ErrMaster) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: err = %v, want %q", name, err, c.says)
			continue
		}
		for _, word := range strings.Fields(c.text) {
			if len(word) > 5 && strings.Contains(err.Error(), word) {
				t.Errorf("%s: the error shows the value: %v", name, err)
			}
		}
	}
	if m, err := ParseMaster([]byte(many[:len(many)-len(line(1, 32))])); err != nil || m.Len() != 16 {
		t.Errorf("16 secrets: %v", err)
	}
}

func TestNewMasterCopies(t *testing.T) {
	b := secretOf(1)
	m := mustMaster(t, b)
	b[0]++
	if got := mustMaster(t, secretOf(1)).WSToken(m.First(), "s"); got != m.WSToken(m.First(), "s") {
		t.Error("the caller's slice is the secret")
	}
	if _, err := NewMaster(secretOf(1), secretOf(1)); err == nil || !strings.Contains(err.Error(), "secret 2 repeats secret 1") {
		t.Errorf("err = %v", err)
	}
}

// The derivation again, by the standard library alone: other nodes of other
// versions must find the same keys.
func TestKeyFollowsItsDefinition(t *testing.T) {
	m := mustMaster(t, secretOf(1), secretOf(2))
	for i, s := range m.secrets {
		id, err := hkdf.Key(sha256.New, secretOf(byte(i+1)), nil, "countersign secret-id v1", 32)
		if err != nil || SecretID(binary.BigEndian.Uint32(id)) != s.id {
			t.Errorf("secret %d has another id (%v)", i, err)
		}
		want, err := hkdf.Key(sha256.New, secretOf(byte(i+1)), nil, "countersign code v1", 32)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := m.Key(s.id, Code)
		if !ok || !bytes.Equal(got, want) {
			t.Errorf("secret %d gives another key", i)
		}
		clear(got)
		if again, _ := m.Key(s.id, Code); !bytes.Equal(again, want) {
			t.Error("the caller can change a derived key")
		}
	}
}

func TestPurposesDiffer(t *testing.T) {
	m := mustMaster(t, secretOf(1), secretOf(2))
	seen := make(map[string]string)
	for _, p := range []Purpose{
		WSToken, Code, QR, Random, Record, Hint, SigningKey, ResponseKey, Idempotency, Return, WebSocketID,
		RecordName, secretID,
	} {
		for _, s := range m.secrets {
			key, _ := m.Key(s.id, p)
			name := fmt.Sprint(s.id, " ", p)
			if other, twice := seen[string(key)]; twice {
				t.Errorf("%s and %s have the same key", name, other)
			}
			seen[string(key)] = name
		}
	}
}

func TestUnknownSecret(t *testing.T) {
	m := mustMaster(t, secretOf(1))
	for _, id := range []SecretID{0, m.First() + 1} {
		_, hasKey := m.Key(id, Code)
		sum, hasMAC := m.MAC(id, Code)
		if m.Has(id) || hasKey || hasMAC || sum != [32]byte{} || m.WSToken(id, "s") != "" {
			t.Errorf("secret %d is known", id)
		}
	}
}

func TestMACPartsDoNotRunTogether(t *testing.T) {
	m := mustMaster(t, secretOf(1))
	seen := make(map[[32]byte]int)
	for i, parts := range [][]string{
		{}, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"ab", ""}, {"", "ab"}, {"a", "", "b"},
		{"\x00\x00\x00\x00\x00\x00\x00\x02ab"},
	} {
		var list [][]byte
		for _, p := range parts {
			list = append(list, []byte(p))
		}
		sum, _ := m.MAC(m.First(), Record, list...)
		if j, twice := seen[sum]; twice {
			t.Errorf("lists %d and %d have the same MAC", i, j)
		}
		seen[sum] = i
	}
	key, _ := m.Key(m.First(), Record)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("\x00\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x00\x00\x00\x00\x00\x00"))
	if sum, _ := m.MAC(m.First(), Record, []byte("a"), nil); !bytes.Equal(sum[:], mac.Sum(nil)) {
		t.Error("the MAC is not what its comment says")
	}
}

func TestMasterConcurrently(t *testing.T) {
	m := mustMaster(t, secretOf(1), secretOf(2))
	want := mustMaster(t, secretOf(1)).WSToken(m.First(), "sess_a")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if m.WSToken(m.First(), "sess_a") != want {
					t.Error("another MAC comes back")
				}
			}
		})
	}
	wg.Wait()
}

func TestWSToken(t *testing.T) {
	before := mustMaster(t, secretOf(1))
	during := mustMaster(t, secretOf(2), secretOf(1))
	after := mustMaster(t, secretOf(2))
	token := before.WSToken(before.First(), "sess_a")
	if b, err := base64.RawURLEncoding.DecodeString(token); err != nil || len(b) != 32 || len(token) != 43 {
		t.Fatalf("%q is not 43 characters of base64url", token)
	}
	for _, m := range []*Master{before, during} {
		if id, ok := m.CheckWSToken("sess_a", token); !ok || id != before.First() {
			t.Errorf("%v refuses the token", m)
		}
	}
	if _, ok := after.CheckWSToken("sess_a", token); ok {
		t.Error("a token outlives its secret")
	}
	mac, _ := before.MAC(before.First(), Record, []byte("sess_a"))
	for name, bad := range map[string]string{
		"empty": "", "short": token[:42], "long": token + "A", "padded": token + "=",
		"first": "A" + token[1:], "other purpose": base64.RawURLEncoding.EncodeToString(mac[:]),
		"trailing bits": token[:42] + string(token[42]+1),
	} {
		if id, ok := during.CheckWSToken("sess_a", bad); ok || id != 0 {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, ok := before.CheckWSToken("sess_b", token); ok {
		t.Error("the token of one session opens another")
	}
}

func TestMasterDoesNotPrint(t *testing.T) {
	m := mustMaster(t, []byte("this is the secret this is the s"), secretOf(2))
	const want = "keyring.Master(2 secrets)"
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{m, *m} {
			if got := fmt.Sprintf(verb, v); got != want {
				t.Errorf("%s prints %s", verb, got)
			}
		}
	}
	if one := mustMaster(t, secretOf(1)).String(); one != "keyring.Master(1 secret)" {
		t.Error(one)
	}
	for _, h := range []func(*bytes.Buffer) slog.Handler{
		func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(h(&b)).Info("started", "master", m)
		if !strings.Contains(b.String(), want) {
			t.Errorf("logged as %s", b.String())
		}
	}
}

func BenchmarkCheckWSToken(b *testing.B) {
	m := mustMaster(b, secretOf(1), secretOf(2))
	token := m.WSToken(m.First(), "sess_AAECAwQFBgcICQoLDA0ODw")
	b.ReportAllocs()
	for b.Loop() {
		m.CheckWSToken("sess_AAECAwQFBgcICQoLDA0ODw", token)
	}
}

func BenchmarkMAC(b *testing.B) {
	m, record := mustMaster(b, secretOf(1)), make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		m.MAC(m.First(), Record, record)
	}
}
