package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"countersign/device"
	"countersign/session"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"
)

// An AdminEnrollment is an identity in a list: nothing that is known of the person.
type AdminEnrollment struct {
	TokenID     string `json:"tokenId"`
	Status      string `json:"status"`                // active, locked, revoked
	LockedUntil string `json:"lockedUntil,omitempty"` // by one of its phones
	CreatedAt   string `json:"createdAt"`
	Devices     int    `json:"devices"` // that are not revoked
}

// An AdminIdentity is one identity. Its claims are not there: who operates a server
// need not know who its users are.
type AdminIdentity struct {
	TokenID     string         `json:"tokenId"`
	Status      string         `json:"status"`
	LockedUntil string         `json:"lockedUntil,omitempty"`
	CreatedAt   string         `json:"createdAt"`
	WrongCodes  int            `json:"wrongCodes"` // in a row
	MethodsOff  []string       `json:"methodsOff"`
	Devices     []AdminDevice  `json:"devices"`
	Passkeys    []AdminPasskey `json:"passkeys"`
}

// An AdminDevice is a phone.
type AdminDevice struct {
	DeviceID    string `json:"deviceId"`
	Name        string `json:"deviceName"`
	Platform    string `json:"platform"`
	Status      string `json:"status"` // active, revoked
	CreatedAt   string `json:"createdAt"`
	LockedUntil string `json:"lockedUntil,omitempty"` // after wrong codes
}

// An AdminPasskey is a passkey.
type AdminPasskey struct {
	PasskeyID string `json:"passkeyId"`
	Synced    bool   `json:"synced"`  // its keeper may copy it to other devices
	AddedBy   string `json:"addedBy"` // the deviceId of the phone that let it in
	CreatedAt string `json:"createdAt"`
	UsedAt    string `json:"usedAt,omitempty"`
}

func (h *Handler) adminEnrolments(c echo.Context) error {
	n, err := pageSize(c)
	if err != nil {
		return err
	}
	after := device.TokenID(c.QueryParam("cursor"))
	if after != "" && !after.WellFormed() {
		return malformed("cursor")
	}
	page, next, err := h.Admin.Records.IdentityPage(c.Request().Context(), after, n)
	if err != nil {
		return err
	}
	out := struct {
		Enrollments []AdminEnrollment `json:"enrollments"`
		Next        string            `json:"next,omitempty"`
	}{[]AdminEnrollment{}, string(next)}
	for _, i := range page {
		out.Enrollments = append(out.Enrollments, AdminEnrollment{TokenID: string(i.ID), Status: i.Status.String(),
			LockedUntil: stampOr(i.LockedUntil), CreatedAt: stamp(i.CreatedAt), Devices: i.Enrolled()})
	}
	return c.JSON(http.StatusOK, out)
}

func (h *Handler) adminEnrolment(c echo.Context) error {
	return h.showIdentity(c, device.TokenID(c.Param("id")))
}

// showIdentity answers with an identity as it stands.
func (h *Handler) showIdentity(c echo.Context, id device.TokenID) error {
	ctx := c.Request().Context()
	i, err := h.Devices.Store.Identity(ctx, id)
	if err != nil {
		return err
	}
	w, err := h.Admin.Passkeys.Store.Wallet(ctx, i.ID)
	if err != nil {
		return err
	}
	out := AdminIdentity{TokenID: string(i.ID), Status: i.Status.String(), LockedUntil: stampOr(i.LockedUntil), CreatedAt: stamp(i.CreatedAt),
		MethodsOff: append([]string{}, i.Off...), Devices: []AdminDevice{}, Passkeys: []AdminPasskey{}}
	for _, d := range i.Devices {
		v := AdminDevice{DeviceID: string(d.ID), Name: d.Name, Platform: d.Platform, Status: device.Active.String(), CreatedAt: stamp(d.CreatedAt)}
		if d.Revoked {
			v.Status = device.Revoked.String()
		} else if v.LockedUntil, err = h.lockedUntil(ctx, i.ID, d.ID, &out.WrongCodes); err != nil {
			return err
		}
		out.Devices = append(out.Devices, v)
	}
	for _, p := range w.Passkeys {
		out.Passkeys = append(out.Passkeys, AdminPasskey{PasskeyID: p.Name(), Synced: p.Synced, AddedBy: string(p.By), CreatedAt: stamp(p.CreatedAt), UsedAt: stampOr(p.UsedAt)})
	}
	return c.JSON(http.StatusOK, out)
}

// lockedUntil is when the lock of a phone ends that wrong codes have set, and how many
// wrong codes in a row the identity has.
func (h *Handler) lockedUntil(ctx context.Context, id device.TokenID, d device.ID, wrong *int) (string, error) {
	o, err := h.Sessions.Phones.Phone(ctx, session.Request{Token: id, Device: d})
	if err != nil {
		return "", err
	}
	*wrong = o.Standing.Wrong
	if !h.Sessions.Now().Before(o.Standing.Locked) {
		return "", nil
	}
	return stamp(o.Standing.Locked), nil
}

// An AdminEnrolRequest asks for an enrolment code.
type AdminEnrolRequest struct {
	TokenID *string                   `json:"tokenId,omitempty"` // of whom another phone shall be enrolled; absent: of somebody new
	Claims  map[string]jsontext.Value `json:"claims,omitempty"`  // of somebody new
}

// An AdminCode is an enrolment code.
type AdminCode struct {
	TokenID        string `json:"tokenId"`
	EnrollmentCode string `json:"enrollmentCode"`
	ExpiresAt      string `json:"expiresAt"`
}

// adminEnrol makes a code for an identity, or an identity with a code. The phones of an
// identity that are connected are told of one that joins.
func (h *Handler) adminEnrol(c echo.Context) error {
	var q AdminEnrolRequest
	if err := h.read(c, &q); err != nil {
		return err
	}
	if q.TokenID != nil && (q.Claims != nil || !visible(*q.TokenID, 1, 64)) {
		return malformed("tokenId")
	}
	claims, err := parseClaims(q.Claims)
	if err != nil {
		return err
	}
	ctx, id := c.Request().Context(), device.TokenID(text(q.TokenID))
	if q.TokenID == nil {
		i, err := h.Devices.Add(ctx, claims)
		if err != nil {
			return err
		}
		id = i.ID
	}
	code, expires, err := h.Devices.NewCode(ctx, id)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, AdminCode{TokenID: string(id), EnrollmentCode: string(code), ExpiresAt: stamp(expires)})
}

// parseClaims reads claims by the rules of the command line.
func parseClaims(told map[string]jsontext.Value) (device.Claims, error) {
	claims := device.Claims{}
	for name, value := range told {
		text, kind := string(value), value.Kind() // an object is written as the command line has it
		if kind == '"' {
			if err := json.Unmarshal(value, &text); err != nil {
				return nil, malformed("claims")
			}
		}
		parsed, err := device.ParseClaim(name, text)
		yesOrNo := kind == 't' || kind == 'f'
		if err != nil || kind != '"' && !yesOrNo && kind != '{' || yesOrNo && string(parsed) != text || kind == '{' && parsed[0] != '{' {
			if !visible(name, 1, 32) {
				return nil, malformed("claims")
			}
			return nil, malformed("claims." + name)
		}
		claims[name] = parsed
	}
	return claims, nil
}

// adminChange answers with the identity after a change of it.
func (h *Handler) adminChange(change func(context.Context, device.TokenID) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		if _, err := readBody(c.Request()); err != nil {
			return err
		}
		id := device.TokenID(c.Param("id"))
		if err := change(c.Request().Context(), id); err != nil {
			return err
		}
		return h.showIdentity(c, id)
	}
}

func (h *Handler) adminRevokeDevice(c echo.Context) error {
	ctx, id := c.Request().Context(), device.TokenID(c.Param("id"))
	if _, err := h.Devices.Store.Identity(ctx, id); err != nil {
		return err
	}
	if err := h.Devices.RevokeDevice(ctx, id, device.ID(c.Param("device"))); err != nil {
		if errors.Is(err, device.ErrUnknown) {
			err = device.ErrDeviceNotFound
		}
		return err
	}
	return h.showIdentity(c, id)
}

func (h *Handler) adminRemovePasskey(c echo.Context) error {
	ctx, id := c.Request().Context(), device.TokenID(c.Param("id"))
	if _, err := h.Devices.Store.Identity(ctx, id); err != nil {
		return err
	}
	if err := h.Admin.Passkeys.Remove(ctx, id, c.Param("passkey")); err != nil {
		return err
	}
	return h.showIdentity(c, id)
}
