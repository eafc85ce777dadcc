package operation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/passkey"
	"countersign/session"
)

// A Service begins operations, and answers the pages that show them. All its
// members are set once, before it is used.
type Service struct {
	Issuer   string          // its pages show operations
	Flows    map[string]Flow // by name, each found good by [Flow.Check]
	Store    Store
	Repeats  Repeats
	Sessions *session.Service
	Parties  session.Parties
	Guesses  Guesses
	Risks    Assessor // nil: there is none
	Letters  Letters  // nil: no codes are sent
	Sends    Sends
	Offline  device.OfflineKeys
	Terms    map[string]Terms // by service, of those that ask their users to agree
	Ledger   *Ledger          // what they have agreed to
	// Passkeys checks those of the step passkey; nil: there can be none for this
	// issuer.
	Passkeys *passkey.Service
	Herald   Herald // nil: nobody is told how operations end
	Audit    audit.Recorder
	Now      func() time.Time
}

// A Herald tells back ends how the operations that they began end.
type Herald interface {
	// ExpectOperation is told of one before its back end is answered; it may be told
	// again. Once it has answered, the end will be told, whatever becomes of this
	// node.
	ExpectOperation(ctx context.Context, o Operation) error
	// OperationOver is told of one that has ended.
	OperationOver(ctx context.Context, o Operation)
}

// New is the wish for an operation.
type New struct {
	Name    string // Login
	Service string // the relying party's id
	// Subject is the identity itself, never a pairwise id, that is asked;
	// empty: the user tells, or scans. It may be unknown.
	Subject device.TokenID
	Scopes  []device.Scope
	// Operators: scopes of operators may be among them, if the service may ask for
	// those. Set by the OpenID Provider alone.
	Operators bool
	Finish    string // where the browser goes at the end
	// Expiry is how long it may take, and Attempts how often any method may be tried;
	// 0: as the flow says.
	Expiry   time.Duration
	Attempts int
}

// errUnknown is the caller's mistake: it knows which operations and services
// there are.
var errUnknown = errors.New("operation: no such operation or service")

// Begin begins an operation, and gives the secret that binds it to a browser: 43
// base64url characters, of which only a hash is kept. A scope that the service
// may not ask for is session.ErrScope.
func (svc *Service) Begin(ctx context.Context, n New) (Operation, string, error) {
	o, err := svc.plan(n)
	if err != nil {
		return Operation{}, "", err
	}
	secret, hash := newSecret()
	o.Browser = hash
	if err := svc.Store.CreateOperation(ctx, o); err != nil {
		return Operation{}, "", err
	}
	return o, secret, svc.record(ctx, o, audit.OperationStarted, o.Name)
}

// plan makes the operation that is wished for.
func (svc *Service) plan(n New) (Operation, error) {
	party, known := svc.Parties.Party(n.Service)
	flow, there := svc.Flows[n.Name]
	if !known || !there {
		return Operation{}, errUnknown
	}
	for _, s := range n.Scopes {
		if operators := n.Operators && party.Operators && s.OfOperators(); !operators && !slices.Contains(party.Allowed, s) {
			return Operation{}, session.ErrScope
		}
	}
	now := svc.Now().Truncate(time.Millisecond)
	o := Operation{
		ID: NewID(), Version: 1, Name: n.Name, Service: n.Service, CreatedAt: now,
		ExpiresAt: now.Add(cmp.Or(n.Expiry, flow.Expiry)).Truncate(time.Second), Result: Continue, Step: flow.Steps[0].Name, Scopes: n.Scopes, Finish: n.Finish, Attempts: n.Attempts,
	}
	v := view{svc: svc, whole: flow, now: now}
	if n.Subject != "" {
		o.Subject = n.Subject.Canonical()
		if next, ok := flow.next(o.Step); ok && v.at(o).identifies() {
			o.Step = next.Name
		}
	}
	v.enter(&o)
	return o, nil
}

// ends is when the session of a step has to have ended at the latest.
func (o Operation) ends() time.Time {
	if !o.StepEnds.IsZero() && o.StepEnds.Before(o.ExpiresAt) {
		return o.StepEnds
	}
	return o.ExpiresAt
}

// anybody says whether a session is for whoever scans it: on demand, and where
// that was chosen before and nobody is named.
func (o Operation) anybody(m Message) bool {
	return o.Subject == "" || m.Scan && o.Approval == nil && !o.Named
}

// tries bounds how often a change is tried again. A conflict means that another
// message of the same browser got through.
const tries = 20

// Peek reads an operation for the browser that has its secret. ErrNotFound.
func (svc *Service) Peek(ctx context.Context, id ID, secret string) (Operation, error) {
	if secret == "" || !id.WellFormed() {
		return Operation{}, ErrNotFound
	}
	o, err := svc.Store.Operation(ctx, id)
	if err == nil && !o.belongs(secret) {
		return Operation{}, ErrNotFound
	}
	return o, err
}

// Take gives an operation to the browser that has its secret. What was approved
// is given once, in one atomic step: to the first that takes an operation that
// is done, and ErrSpent to every other. An operation that goes on, or that has
// failed, is given as it is. ErrNotFound.
func (svc *Service) Take(ctx context.Context, id ID, secret string) (Operation, error) {
	ctx = context.WithoutCancel(ctx)
	for range tries {
		o, err := svc.Peek(ctx, id, secret)
		switch {
		case err != nil || o.Result != Done:
			return o, err
		case o.Spent:
			return Operation{}, ErrSpent
		}
		next := o
		next.Version++
		next.Spent, next.Approval = true, nil // nothing needs it any more
		err = svc.Store.SwapOperation(ctx, o, next)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return Operation{}, err
		}
		next.Approval = o.Approval
		return next, svc.record(ctx, next, audit.OperationTaken, "")
	}
	return Operation{}, fmt.Errorf("%w, %d times", ErrConflict, tries)
}

// origin is that of this server's own pages: the issuer without its path.
func (svc *Service) origin() string {
	scheme, rest, _ := strings.Cut(svc.Issuer, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

func (svc *Service) record(ctx context.Context, o Operation, kind audit.Kind, detail string) error {
	e := audit.Event{Time: svc.Now(), Kind: kind, Operation: string(o.ID), Session: string(o.Session), Service: o.Service,
		Token: string(o.Subject), Detail: detail}
	if a := o.Approval; a != nil {
		e.Token, e.Device = string(a.Token), string(a.Device)
	}
	return svc.Audit.Record(ctx, e)
}
