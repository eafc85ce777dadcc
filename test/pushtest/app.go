// Package pushtest is a push service and the app behind it, written from the RFCs alone:
// it reads what a server sends as a browser would.
package pushtest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign/crypto/p256"
)

// An App has subscribed.
type App struct {
	Endpoint string
	Key      *ecdh.PrivateKey
	Auth     []byte
}

// NewApp makes keys for an endpoint.
func NewApp(t testing.TB, endpoint string) App {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := App{Endpoint: endpoint, Key: key, Auth: make([]byte, 16)}
	rand.Read(a.Auth)
	return a
}

// P256DH is the member p256dh of its keys.
func (a App) P256DH() string { return base64.RawURLEncoding.EncodeToString(a.Key.PublicKey().Bytes()) }

// Secret is the member auth.
func (a App) Secret() string { return base64.RawURLEncoding.EncodeToString(a.Auth) }

// Text is the subscription as a browser writes it.
func (a App) Text() string {
	return fmt.Sprintf(`{"endpoint":%q,"expirationTime":null,"keys":{"p256dh":%q,"auth":%q}}`, a.Endpoint, a.P256DH(), a.Secret())
}

// A Push is a request that was found good.
type Push struct {
	Path    string
	TTL     string
	Head    http.Header
	Length  int // of the body
	Claims  Claims
	Key     string // that signed, base64url
	Message string
}

// Claims are those of the server's token (RFC 8292 §2).
type Claims struct {
	Audience string `json:"aud"`
	Expires  int64  `json:"exp"`
	Subject  string `json:"sub"`
}

// Open reads a request as push service and app do together.
func (a App) Open(r *http.Request) (Push, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return Push{}, err
	}
	p := Push{Path: r.URL.Path, TTL: r.Header.Get("TTL"), Head: r.Header, Length: len(body)}
	if r.Method != http.MethodPost || r.Header.Get("Content-Encoding") != "aes128gcm" {
		return p, fmt.Errorf("%s with %s", r.Method, r.Header)
	}
	if p.Claims, p.Key, err = readVAPID(r.Header.Get("Authorization")); err != nil {
		return p, err
	}
	if left := time.Until(time.Unix(p.Claims.Expires, 0)); left <= 0 || left > 24*time.Hour {
		return p, fmt.Errorf("a token for %v", left)
	}
	message, err := a.Decrypt(body)
	p.Message = string(message)
	return p, err
}

// readVAPID checks the header of RFC 8292 §3.
func readVAPID(header string) (c Claims, key string, err error) {
	rest, ok := strings.CutPrefix(header, "vapid t=")
	token, key, both := strings.Cut(rest, ", k=")
	parts := strings.Split(token, ".")
	if !ok || !both || len(parts) != 3 {
		return c, key, errors.New("no token")
	}
	point, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil {
		return c, key, err
	}
	public, err := p256.ParsePoint(point)
	if err != nil {
		return c, key, err
	}
	signature, err := p256.DecodeSignature(parts[2])
	if err != nil || !public.Verify([]byte(parts[0]+"."+parts[1]), signature) {
		return c, key, errors.New("a bad signature")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return c, key, err
	}
	return c, key, json.Unmarshal(payload, &c)
}

// Decrypt opens a body (RFC 8291 §3.4, RFC 8188 §2 with one record).
func (a App) Decrypt(body []byte) ([]byte, error) {
	const saltSize, head = 16, 16 + 4 + 1
	if len(body) < head || len(body) < head+int(body[head-1]) {
		return nil, errors.New("no header")
	}
	salt, size, id, record := body[:saltSize], binary.BigEndian.Uint32(body[saltSize:]), body[head:head+int(body[head-1])], body[head+int(body[head-1]):]
	if len(record) > int(size) {
		return nil, errors.New("more than one record")
	}
	theirs, err := ecdh.P256().NewPublicKey(id)
	if err != nil {
		return nil, err
	}
	shared, err := a.Key.ECDH(theirs)
	if err != nil {
		return nil, err
	}
	derive := func(secret, salt []byte, info string, n int) []byte {
		out, problem := hkdf.Key(sha256.New, secret, salt, info, n)
		err = errors.Join(err, problem)
		return out
	}
	ikm := derive(shared, a.Auth, "WebPush: info\x00"+string(a.Key.PublicKey().Bytes())+string(id), 32)
	key, nonce := derive(ikm, salt, "Content-Encoding: aes128gcm\x00", 16), derive(ikm, salt, "Content-Encoding: nonce\x00", 12)
	block, problem := aes.NewCipher(key)
	if err = errors.Join(err, problem); err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce, record, nil)
	if err != nil {
		return nil, err
	}
	message, last := strings.CutSuffix(strings.TrimRight(string(plain), "\x00"), "\x02")
	if !last {
		return nil, errors.New("no end of the last record")
	}
	return []byte(message), nil
}
