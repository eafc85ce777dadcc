package operation

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"countersign/audit"
	"countersign/session"
)

// A view is all that an answer is decided from: the operation as it is stored,
// and the session of its device step, if one was started and is still known.
type view struct {
	o Operation
	s *session.Session
	// how the last session ended, if it has
	how StepResult
	// scans says whether the service lets anybody scan.
	scans bool
}

// A cause says why an operation has failed, as the audit stream has it.
type cause string

const (
	causeCancelled cause = "cancelled"
	causeExpired   cause = "expired"
	causeReported  cause = "reported"
	causeTooMany   cause = "too_many"
)

// A plan is what a message leads to.
type plan struct {
	answer Answer
	next   *Operation // nil: nothing changes
	cause  cause      // next has failed
	// session says that a session has to be started, whose id next gets.
	session bool
	// give is a running session that is given up, and by whom.
	give session.ID
	by   session.Canceller
}

// Handle answers a page's message. A message that is not taken is answered with
// a Reason, not with an error; the errors are those of the store, and of the
// start of a session: device.LimitedError, session.ErrFull.
func (svc *Service) Handle(ctx context.Context, id ID, secret string, m Message, from Requester) (Answer, error) {
	ctx = context.WithoutCancel(ctx)
	for range tries {
		v, err := svc.look(ctx, id, secret)
		if errors.Is(err, ErrNotFound) {
			return refused(m, NotFound), nil
		}
		if err != nil {
			return Answer{}, err
		}
		p, err := svc.decide(v, m)
		if err != nil {
			return Answer{}, err
		}
		a, err := svc.carryOut(ctx, v, p, m, from)
		if !errors.Is(err, ErrConflict) {
			return a, err
		}
	}
	return Answer{}, fmt.Errorf("%w, %d times", ErrConflict, tries)
}

// look reads an operation with its session, brought up to the present.
func (svc *Service) look(ctx context.Context, id ID, secret string) (v view, err error) {
	if v.o, err = svc.Peek(ctx, id, secret); err != nil {
		return v, err
	}
	party, _ := svc.Parties.Party(v.o.Service)
	v.scans = slices.Contains(party.Modes, session.Scan)
	if v.o.Session == "" || v.o.Result != Continue {
		return v, nil
	}
	s, err := svc.Sessions.Get(ctx, v.o.Session)
	if err == nil {
		s, err = svc.Sessions.Tick(ctx, s)
	}
	switch {
	case errors.Is(err, session.ErrNotFound):
		return v, nil // it ended so long ago that it is forgotten
	case err != nil:
		return v, err
	}
	v.s = &s
	return v, nil
}

// decide is the dispatcher: what became of the operation goes first, then the
// message is for the step that is due. The error is that of an approval without
// proof.
func (svc *Service) decide(v view, m Message) (plan, error) {
	switch m.Type {
	case Init, Start, Verify, Choose, Status, Cancel:
	default:
		return plan{answer: refused(m, Unsupported)}, nil
	}
	if v.o.Result != Continue {
		return plan{answer: v.o.ended(m, "")}, nil
	}
	how, over := v.tried()
	v.how = how
	switch {
	case over != "":
		return v.end(m, over), nil
	case m.Type == Cancel: // also if a phone has approved: who cancels has not seen that yet
		return v.end(m, causeCancelled), nil
	case how == Confirmed:
		return svc.done(v, m)
	case !svc.Now().Before(v.o.ExpiresAt):
		return v.end(m, causeExpired), nil
	}
	switch m.Type {
	case Init:
		return plan{answer: v.init(m)}, nil
	case Start:
		return v.start(m), nil
	case Status:
		return plan{answer: Answer{Type: Status, ReplyTo: m.Type, Operation: v.o, StepResult: v.how}}, nil
	default: // verify and choose: no method of these steps is answered in the page
		return plan{answer: refused(m, OutOfStep)}, nil
	}
}

// tried says how the last session ended, if it has; over is set when nothing may
// be tried after it.
func (v view) tried() (how StepResult, over cause) {
	switch {
	case v.o.Session == "":
		return "", ""
	case v.s == nil:
		return AuthFailed, ""
	}
	switch v.s.State {
	case session.Approved:
		return Confirmed, ""
	case session.Rejected:
		switch v.s.Outcome().Reason {
		case session.Declined:
			return Canceled, ""
		case session.Reported:
			return AuthFailed, causeReported
		default:
			return AuthFailed, causeTooMany
		}
	case session.Expired:
		return AuthFailed, ""
	case session.Cancelled:
		return Canceled, ""
	default:
		return "", ""
	}
}

// done takes over what the phone approved, once its signature is found good.
func (svc *Service) done(v view, m Message) (plan, error) {
	if err := svc.Sessions.Proven(*v.s); err != nil {
		return plan{}, err
	}
	g, c := v.s.Grant, v.s.Claim
	if !v.s.Silent || c == nil || v.s.Service != v.o.Service {
		return plan{}, session.ErrProof // not what this operation started
	}
	next := v.o
	next.Result = Done
	next.Approval = &Approval{Token: c.Token, Device: c.Device, AMR: g.AMR, ACR: g.ACR, At: g.IssuedAt, Scopes: g.Scopes, Claims: g.Claims}
	return plan{next: &next, answer: next.ended(m, Confirmed)}, nil
}

// end ends the operation without an approval.
func (v view) end(m Message, why cause) plan {
	next := v.o
	next.Result = Failed
	return plan{next: &next, cause: why, give: v.running(), by: session.ByPage, answer: next.ended(m, v.how)}
}

// fail is end, answered as a failure that tells the user why.
func (v view) fail(m Message, why cause, t Text) plan {
	p := v.end(m, why)
	p.answer.Type, p.answer.Text = Failure, t
	return p
}

// failure answers a mistake of the user's, which changes nothing.
func (v view) failure(m Message, t Text) Answer {
	return Answer{Type: Failure, ReplyTo: m.Type, Operation: v.o, Text: t, Remaining: v.remaining()}
}

func (v view) init(m Message) Answer {
	return Answer{Type: Init, ReplyTo: m.Type, Operation: v.o, StepResult: v.how, Ways: v.ways(), Remaining: v.remaining()}
}

func (v view) remaining() int { return max(0, sessionsMost-v.o.Sessions) }

// running is the session that is still open, if one is.
func (v view) running() session.ID {
	if v.s == nil || !v.s.State.Open() {
		return ""
	}
	return v.s.ID
}

// begin starts the session of a device step. It is the same whether or not there
// is anybody of that name.
func (svc *Service) begin(ctx context.Context, o Operation, m Message, from Requester) (session.Session, error) {
	party, known := svc.Parties.Party(o.Service)
	if !known {
		return session.Session{}, errUnknown
	}
	st := session.Start{
		Party: party, Scopes: make([]string, 0, len(o.Scopes)), Challenge: m.Challenge, Silent: true, Until: o.ExpiresAt,
		Origin: svc.origin(), Address: from.Address, Requester: &session.Requester{IP: from.IP, UserAgent: from.UserAgent},
	}
	if !anybody(o, m) {
		st.Asked = &o.Subject
	}
	for _, s := range o.Scopes {
		st.Scopes = append(st.Scopes, string(s))
	}
	return svc.Sessions.Start(ctx, st)
}

// carryOut stores what a plan changes, and then does what follows from it. With
// ErrConflict nothing was done.
func (svc *Service) carryOut(ctx context.Context, v view, p plan, m Message, from Requester) (Answer, error) {
	if p.next == nil {
		return p.answer, nil
	}
	next := *p.next
	next.Version++
	if p.session {
		s, err := svc.begin(ctx, next, m, from)
		if err != nil {
			return Answer{}, err
		}
		next.Session = s.ID
		p.answer = Answer{Type: Start, ReplyTo: m.Type, Started: &s}
	}
	if err := svc.Store.SwapOperation(ctx, v.o, next); err != nil {
		if p.session { // nobody was told of it
			err = errors.Join(err, svc.cancel(ctx, next.Session, session.ByReplaced))
		}
		return Answer{}, err
	}
	p.answer.Operation = next
	if err := svc.cancel(ctx, p.give, p.by); err != nil {
		return Answer{}, err
	}
	return p.answer, svc.tell(ctx, next, p.cause)
}

// cancel ends a session, if there is one and it has not ended meanwhile.
func (svc *Service) cancel(ctx context.Context, id session.ID, by session.Canceller) error {
	if id == "" {
		return nil
	}
	_, err := svc.Sessions.Cancel(ctx, id, by)
	if errors.Is(err, session.ErrResolved) || errors.Is(err, session.ErrNotFound) {
		return nil
	}
	return err
}

func (svc *Service) tell(ctx context.Context, o Operation, why cause) error {
	switch o.Result {
	case Done:
		return svc.record(ctx, o, audit.OperationDone, "")
	case Failed:
		return svc.record(ctx, o, audit.OperationFailed, string(why))
	default:
		return nil
	}
}
