package session

import (
	"slices"
	"time"

	"countersign/audit"
	"countersign/device"
)

// A Verb is what happens to a session.
type Verb uint8

// The verbs.
const (
	DoClaim        Verb = iota // a phone opens it
	DoApprove                  // the claiming phone approves, with the right code
	DoApproveV0                // a legacy phone approves, without a claim
	DoDeny                     // the claiming phone declines
	DoReport                   // … and says that it was not its owner
	DoWrongCode                // the claiming phone sent a wrong code
	DoWrongCodeV0              // a legacy phone did
	DoBadSignature             // somebody named this session's phone and signed badly
	DoRotate                   // the code's period has passed
	DoCancel                   // the page, the service or an operator gives up
	DoExpire                   // the time is up
	DoHandOver                 // the claiming phone approves, on the device of the browser
	DoReturn                   // the browser that started it came back with the code
)

// verbs is how many there are.
const verbs = int(DoReturn) + 1

var verbNames = [verbs]string{"claim", "approve", "approve-v0", "deny", "report", "wrong-code", "wrong-code-v0",
	"bad-signature", "rotate", "cancel", "expire", "hand-over", "return"}

// String names the verb.
func (v Verb) String() string {
	if int(v) >= verbs {
		return "unknown"
	}
	return verbNames[v]
}

// An Action is a verb with what it brings along. Only the members that the
// verb needs are set.
type Action struct {
	Verb   Verb
	Nonce  SeenNonce // signed requests: spent with the effect
	Claim  *Claim
	Grant  *Grant
	Proof  *Proof
	By     Canceller
	Period int64
}

// A rule is one cell of the table: where the verb leads, or why it does not.
type rule struct {
	next State
	err  error
}

// table has a rule for every state and verb. The two cells that depend on more
// than the state are marked: a wrong code leads to rejected at the third, and
// a claim by another phone than the first is refused.
func table(s State, v Verb) rule {
	switch {
	case s.Undecided():
		return openTable(s, v)
	case s == Returning:
		return returningTable(v)
	}
	if s == Cancelled && v == DoCancel {
		return rule{next: Cancelled} // cancelling may be repeated
	}
	return rule{err: ErrResolved} // made precise by Decided
}

func openTable(s State, v Verb) rule {
	switch v {
	case DoClaim:
		return rule{next: Claimed} // a second phone: ErrAlreadyClaimed
	case DoApprove:
		return whenClaimed(s, Approved)
	case DoDeny, DoReport:
		return whenClaimed(s, Rejected)
	case DoWrongCode:
		return whenClaimed(s, Claimed) // the third: Rejected
	case DoApproveV0:
		return whenUnclaimed(s, Approved)
	case DoWrongCodeV0:
		return whenUnclaimed(s, Pending) // the third: Rejected
	case DoBadSignature, DoRotate:
		return rule{next: s}
	case DoCancel:
		return rule{next: Cancelled}
	case DoExpire:
		return rule{next: Expired}
	case DoHandOver:
		return whenClaimed(s, Returning)
	case DoReturn:
		return rule{err: ErrReturn}
	}
	return rule{err: ErrResolved}
}

// returningTable: the phone's decision stands, so only the browser's coming
// back, its giving up and time move the session.
func returningTable(v Verb) rule {
	switch v {
	case DoReturn:
		return rule{next: Approved}
	case DoCancel:
		return rule{next: Cancelled}
	case DoExpire:
		return rule{next: Expired}
	case DoClaim, DoApprove, DoApproveV0, DoDeny, DoReport, DoWrongCode, DoWrongCodeV0, DoBadSignature, DoRotate, DoHandOver:
	}
	return rule{err: ErrResolved}
}

func whenClaimed(s, next State) rule {
	if s != Claimed {
		return rule{err: ErrNotClaimed}
	}
	return rule{next: next}
}

func whenUnclaimed(s, next State) rule {
	if s != Pending {
		return rule{err: ErrAlreadyClaimed}
	}
	return rule{next: next}
}

// Decided is the error of a session that is decided or has ended, by how it
// ended; nil while a phone can decide it.
func (s Session) Decided() error {
	switch s.State {
	case Pending, Claimed:
		return nil
	case Expired:
		return ErrExpired
	case Rejected:
		if s.Outcome().Reason == TooManyAttempts {
			return ErrTooManyAttempts
		}
	case Approved, Cancelled, Returning:
	}
	return ErrResolved
}

// Outcome is the final message; the zero one while the session has not ended.
func (s Session) Outcome() Message {
	if n := len(s.Log); n > 0 && s.Log[n-1].end() {
		return s.Log[n-1]
	}
	return Message{}
}

// Apply gives the session after an action at the time now, and what to put on
// record about it. It is pure, and the only code that sets a state.
//
// When time has ended the session, Apply gives the expired session together
// with the error. A caller stores what it gets whenever its Version differs,
// error or not.
func (s Session) Apply(a Action, now time.Time) (Session, []audit.Event, error) {
	if s.Due(now) && a.Verb != DoExpire {
		next, events, err := s.Apply(Action{Verb: DoExpire}, now)
		if err == nil {
			err = ErrExpired
		}
		return next, events, err
	}
	r := table(s.State, a.Verb)
	switch {
	case r.err != nil && !s.State.Undecided():
		return s, nil, s.Decided()
	case r.err != nil:
		return s, nil, r.err
	case a.Verb == DoCancel && s.State == Cancelled:
		return s, nil, nil
	case a.Verb == DoExpire && !s.Due(now):
		return s, nil, nil // somebody's clock is ahead
	case a.Verb == DoClaim && s.Claim != nil && (s.Claim.Device != a.Claim.Device || s.Claim.Token != a.Claim.Token):
		return s, nil, ErrAlreadyClaimed
	case a.Verb == DoRotate && a.Period <= s.Period:
		return s, nil, nil
	case a.Verb == DoBadSignature && s.BadSignatures >= MaxBadSignatures:
		return s, nil, nil
	}
	next := s
	next.Version++
	next.State = r.next
	next.spend(a.Nonce, now)
	kind, detail := next.act(a)
	if !next.State.Open() {
		next.EndedAt = now
	}
	return next, next.events(kind, detail, now), nil
}

// act does what a verb does besides moving the state, and says what to record.
func (s *Session) act(a Action) (audit.Kind, string) {
	switch a.Verb {
	case DoClaim:
		return s.claimed(a)
	case DoApprove, DoApproveV0:
		s.Grant, s.Proof = a.Grant, a.Proof
		s.say(Message{Type: ApprovedMessage})
		return audit.SessionApproved, ""
	case DoDeny:
		return s.reject(Declined, a.Proof)
	case DoReport:
		return s.reject(Reported, a.Proof)
	case DoWrongCode, DoWrongCodeV0:
		return s.wrong(a)
	case DoBadSignature:
		s.BadSignatures++
		s.say(Message{Type: RejectedMessage, Reason: InvalidSignature, Remaining: MaxAttempts - s.Attempts})
		return audit.SignatureInvalid, ""
	case DoRotate:
		s.Period = a.Period
		s.say(Message{Type: OTPReady})
	case DoCancel:
		s.say(Message{Type: CancelledMessage, By: a.By})
		return audit.SessionCancelled, string(a.By)
	case DoExpire:
		s.say(Message{Type: ExpiredMessage})
		return audit.SessionExpired, ""
	case DoHandOver:
		s.Grant, s.Proof = a.Grant, a.Proof
		return audit.SessionConfirmed, ""
	case DoReturn:
		s.say(Message{Type: ApprovedMessage})
		return audit.SessionApproved, ""
	}
	return "", ""
}

func (s *Session) claimed(a Action) (audit.Kind, string) {
	again := s.Claim != nil
	s.Claim = a.Claim
	if again {
		return "", ""
	}
	s.say(Message{Type: ClaimedMessage})
	return audit.SessionClaimed, ""
}

func (s *Session) reject(r Reason, p *Proof) (audit.Kind, string) {
	s.Proof = p
	s.say(Message{Type: RejectedMessage, Reason: r, Final: true, Remaining: MaxAttempts - s.Attempts})
	return audit.SessionRejected, string(r)
}

// wrong counts a wrong code; counting, judging and ending are one step because
// they are one new version of the session.
func (s *Session) wrong(a Action) (audit.Kind, string) {
	s.Attempts++
	if s.Attempts >= MaxAttempts {
		s.State = Rejected
		return s.reject(TooManyAttempts, a.Proof)
	}
	s.say(Message{Type: RejectedMessage, Reason: InvalidOTP, Remaining: MaxAttempts - s.Attempts})
	return audit.CodeWrong, ""
}

// spend remembers a nonce and forgets those whose requests are stale.
func (s *Session) spend(n SeenNonce, now time.Time) {
	if n.Nonce == "" {
		return
	}
	kept := slices.DeleteFunc(slices.Clone(s.Nonces), func(x SeenNonce) bool { return !x.Until.After(now) })
	s.Nonces = append(kept, n)
}

func (s Session) events(kind audit.Kind, detail string, now time.Time) []audit.Event {
	if kind == "" {
		return nil
	}
	e := audit.Event{Time: now, Kind: kind, Session: string(s.ID), Service: s.Service, Token: string(s.Subject()), Detail: detail}
	if s.Claim != nil {
		e.Device = string(s.Claim.Device)
	}
	return []audit.Event{e}
}

// Begin gives the first version of a session that has everything of a start
// set but its state.
func Begin(s Session) (Session, audit.Event) {
	s.Version = 1
	s.State = Pending
	s.say(Message{Type: OTPReady})
	return s, audit.Event{Time: s.CreatedAt, Kind: audit.SessionStarted, Session: string(s.ID), Service: s.Service,
		Token: string(s.Asked), Address: s.Address, Detail: string(s.Mode)}
}

// nonceOf pairs a request's nonce with the end of its use.
func nonceOf(n device.Nonce, timestamp int64) SeenNonce {
	return SeenNonce{Nonce: n, Until: device.NonceEnd(timestamp)}
}
