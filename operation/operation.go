package operation

import (
	"context"
	"errors"
	"time"

	"countersign/device"
	"countersign/session"
)

// An ID names an operation: op_ and 22 base64url characters.
type ID string

// A Result is where an operation stands, as the wire has it.
type Result string

// The results.
const (
	Continue Result = "CONTINUE"
	Failed   Result = "FAILED"
	Done     Result = "DONE"
)

// A Step is what has to be done next.
type Step string

// The steps of the operation login.
const (
	Identify Step = "identify" // who logs in; or scan, which needs no name
	Device   Step = "device"   // a session on the phone
)

// An Operation is what is being approved, run as a sequence of steps.
type Operation struct {
	ID        ID
	Version   uint64
	Name      string // "login"
	Service   string // the client
	Browser   []byte // SHA-256 of the secret in the browser's cookie
	CreatedAt time.Time
	ExpiresAt time.Time

	Result Result
	Step   Step
	// Subject is who is asked: hinted, or told in the step identify. Empty:
	// whoever scans.
	Subject device.TokenID
	Scopes  []device.Scope
	// Session is the session of the device step, if one was started.
	Session  session.ID
	Sessions int // started so far
	// Finish is where the browser goes when the operation has ended, well or
	// not: the address by which the authorization request goes on.
	Finish string

	Approval *Approval // Done
	Spent    bool      // the approval was taken
}

// An Approval is what the phone approved.
type Approval struct {
	Token  device.TokenID // the identity itself, never pairwise
	Device device.ID
	AMR    []string
	ACR    string
	At     time.Time
	Scopes []device.Scope
	Claims device.Claims
}

// What goes wrong here.
var (
	// ErrNotFound: no such operation, or it belongs to another browser.
	ErrNotFound = errors.New("operation: not found")
	// ErrConflict: changed by another since it was read.
	ErrConflict = errors.New("operation: changed meanwhile")
	// ErrSpent: the approval was taken before.
	ErrSpent = errors.New("operation: approval already taken")
)

// Store keeps operations, sealed as sessions are.
type Store interface {
	// CreateOperation writes a new one with its lifetime.
	CreateOperation(ctx context.Context, o Operation) error
	// Operation reads one. ErrNotFound.
	Operation(ctx context.Context, id ID) (Operation, error)
	// SwapOperation writes next if the stored version is old's. ErrConflict, ErrNotFound.
	SwapOperation(ctx context.Context, old, next Operation) error
}
