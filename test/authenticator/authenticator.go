// Package authenticator is an authenticator for tests: it makes passkeys and signs
// with them as WebAuthn has it, with nothing but the standard library, so that what
// judges it is not what made it. A test may bend what it says before it signs.
package authenticator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
)

// The flags of authenticator data.
const (
	Present    byte = 1 << 0
	Verified   byte = 1 << 2
	Eligible   byte = 1 << 3 // for copies
	Copied     byte = 1 << 4
	withNewKey byte = 1 << 6
)

// A Key is a passkey.
type Key struct {
	ID, Handle []byte
	Count      uint32 // of the last signature
	// Origin is that of the page that asks.
	Origin  string
	Flags   byte
	private *ecdsa.PrivateKey
}

// Said is what is signed, and what is told beside it. Each member may be bent.
type Said struct {
	Type, Origin, RPID string
	CrossOrigin        bool
	Challenge          string // base64url
	Flags              byte
	Count              uint32
	ID, Handle         []byte
}

// options are what a page is given.
type options struct {
	Challenge string `json:"challenge"`
	RPID      string `json:"rpId"`
	RP        struct {
		ID string `json:"id"`
	} `json:"rp"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
}

// Create makes a passkey by the options of a page, and gives it with what the browser
// answers.
func Create(publicKey []byte, origin string, bend ...func(*Said)) (*Key, []byte, error) {
	var o options
	if err := json.Unmarshal(publicKey, &o); err != nil {
		return nil, nil, err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	handle, err := base64.RawURLEncoding.DecodeString(o.User.ID)
	if err != nil {
		return nil, nil, err
	}
	id := make([]byte, 32)
	rand.Read(id)
	k := &Key{ID: id, Handle: handle, Origin: origin, Flags: Present | Verified, private: private}
	s := Said{Type: "webauthn.create", Origin: origin, RPID: o.RP.ID, Challenge: o.Challenge, Flags: k.Flags, ID: id}
	for _, f := range bend {
		f(&s)
	}
	k.ID = s.ID
	point, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, nil, err
	}
	// {1: 2, 3: -7, -1: 1, -2: x, -3: y} (RFC 9053).
	cose := slices.Concat([]byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}, point[1:33], []byte{0x22, 0x58, 0x20}, point[33:])
	s.Flags |= withNewKey
	data := slices.Concat(s.data(), make([]byte, 16), binary.BigEndian.AppendUint16(nil, uint16(len(s.ID))), s.ID, cose)
	// {"fmt": "none", "attStmt": {}, "authData": data}
	object := slices.Concat([]byte{0xa3, 0x63}, []byte("fmt"), []byte{0x64}, []byte("none"), []byte{0x67}, []byte("attStmt"), []byte{0xa0},
		[]byte{0x68}, []byte("authData"), []byte{0x59}, binary.BigEndian.AppendUint16(nil, uint16(len(data))), data)
	body, err := s.answer(map[string]any{"attestationObject": text(object)})
	return k, body, err
}

// Sign answers the options of a page with the passkey, whose counter goes up if it
// counts.
func (k *Key) Sign(publicKey []byte, bend ...func(*Said)) ([]byte, error) {
	var o options
	if err := json.Unmarshal(publicKey, &o); err != nil {
		return nil, err
	}
	if o.RPID == "" {
		return nil, errors.New("authenticator: no rpId")
	}
	k.Count++
	s := Said{Type: "webauthn.get", Origin: k.Origin, RPID: o.RPID, Challenge: o.Challenge, Flags: k.Flags, Count: k.Count, ID: k.ID, Handle: k.Handle}
	for _, f := range bend {
		f(&s)
	}
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(s.data(), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, k.private, sum[:])
	if err != nil {
		return nil, err
	}
	return s.answer(map[string]any{"authenticatorData": text(s.data()), "signature": text(signature), "userHandle": text(s.Handle)})
}

// data is the authenticator data without a new key.
func (s Said) data() []byte {
	hash := sha256.Sum256([]byte(s.RPID))
	return binary.BigEndian.AppendUint32(append(hash[:], s.Flags), s.Count)
}

func (s Said) client() ([]byte, error) {
	return json.Marshal(map[string]any{"type": s.Type, "challenge": s.Challenge, "origin": s.Origin, "crossOrigin": s.CrossOrigin})
}

func (s Said) answer(response map[string]any) ([]byte, error) {
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	response["clientDataJSON"] = text(client)
	return json.Marshal(map[string]any{"id": text(s.ID), "rawId": text(s.ID), "type": "public-key", "response": response})
}

func text(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
