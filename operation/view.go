package operation

import (
	"context"
	"slices"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/passkey"
	"countersign/session"
)

// A view is all that an answer is decided from: the operation as it is stored, its
// flow and the step that is due, and the session of a device step, if one was
// started and is still known.
type view struct {
	svc *Service
	o   Operation
	// whole is its flow, and flow what is left of that at its risk.
	whole Flow
	flow  Flow
	step  FlowStep
	s     *session.Session
	// scans says whether the service lets anybody scan.
	scans bool
	// person is who is asked, where the flow has methods that are answered in the
	// page; zero: nobody is told yet.
	person session.Person
	// agreed is what the user has agreed to before, where the step asks.
	agreed Consent
	// granted is what the answer that is being taken grants.
	granted []device.Scope
	asked   *asked
	now     time.Time
}

// asked is what one request has come to, however often it is looked at anew.
type asked struct {
	from    Requester
	counted int // how many codes have counted with the one it brings; 0: it has not
	risks   map[Occasion]Risk
	sent    bool                 // whether the letter that it asks for has counted
	used    bool                 // what an authenticator has sent was good, and is spent
	refused passkey.RefusedError // why it was not
}

// at is the view of another state of the operation.
func (v view) at(o Operation) view {
	v.flow = v.whole.at(Risk(o.Risk), o.Step)
	step, _ := v.flow.step(o.Step)
	v.o, v.step, v.s = o, step, nil
	return v
}

// lost says that this node does not know the flow of an operation, or that the flow
// has not the step any more: the configuration was changed meanwhile, or is being
// changed, node by node.
func (v view) lost() bool {
	_, known := v.whole.step(v.o.Step)
	return v.o.Result == Continue && !known
}

// A cause says why an operation has failed, as the audit stream has it.
type cause string

const (
	causeCancelled   cause = "cancelled"
	causeExpired     cause = "expired"
	causeReported    cause = "reported"
	causeTooMany     cause = "too_many"
	causeDeclined    cause = "declined"
	causeNoMethod    cause = "no_method"
	causeRevoked     cause = "revoked"               // the phone that had approved a step
	causeInterrupted cause = "INTERRUPTED_OPERATION" // by another of the same browser login
)

// A plan is what a message leads to.
type plan struct {
	answer Answer
	next   *Operation // nil: nothing changes
	// session says that a session has to be started, whose id next gets.
	session bool
	// give is a running session that is given up, and by whom.
	give session.ID
	by   session.Canceller
	// note is what goes on record besides what becomes of the operation.
	note audit.Kind
	// post, if set, is done once the change is made, if one is.
	post func(context.Context) error
}

// identifies says whether the step due is the one that asks who it is.
func (v view) identifies() bool {
	_, ok := v.step.way(ByName)
	return ok
}

// reviews says whether the step due shows what it is, and asks for a choice.
func (v view) reviews() bool {
	_, ok := v.step.way(ByReview)
	return ok
}

// takes says whether a method takes a step, as things stand.
func (v view) takes(s FlowStep, m Method) bool {
	_, listed := s.way(m)
	x, known := methods()[m]
	in := v
	in.step = s
	return listed && known && !slices.Contains(v.o.Closed, m) && !v.off(m) && x.open(in)
}

// open says whether some method takes a step.
func (v view) open(s FlowStep) bool {
	return slices.ContainsFunc(s.Ways, func(w Way) bool { return v.takes(s, w.Method) })
}

// ways are the methods offered now, the most fitting first.
func (v view) ways() []Offer {
	s := v.step
	if v.reviews() {
		s, _ = v.flow.next(s.Name)
	}
	var list []Method
	for _, w := range s.Ways {
		if v.takes(s, w.Method) {
			list = append(list, w.Method)
		}
	}
	if i := slices.Index(list, v.o.Chosen); i > 0 {
		list = slices.Insert(slices.Delete(list, i, i+1), 0, v.o.Chosen)
	}
	list = append(list, v.beside()...)
	out := make([]Offer, 0, len(list))
	for _, m := range list {
		out = append(out, Offer{m, methods()[m].label()})
	}
	return out
}

// beside are methods of a neighbouring step that can be taken in this one: scanning
// and passkeys, which identify too; and another name, as long as nobody has proven to
// be who they are.
func (v view) beside() (out []Method) {
	if v.identifiesBy(ByPhone) && v.scans {
		out = append(out, ByPhone)
	}
	if v.mayProve() && !slices.Contains(v.o.Closed, ByPasskey) && (passkeys{}).open(v) {
		out = append(out, ByPasskey)
	}
	if !v.identifies() && v.mayRename() {
		out = append(out, ByName)
	}
	return out
}

// identifiesBy says whether a method may take the step that asks who it is, together
// with the one after it.
func (v view) identifiesBy(m Method) bool {
	n, _ := v.flow.next(v.step.Name)
	_, takes := n.way(m)
	return v.identifies() && takes
}

// mayProve says whether a passkey may: not for an operation that is about something,
// which nobody has seen yet.
func (v view) mayProve() bool { return v.identifiesBy(ByPasskey) && v.o.Data == "" }

// mayRename says whether the user may still tell another name: in the step after
// the one that asks for it.
func (v view) mayRename() bool {
	first := v.flow.Steps[0]
	_, asks := first.way(ByName)
	return asks && v.o.Approval == nil && !v.o.Named && v.flow.index(v.step.Name) == 1
}

// remaining is how often a method can still be tried; -1: as often as one likes.
func (v view) remaining(m Method) int {
	most := methods()[m].tries()
	w, listed := v.step.way(m)
	if !listed && v.identifies() {
		n, _ := v.flow.next(v.step.Name) // it takes both
		w, _ = n.way(m)
	}
	if w.Attempts > 0 {
		most = w.Attempts
	}
	if most == 0 && v.o.Attempts == 0 {
		return -1
	}
	if m == ByName || m == ByReview || m == ByConsent {
		return -1
	}
	return max(0, fewest(most, v.o.Attempts)-v.o.tried(m))
}

// fewest is the smallest of several bounds; 0: there is none.
func fewest(bounds ...int) (least int) {
	for _, n := range bounds {
		if n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	return least
}

// left is what the page is told: the tries of the step's first method that can be
// tried and has a number of them, or of the phone.
func (v view) left() int {
	for _, w := range v.step.Ways {
		if n := v.remaining(w.Method); n >= 0 && !slices.Contains(v.o.Closed, w.Method) {
			return n
		}
	}
	return v.remaining(ByPhone)
}

// enter sets what belongs to the step that an operation has come to.
func (v view) enter(o *Operation) {
	step, _ := v.whole.step(o.Step)
	o.How, o.StepEnds = "", time.Time{}
	o.Kept = slices.DeleteFunc(slices.Clone(o.Kept), func(k Kept) bool { return !k.stays() })
	if step.Expiry > 0 {
		o.StepEnds = v.now.Add(step.Expiry).Truncate(time.Second)
	}
}

// settled is what a result of the step by a method leads to.
func (v view) settled(m Message, by Method, how StepResult, why cause) plan {
	next := v.o
	next.Session = ""
	if how == AuthFailed && v.remaining(by) == 0 {
		how, why = AuthMethodFailed, causeTooMany
	}
	// Whoever declined the last time that the method may be tried has no use for it.
	if how == AuthMethodFailed || how == Canceled && v.remaining(by) == 0 {
		next.Closed = append(slices.Clone(next.Closed), by)
		next.keep(by, nil)
	}
	from := next.Step
	next.Result, next.Step = v.flow.after(from, by, how, v.at(next).open)
	if why == causeExpired && next.Step == from { // its time is up, by whatever it could still be taken
		next.Result = Failed
	}
	v.rise(&next, Occasion{from, by, how})
	if next.Result == Failed {
		next.Reason = string(reason(how, why))
	}
	if next.Result == Continue && next.Step != from {
		v.enter(&next)
	} else {
		next.How = how
	}
	next.note(Entry{At: v.now, Step: from, Method: by, How: how, Reason: next.Reason})
	answer := v.at(next).init(m)
	if next.Result != Continue {
		answer = next.ended(m)
	}
	return plan{next: &next, answer: answer, give: v.running(), by: session.ByPage}
}

// reason is why an operation has failed by a result.
func reason(how StepResult, why cause) cause {
	switch {
	case why != "":
		return why
	case how == Canceled:
		return causeDeclined
	}
	return causeNoMethod
}

// end ends the operation without an approval.
func (v view) end(m Message, why cause) plan {
	next := v.o
	next.Result, next.Reason, next.Session = Failed, string(why), ""
	if why == causeCancelled {
		next.How = Canceled
	}
	next.note(Entry{At: v.now, Step: next.Step, How: next.How, Reason: next.Reason})
	return plan{next: &next, give: v.running(), by: session.ByPage, answer: next.ended(m)}
}

// failure answers a mistake of the user's, which changes nothing.
func (v view) failure(m Message, t Text) Answer {
	return Answer{Type: Failure, ReplyTo: m.Type, Operation: v.o, Text: t, Remaining: v.left()}
}

// failureOf is failure, with the tries that a method has left.
func (v view) failureOf(by Method, m Message, t Text) Answer {
	a := v.failure(m, t)
	a.Remaining = v.remaining(by)
	return a
}

func (v view) init(m Message) Answer {
	ways := v.ways()
	return Answer{Type: Init, ReplyTo: m.Type, Operation: v.o, StepResult: v.o.How, Ways: ways, Scopes: v.asks(ways), Review: v.reviews(), Remaining: v.left()}
}
