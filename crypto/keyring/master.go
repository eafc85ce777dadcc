// Package keyring holds the secrets of a cluster: the master secrets, the keys
// derived from them, and the ES256 keys that sign tokens.
//
// A [Master] is the content of the master secret file, the same on every node.
// Its first secret is in use; the others are still accepted, so that a secret is
// replaced without ending what the old one began:
//
//	new secret last  → every node accepts it
//	new secret first → every node uses it
//	old line removed → what it made and is still about, ends
//
// From each secret and each [Purpose] HKDF makes a key of its own, so a value made
// for one purpose is worthless for every other.
//
// A [Ring] is the set of signing keys and their times. It is an immutable value:
// storing it and agreeing on it are its caller's business. The rest of the world
// sees a ring as a [PublicSet].
//
// Nothing here reads a clock, a file or the network.
package keyring

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"log/slog"
	"strconv"
	"strings"
	"sync"
)

const (
	minSecret  = 32       // bytes, the strength of everything derived
	maxSecrets = 16       // a rotation needs two
	maxText    = 64 << 10 // of a secret file
)

// SecretID says which master secret made something. It tells nothing about the
// secret. 0 is never one.
type SecretID uint32

// Purpose names what a derived key is for. It goes into the derivation, so it
// must be a constant: never part of a request, and never changed once in use.
type Purpose string

// The purposes of this server. Two never share a name.
//
//nolint:gosec // these names are public, no credentials
const (
	WSToken     Purpose = "countersign ws-token v1"     // the right to watch a session
	Code        Purpose = "countersign code v1"         // six-digit codes, see package otp
	QR          Purpose = "countersign qr v1"           // qrKey of a session
	Random      Purpose = "countersign random v1"       // random of a session
	Record      Purpose = "countersign record v1"       // authenticates records in the store
	Hint        Purpose = "countersign hint v1"         // authenticates what nodes tell each other
	SigningKey  Purpose = "countersign signing-key v1"  // seals the keys that sign tokens
	ResponseKey Purpose = "countersign response-key v1" // seals the services' response keys
	Idempotency Purpose = "countersign idempotency v1"  // names of idempotent requests
	Return      Purpose = "countersign return v1"       // code that brings a browser back
	WebSocketID Purpose = "countersign websocket-id v1" // webSocketId of an operation
	RecordName  Purpose = "countersign record-name v1"  // what records are found by in the store

	secretID Purpose = "countersign secret-id v1"
)

// Master is a set of master secrets: the first makes, all are accepted. It is
// immutable, may be used by many goroutines, and prints as the number of its
// secrets only. Use it by pointer; the zero value has no secret, and its methods
// that need one panic.
type Master struct {
	secrets []*secret
}

// secret is one master secret and what was derived from it so far.
type secret struct {
	id    SecretID
	value []byte
	keys  sync.Map // Purpose → *derived
}

// derived is the key of one secret for one purpose. Setting up an HMAC costs half
// of a short one, hence the pool.
type derived struct {
	key  []byte
	macs sync.Pool // of hash.Hash
}

// ParseMaster reads the content of a master secret file: one secret a line, in
// base64 or base64url, padding optional; blank lines are skipped. Each must be at
// least 32 bytes, none may come twice, and there are 1 to 16. Otherwise the error
// is [ErrMaster] and names the line, never what stands in it.
func ParseMaster(text []byte) (*Master, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("%w: more than 64 KiB", ErrMaster)
	}
	var secrets [][]byte
	var names []string
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name := "line " + strconv.Itoa(i+1)
		b, ok := decodeSecret(line)
		if !ok {
			return nil, fmt.Errorf("%w: %s is not base64", ErrMaster, name)
		}
		secrets, names = append(secrets, b), append(names, name)
	}
	return newMaster(secrets, names)
}

// decodeSecret decodes base64 of any of the four kinds.
func decodeSecret(s string) ([]byte, bool) {
	if strings.ContainsRune(s, '\r') {
		return nil, false // the decoder would skip it
	}
	for _, enc := range [...]*base64.Encoding{
		base64.RawURLEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.StdEncoding,
	} {
		if b, err := enc.Strict().DecodeString(s); err == nil {
			return b, true
		}
	}
	return nil, false
}

// NewMaster makes a set of the given secrets, under the rules of [ParseMaster].
func NewMaster(secrets ...[]byte) (*Master, error) {
	names := make([]string, len(secrets))
	for i := range names {
		names[i] = "secret " + strconv.Itoa(i+1)
	}
	return newMaster(secrets, names)
}

func newMaster(secrets [][]byte, names []string) (*Master, error) {
	if len(secrets) == 0 {
		return nil, fmt.Errorf("%w: none given, required: 32 random bytes in base64", ErrMaster)
	}
	if len(secrets) > maxSecrets {
		return nil, fmt.Errorf("%w: more than %d", ErrMaster, maxSecrets)
	}
	m := new(Master)
	seen := make(map[SecretID]string)
	for i, b := range secrets {
		if len(b) < minSecret {
			return nil, fmt.Errorf("%w: %s is too short, required: 32 random bytes", ErrMaster, names[i])
		}
		s := &secret{value: bytes.Clone(b)}
		s.id = SecretID(binary.BigEndian.Uint32(s.derive(secretID).key))
		if s.id == 0 {
			s.id = 1
		}
		// Equal ids are equal secrets, but for one pair in 2³²; then the operator
		// makes another, which is better than a secret that is never found.
		if first, twice := seen[s.id]; twice {
			return nil, fmt.Errorf("%w: %s repeats %s", ErrMaster, names[i], first)
		}
		seen[s.id] = names[i]
		m.secrets = append(m.secrets, s)
	}
	return m, nil
}

// First returns the id of the secret in use.
func (m *Master) First() SecretID { return m.secrets[0].id }

// IDs returns the ids of all accepted secrets, the one in use first.
func (m *Master) IDs() []SecretID {
	ids := make([]SecretID, len(m.secrets))
	for i, s := range m.secrets {
		ids[i] = s.id
	}
	return ids
}

// Len returns the number of secrets.
func (m *Master) Len() int { return len(m.secrets) }

// Has reports whether id is one of the accepted secrets.
func (m *Master) Has(id SecretID) bool { return m.find(id) != nil }

func (m *Master) find(id SecretID) *secret {
	for _, s := range m.secrets {
		if s.id == id {
			return s
		}
	}
	return nil
}

// Key returns the 32-byte key that secret id gives to purpose p, by HKDF-SHA256
// (RFC 5869) without salt and with p as info. It reports false when there is no
// such secret. The caller may change the slice.
func (m *Master) Key(id SecretID, p Purpose) ([]byte, bool) {
	s := m.find(id)
	if s == nil {
		return nil, false
	}
	return bytes.Clone(s.derive(p).key), true
}

// MAC returns HMAC-SHA256, under the key of [Master.Key], over the parts, each
// preceded by its length as eight bytes big-endian, so that no two different
// lists of parts give the same text. It reports false when there is no such
// secret.
func (m *Master) MAC(id SecretID, p Purpose, parts ...[]byte) ([32]byte, bool) {
	s := m.find(id)
	if s == nil {
		return [32]byte{}, false
	}
	return s.mac(p, parts...), true
}

func (s *secret) derive(p Purpose) *derived {
	if d, ok := s.keys.Load(p); ok {
		return d.(*derived) //nolint:errcheck // nothing else is stored
	}
	key, err := hkdf.Key(sha256.New, s.value, nil, string(p), sha256.Size)
	if err != nil {
		panic("keyring: hkdf refused 32 bytes") // its limit is 255 × 32
	}
	d := &derived{key: key}
	d.macs.New = func() any { return hmac.New(sha256.New, key) }
	kept, _ := s.keys.LoadOrStore(p, d)
	return kept.(*derived) //nolint:errcheck // nothing else is stored
}

func (s *secret) mac(p Purpose, parts ...[]byte) (sum [32]byte) {
	d := s.derive(p)
	mac := d.macs.Get().(hash.Hash) //nolint:errcheck // nothing else is in the pool
	defer d.macs.Put(mac)
	mac.Reset()
	var size [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		mac.Write(size[:])
		mac.Write(part)
	}
	mac.Sum(sum[:0])
	return sum
}

// String returns "keyring.Master(n secrets)".
func (m Master) String() string {
	if len(m.secrets) == 1 {
		return "keyring.Master(1 secret)"
	}
	return "keyring.Master(" + strconv.Itoa(len(m.secrets)) + " secrets)"
}

// Format implements [fmt.Formatter]: every verb prints what String does.
func (m Master) Format(f fmt.State, _ rune) { fmt.Fprint(f, m.String()) }

// LogValue implements [slog.LogValuer] in the same way.
func (m Master) LogValue() slog.Value { return slog.StringValue(m.String()) }
