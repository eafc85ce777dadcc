package session

import (
	"crypto/aes"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"time"

	"countersign/device"
)

// A RelyingParty is what the protocol calls a service: somebody who has users
// approve things, and to whom tokens are issued.
type RelyingParty struct {
	ID   string
	Name string // as the phone shows it
	// Origins are the browser pages that may start sessions (without a
	// secret) and watch them.
	Origins []string
	// SecretHash is the SHA-256 of the secret; nil: a public service.
	SecretHash []byte

	Allowed  []device.Scope
	Default  []device.Scope
	Required []device.Scope // the user may not switch them off
	// Operators: it may ask for the scopes of operators too, as a client of the OpenID
	// Provider and not otherwise.
	Operators bool
	Modes     []Mode // the first is the default

	MaskLast2      bool // otp_ready shows four of six digits, but never in mode enter
	Pairwise       bool // sub and tokenId are this service's own
	TokenTTL       time.Duration
	RevealUnknown  bool // an authenticated start learns that an identity is unknown
	RequireBinding bool // a start without challenge is refused
	AcceptV0       bool // legacy signatures are taken
	// LegacyAuthResult: pages of its operations are told CONFIRMED instead of
	// DONE.
	LegacyAuthResult bool

	// Webhook: its back end is told how its sessions end.
	Webhook bool

	// ReturnURL is the service's page that shows its logins; empty: none.
	ReturnURL string

	ResponseKey []byte // 32 bytes, of the approved message's hash
	SubjectKey  []byte // 32 bytes, of the pairwise ids
}

// Authenticates says whether the service has a secret, and so must always use it.
func (p RelyingParty) Authenticates() bool { return p.SecretHash != nil }

// Secret checks the service's secret in constant time.
func (p RelyingParty) Secret(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	return p.SecretHash != nil && subtle.ConstantTimeCompare(sum[:], p.SecretHash) == 1
}

// MayUse says whether pages of origin belong to the service.
func (p RelyingParty) MayUse(origin string) bool { return slices.Contains(p.Origins, origin) }

// Subject is the identity as the service knows it. A pairwise id is the
// identity's 16 random bytes enciphered as one AES-256 block under the
// service's own key: it has the same form, is different at every service, and
// can be turned back without a table.
func (p RelyingParty) Subject(id device.TokenID) device.TokenID {
	if !p.Pairwise {
		return id
	}
	b, ok := id.Bytes()
	block, err := aes.NewCipher(p.SubjectKey)
	if !ok || err != nil {
		return ""
	}
	block.Encrypt(b[:], b[:])
	return device.TokenIDFrom(b)
}

// Identity is the inverse of [RelyingParty.Subject]. An id this service was
// never given becomes one that nobody has.
func (p RelyingParty) Identity(sub device.TokenID) device.TokenID {
	if !p.Pairwise {
		return sub
	}
	b, ok := sub.Bytes()
	block, err := aes.NewCipher(p.SubjectKey)
	if !ok || err != nil {
		return sub.Canonical()
	}
	block.Decrypt(b[:], b[:])
	return device.TokenIDFrom(b)
}

// Parties finds relying parties.
type Parties interface {
	// Party gives the service of that id.
	Party(id string) (RelyingParty, bool)
	// ByOrigin gives the ids of the services whose pages have that origin.
	ByOrigin(origin string) []string
}
