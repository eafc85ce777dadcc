// Package audit names what is worth remembering and hands it on. It is the
// domain's only window to logs, metrics and the audit stream: a room that
// changes something records an [Event], and never touches a logger or a
// metrics library itself.
//
// An event says who did what to which session or identity. It never holds a
// code, a token, a wsToken, a signature or a key.
package audit

import (
	"context"
	"errors"
	"time"
)

// A Kind is the stable code of an event. Codes are only ever added.
type Kind string

// The closed list of kinds.
const (
	SessionStarted   Kind = "session.started"
	SessionClaimed   Kind = "session.claimed"
	SessionConfirmed Kind = "session.confirmed" // approved on the browser's own device, which has to come back
	SessionApproved  Kind = "session.approved"
	SessionRejected  Kind = "session.rejected"
	SessionExpired   Kind = "session.expired"
	SessionCancelled Kind = "session.cancelled"

	OperationStarted Kind = "operation.started"
	OperationOpened  Kind = "operation.opened" // a back end's, by the first browser
	OperationRisk    Kind = "operation.risk"   // how dangerous it is found to be
	OperationDone    Kind = "operation.done"
	OperationFailed  Kind = "operation.failed"
	OperationTaken   Kind = "operation.taken" // what was approved was given out, once

	LoginMade    Kind = "login.made"    // a browser login, or one that was used to log in again
	LoginEnded   Kind = "login.ended"   // a browser login, by its user or because another user logged in
	GrantMade    Kind = "grant.made"    // a client was granted something, and has a code for it
	GrantRevoked Kind = "grant.revoked" // and all its tokens with it
	TokenReused  Kind = "token.reused"  // a code or refresh token came twice: the grant is revoked

	NoticeTaken  Kind = "notice.taken"  // another server was told something
	NoticeFailed Kind = "notice.failed" // it was not to be told

	ConsentGranted   Kind = "consent.granted" // a user has agreed to the terms of a service
	ConsentProlonged Kind = "consent.prolonged"
	ConsentRevoked   Kind = "consent.revoked"

	CodeAsked        Kind = "code.asked" // by message; that it was sent is a notice
	CodeWrong        Kind = "code.wrong"
	SignatureInvalid Kind = "signature.invalid"
	DeviceLocked     Kind = "device.locked"
	IdentityLocked   Kind = "identity.locked"
	IdentityUnlocked Kind = "identity.unlocked"
	MethodsChanged   Kind = "identity.methods" // ways to approve were switched off or on

	IdentityAdded   Kind = "identity.added"
	IdentityRevoked Kind = "identity.revoked"
	DeviceEnrolled  Kind = "device.enrolled"
	DeviceRenamed   Kind = "device.renamed"
	DeviceRotated   Kind = "device.rotated" // another key
	DeviceAgreed    Kind = "device.agreed"  // a secret for codes without a network
	DevicePush      Kind = "device.push"    // where it is woken was told, or taken away
	DeviceRevoked   Kind = "device.revoked"
	EnrolmentCoded  Kind = "enrolment.code_made"

	PasskeyAdded   Kind = "passkey.added"
	PasskeyRemoved Kind = "passkey.removed"
	PasskeyRefused Kind = "passkey.refused" // the detail says why

	KeyRotated      Kind = "key.rotated"
	RecordTampered  Kind = "record.tampered"
	RequestsLimited Kind = "requests.limited"
)

// Kinds lists every kind, in the order of the documentation.
func Kinds() []Kind {
	return []Kind{
		SessionStarted, SessionClaimed, SessionConfirmed, SessionApproved, SessionRejected, SessionExpired, SessionCancelled,
		OperationStarted, OperationOpened, OperationRisk, OperationDone, OperationFailed, OperationTaken,
		LoginMade, LoginEnded, GrantMade, GrantRevoked, TokenReused,
		NoticeTaken, NoticeFailed,
		ConsentGranted, ConsentProlonged, ConsentRevoked,
		CodeAsked, CodeWrong, SignatureInvalid, DeviceLocked, IdentityLocked, IdentityUnlocked, MethodsChanged,
		IdentityAdded, IdentityRevoked, DeviceEnrolled, DeviceRenamed, DeviceRotated, DeviceAgreed, DevicePush, DeviceRevoked, EnrolmentCoded,
		PasskeyAdded, PasskeyRemoved, PasskeyRefused,
		KeyRotated, RecordTampered, RequestsLimited,
	}
}

// An Event is one thing that happened. Empty members do not apply.
type Event struct {
	Time      time.Time
	Kind      Kind
	Session   string // sess_…
	Operation string // op_…
	Service   string // the relying party's id
	Token     string // tok_…, the identity
	Device    string // dev_…
	Address   string // the caller's address, as the limits see it
	Detail    string // one word of a closed set: the reason of a rejection, who cancelled, which limit, which notice
	Operator  string // who had it done over the operators' API; see [ByOperator]
}

// A Recorder takes events. Record must be quick and must not block on a
// network: what has to travel is queued.
type Recorder interface {
	Record(ctx context.Context, e Event) error
}

// Tee gives every event to each of the recorders, in order, and joins their
// errors.
func Tee(recorders ...Recorder) Recorder { return tee(recorders) }

type tee []Recorder

func (t tee) Record(ctx context.Context, e Event) error {
	var errs []error
	for _, r := range t {
		errs = append(errs, r.Record(ctx, e))
	}
	return errors.Join(errs...)
}

// Discard forgets every event; for tests and tools.
type Discard struct{}

// Record implements [Recorder].
func (Discard) Record(context.Context, Event) error { return nil }
