package operation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"countersign/audit"
	"countersign/session"
)

// Handle answers a page's message. A message that is not taken is answered with
// a Reason, not with an error; the errors are those of the store, and of the
// start of a session: device.LimitedError, session.ErrFull.
func (svc *Service) Handle(ctx context.Context, id ID, secret string, m Message, from Requester) (Answer, error) {
	ctx = context.WithoutCancel(ctx)
	asked := &asked{from: from}
	for range tries {
		o, err := svc.Peek(ctx, id, secret)
		switch {
		case errors.Is(err, ErrNotFound):
			return refused(m, NotFound), nil
		case err != nil:
			return Answer{}, err
		case !m.Type.request():
			return refused(m, Unsupported), nil
		}
		v, err := svc.look(ctx, o)
		if err != nil {
			return Answer{}, err
		}
		v.asked = asked
		a, again, err := svc.answer(ctx, v, m, from)
		if again || errors.Is(err, ErrConflict) {
			continue
		}
		return a, err
	}
	return Answer{}, fmt.Errorf("%w, %d times", ErrConflict, tries)
}

// answer decides and carries out; again says that the operation was brought up to
// the present first, and the message is still to be answered.
func (svc *Service) answer(ctx context.Context, v view, m Message, from Requester) (a Answer, again bool, err error) {
	p, due, err := svc.settle(v, m)
	if err != nil {
		return Answer{}, false, err
	}
	if !due && v.lost() {
		return Answer{}, false, fmt.Errorf("%w: %s at %s", errUnknown, v.o.Name, v.o.Step)
	}
	if !due {
		if p, err = v.decide(ctx, m); err != nil {
			return Answer{}, false, err
		}
		if m.Type == Init && v.o.Result == Continue && !v.o.Shown && p.next == nil {
			a, err = svc.show(ctx, v, p, m, from)
			return a, false, err
		}
	}
	a, err = svc.carryOut(ctx, v, p, m, from)
	if err == nil && !due {
		a, err = svc.onward(ctx, v, m, a)
	}
	return a, due && a.Operation.Result == Continue, err
}

// look reads what an operation's answers are decided from.
func (svc *Service) look(ctx context.Context, o Operation) (v view, err error) {
	v = view{svc: svc, whole: svc.Flows[o.Name], now: svc.Now(), asked: &asked{}}
	party, _ := svc.Parties.Party(o.Service)
	v.scans = slices.Contains(party.Modes, session.Scan)
	v = v.at(o)
	if o.Result == Continue && o.Subject != "" && v.whole.pages() {
		if v.person, err = svc.Sessions.Person(ctx, o.Service, o.Subject); err != nil {
			return v, err
		}
	}
	if v.agreed, err = v.agreement(ctx); err != nil {
		return v, err
	}
	if o.Session == "" || o.Result != Continue {
		return v, nil
	}
	s, err := svc.Sessions.Get(ctx, o.Session)
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
	// Who has scanned is not whom the operation asked so far.
	if c := s.Claim; v.decided() && c != nil && c.Token != v.o.Subject && v.whole.pages() {
		v.person, err = svc.Sessions.Person(ctx, o.Service, c.Token)
	}
	return v, err
}

// whom reads whom an operation asks, if methods do that are answered in the page.
func (v view) whom(ctx context.Context, o Operation) (session.Person, error) {
	if o.Result != Continue || o.Subject == "" || !v.flow.pages() {
		return session.Person{}, nil
	}
	return v.svc.Sessions.Person(ctx, o.Service, o.Subject)
}

// settle is what has become of the operation since it was last written: its session
// has ended, or time has. due is false if nothing has. The error is that of an
// approval without proof.
func (svc *Service) settle(v view, m Message) (p plan, due bool, err error) {
	switch {
	case v.o.Result != Continue:
		return p, false, nil
	case v.lost() && (v.now.Before(v.o.ExpiresAt) || v.decided()):
		return p, false, nil // a node that knows its flow will
	case v.lost():
		return v.end(m, causeExpired), true, nil
	}
	how, why := v.tried()
	switch {
	case how == Confirmed: // also if the page gives up just now: what a phone has decided stays
		a, err := svc.approved(v)
		if err != nil {
			return p, false, err
		}
		v.o.Approval, v.o.Subject = a, a.Token
		return v.settled(m, ByPhone, Confirmed, ""), true, nil
	case how != "":
		return v.settled(m, ByPhone, how, why), true, nil
	case v.passed(): // also late: nobody was asked for anything
		return v.pass(m), true, nil
	case !v.now.Before(v.o.ExpiresAt):
		return v.end(m, causeExpired), true, nil
	case !v.o.StepEnds.IsZero() && !v.now.Before(v.o.StepEnds):
		return v.settled(m, v.step.Ways[0].Method, AuthMethodFailed, causeExpired), true, nil
	}
	return p, false, nil
}

// decide is the dispatcher: the message is for the step that is due.
func (v view) decide(ctx context.Context, m Message) (plan, error) {
	if v.o.Result != Continue {
		return plan{answer: v.o.ended(m)}, nil
	}
	if v.gone() {
		return v.end(m, causeRevoked), nil
	}
	switch m.Type {
	case Cancel:
		return v.end(m, causeCancelled), nil
	case Init:
		return plan{answer: v.init(m)}, nil
	case Status:
		return plan{answer: Answer{Type: Status, ReplyTo: m.Type, Operation: v.o, StepResult: v.o.How}}, nil
	case Choose:
		return v.choose(m), nil
	case Start:
		if x, ok := v.offered(m.Method); ok {
			return x.start(ctx, v, m)
		}
	case Verify:
		by := v.answers(m)
		if x, ok := v.offered(by); ok {
			return v.take(ctx, by, x, m)
		}
	case Complete, Failure: // answers, no requests
	}
	return plan{answer: refused(m, OutOfStep)}, nil
}

// offered is a method that the step takes, or that can be taken beside it. Whether
// it is open, it says itself.
func (v view) offered(m Method) (method, bool) {
	x, known := methods()[m]
	_, listed := v.step.way(m)
	beside := m == ByPhone && v.identifiesBy(ByPhone) || m == ByPasskey && v.mayProve() || m == ByName && v.mayRename()
	return x, known && (listed || beside) && !slices.Contains(v.o.Closed, m) && !v.off(m)
}

// answers is the method that an answer of the page is for: authenticators write of
// passkeys and of new ones alike.
func (v view) answers(m Message) Method {
	if _, adds := v.step.way(ByPasskeyAdd); adds && m.method() == ByPasskey {
		return ByPasskeyAdd
	}
	return m.method()
}

// begin starts the session of a device step. It is the same whether or not there
// is anybody of that name.
func (svc *Service) begin(ctx context.Context, o Operation, m Message, from Requester) (session.Session, error) {
	party, known := svc.Parties.Party(o.Service)
	if !known {
		return session.Session{}, errUnknown
	}
	st := session.Start{
		Party: party, Scopes: make([]string, 0, len(o.wanted())), Challenge: m.Challenge, Silent: true, For: string(o.ID), Until: o.ends(),
		Origin: svc.origin(), Address: from.Address, Requester: &session.Requester{IP: from.IP, UserAgent: from.UserAgent},
	}
	if !o.anybody(m) {
		st.Asked = &o.Subject
	}
	if o.Data != "" {
		st.Operation = &session.Operation{Name: o.Name, Data: o.Data, Form: o.Form}
	}
	for _, s := range o.wanted() {
		st.Scopes = append(st.Scopes, string(s))
	}
	return svc.Sessions.Start(ctx, st)
}

// carryOut stores what a plan changes. A session that is given up for it ends first:
// if a phone has decided it meanwhile, that goes before the plan. With ErrConflict
// the operation stands as it stood, and is to be looked at again.
func (svc *Service) carryOut(ctx context.Context, v view, p plan, m Message, from Requester) (Answer, error) {
	if p.next == nil {
		return p.answer, p.posted(ctx)
	}
	next := *p.next
	next.Version = v.o.Version + 1
	if p.session {
		s, err := svc.begin(ctx, next, m, from)
		if err != nil {
			return Answer{}, err
		}
		next.Session = s.ID
		p.answer = Answer{Type: Start, ReplyTo: m.Type, Started: &s}
	}
	err := svc.cancel(ctx, p.give, p.by)
	if errors.Is(err, session.ErrResolved) {
		err = ErrConflict
	}
	if err == nil {
		err = svc.Store.SwapOperation(ctx, v.o, next)
	}
	if err != nil {
		if p.session { // nobody was told of it
			err = errors.Join(err, svc.cancel(ctx, next.Session, session.ByReplaced))
		}
		return Answer{}, err
	}
	p.answer.Operation = next
	if err := svc.tell(ctx, v.o, next); err != nil {
		return p.answer, err
	}
	if p.note != "" {
		if err := svc.record(ctx, next, p.note, string(m.method())); err != nil {
			return p.answer, err
		}
	}
	return p.answer, p.posted(ctx)
}

// posted does what a plan does once its change is made.
func (p plan) posted(ctx context.Context) error {
	if p.post == nil {
		return nil
	}
	return p.post(ctx)
}

// givenUp marks what this package does to a session of its own: nobody has to be told.
type givenUp struct{}

// cancel ends a session, if there is one. session.ErrResolved: it has ended meanwhile.
func (svc *Service) cancel(ctx context.Context, id session.ID, by session.Canceller) error {
	if id == "" {
		return nil
	}
	_, err := svc.Sessions.Cancel(context.WithValue(ctx, givenUp{}, true), id, by)
	if errors.Is(err, session.ErrNotFound) {
		return nil
	}
	return err
}

func (svc *Service) tell(ctx context.Context, before, o Operation) error {
	if o.Risk != before.Risk {
		if err := svc.record(ctx, o, audit.OperationRisk, o.Risk); err != nil {
			return err
		}
	}
	if o.Result == before.Result {
		return nil
	}
	if o.ByService && svc.Herald != nil {
		svc.Herald.OperationOver(ctx, o)
	}
	if o.Result == Done {
		return svc.record(ctx, o, audit.OperationDone, "")
	}
	return svc.record(ctx, o, audit.OperationFailed, o.Reason)
}

// Ended is told of every session that has ended; see [session.Service]. The
// operation that it was started for goes on at once, so that whoever asks about it,
// or is told of it, learns how it stands. An error is for the phone, which sends its
// approval again: what it is told of is kept.
func (svc *Service) Ended(ctx context.Context, s session.Session) error {
	id := ID(s.For)
	if !strings.HasPrefix(s.For, idPrefix) || !id.WellFormed() || ctx.Value(givenUp{}) != nil {
		return nil
	}
	v, err := svc.viewed(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err == nil && v.lost() && v.decided():
		return ErrLost
	}
	return err
}

// ErrLost says that a phone has approved an operation whose flow is not configured on
// this node. Another may know it.
var ErrLost = errors.New("operation: its flow is not configured on this node")

// present brings an operation up to the present, and gives it.
func (svc *Service) present(ctx context.Context, id ID) (Operation, error) {
	v, err := svc.viewed(ctx, id)
	return v.o, err
}

// viewed brings an operation up to the present, and gives all that is known of it.
func (svc *Service) viewed(ctx context.Context, id ID) (v view, err error) {
	asked := &asked{}
	for range tries {
		if v.o, err = svc.Store.Operation(ctx, id); err != nil {
			return v, err
		}
		if v, err = svc.look(ctx, v.o); err != nil {
			return v, err
		}
		v.asked = asked
		p, due, err := svc.settle(v, Message{Type: Status})
		if err != nil || !due {
			return v, err
		}
		_, err = svc.carryOut(ctx, v, p, Message{Type: Status}, Requester{})
		if err != nil && !errors.Is(err, ErrConflict) {
			return v, err
		}
	}
	return view{}, fmt.Errorf("%w, %d times", ErrConflict, tries)
}
