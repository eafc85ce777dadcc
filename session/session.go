package session

import (
	"encoding/json"
	"time"

	"countersign/crypto/keyring"
	"countersign/crypto/p256"
	"countersign/device"
)

// A State is where a session stands. The wire calls it its status.
type State uint8

// The states. Pending and Claimed are undecided; Returning is approved by a
// phone, but not told to anybody before the browser that started the session
// has come back from the app on its own device. The others are ends.
const (
	Pending State = iota
	Claimed
	Approved
	Rejected
	Expired
	Cancelled
	Returning
)

// states is how many there are.
const states = int(Returning) + 1

var stateNames = [states]string{"pending", "claimed", "approved", "rejected", "expired", "cancelled", "returning"}

// String names the state.
func (s State) String() string {
	if int(s) >= states {
		return "unknown"
	}
	return stateNames[s]
}

// Status is the state as the wire has it. Watchers do not learn that a session
// is approved before the browser has come back.
func (s State) Status() string {
	if s == Returning {
		return Claimed.String()
	}
	return s.String()
}

// Open says whether the session has not ended.
func (s State) Open() bool { return s == Returning || s.Undecided() }

// Undecided says whether a phone can still decide the session.
func (s State) Undecided() bool { return s == Pending || s == Claimed }

// A Mode is how the code travels from the browser to the phone.
type Mode string

// The modes.
const (
	Enter   Mode = "enter"   // the user types it, or scans
	Scan    Mode = "scan"    // only scanning counts
	Compare Mode = "compare" // the phone is told the code, the user compares
)

// A Reason says why a verification did not approve, word for word as the wire
// has it.
type Reason string

// The reasons.
const (
	InvalidSignature Reason = "Invalid signature"
	InvalidOTP       Reason = "Invalid OTP"
	TooManyAttempts  Reason = "Too many attempts"
	Declined         Reason = "Declined"
	Reported         Reason = "Reported"
)

// A Canceller is who cancelled a session.
type Canceller string

// The cancellers.
const (
	ByPage     Canceller = "page"
	ByService  Canceller = "service"
	ByAdmin    Canceller = "admin"
	ByReplaced Canceller = "replaced"
)

const (
	// MaxAttempts is how many codes of a session are judged at most.
	MaxAttempts = 3
	// MaxBadSignatures is how many bad signatures the watcher is told of.
	MaxBadSignatures = 3
)

// A Session is one out-of-band approval.
type Session struct {
	ID      ID
	Version uint64 // counts changes; 1 is the start

	// Set at the start and never changed.
	Secret      keyring.SecretID // which master secret its secrets derive from
	Service     string           // the relying party's id
	ByService   bool             // started by the authenticated service
	Asked       device.TokenID   // who is asked; empty: whoever scans first
	Scopes      []device.Scope   // wanted, sorted
	Required    []device.Scope   // of those, the ones the user may not switch off
	Mode        Mode
	Challenge   string // S256 challenge of the page's verifier, or empty
	ClientNonce string
	Operation   *Operation
	Requester   *Requester
	Origin      string // of the page that started it, as the server observed it
	Address     string // of the caller, as the limits count it
	// Silent: who approved is answered elsewhere, so no token is made of the
	// session, and its watcher learns no more than that it was approved.
	Silent bool
	// For is the id of what a silent session was started for: an operation or,
	// for a back end, a request of the provider.
	For string
	// Announced: the service's back end is told how it ends.
	Announced bool
	CreatedAt time.Time
	ExpiresAt time.Time

	State State

	// Set by the claim.
	Claim *Claim

	Attempts      int   // wrong codes judged
	BadSignatures int   // messages sent about them
	Period        int64 // of the code last announced; see otp.period
	Nonces        []SeenNonce

	// Set by the end.
	EndedAt time.Time
	Grant   *Grant // what the token says; approved only
	Proof   *Proof // the request that decided; approved, rejected

	Log []Message // oldest first, at most one otp_ready
	// LastID is the highest message id used so far.
	LastID int
}

// An Operation is what is approved beyond the login itself.
type Operation struct {
	Name string
	Data string
	Form json.RawMessage // compact JSON object, or nil
}

// A Requester is who asks, as far as anybody saw.
type Requester struct {
	IP        string
	UserAgent string // a short form such as "Firefox on Linux"
	ByService bool   // told by the service, not observed
}

// A Claim is a phone's opening of the session.
type Claim struct {
	Token      device.TokenID
	Device     device.ID
	DeviceName string
	Platform   string
	Scan       string // {t}:{c} as scanned, or empty
	Display    string // the exact text shown
	FirstSeen  bool   // the requester was new to this identity
}

// A SeenNonce is a nonce that was spent in this session.
type SeenNonce struct {
	Nonce device.Nonce
	Until time.Time // the request is stale from then on
}

// A Proof is what the phone signed, and with which key.
type Proof struct {
	Text      string
	Signature p256.Signature
	Key       []byte // the 65-byte point
}

// A Grant is all that the token will say, fixed when the session is approved,
// so that every node makes the same token of it.
type Grant struct {
	KeyID     string // of the signing key
	TokenID   string // jti
	Subject   string // sub
	Scopes    []device.Scope
	Claims    device.Claims
	AMR       []string
	ACR       string
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// Due says whether time has ended the session without anybody having said so
// yet.
func (s Session) Due(now time.Time) bool {
	return s.State.Open() && !now.Before(s.ExpiresAt)
}

// Subject is the identity the session belongs to: the one asked for, or the
// one that claimed it; empty while an anonymous session waits for its phone.
func (s Session) Subject() device.TokenID {
	if s.Asked != "" {
		return s.Asked
	}
	if s.Claim != nil {
		return s.Claim.Token
	}
	return ""
}

// Seen says whether a nonce was spent in this session.
func (s Session) Seen(n device.Nonce) bool {
	for _, x := range s.Nonces {
		if x.Nonce == n {
			return true
		}
	}
	return false
}

// Backchannel says whether a session was started for a back end that has no page
// watching it: it asks again, or is told.
func (s Session) Backchannel() bool { return s.Silent && s.ByService }

// Elapsed is the whole seconds since the session began.
func (s Session) Elapsed(now time.Time) int64 {
	if now.Before(s.CreatedAt) {
		return 0
	}
	return int64(now.Sub(s.CreatedAt) / time.Second)
}
