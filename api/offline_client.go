package api

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"net/http"

	"countersign/crypto/p256"
	"countersign/device"
)

// An Agreement is what a phone keeps for when it has no network.
type Agreement struct {
	Secret  []byte         // its codes come from it, see [device.OfflineCode]
	Signing p256.PublicKey // of what it will be shown, see [device.ReadOfflineQuestion]
}

// AgreeOffline agrees on a secret for codes without a network, in the place of one
// before. The phone's key for it is used once.
func (p *Phone) AgreeOffline(ctx context.Context) (Agreement, error) {
	ours, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return Agreement{}, fmt.Errorf("api: agree: %w", err)
	}
	public, err := p256.ParsePoint(ours.PublicKey().Bytes())
	if err != nil {
		return Agreement{}, err
	}
	thumbprint, jwk := public.Thumbprint(), jwkOf(public)
	q := DeviceRequest{SignedRequest: p.signed(device.DevicePurpose(device.OfflineVerb), p.Token, p.Device, thumbprint),
		Argument: &thumbprint, PublicKeyJWK: &jwk}
	var out OfflineResponse
	if err := p.Client.do(ctx, http.MethodPost, "/device/"+string(device.OfflineVerb), http.Header{}, q, &out); err != nil {
		return Agreement{}, err
	}
	theirs, err := out.PublicKeyJWK.key()
	if err != nil {
		return Agreement{}, err
	}
	signing, err := out.SigningKeyJWK.key()
	if err != nil {
		return Agreement{}, err
	}
	secret, err := device.OfflineSecret(ours, theirs, p.Client.Issuer, device.TokenID(p.Token), device.ID(p.Device))
	return Agreement{Secret: secret, Signing: signing}, err
}

func jwkOf(k p256.PublicKey) JWK {
	x, y := k.JWK()
	return JWK{Kty: "EC", Crv: "P-256", X: x, Y: y}
}

func (j JWK) key() (p256.PublicKey, error) { return p256.ParseJWK(j.Kty, j.Crv, j.X, j.Y) }
