package session

import (
	"strconv"
	"strings"

	"countersign/crypto/p256"
	"countersign/device"
)

// textsV0 are what a legacy request may have signed: sessionId|otp|timestamp,
// and with granted scopes also the form that ends in them, comma-joined as
// sent.
func (v Verification) textsV0() []string {
	plain := strings.Join([]string{string(v.Session), v.OTP, strconv.FormatInt(v.Timestamp, 10)}, "|")
	if v.Scopes == nil {
		return []string{plain}
	}
	return []string{plain + "|" + strings.Join(v.Scopes, ","), plain}
}

// nonceV0 stands for the nonce that a legacy request does not have: its text.
func nonceV0(text string) device.Nonce { return device.Nonce(DisplayHash(text)) }

// takesV0 says whether a session can be approved by a legacy signature: only
// where its service wants it, and where nothing was to be shown or scanned.
func takesV0(s Session, p RelyingParty) bool {
	return p.AcceptV0 && !s.Silent && s.Operation == nil && s.Asked != "" && s.Mode == Enter
}

// signedV0 finds the device that signed a legacy request. A device that ever
// spoke version 1 is not asked again for less.
func (svc *Service) signedV0(o Opened, v Verification) (device.Device, string, p256.Signature, error) {
	party, ok := svc.Parties.Party(o.Session.Service)
	if !ok || !takesV0(o.Session, party) {
		return device.Device{}, "", p256.Signature{}, ErrV0
	}
	if o.Identity.Status == device.Revoked || o.Identity.Enrolled() == 0 {
		return device.Device{}, "", p256.Signature{}, device.ErrUnknown
	}
	sig, err := p256.DecodeSignature(v.Signature)
	if err != nil {
		return device.Device{}, "", sig, device.ErrSignature
	}
	for _, d := range o.Identity.Devices {
		if d.Revoked || d.UsedV1 {
			continue
		}
		for _, text := range v.textsV0() {
			good := d.Key.Verify([]byte(text), sig)
			if svc.Inspect != nil {
				svc.Inspect([]byte(text), good)
			}
			if good {
				return d, text, sig, nil
			}
		}
	}
	return device.Device{}, "", sig, device.ErrSignature
}
