package operation

import (
	"context"
	"crypto/sha256"
	"slices"

	"countersign/passkey"
	"countersign/session"
)

// handset is the method that a phone takes: a session, which it decides. Who reads
// the page learns the code, and the phone is where it counts.
type handset struct{}

// sessionsMost is how many sessions one operation may start, unless its flow says
// otherwise. Each lets three codes be tried.
const sessionsMost = 5

const (
	labelByPhone   Text = "byPhone"
	triedTooOften  Text = "triedTooOften"
	notOfferedHere Text = "wayClosed"
)

func (handset) label() Text  { return labelByPhone }
func (handset) factor() bool { return true }
func (handset) tries() int   { return sessionsMost }

// open: also for who is not named, if the service lets anybody scan.
func (handset) open(v view) bool { return v.o.Subject != "" || v.scans }

// start asks for a session. In the step identify it may be for whoever scans, who
// is then identified too.
func (handset) start(_ context.Context, v view, m Message) (plan, error) {
	scan := m.Scan && v.o.Approval == nil && !v.o.Named // else it is known who has to approve
	switch {
	case !isBase64(m.Challenge, sha256.Size):
		return plan{answer: refused(m, Malformed)}, nil
	case !scan && v.step.Name == v.flow.Steps[0].Name && v.identifies():
		return plan{answer: refused(m, OutOfStep)}, nil // nobody is named yet
	case (scan || v.o.Subject == "") && !v.scans:
		return plan{answer: v.failure(m, notOfferedHere)}, nil
	case v.remaining(ByPhone) == 0:
		return v.spent(m), nil
	}
	next := v.o
	if v.identifies() {
		n, _ := v.flow.next(v.step.Name)
		next.Step = n.Name
		next.note(Entry{At: v.now, Step: v.step.Name, Method: ByPhone, How: Confirmed})
		v.enter(&next)
	}
	next.How = ""
	next.try(ByPhone)
	return plan{next: &next, give: v.running(), by: session.ByReplaced, session: true}, nil
}

// spent is what a start leads to that is one too many: the method is off, and only
// where no other is left, the user is told that it is over.
func (v view) spent(m Message) plan {
	p := v.settled(m, ByPhone, AuthMethodFailed, causeTooMany)
	if p.next.Result == Failed {
		p.answer.Type, p.answer.Text = Failure, triedTooOften
	}
	return p
}

func (handset) verify(_ context.Context, _ view, m Message) (plan, error) {
	return plan{answer: refused(m, OutOfStep)}, nil
}

// tried says how the session of a step ended, if it has; over is set when nothing
// may be tried after it.
func (v view) tried() (how StepResult, over cause) {
	switch {
	case v.o.Session == "":
		return "", ""
	case v.s == nil:
		return AuthFailed, "" // it ended so long ago that it is forgotten
	}
	switch v.s.State {
	case session.Approved:
		return Confirmed, ""
	case session.Rejected:
		switch v.s.Outcome().Reason {
		case session.Declined:
			return Canceled, ""
		case session.Reported:
			return AuthMethodFailed, causeReported
		default:
			return AuthMethodFailed, causeTooMany
		}
	case session.Expired:
		return AuthFailed, ""
	case session.Cancelled:
		// A page gives its session up to begin another, or with the whole operation,
		// which it then says: nobody has declined.
		switch v.s.Outcome().By {
		case session.ByPage:
			return AuthFailed, ""
		case session.ByReplaced: // whoever begins another is about to say so
			return "", ""
		case session.ByService, session.ByAdmin:
		}
		return Canceled, causeCancelled
	default:
		return "", ""
	}
}

// approved is what the phone approved, once its signature is found good: the proof
// of a factor.
func (svc *Service) approved(v view) (*Approval, error) {
	if err := svc.Sessions.Proven(*v.s); err != nil {
		return nil, err
	}
	s := v.s
	g, c := s.Grant, s.Claim
	if !s.Silent || c == nil || s.Service != v.o.Service || s.For != string(v.o.ID) {
		return nil, session.ErrProof // not what this operation started
	}
	a := &Approval{Token: c.Token, Device: c.Device, AMR: slices.Clone(g.AMR), ACR: g.ACR, At: g.IssuedAt, Scopes: g.Scopes, Claims: g.Claims}
	if v.o.ByService {
		a.Proof = &Proof{Text: s.Proof.Text, Signature: s.Proof.Signature, Key: s.Proof.Key, Display: c.Display, Device: c.Device, At: g.IssuedAt}
	}
	return a.beside(v.o.Approval)
}

// gone says whether the phone that has approved a step was revoked since: what a thief
// began does not go on. Where no step is taken in the page, another phone of the same
// user takes the rest.
func (v view) gone() bool {
	a := v.o.Approval
	if a == nil || !a.byPhone() || !v.whole.pages() {
		return false
	}
	_, active := v.person.Identity.Device(a.Device)
	return !active
}

// byPhone says whether a phone has approved.
func (a *Approval) byPhone() bool { return a.Device != "" && !passkey.Names(a.Device) }

// beside is an approval that comes after another of the same operation.
func (a *Approval) beside(before *Approval) (*Approval, error) {
	if before == nil {
		return a, nil
	}
	if before.Token != a.Token {
		return nil, session.ErrProof // two factors of two people are none
	}
	for _, m := range before.AMR {
		if !slices.Contains(a.AMR, m) {
			a.AMR = append(a.AMR, m)
		}
	}
	if a.Proof == nil {
		a.Proof = before.Proof
	}
	if a.Device == "" || before.byPhone() && !a.byPhone() {
		a.Device = before.Device
	}
	return a, nil
}

// decided says whether a phone has approved the session.
func (v view) decided() bool { return v.s != nil && v.s.State == session.Approved }

// running is the session that is still open, if one is.
func (v view) running() session.ID {
	if v.s == nil || !v.s.State.Open() {
		return ""
	}
	return v.s.ID
}
