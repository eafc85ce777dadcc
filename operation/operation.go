package operation

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"countersign/crypto/p256"
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

// A Step is what has to be done next: the name of one of the flow's steps.
type Step string

// The steps of the flows that are built in.
const (
	Identify Step = "identify" // who it is; or scan, which needs no name
	Review   Step = "review"   // the user sees what it is, and chooses how to approve it
	Device   Step = "device"   // a session on the phone, or what stands in for it
	Agree    Step = "consent"  // the user agrees to what the service asks for
)

// An Operation is what is being approved, run as a sequence of steps.
type Operation struct {
	ID         ID
	Version    uint64
	Name       string // of its flow
	Service    string // the client
	ByService  bool   // begun by the service's back end, which asks how it ends
	ExternalID string // the back end's own name for it; empty: none
	// Data and Form are what is approved; empty: the login itself.
	Data string
	Form json.RawMessage
	// Browser is the SHA-256 of the secret in the browser's cookie; nil: no
	// browser has opened it yet, and the first that does has it.
	Browser   []byte
	CreatedAt time.Time
	ExpiresAt time.Time

	Result Result
	Step   Step
	// StepEnds is when the step's own time is up; zero: it has none.
	StepEnds time.Time
	// How says how the last try of the step ended; empty: there was none.
	How StepResult
	// Chosen is the method that the user chose in a review.
	Chosen Method
	// Tries counts what was tried by each method, Closed are those that cannot be
	// tried again.
	Tries  []Try
	Closed []Method
	// Attempts is how often any method may be tried in this operation; 0: as often
	// as its flow says.
	Attempts int
	// Risk is a [Risk], how much of the flow is due; empty: all of it, for nobody
	// was asked.
	Risk string
	// Kept is what methods of the step remember until they are answered.
	Kept []Kept
	// Login names the browser login that it was first shown in; empty: it was not
	// shown, or in none.
	Login string
	// Shown says that a page has asked for it.
	Shown bool
	// Named says that the back end named the subject, so nobody else can be told.
	Named bool
	// Subject is who is asked: hinted, or told in the step identify, or, once a
	// factor has succeeded, who that was. Empty: whoever scans.
	Subject device.TokenID
	Scopes  []device.Scope
	// Session is the session of the device step that is not settled yet.
	Session session.ID
	// Finish is where the browser goes when the operation has ended, well or
	// not: an address of this server.
	Finish string
	// Return is where it goes from there, of an operation of a back end; empty:
	// nowhere.
	Return string
	// Reason says why it has failed, in one word of a closed list.
	Reason string

	Approval *Approval // of the last factor
	Spent    bool      // the approval was taken
	History  []Entry
}

// Kept is what a method remembers from its start until it is answered. It is sealed
// like the rest, and gone when the step is.
type Kept struct {
	Method Method
	State  []byte // as the method writes it
}

// A Try is how often a method was tried.
type Try struct {
	Method Method
	N      int
}

// An Entry is one thing that happened to an operation.
type Entry struct {
	At     time.Time
	Step   Step
	Method Method // empty: it was not by a method
	How    StepResult
	Result Result // where the operation stood after it
	Reason string // why it failed
}

// historyMost bounds a history; the oldest leave.
const historyMost = 64

// An Approval is what was approved, and how.
type Approval struct {
	Token  device.TokenID // the identity itself, never pairwise
	Device device.ID      // the phone's, or the name of a passkey; empty: neither
	AMR    []string
	ACR    string
	At     time.Time
	Scopes []device.Scope
	Claims device.Claims
	// Proof is kept of the operation of a back end that a phone has signed.
	Proof *Proof
}

// A Proof is what a phone signed, and with which key: whoever has it can check it
// without this server.
type Proof struct {
	Text      string // the signed text
	Signature p256.Signature
	Key       []byte // the 65-byte point
	Display   string // what the phone showed; its hash is in Text
	// Device and At are the phone that signed, and when, which may have been in an
	// earlier step than the last.
	Device device.ID
	At     time.Time
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
	// ListOperation puts one of a back end on the list of those about an identity
	// (see [Operation.About]). Whom it comes to be about later, it is listed for
	// by the swap that says so.
	ListOperation(ctx context.Context, o Operation) error
	// Operation reads one. ErrNotFound.
	Operation(ctx context.Context, id ID) (Operation, error)
	// OperationsOf gives the ids of a service's operations that are about an
	// identity (see [Operation.About]), each once; of more than 100, those that
	// end last. One may be about another identity, or there no more.
	OperationsOf(ctx context.Context, service string, subject device.TokenID) ([]ID, error)
	// TakeTurn makes an operation the one that a browser login is at, and gives
	// the one before it; empty: there was none.
	TakeTurn(ctx context.Context, login string, id ID, until time.Time) (before ID, err error)
	// Turn gives the operation that a browser login is at; empty: there is none.
	Turn(ctx context.Context, login string) (ID, error)
	// SwapOperation writes next if the stored version is old's. ErrConflict, ErrNotFound.
	SwapOperation(ctx context.Context, old, next Operation) error
}

// About is who the service may know the operation to be about: whom it named, or
// who has proven to be there. Who only told a name in a page is nobody yet, or
// anybody could put operations on another's list, and a service that knows its users
// by ids of their own could have the id of every name worked out.
func (o Operation) About() device.TokenID {
	if o.Named || o.Approval != nil {
		return o.Subject
	}
	return ""
}

// tried is how often a method was tried.
func (o Operation) tried(m Method) int {
	for _, t := range o.Tries {
		if t.Method == m {
			return t.N
		}
	}
	return 0
}

// try counts a try of a method.
func (o *Operation) try(m Method) {
	o.Tries = slices.Clone(o.Tries)
	for i := range o.Tries {
		if o.Tries[i].Method == m {
			o.Tries[i].N++
			return
		}
	}
	o.Tries = append(o.Tries, Try{m, 1})
}

// kept is what a method remembers; nil: nothing.
func (o Operation) kept(m Method) []byte {
	for _, k := range o.Kept {
		if k.Method == m {
			return k.State
		}
	}
	return nil
}

// keep has a method remember something in the place of what it did; nil: nothing.
func (o *Operation) keep(m Method, state []byte) {
	o.Kept = slices.DeleteFunc(slices.Clone(o.Kept), func(k Kept) bool { return k.Method == m })
	if state != nil {
		o.Kept = append(o.Kept, Kept{m, state})
	}
}

// note puts something into the history.
func (o *Operation) note(e Entry) {
	e.Result = o.Result
	o.History = append(slices.Clone(o.History), e)
	if n := len(o.History); n > historyMost {
		o.History = o.History[n-historyMost:]
	}
}
