package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"countersign/audit"
	"countersign/crypto/keyring"
	"countersign/crypto/p256"
	"countersign/device"
)

// TokenType is the typ of the tokens made here, so that no other kind of token
// can pass for one.
const TokenType = "countersign+jwt"

// The authentication context classes (acr).
const (
	Typed    = "urn:countersign:typed"
	Scanned  = "urn:countersign:scanned"
	Compared = "urn:countersign:compared"
	// SameDevice: the browser handed over to an app on its own device, and
	// came back from it.
	SameDevice = "urn:countersign:same-device"
)

// errNoKey is an operator's trouble: no key signs yet.
var errNoKey = errors.New("session: no active signing key")

// grant fixes what the token of an approval says.
func (svc *Service) grant(o Opened, v Verification, now time.Time) (*Grant, error) {
	party, ok := svc.Parties.Party(o.Session.Service)
	if !ok {
		return nil, ErrNotFound
	}
	key, ok := svc.Keys.Active(now)
	if !ok {
		return nil, errNoKey
	}
	g := &Grant{
		KeyID: key.ID, TokenID: newTokenID(), Subject: string(party.Subject(v.Token)),
		IssuedAt: now.Truncate(time.Second), ExpiresAt: now.Truncate(time.Second).Add(party.TokenTTL),
		AMR: []string{"swk"}, ACR: Scanned,
	}
	switch {
	case strings.HasPrefix(v.OTP, scanned+handedOver):
		g.ACR = SameDevice
	case strings.HasPrefix(v.OTP, scanned):
	case o.Session.Mode == Compare:
		g.ACR = Compared
	default:
		g.ACR, g.AMR = Typed, append(g.AMR, "otp")
	}
	for _, sc := range v.Scopes {
		g.Scopes = append(g.Scopes, device.Scope(sc))
	}
	g.Scopes = sorted(g.Scopes)
	g.Claims = o.Identity.Claims.Release(g.Scopes, now)
	return g, nil
}

// newTokenID makes a jti.
func newTokenID() string {
	var b [idBytes]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// An Issued is what the watcher of an approved session gets.
type Issued struct {
	JWT       string
	Hash      string
	Random    string
	ExpiresAt string // of the JWT, RFC 3339
}

// Issue makes the token of an approved session. The phone's signature in the
// record is checked once more, so that no token is made of a record that says
// "approved" without a phone having said so. The same record gives the same
// bytes on every node, because the signature is deterministic (RFC 6979).
// ErrNotFound when the session is not approved, or is silent.
func (svc *Service) Issue(ctx context.Context, s Session) (Issued, error) {
	party, ok := svc.Parties.Party(s.Service)
	if !ok || s.Silent {
		return Issued{}, ErrNotFound
	}
	if err := svc.Proven(s); err != nil {
		return Issued{}, err
	}
	key, err := svc.Keys.Find(ctx, s.Grant.KeyID)
	if err != nil {
		return Issued{}, err
	}
	token, err := key.Sign(TokenType, svc.claims(s))
	if err != nil {
		return Issued{}, err
	}
	random := svc.Secrets.Random(s)
	expires := s.Grant.ExpiresAt.UTC().Format(time.RFC3339)
	return Issued{JWT: token, Random: random, ExpiresAt: expires, Hash: Hash(party.ResponseKey, s.ID, random, token, expires)}, nil
}

// Proven checks the proof of an approved session: it names this session,
// service and decision, the scopes granted and what was shown, and the phone
// signed it. ErrNotFound when the session is not approved, ErrProof.
func (svc *Service) Proven(s Session) error {
	if s.State != Approved || s.Grant == nil {
		return ErrNotFound
	}
	if s.Proof == nil {
		return ErrProof
	}
	key, err := p256.ParsePoint(s.Proof.Key)
	if err != nil || !key.Verify([]byte(s.Proof.Text), s.Proof.Signature) {
		return ErrProof
	}
	prefix := string(s.ID) + "|"
	if c := s.Claim; c != nil {
		prefix = string(device.SignedText(device.VerifyPurpose, svc.Issuer, string(s.ID), string(c.Token), string(c.Device), s.Service, string(Approve))) + "\n"
		if !strings.Contains(s.Proof.Text, "\n"+joinScopes(s.Grant.Scopes)+"\n"+DisplayHash(c.Display)+"\n") {
			return ErrProof
		}
	}
	if !strings.HasPrefix(s.Proof.Text, prefix) {
		return ErrProof
	}
	return nil
}

// claims are the token's claims. A scope's claim never overrides one of ours,
// because ours are set last.
func (svc *Service) claims(s Session) keyring.Claims {
	g := s.Grant
	c := keyring.Claims{}
	for name, v := range g.Claims {
		c[name] = v
	}
	c["iss"], c["sub"], c["aud"] = svc.Issuer, g.Subject, s.Service
	c["iat"], c["exp"], c["auth_time"] = g.IssuedAt.Unix(), g.ExpiresAt.Unix(), g.IssuedAt.Unix()
	c["jti"], c["sid"], c["nonce"] = g.TokenID, string(s.ID), svc.Secrets.Random(s)
	c["amr"], c["acr"], c["scope"] = g.AMR, g.ACR, joinScopes(g.Scopes)
	if s.ClientNonce != "" {
		c["client_nonce"] = s.ClientNonce
	}
	if s.Claim != nil {
		c["displayHash"] = DisplayHash(s.Claim.Display)
	}
	if o := s.Operation; o != nil {
		sum := sha256.Sum256([]byte(o.Data))
		c["op"] = map[string]string{"name": o.Name, "dataHash": base64.RawURLEncoding.EncodeToString(sum[:])}
	}
	return c
}

func joinScopes(scopes []device.Scope) string {
	var out []string
	for _, s := range scopes {
		out = append(out, string(s))
	}
	return strings.Join(out, " ")
}

// countWrong counts a wrong code, judged already, against the identity and its
// device over all sessions.
func (svc *Service) countWrong(ctx context.Context, s Session, token device.TokenID, id device.ID) error {
	inARow, lock, err := svc.Phones.CountWrong(ctx, token, id)
	if err != nil {
		return err
	}
	e := audit.Event{Time: svc.Now(), Session: string(s.ID), Service: s.Service, Token: string(token), Device: string(id)}
	if lock > 0 {
		e.Kind, e.Detail = audit.DeviceLocked, lock.String()
		if err := svc.Audit.Record(ctx, e); err != nil {
			return err
		}
	}
	if inARow < svc.MaxWrong {
		return nil
	}
	_, err = svc.Devices.Change(ctx, token, func(i device.Identity) (device.Identity, error) {
		if i.Status != device.Active {
			return i, nil
		}
		return i.SetStatus(device.Locked), nil
	})
	if err != nil {
		return err
	}
	e.Kind, e.Detail = audit.IdentityLocked, ""
	return svc.Audit.Record(ctx, e)
}
