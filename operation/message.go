package operation

import (
	"time"

	"countersign/device"
	"countersign/session"
)

// A Type is what a page wants, or how it is answered (docs/protocol.md, Pages
// of operations).
type Type string

// The types. Complete and Failure are answers only.
const (
	Init     Type = "init"
	Start    Type = "start"
	Verify   Type = "verify"
	Choose   Type = "choose"
	Status   Type = "status"
	Cancel   Type = "cancel"
	Complete Type = "complete"
	Failure  Type = "failure"
)

// request says whether a page may send the type.
func (t Type) request() bool {
	switch t {
	case Init, Start, Verify, Choose, Status, Cancel:
		return true
	case Complete, Failure:
	}
	return false
}

// A Method is a way to take a step.
type Method string

// The methods.
const (
	ByName   Method = "identify" // the user tells a name
	ByPhone  Method = "device"   // a session, which a phone decides
	ByReview Method = "review"   // the user sees what it is, and chooses

	ByMessage Method = "message" // a code that is sent to the user, who types it
	ByOffline Method = "offline" // a code that a phone without a network shows
	ByConsent Method = "consent" // the user agrees to a text
	ByPasskey Method = "passkey" // WebAuthn

	ByPasskeyAdd Method = "passkey_add" // a new passkey, after a phone has approved
)

// A Message is what a page sends. Only what the type and the method need is
// looked at.
type Message struct {
	Type      Type
	Method    Method
	User      string          // start identify
	Challenge string          // start device: S256 challenge of the page's verifier
	Scan      bool            // start device: whoever scans
	OTP       string          // verify message
	Code      string          // verify offline
	Assertion []byte          // verify passkey, passkey_add: JSON, as the browser gave it
	Options   map[string]bool // verify consent: what was ticked
	// Granted, of verify message, offline and passkey: what was left switched on of what
	// the service asks for; nil: the page does not say.
	Granted []device.Scope
}

// method is the one that an answer of the page is for: what it brings says it.
func (m Message) method() Method {
	switch {
	case m.Method != "" || m.Type != Verify:
		return m.Method
	case m.OTP != "":
		return ByMessage
	case m.Code != "":
		return ByOffline
	case m.Assertion != nil:
		return ByPasskey
	case m.Options != nil:
		return ByConsent
	}
	return ""
}

// A Requester is the browser that a message came from, as the server saw it.
type Requester struct {
	IP        string
	UserAgent string // a short form such as "Firefox on Linux"
	Address   string // as the limits count it
	Language  string // of the page
	Login     string // the browser login that it has, if it says init; empty: none
}

// A Reason says why a message was not taken at all.
type Reason string

// The reasons.
const (
	NotFound    Reason = "operation_not_found" // or it is another browser's
	Malformed   Reason = "invalid_request"     // a member missing, or not of its form
	Unsupported Reason = "unsupported_type"    // no type that a page sends
	OutOfStep   Reason = "wrong_step"          // no method of the step that is due
	// ScopeNotAllowed: more is granted than was asked for, or what is required is not.
	ScopeNotAllowed Reason = "scope_not_allowed"
)

// A StepResult says how the last try of a step ended.
type StepResult string

// The step results.
const (
	Confirmed        StepResult = "CONFIRMED"
	Canceled         StepResult = "CANCELED"
	AuthFailed       StepResult = "AUTH_FAILED"
	AuthMethodFailed StepResult = "AUTH_METHOD_FAILED" // the method cannot be tried again
)

// A Text is the key of a text for the user.
type Text string

// An Offer is a method as it is offered.
type Offer struct {
	ID    Method
	Label Text
}

// An Answer is what a page is answered. Its operation is as it stands now.
type Answer struct {
	Type      Type
	ReplyTo   Type
	Reason    Reason // set: the message was not taken, and nothing else is told but the types
	Operation Operation
	Ways      []Offer // init
	// Scopes, of init, are what the page has to show before the step is answered in it.
	Scopes    []ScopeOffer
	Review    bool // init: Ways are choices among the methods of the next step
	Remaining int  // init, failure: how often the step's method can still be tried
	// StepResult is how the last session ended, if one has.
	StepResult StepResult
	// Started is the session that was started. Its secrets are for the page.
	Started *session.Session
	// Sent, Drawn, Asked and Passkey are what the starts of the other methods tell.
	Sent    *Sent
	Drawn   *Drawn
	Asked   *Question
	Passkey []byte // WebAuthn options, JSON
	Text    Text   // failure: what went wrong
	Named   string // what the text is about; empty: it names nothing
	// Location is where the browser goes now that the operation has ended.
	Location string
}

// Sent says that a message with a code is on its way.
type Sent struct {
	To          string        // masked; empty before a factor has succeeded
	ResendAfter time.Duration // when another can be sent, which kills the code of this one
	Length      int           // of the code
}

// Drawn is what the page draws for a phone without a network.
type Drawn struct {
	QR     string // the text
	Format string // names its form
}

// A Question is a text that the user is asked to agree to.
type Question struct {
	Text     string
	Version  string
	Language string // of the text
	Options  []Option
}

// An Option is something that the user may agree to by itself.
type Option struct {
	ID       string
	Text     string
	Required bool
	Value    bool // ticked before, while that holds
}

func refused(m Message, why Reason) Answer {
	return Answer{Type: Failure, ReplyTo: m.Type, Reason: why}
}

// ended answers any message of an operation that has ended.
func (o Operation) ended(m Message) Answer {
	a := Answer{Type: Cancel, ReplyTo: m.Type, Operation: o, StepResult: o.How, Location: o.Finish}
	if o.Result == Done {
		a.Type, a.StepResult = Complete, Confirmed
	}
	return a
}
