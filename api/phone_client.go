package api

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"
)

// A Phone speaks the protocol as an authenticator app does: it signs every
// request with its key. It is the reference for those who write one.
type Phone struct {
	Client *Client
	Key    p256.PrivateKey
	// Token and Device are what [Phone.Enrol] was answered.
	Token, Device string
	// Now is its clock; nil: time.Now.
	Now func() time.Time
	// Trace, if set, is given every text before it is signed.
	Trace func(text []byte)
}

// A Claimed is a session opened on the phone.
type Claimed struct {
	ClaimResponse
	SessionID string
	ServiceID string // of the display
	Scan      string
}

func (p *Phone) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

// sign completes a request: lines are those between the ids and the timestamp.
func (p *Phone) sign(purpose device.Purpose, lines ...string) (timestamp int64, nonce, signature string) {
	var b [16]byte
	rand.Read(b[:])
	timestamp, nonce = p.now().Unix(), base64.RawURLEncoding.EncodeToString(b[:])
	text := device.SignedText(purpose, p.Client.Issuer, append(lines, strconv.FormatInt(timestamp, 10), nonce)...)
	if p.Trace != nil {
		p.Trace(text)
	}
	return timestamp, nonce, p.Key.Sign(text).String()
}

func (p *Phone) signed(purpose device.Purpose, lines ...string) SignedRequest {
	timestamp, nonce, signature := p.sign(purpose, lines...)
	return SignedRequest{TokenID: &p.Token, DeviceID: &p.Device, Timestamp: &timestamp, Nonce: &nonce, Signature: &signature}
}

// Enrol joins the identity that a code was made for.
func (p *Phone) Enrol(ctx context.Context, code, name, platform string) (EnrolResponse, error) {
	timestamp, nonce, signature := p.sign(device.EnrolPurpose, code, p.Key.Public().Thumbprint())
	pem := p.Key.Public().PEM()
	var out EnrolResponse
	err := p.Client.do(ctx, http.MethodPost, "/enroll", http.Header{}, EnrolRequest{EnrollmentCode: &code, PublicKeyPEM: &pem,
		DeviceName: &name, Platform: &platform, Timestamp: &timestamp, Nonce: &nonce, Signature: &signature}, &out)
	if err == nil {
		p.Token, p.Device = out.TokenID, out.DeviceID
	}
	return out, err
}

// Pending asks what waits.
func (p *Phone) Pending(ctx context.Context) (PendingResponse, error) {
	var out PendingResponse
	q := PendingRequest{p.signed(device.PendingPurpose, p.Token, p.Device)}
	return out, p.Client.do(ctx, http.MethodPost, "/auth/pending", http.Header{}, q, &out)
}

// Claim opens a session. Scan is {t}:{c} of a QR code, or empty.
func (p *Phone) Claim(ctx context.Context, sessionID, scan string) (Claimed, error) {
	q := ClaimRequest{SignedRequest: p.signed(device.ClaimPurpose, sessionID, p.Token, p.Device, scan), SessionID: &sessionID, Scan: &scan}
	out := Claimed{SessionID: sessionID, Scan: scan}
	if err := p.Client.do(ctx, http.MethodPost, "/auth/claim", http.Header{}, q, &out.ClaimResponse); err != nil {
		return out, err
	}
	d, err := ParseDisplay(out.Display)
	out.ServiceID = d.Service.ID
	return out, err
}

// Verify sends a decision about a claimed session. Code is six digits, or
// qr:{t}:{c}, or empty unless it approves.
func (p *Phone) Verify(ctx context.Context, c Claimed, decision session.Decision, code string, scopes []string) (VerifyResponse, error) {
	// None is an empty list, never null.
	sorted := append([]string{}, slices.Sorted(slices.Values(scopes))...)
	// What is signed is the hash of what was shown, not what the server said
	// its hash is.
	hash := session.DisplayHash(c.Display)
	text := string(decision)
	q := VerifyRequest{
		SignedRequest: p.signed(device.VerifyPurpose, c.SessionID, p.Token, p.Device, c.ServiceID, text, code, strings.Join(sorted, " "), hash),
		SessionID:     &c.SessionID, Decision: &text, OTP: &code, GrantedScopes: &sorted, DisplayHash: &hash}
	var out VerifyResponse
	return out, p.Client.do(ctx, http.MethodPost, "/auth/verify", http.Header{}, q, &out)
}
