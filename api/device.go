package api

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign/crypto/p256"
	"countersign/device"
	"countersign/operation"
	"countersign/session"

	"github.com/labstack/echo/v4"
)

// A DeviceRequest is the body of POST /device/{verb}. An absent argument counts
// as an empty one; what follows it belongs to push, and to rotate.
type DeviceRequest struct {
	SignedRequest
	Argument     *string `json:"argument,omitempty"`
	Subscription *string `json:"subscription,omitempty"` // see [Subscription]; empty: none
	PublicKeyPEM *string `json:"publicKeyPem,omitempty"`
	PublicKeyJWK *JWK    `json:"publicKeyJwk,omitempty"`
	NewSignature *string `json:"newSignature,omitempty"` // of the new key, over the same text
}

// A DeviceList is the answer to list.
type DeviceList struct {
	Devices []DeviceEntry `json:"devices"`
	Off     []string      `json:"off"` // the ways to approve that are switched off
	// PushKey is what the app subscribes to pushes with (applicationServerKey).
	PushKey string `json:"pushKey"`
}

// A DeviceEntry is one device of the phone's identity.
type DeviceEntry struct {
	DeviceID   string `json:"deviceId"`
	DeviceName string `json:"deviceName"`
	Platform   string `json:"platform"`
	CreatedAt  string `json:"createdAt"`
	Push       bool   `json:"push"`    // it is woken while its app is closed
	Current    bool   `json:"current"` // the one that asks
}

// A RenameResponse is the answer to rename.
type RenameResponse struct {
	DeviceID   string `json:"deviceId"`
	DeviceName string `json:"deviceName"`
}

// A RevokeResponse is the answer to revoke.
type RevokeResponse struct {
	DeviceID string `json:"deviceId"`
	Revoked  bool   `json:"revoked"`
}

// A LockResponse is the answer to lock.
type LockResponse struct {
	LockedUntil string `json:"lockedUntil"`
}

// A MethodsResponse is the answer to methods.
type MethodsResponse struct {
	Off []string `json:"off"`
}

// A CodeResponse is the answer to code.
type CodeResponse struct {
	EnrollmentCode string `json:"enrollmentCode"`
	ExpiresAt      string `json:"expiresAt"`
}

// A RotateResponse is the answer to rotate.
type RotateResponse struct {
	DeviceID string `json:"deviceId"`
}

// An OfflineResponse is the answer to offline.
type OfflineResponse struct {
	// PublicKeyJWK is the server's half of the agreement.
	PublicKeyJWK JWK `json:"publicKeyJwk"`
	// SigningKeyJWK is the key of the texts that the phone will be shown.
	SigningKeyJWK JWK `json:"signingKeyJwk"`
}

// A deviceVerb is what a verb adds to what all have in common: the form of its
// argument, and what it does for a phone that was admitted.
type deviceVerb struct {
	verb device.Verb
	form func(DeviceRequest) error
	act  func(context.Context, device.Owner, DeviceRequest) (any, error)
}

// mountDevices adds what phones ask about their identity's devices.
func (h *Handler) mountDevices(e *echo.Echo) {
	for _, v := range []deviceVerb{
		{device.ListVerb, noArgument, h.listDevices},
		{device.RenameVerb, goodName, h.rename},
		{device.RevokeVerb, goodDevice, h.revoke},
		{device.LockVerb, goodHours, h.lock},
		{device.CodeVerb, noArgument, h.code},
		{device.RotateVerb, goodRotation, h.rotate},
		{device.OfflineVerb, goodKey, h.agree},
		{device.MethodsVerb, goodMethods, h.switchOff},
		{device.PushVerb, h.goodPush, h.push},
	} {
		e.POST("/device/"+string(v.verb), h.device(v), noStore)
	}
	e.GET("/ws/device", h.deviceSocket)
}

// device serves a verb: its form, whether the phone may ask, and what it does.
func (h *Handler) device(v deviceVerb) echo.HandlerFunc {
	return func(c echo.Context) error {
		var q DeviceRequest
		if err := h.read(c, &q); err != nil {
			return err
		}
		signed, err := q.signed(countedAs(h.caller(c.Request())))
		if err == nil {
			err = v.form(q)
		}
		if err != nil {
			return err
		}
		ctx := c.Request().Context()
		owner, err := h.Sessions.Admit(ctx, session.VerbRequest{Signed: signed, Verb: v.verb, Argument: text(q.Argument)})
		if err != nil {
			return err
		}
		out, err := v.act(ctx, owner, q)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, out)
	}
}

func noArgument(q DeviceRequest) error {
	if text(q.Argument) != "" {
		return malformed("argument")
	}
	return nil
}

func goodName(q DeviceRequest) error {
	if !isLabel(q.Argument, maxDeviceName) {
		return malformed("argument")
	}
	return nil
}

func goodDevice(q DeviceRequest) error {
	if !visible(text(q.Argument), 1, 64) {
		return malformed("argument")
	}
	return nil
}

// wholeHours are 1 to 999, as they are signed: in one way only.
var wholeHours = regexp.MustCompile(`^[1-9][0-9]{0,2}$`)

func goodHours(q DeviceRequest) error {
	if !wholeHours.MatchString(text(q.Argument)) || time.Duration(hours(q))*time.Hour > device.LongestLock {
		return malformed("argument")
	}
	return nil
}

// hours reads an argument that goodHours has passed.
func hours(q DeviceRequest) int {
	n, err := strconv.Atoi(text(q.Argument))
	if err != nil {
		return 0
	}
	return n
}

// goodMethods are methods that may be switched off, as they are signed: sorted, each
// once, with a space between.
func goodMethods(q DeviceRequest) error {
	before := ""
	for _, m := range methods(q) {
		if m <= before || !slices.Contains(operation.Switchable(), operation.Method(m)) {
			return malformed("argument")
		}
		before = m
	}
	return nil
}

// methods reads the argument of methods.
func methods(q DeviceRequest) []string {
	if text(q.Argument) == "" {
		return nil
	}
	return strings.Split(*q.Argument, " ")
}

// goodRotation is goodKey of a key that signs.
func goodRotation(q DeviceRequest) error {
	if err := oneKey(q); err != nil {
		return err
	}
	if q.NewSignature == nil {
		return malformed("newSignature")
	}
	return goodKey(q)
}

// goodKey checks the form of a request with a key, and then the key.
func goodKey(q DeviceRequest) error {
	if err := oneKey(q); err != nil {
		return err
	}
	key, err := q.key()
	if err == nil && key.Thumbprint() != *q.Argument {
		err = malformed("argument")
	}
	return err
}

func oneKey(q DeviceRequest) error {
	switch {
	case !visible(text(q.Argument), 1, 64):
		return malformed("argument")
	case (q.PublicKeyPEM == nil) == (q.PublicKeyJWK == nil):
		return malformed("publicKeyPem, publicKeyJwk: give one of them")
	}
	return nil
}

func (q DeviceRequest) key() (p256.PublicKey, error) {
	return EnrolRequest{PublicKeyPEM: q.PublicKeyPEM, PublicKeyJWK: q.PublicKeyJWK}.key()
}

func (h *Handler) listDevices(ctx context.Context, o device.Owner, _ DeviceRequest) (any, error) {
	devices, err := h.Devices.Devices(ctx, o)
	out := DeviceList{Devices: []DeviceEntry{}, Off: all(o.Identity.Off), PushKey: h.PushKey}
	for _, d := range devices {
		out.Devices = append(out.Devices, DeviceEntry{DeviceID: string(d.ID), DeviceName: d.Name, Platform: d.Platform,
			CreatedAt: d.CreatedAt.UTC().Format(time.RFC3339), Push: d.Push != (device.Subscription{}), Current: d.ID == o.Device.ID})
	}
	return out, err
}

func (h *Handler) rename(ctx context.Context, o device.Owner, q DeviceRequest) (any, error) {
	return RenameResponse{DeviceID: string(o.Device.ID), DeviceName: *q.Argument}, h.Devices.Rename(ctx, o, *q.Argument)
}

func (h *Handler) revoke(ctx context.Context, o device.Owner, q DeviceRequest) (any, error) {
	return RevokeResponse{DeviceID: *q.Argument, Revoked: true}, h.Devices.RevokeOwn(ctx, o, device.ID(*q.Argument))
}

func (h *Handler) lock(ctx context.Context, o device.Owner, q DeviceRequest) (any, error) {
	until, err := h.Devices.Lock(ctx, o, hours(q))
	return LockResponse{LockedUntil: until.UTC().Format(time.RFC3339)}, err
}

func (h *Handler) switchOff(ctx context.Context, o device.Owner, q DeviceRequest) (any, error) {
	off := methods(q)
	return MethodsResponse{Off: all(off)}, h.Devices.SwitchOff(ctx, o, off)
}

func (h *Handler) code(ctx context.Context, o device.Owner, _ DeviceRequest) (any, error) {
	code, expires, err := h.Devices.OwnCode(ctx, o)
	return CodeResponse{EnrollmentCode: string(code), ExpiresAt: expires.UTC().Format(time.RFC3339)}, err
}

func (h *Handler) rotate(ctx context.Context, o device.Owner, q DeviceRequest) (any, error) {
	key, err := q.key()
	if err != nil {
		return nil, err
	}
	return RotateResponse{DeviceID: string(o.Device.ID)}, h.Devices.Rotate(ctx, o, key, *q.NewSignature)
}

// agree is the verb offline.
func (h *Handler) agree(ctx context.Context, o device.Owner, q DeviceRequest) (any, error) {
	key, err := q.key()
	if err != nil {
		return nil, err
	}
	a, err := h.Devices.AgreeOffline(ctx, o, key)
	if err != nil {
		return nil, err
	}
	return OfflineResponse{PublicKeyJWK: jwkOf(a.Key), SigningKeyJWK: jwkOf(a.Signing)}, nil
}

// deviceSocket is the phone's own socket; who it is comes in the first message,
// never in the address.
func (h *Handler) deviceSocket(c echo.Context) error {
	address := countedAs(h.caller(c.Request()))
	return h.Phones.Socket(c.Response(), c.Request(), address, func(first []byte) (session.VerbRequest, error) {
		var q SignedRequest
		if err := decode(first, &q); err != nil {
			return session.VerbRequest{}, err
		}
		signed, err := q.signed(address)
		return session.VerbRequest{Signed: signed, Verb: device.ListenVerb}, err
	})
}
