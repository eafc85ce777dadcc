package keyring

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"
)

// idSize is the length of the SecretID that sealed bytes begin with.
const idSize = 4

// Seal encrypts and authenticates plain under the first secret's key for p, and
// authenticates aad, which it does not keep: the caller must know it again to
// open. Say in aad what the bytes are and where they belong, or else they can be
// put in another's place.
//
// The result is the 4-byte big-endian [SecretID], a random 24-byte nonce and the
// ciphertext of XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): 44 bytes more than
// plain. A nonce of that size may be drawn at random for as long as one likes.
func (m *Master) Seal(p Purpose, aad, plain []byte) []byte {
	s := m.secrets[0]
	out := make([]byte, idSize+chacha20poly1305.NonceSizeX,
		idSize+chacha20poly1305.NonceSizeX+len(plain)+chacha20poly1305.Overhead)
	binary.BigEndian.PutUint32(out, uint32(s.id))
	nonce := out[idSize:]
	rand.Read(nonce) // never fails, see its documentation
	return s.aead(p).Seal(out, nonce, plain, aad)
}

// Open returns what was sealed for the same p and aad, and the secret it was
// sealed with: if that is not [Master.First], seal it again. All trouble is
// [ErrOpen].
func (m *Master) Open(p Purpose, aad, sealed []byte) (plain []byte, id SecretID, err error) {
	const head = idSize + chacha20poly1305.NonceSizeX
	if len(sealed) < head+chacha20poly1305.Overhead {
		return nil, 0, ErrOpen
	}
	// The id need not be authenticated: with another one, another key is tried.
	s := m.find(SecretID(binary.BigEndian.Uint32(sealed)))
	if s == nil {
		return nil, 0, ErrOpen
	}
	plain, err = s.aead(p).Open(nil, sealed[idSize:head], sealed[head:], aad)
	if err != nil {
		return nil, 0, ErrOpen
	}
	return plain, s.id, nil
}

func (s *secret) aead(p Purpose) cipher.AEAD {
	a, err := chacha20poly1305.NewX(s.derive(p).key)
	if err != nil {
		panic("keyring: a derived key is not 32 bytes")
	}
	return a
}
