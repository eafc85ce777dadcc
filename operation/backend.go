package operation

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/session"
)

// An Order is a back end's wish for an operation. What it is about has been checked
// for its form.
type Order struct {
	Name    string // of its flow
	Service string // the relying party's id, which has authenticated
	Data    string
	Form    json.RawMessage
	// Subject is who is asked, as the service knows them; empty: whoever tells
	// their name, or scans.
	Subject    device.TokenID
	ExternalID string
	Scopes     []device.Scope
	Return     string // where the browser goes at the end; empty: nowhere
	// Expiry and Attempts are those of its template, see [New].
	Expiry   time.Duration
	Attempts int
	// Repeat is the caller's idempotency key, or empty; Body is the digest of the
	// request it came with.
	Repeat, Body string
}

// Repeats remembers idempotency keys.
type Repeats interface {
	// RecallOperation gives the operation that a key stands for, and the digest
	// of the body it was first used with; ok is false if it stands for none.
	RecallOperation(ctx context.Context, key string) (id ID, body string, ok bool, err error)
	// RememberOperation makes a key stand for an operation, and gives the one it
	// stands for: the first that asked.
	RememberOperation(ctx context.Context, key string, id ID, body string, lifetime time.Duration) (ID, string, error)
}

// What a back end is refused with.
var (
	// ErrUnknown: there is no operation of that name.
	ErrUnknown = errors.New("operation: no such operation")
	// ErrNobody: the operation is about somebody, and the service says not whom.
	ErrNobody = errors.New("operation: a user must be named")
	// ErrFinished: it has ended, and not by a cancel.
	ErrFinished = errors.New("operation: has ended")
)

// BackendKeep is how long an operation of a back end is kept after its time is up,
// for the back end to ask about.
const BackendKeep = 24 * time.Hour

// repeatSpare is how long before its operation an idempotency key is forgotten, so
// that none leads to what is there no more.
const repeatSpare = 10 * time.Second

// Create begins an operation for a back end. It is not shown anywhere yet: the
// first browser that opens its page has it. [ErrUnknown], [ErrNobody],
// session.ErrScope, session.ErrIdempotency, session.ErrFull; at services that may
// know session.ErrNotEnrolled, session.ErrRevoked.
func (svc *Service) Create(ctx context.Context, w Order) (Operation, error) {
	ctx = context.WithoutCancel(ctx)
	if w.Repeat != "" {
		return svc.once(ctx, w)
	}
	o, err := svc.ordered(ctx, w)
	if err == nil {
		err = svc.Store.CreateOperation(ctx, o)
	}
	if err != nil {
		return Operation{}, err
	}
	return o, svc.begun(ctx, o)
}

// once begins the operation of an idempotency key, or gives the one that it began
// before, whatever else has changed since. One that lost against another with the
// key, or whose caller was told of a failure, is nobody's: its id was told to nobody,
// and it stands on no list.
func (svc *Service) once(ctx context.Context, w Order) (Operation, error) {
	key := strings.Join([]string{"", "operation", w.Service, w.Repeat}, "\n") // no key of a session begins so
	id, body, known, err := svc.Repeats.RecallOperation(ctx, key)
	if err != nil {
		return Operation{}, err
	}
	var o Operation
	if !known {
		if o, err = svc.ordered(ctx, w); err == nil {
			err = svc.Store.CreateOperation(ctx, o)
		}
		if err != nil {
			return Operation{}, err
		}
		id, body, err = svc.Repeats.RememberOperation(ctx, key, o.ID, w.Body, o.ExpiresAt.Sub(o.CreatedAt)+BackendKeep-repeatSpare)
		if err != nil {
			return Operation{}, err
		}
		if id == o.ID {
			return o, svc.begun(ctx, o)
		}
	}
	if body != w.Body {
		return Operation{}, session.ErrIdempotency
	}
	if o, err = svc.present(ctx, id); err != nil {
		return Operation{}, err
	}
	return o, svc.listed(ctx, o)
}

// begun lists an operation, has its end told, and puts it on record.
func (svc *Service) begun(ctx context.Context, o Operation) error {
	if err := svc.Store.ListOperation(ctx, o); err != nil {
		return err
	}
	if err := svc.announce(ctx, o); err != nil {
		return err
	}
	return svc.record(ctx, o, audit.OperationStarted, o.Name)
}

func (svc *Service) announce(ctx context.Context, o Operation) error {
	if svc.Herald == nil {
		return nil
	}
	return svc.Herald.ExpectOperation(ctx, o)
}

// listed makes up for a node that was stopped before it had listed an operation and
// had its end told.
func (svc *Service) listed(ctx context.Context, o Operation) error {
	if err := svc.announce(ctx, o); err != nil {
		return err
	}
	if o.About() == "" {
		return nil
	}
	ids, err := svc.Store.OperationsOf(ctx, o.Service, o.About())
	if err != nil || slices.Contains(ids, o.ID) {
		return err
	}
	return svc.Store.ListOperation(ctx, o)
}

// ordered makes the operation of an order.
func (svc *Service) ordered(ctx context.Context, w Order) (Operation, error) {
	if _, ok := svc.Flows[w.Name]; !ok {
		return Operation{}, ErrUnknown
	}
	party, _ := svc.Parties.Party(w.Service)
	subject := device.TokenID("")
	if w.Subject != "" {
		subject = party.Identity(w.Subject).Canonical()
	}
	o, err := svc.plan(New{Name: w.Name, Service: w.Service, Subject: subject, Scopes: w.Scopes, Expiry: w.Expiry, Attempts: w.Attempts})
	if err != nil {
		return o, err
	}
	o.Finish, o.Return = svc.Issuer+"/done?operation="+string(o.ID), w.Return
	o.ByService, o.Named, o.ExternalID, o.Data, o.Form = true, subject != "", w.ExternalID, w.Data, w.Form
	v := view{svc: svc, whole: svc.Flows[w.Name], scans: slices.Contains(party.Modes, session.Scan)}.at(o)
	if !v.open(v.step) {
		return o, ErrNobody // whoever it is, has to be named
	}
	if !o.Named {
		return o, nil
	}
	return o, svc.Sessions.Reveal(ctx, party, o.Subject)
}

// Ask gives an operation of a service as it stands now. ErrNotFound.
func (svc *Service) Ask(ctx context.Context, service string, id ID) (Operation, error) {
	return svc.owned(ctx, svc.present, service, id)
}

// owned reads an operation for the service whose back end began it.
func (svc *Service) owned(ctx context.Context, read func(context.Context, ID) (Operation, error), service string, id ID) (Operation, error) {
	if !id.WellFormed() {
		return Operation{}, ErrNotFound
	}
	o, err := read(ctx, id)
	if err == nil && (o.Service != service || !o.ByService) {
		return Operation{}, ErrNotFound
	}
	return o, err
}

// Due are the methods that take the step that an operation is at, the most fitting
// first; none of one that has ended.
func (svc *Service) Due(o Operation) (out []Method) {
	if o.Result != Continue {
		return nil
	}
	party, _ := svc.Parties.Party(o.Service)
	v := view{svc: svc, whole: svc.Flows[o.Name], scans: slices.Contains(party.Modes, session.Scan)}.at(o)
	for _, w := range v.step.Ways {
		if v.takes(v.step, w.Method) {
			out = append(out, w.Method)
		}
	}
	return out
}

// GiveUp cancels an operation for its service. It may be repeated; after another
// end it is [ErrFinished]. ErrNotFound.
func (svc *Service) GiveUp(ctx context.Context, service string, id ID) (Operation, error) {
	ctx = context.WithoutCancel(ctx)
	asked := &asked{}
	for range tries {
		o, err := svc.owned(ctx, svc.Store.Operation, service, id)
		if err != nil {
			return o, err
		}
		v, err := svc.look(ctx, o)
		if err != nil {
			return o, err
		}
		v.asked = asked
		p, due, err := svc.settle(v, Message{})
		switch {
		case err != nil:
			return o, err
		case due: // what was decided before goes first
		case o.Result == Failed && o.Reason == string(causeCancelled):
			return o, nil
		case o.Result != Continue:
			return o, ErrFinished
		case v.lost() && v.decided():
			return o, ErrLost
		default:
			p = v.end(Message{}, causeCancelled)
			p.by = session.ByService
		}
		a, err := svc.carryOut(ctx, v, p, Message{}, Requester{})
		if errors.Is(err, ErrConflict) || err == nil && due {
			continue
		}
		return a.Operation, err
	}
	return Operation{}, ErrConflict
}

// Of gives the operations of a service that are about a user of its, the newest
// first; the service names the user as it knows them.
func (svc *Service) Of(ctx context.Context, service string, user device.TokenID) ([]Operation, error) {
	party, _ := svc.Parties.Party(service)
	who := party.Identity(user).Canonical()
	ids, err := svc.Store.OperationsOf(ctx, service, who)
	if err != nil {
		return nil, err
	}
	var out []Operation
	for _, id := range ids {
		o, err := svc.Ask(ctx, service, id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if o.About() == who {
			out = append(out, o)
		}
	}
	slices.SortStableFunc(out, func(a, b Operation) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return out, nil
}

// Open binds an operation of a back end to the browser that opens its page first,
// and gives the secret for that browser's cookie. ErrNotFound: also if another
// browser has it.
func (svc *Service) Open(ctx context.Context, id ID) (Operation, string, error) {
	if !id.WellFormed() {
		return Operation{}, "", ErrNotFound
	}
	o, err := svc.Store.Operation(ctx, id)
	if err != nil {
		return o, "", err
	}
	if !o.ByService || o.Browser != nil {
		return Operation{}, "", ErrNotFound
	}
	secret, hash := newSecret()
	next := o
	next.Version++
	next.Browser = hash
	if err := svc.Store.SwapOperation(ctx, o, next); errors.Is(err, ErrConflict) {
		return Operation{}, "", ErrNotFound // another was first
	} else if err != nil {
		return Operation{}, "", err
	}
	return next, secret, svc.record(ctx, next, audit.OperationOpened, "")
}
