package keyring

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
)

func TestSealAndOpen(t *testing.T) {
	m := mustMaster(t, secretOf(1))
	for _, plain := range [][]byte{nil, []byte("a"), bytes.Repeat([]byte("abc"), 1000)} {
		sealed := m.Seal(ResponseKey, []byte("aad"), plain)
		if len(sealed) != len(plain)+44 || len(plain) > 1 && bytes.Contains(sealed, plain) {
			t.Errorf("%d bytes sealed to %d", len(plain), len(sealed))
		}
		got, id, err := m.Open(ResponseKey, []byte("aad"), sealed)
		if err != nil || id != m.First() || !bytes.Equal(got, plain) {
			t.Errorf("Open = %q, %d, %v", got, id, err)
		}
	}
	a, b := m.Seal(Record, nil, []byte("same")), m.Seal(Record, nil, []byte("same"))
	if bytes.Equal(a[4:28], b[4:28]) {
		t.Error("a nonce is used twice")
	}
}

func TestSealForm(t *testing.T) {
	m := mustMaster(t, secretOf(1))
	sealed := m.Seal(ResponseKey, []byte("aad"), []byte("plain"))
	if SecretID(binary.BigEndian.Uint32(sealed)) != m.First() {
		t.Error("does not begin with the secret's id")
	}
	key, _ := m.Key(m.First(), ResponseKey)
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := aead.Open(nil, sealed[4:28], sealed[28:], []byte("aad"))
	if err != nil || string(got) != "plain" {
		t.Errorf("the form is not what Seal's comment says: %v", err)
	}
}

func TestOpenRefusals(t *testing.T) {
	m := mustMaster(t, secretOf(1), secretOf(2))
	sealed := m.Seal(Record, []byte("aad"), []byte("plain"))
	refused := func(name string, m *Master, p Purpose, aad string, b []byte) {
		t.Helper()
		plain, id, err := m.Open(p, []byte(aad), b)
		if !errors.Is(err, ErrOpen) || plain != nil || id != 0 {
			t.Errorf("%s: %q, %d, %v", name, plain, id, err)
		}
	}
	refused("other purpose", m, Hint, "aad", sealed)
	refused("other aad", m, Record, "aae", sealed)
	refused("no aad", m, Record, "", sealed)
	refused("other secrets", mustMaster(t, secretOf(3)), Record, "aad", sealed)
	for i := range sealed {
		flipped := bytes.Clone(sealed)
		flipped[i] ^= 1
		refused("one bit changed", m, Record, "aad", flipped)
		refused("cut", m, Record, "aad", sealed[:i])
	}
	other := binary.BigEndian.AppendUint32(nil, uint32(m.secrets[1].id))
	refused("said to be of another secret", m, Record, "aad", append(other, sealed[4:]...))
}

func TestOpenAfterRotation(t *testing.T) {
	old := mustMaster(t, secretOf(1))
	sealed := old.Seal(Record, nil, []byte("plain"))
	during := mustMaster(t, secretOf(2), secretOf(1))
	plain, id, err := during.Open(Record, nil, sealed)
	if err != nil || string(plain) != "plain" || id != old.First() || id == during.First() {
		t.Fatalf("%q, %d, %v", plain, id, err)
	}
	if _, id, err := during.Open(Record, nil, during.Seal(Record, nil, plain)); err != nil || id != during.First() {
		t.Errorf("sealed again it is still of the old secret (%v)", err)
	}
}
