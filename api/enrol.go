package api

import (
	"net/http"
	"time"
	"unicode/utf8"

	"countersign/crypto/p256"
	"countersign/device"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"
)

// An EnrolRequest is the body of POST /enroll.
type EnrolRequest struct {
	EnrollmentCode *string `json:"enrollmentCode,omitempty"`
	PublicKeyPEM   *string `json:"publicKeyPem,omitempty"`
	PublicKeyJWK   *JWK    `json:"publicKeyJwk,omitempty"`
	DeviceName     *string `json:"deviceName,omitempty"`
	Platform       *string `json:"platform,omitempty"`
	Timestamp      *int64  `json:"timestamp,omitempty"`
	Nonce          *string `json:"nonce,omitempty"`
	Signature      *string `json:"signature,omitempty"`
}

// A JWK is a public key as RFC 7517 writes it.
type JWK struct {
	Kty string         `json:"kty"`
	Crv string         `json:"crv"`
	X   string         `json:"x"`
	Y   string         `json:"y"`
	D   jsontext.Value `json:"d,omitempty"` // refused: it must never leave the phone
}

// An EnrolResponse is the answer to an enrolment.
type EnrolResponse struct {
	Enrolled  bool   `json:"enrolled"`
	TokenID   string `json:"tokenId"`
	DeviceID  string `json:"deviceId"`
	CreatedAt string `json:"createdAt"`
}

const (
	maxDeviceName = 64 // characters
	maxPlatform   = 32
)

func (h *Handler) enrol(c echo.Context) error {
	var q EnrolRequest
	if err := h.read(c, &q); err != nil {
		return err
	}
	e, err := q.enrolment()
	if err != nil {
		return err
	}
	e.Address = countedAs(h.caller(c.Request()))
	id, d, err := h.Devices.Enrol(c.Request().Context(), e)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, EnrolResponse{Enrolled: true, TokenID: string(id), DeviceID: string(d.ID),
		CreatedAt: d.CreatedAt.UTC().Format(time.RFC3339)})
}

// enrolment checks the form of an enrolment, and then its key.
func (q EnrolRequest) enrolment() (e device.Enrolment, err error) {
	switch {
	case len(text(q.EnrollmentCode)) > 64 || device.HasControl(text(q.EnrollmentCode)):
		return e, malformed("enrollmentCode")
	case (q.PublicKeyPEM == nil) == (q.PublicKeyJWK == nil):
		return e, malformed("publicKeyPem, publicKeyJwk: give one of them")
	case !isLabel(q.DeviceName, maxDeviceName):
		return e, malformed("deviceName")
	case !isLabel(q.Platform, maxPlatform):
		return e, malformed("platform")
	case q.Timestamp == nil || *q.Timestamp < 0:
		return e, malformed("timestamp")
	case q.Nonce == nil || !device.Nonce(*q.Nonce).WellFormed():
		return e, malformed("nonce")
	case q.Signature == nil:
		return e, malformed("signature")
	}
	e = device.Enrolment{Code: text(q.EnrollmentCode), Name: *q.DeviceName, Platform: *q.Platform, Timestamp: *q.Timestamp,
		Nonce: device.Nonce(*q.Nonce), Signature: *q.Signature}
	e.Key, err = q.key()
	return e, err
}

// isLabel says whether s is a name that can be shown.
func isLabel(s *string, most int) bool {
	return s != nil && *s != "" && utf8.RuneCountInString(*s) <= most && !device.HasHidden(*s)
}

func (q EnrolRequest) key() (p256.PublicKey, error) {
	bad := refuse("invalid_key", "not a P-256 public key")
	if j := q.PublicKeyJWK; j != nil {
		if j.D != nil {
			return p256.PublicKey{}, refuse("invalid_key", "a private key must never leave the phone")
		}
		key, err := p256.ParseJWK(j.Kty, j.Crv, j.X, j.Y)
		if err != nil {
			return key, bad
		}
		return key, nil
	}
	key, err := p256.ParsePEM(*q.PublicKeyPEM)
	if err != nil {
		return key, bad
	}
	return key, nil
}
