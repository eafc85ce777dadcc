package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"countersign/crypto/p256"
	"countersign/device"
	"countersign/ws"
)

// verb sends a signed verb about the identity's devices.
func (p *Phone) verb(ctx context.Context, v device.Verb, argument string, out any) error {
	q := DeviceRequest{SignedRequest: p.signed(device.DevicePurpose(v), p.Token, p.Device, argument), Argument: &argument}
	return p.Client.do(ctx, http.MethodPost, "/device/"+string(v), http.Header{}, q, out)
}

// ListDevices lists the devices of the phone's identity.
func (p *Phone) ListDevices(ctx context.Context) (DeviceList, error) {
	var out DeviceList
	return out, p.verb(ctx, device.ListVerb, "", &out)
}

// Rename names this phone anew.
func (p *Phone) Rename(ctx context.Context, name string) (RenameResponse, error) {
	var out RenameResponse
	return out, p.verb(ctx, device.RenameVerb, name, &out)
}

// Revoke ends a device of the identity for good, perhaps this one.
func (p *Phone) Revoke(ctx context.Context, deviceID string) (RevokeResponse, error) {
	var out RevokeResponse
	return out, p.verb(ctx, device.RevokeVerb, deviceID, &out)
}

// Lock locks the identity with all its phones, this one included, for 1 to 720
// hours.
func (p *Phone) Lock(ctx context.Context, hours int) (LockResponse, error) {
	var out LockResponse
	return out, p.verb(ctx, device.LockVerb, strconv.Itoa(hours), &out)
}

// SwitchOff switches these methods off, and all others on.
func (p *Phone) SwitchOff(ctx context.Context, methods []string) (MethodsResponse, error) {
	var out MethodsResponse
	return out, p.verb(ctx, device.MethodsVerb, strings.Join(slices.Sorted(slices.Values(methods)), " "), &out)
}

// Push has the phone woken at a subscription from now on: the text that
// JSON.stringify makes of a browser's, or one of UnifiedPush. Empty: not at all.
func (p *Phone) Push(ctx context.Context, subscription string) (PushResponse, error) {
	argument := SubscriptionHash(subscription)
	var out PushResponse
	q := DeviceRequest{SignedRequest: p.signed(device.DevicePurpose(device.PushVerb), p.Token, p.Device, argument), Argument: &argument, Subscription: &subscription}
	return out, p.Client.do(ctx, http.MethodPost, "/device/push", http.Header{}, q, &out)
}

// NewCode makes a code with which one more phone can be enrolled.
func (p *Phone) NewCode(ctx context.Context) (CodeResponse, error) {
	var out CodeResponse
	return out, p.verb(ctx, device.CodeVerb, "", &out)
}

// Rotate gives the phone another key, which it has from then on. After an error
// that is no [*Problem] the server may have either: ask it with both.
func (p *Phone) Rotate(ctx context.Context, key p256.PrivateKey) (RotateResponse, error) {
	thumbprint, pem := key.Public().Thumbprint(), key.Public().PEM()
	var out RotateResponse
	q := DeviceRequest{SignedRequest: p.signed(device.DevicePurpose(device.RotateVerb), p.Token, p.Device, thumbprint),
		Argument: &thumbprint, PublicKeyPEM: &pem}
	text := device.VerbText(device.RotateVerb, p.Client.Issuer, device.TokenID(p.Token), device.ID(p.Device), thumbprint, *q.Timestamp, device.Nonce(*q.Nonce))
	second := key.Sign(text).String()
	q.NewSignature = &second
	err := p.Client.do(ctx, http.MethodPost, "/device/rotate", http.Header{}, q, &out)
	if err == nil {
		p.Key = key
	}
	return out, err
}

// Hello is the first message of the phone's socket.
func (p *Phone) Hello() ([]byte, error) {
	return json.Marshal(p.signed(device.DevicePurpose(device.ListenVerb), p.Token, p.Device, ""))
}

// Listen opens the phone's socket: it is told what waits, and what comes.
func (p *Phone) Listen(ctx context.Context) (*ws.PhoneClient, error) {
	hello, err := p.Hello()
	if err != nil {
		return nil, err
	}
	base := p.Client.Base
	if base == "" {
		base = p.Client.Issuer
	}
	return ws.DialPhone(ctx, "ws"+strings.TrimPrefix(base, "http")+"/ws/device", hello, ws.DialOptions{Origin: p.Client.Origin})
}
