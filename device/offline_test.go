package device

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"countersign/audit"
	"countersign/crypto/p256"
)

type offlineVectors struct {
	Agreement struct {
		Issuer     string
		TokenID    TokenID
		DeviceID   ID
		Phone      vectorKey
		Thumbprint string
		Server     vectorKey
		Secret     string
	}
	Signing   vectorKey
	Questions []struct {
		Issuer, OperationID, ServiceID, ServiceName, Name, Title, Data string
		ExpiresAt                                                      time.Time
		Nonce                                                          Nonce
		Text, Code                                                     string
	}
}

type vectorKey struct{ X, Y, D string }

func (k vectorKey) public(t *testing.T) p256.PublicKey {
	t.Helper()
	key, err := p256.ParseJWK("EC", "P-256", k.X, k.Y)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (k vectorKey) private(t *testing.T) *ecdh.PrivateKey {
	t.Helper()
	key, err := ecdh.P256().NewPrivateKey(decoded(t, k.D))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func decoded(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOfflineVectors(t *testing.T) {
	var file offlineVectors
	readVectors(t, "offline.json", &file)
	a := file.Agreement
	secret := decoded(t, a.Secret)
	if a.Phone.public(t).Thumbprint() != a.Thumbprint || len(file.Questions) == 0 {
		t.Fatal("no vectors")
	}
	for side, keys := range map[string][2]vectorKey{"the server": {a.Server, a.Phone}, "the phone": {a.Phone, a.Server}} {
		got, err := OfflineSecret(keys[0].private(t), keys[1].public(t), a.Issuer, a.TokenID, a.DeviceID)
		if err != nil || !bytes.Equal(got, secret) {
			t.Errorf("%s: %x, %v", side, got, err)
		}
	}
	for _, q := range file.Questions {
		if got := OfflineCode(secret, q.Text); got != q.Code {
			t.Errorf("%s: code %s, want %s", q.Nonce, got, q.Code)
		}
		want := OfflineQuestion{Issuer: q.Issuer, Operation: q.OperationID, Service: q.ServiceID, ServiceName: q.ServiceName, Name: q.Name,
			Title: q.Title, Data: q.Data, ExpiresAt: q.ExpiresAt, Nonce: q.Nonce}
		got, err := ReadOfflineQuestion(q.Text, a.Issuer, file.Signing.public(t), q.ExpiresAt.Add(-time.Second))
		if err != nil || got != want {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func question() OfflineQuestion {
	return OfflineQuestion{Issuer: "https://login.example.com", Operation: "op_AAECAwQFBgcICQoLDA0ODw", Service: "acme", ServiceName: "Acme Bank", Name: "payment",
		Title: "Approve a payment", Data: "A1*A100EUR", ExpiresAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Nonce: "AAECAwQFBgcICQoLDA0ODw"}
}

// A phone takes only what the server signed, for its issuer and in time.
func TestOfflineQuestionIsRefused(t *testing.T) {
	key, stranger := newKey(t), newKey(t)
	q := question()
	text, err := q.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := q.Sign(key); err != nil || again != text {
		t.Errorf("signed again it is another: %v", err)
	}
	early := q.ExpiresAt.Add(-time.Second)
	other := question()
	other.Issuer = "https://login.example.net"
	foreign, _ := other.Sign(key)
	forged, _ := q.Sign(stranger)
	signature := text[strings.LastIndexByte(text, '\n')+1:]
	sig, _ := p256.DecodeSignature(signature)
	der := strings.TrimSuffix(text, signature) + base64.RawURLEncoding.EncodeToString(sig.DER())
	for what, c := range map[string]struct {
		text string
		at   time.Time
		want error
	}{
		"good":              {text, early, nil},
		"another amount":    {strings.Replace(text, "A100EUR", "A900EUR", 1), early, ErrOfflineForged},
		"another's key":     {forged, early, ErrOfflineForged},
		"unsigned":          {strings.TrimSuffix(text, signature), early, ErrOfflineForged},
		"signed in DER":     {der, early, ErrOfflineForged},
		"of another server": {foreign, early, ErrOfflineForeign},
		"expired":           {text, q.ExpiresAt, ErrOfflineExpired},
		"a line more":       {text + "\n", early, ErrOfflineText},
		"an address":        {"https://login.example.com/s/sess_AAECAwQFBgcICQoLDA0ODw", early, ErrOfflineText},
		"nothing":           {"", early, ErrOfflineText},
	} {
		got, err := ReadOfflineQuestion(c.text, q.Issuer, key.Public(), c.at)
		if !errors.Is(err, c.want) || (err == nil) != (got == q) {
			t.Errorf("%s: %+v, %v, want %v", what, got, err, c.want)
		}
	}
}

// What could hide or shift lines, or is too much for a symbol, is neither signed nor
// read.
func TestOfflineQuestionIsPlain(t *testing.T) {
	key := newKey(t)
	for what, change := range map[string]func(*OfflineQuestion){
		"a second line":        func(q *OfflineQuestion) { q.Title = "a\nb" },
		"an override":          func(q *OfflineQuestion) { q.Data = "a\u202eb" },
		"no UTF-8":             func(q *OfflineQuestion) { q.Data = "a\xff" },
		"a control":            func(q *OfflineQuestion) { q.ServiceName = "a\x9bb" },
		"a nonce that is none": func(q *OfflineQuestion) { q.Nonce = "x" },
		"much too long":        func(q *OfflineQuestion) { q.Data = strings.Repeat("x", OfflineMost) },
	} {
		q := question()
		change(&q)
		if text, err := q.Sign(key); !errors.Is(err, ErrOfflineText) || text != "" {
			t.Errorf("%s: %q, %v", what, text, err)
		}
		// Nor if somebody with the key had signed it.
		signed := strings.Join(q.lines(), "\n")
		if _, err := ReadOfflineQuestion(signed+"\n"+key.Sign([]byte(signed)).String(), q.Issuer, key.Public(), q.ExpiresAt.Add(-time.Second)); !errors.Is(err, ErrOfflineText) {
			t.Errorf("%s is read: %v", what, err)
		}
	}
	q := question()
	text, _ := q.Sign(key)
	q.Data += strings.Repeat("x", OfflineMost-len(text))
	if text, err := q.Sign(key); err != nil || len(text) != OfflineMost {
		t.Errorf("as long as may be: %d bytes, %v", len(text), err)
	}
	q.Data += "x"
	if _, err := q.Sign(key); !errors.Is(err, ErrOfflineText) {
		t.Errorf("a byte more: %v", err)
	}
}

// signer is an [OfflineKeys] of one key.
type signer struct{ key p256.PrivateKey }

func (s signer) OfflineKey(context.Context) (p256.PrivateKey, error) { return s.key, nil }

// Both sides come to one secret, which a new agreement, or a new key of the phone,
// takes the place of.
func TestOwnerAgrees(t *testing.T) {
	o := newOwner(t)
	signing := newKey(t)
	o.Registry.Offline = signer{signing}
	agree := func(q Owner) ([]byte, error) {
		ours, err := ecdh.P256().GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		public, err := p256.ParsePoint(ours.PublicKey().Bytes())
		if err != nil {
			t.Fatal(err)
		}
		a, err := o.AgreeOffline(t.Context(), q, public)
		if err != nil {
			return nil, err
		}
		if !a.Signing.Equal(signing.Public()) {
			t.Error("another key signs")
		}
		secret, err := OfflineSecret(ours, a.Key, o.Issuer, o.alice, o.phone.ID)
		if err != nil {
			t.Fatal(err)
		}
		return secret, nil
	}
	q := o.asks()
	first, err := agree(q)
	o.want("agree", err, nil)
	if d := o.identity().Devices[0]; !bytes.Equal(d.Offline, first) || len(first) != 32 || !d.UsedV1 {
		t.Errorf("kept %x, want %x", d.Offline, first)
	}
	_, err = agree(q)
	o.want("a replay", err, ErrReplayed)
	if d := o.identity().Devices[0]; !bytes.Equal(d.Offline, first) {
		t.Error("a replay changed the secret")
	}
	second, err := agree(o.asks())
	o.want("again", err, nil)
	if d := o.identity().Devices[0]; !bytes.Equal(d.Offline, second) || bytes.Equal(first, second) || o.count(audit.DeviceAgreed) != 2 {
		t.Errorf("kept %x, want %x; %d events", d.Offline, second, o.count(audit.DeviceAgreed))
	}
	slow, next := o.asks(), newKey(t)
	rotation := o.asks()
	o.want("rotate", o.Rotate(t.Context(), rotation, next.Public(), next.Sign(rotation.Text).String()), nil)
	if o.identity().Devices[0].Offline != nil {
		t.Error("the secret outlives the key")
	}
	_, err = agree(slow)
	o.want("signed with the old key", err, ErrSignature)
	if o.identity().Devices[0].Offline != nil {
		t.Error("the old key agreed on a secret")
	}
}
