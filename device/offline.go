package device

import (
	"context"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"countersign/audit"
	"countersign/crypto/p256"
)

// This file is the secret that a phone and the server share, and the codes that
// come from it, for when the phone has no network.

// OfflineDigits is how long a code is that a phone shows without a network.
const OfflineDigits = 8

const (
	offlineSecretSize = 32
	offlineKeyInfo    = "countersign-offline-key-v1"
	offlineCodeInfo   = "countersign-offline-code-v1"
	offlineCodes      = 100_000_000 // ten to the power of OfflineDigits
)

// OfflineKeys keeps the key that signs what phones without a network are shown.
type OfflineKeys interface {
	// OfflineKey gives the key, which is made once for an installation.
	OfflineKey(ctx context.Context) (p256.PrivateKey, error)
}

// OfflineAgreement is the server's part of agreeing on a secret.
type OfflineAgreement struct {
	Key     p256.PublicKey // made for this agreement
	Signing p256.PublicKey // of the key that signs what the phone will be shown
}

// AgreeOffline agrees with the phone, whose fresh key is given, on a secret for its
// codes, in the place of one before. ErrReplayed.
func (r *Registry) AgreeOffline(ctx context.Context, o Owner, key p256.PublicKey) (OfflineAgreement, error) {
	signing, err := r.Offline.OfflineKey(ctx)
	if err != nil {
		return OfflineAgreement{}, err
	}
	ours, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return OfflineAgreement{}, fmt.Errorf("device: agree: %w", err)
	}
	secret, err := OfflineSecret(ours, key, r.Issuer, o.Identity.ID, o.Device.ID)
	if err != nil {
		return OfflineAgreement{}, err
	}
	public, err := p256.ParsePoint(ours.PublicKey().Bytes())
	if err != nil {
		return OfflineAgreement{}, err
	}
	_, _, err = r.act(ctx, o, func(i Identity) (Identity, error) { return i.AgreeDevice(o.Device.ID, secret) })
	if err != nil {
		return OfflineAgreement{}, err
	}
	return OfflineAgreement{Key: public, Signing: signing.Public()}, r.Audit.Record(ctx, o.event(r.Now(), audit.DeviceAgreed))
}

// AgreeDevice gives the identity with another secret for the codes of device id.
// ErrDeviceNotFound.
func (i Identity) AgreeDevice(id ID, secret []byte) (Identity, error) {
	return i.edit(id, func(d *Device) bool {
		d.Offline = secret
		return true
	})
}

// OfflineSecret is what one side's private key and the other's public one make: for
// this issuer, identity and device, and for nothing else. p256.ErrKey.
func OfflineSecret(ours *ecdh.PrivateKey, theirs p256.PublicKey, issuer string, token TokenID, id ID) ([]byte, error) {
	public, err := ecdh.P256().NewPublicKey(theirs.Point())
	if err != nil {
		return nil, fmt.Errorf("%w: not a point on P-256", p256.ErrKey)
	}
	shared, err := ours.ECDH(public)
	if err != nil {
		return nil, fmt.Errorf("device: agree: %w", err)
	}
	info := strings.Join([]string{offlineKeyInfo, issuer, string(token), string(id)}, "\n")
	return hkdf.Key(sha256.New, shared, nil, info, offlineSecretSize)
}

// OfflineCode is the code by which a phone with the secret approves what a text
// that it was shown, with its signature, asks.
func OfflineCode(secret []byte, text string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(offlineCodeInfo + "\n" + text))
	return fmt.Sprintf("%0*d", OfflineDigits, binary.BigEndian.Uint64(mac.Sum(nil))%offlineCodes)
}
