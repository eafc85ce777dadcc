package rp

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// An Approval is what a proof says that holds.
type Approval struct {
	At          time.Time // by the phone's clock
	TokenID     string    // who
	DeviceID    string
	Thumbprint  string // of the key that signed (RFC 7638)
	ServiceID   string
	ServiceName string // as the phone showed it
	SessionID   string
	// Name, Data and Form are what was approved; the Name login with nothing else: a
	// login.
	Name string
	Data string
	Form json.RawMessage
}

// A Check is one thing looked at.
type Check struct {
	Name   string // key, signature, text, time, issuer, service, user, display or operation
	Good   bool
	Detail string // what was found; a part of it may be whoever's who made the proof
	// Open: it is good, and might be anybody's, since the judge has nothing to
	// compare it with.
	Open bool
}

// A Judgement is all that was found, and what was approved if all of it is good.
type Judgement struct {
	Checks   []Check
	Approval *Approval
}

// A Judge says of a proof everything that is wrong with it, without asking anybody.
// What is empty or nil is not compared. A back end wants [Client.VerifyProof].
type Judge struct {
	Issuer, ServiceID string
	Thumbprint        string // of the key that should have signed
	TokenID           string // who should have approved
	Data              *string
	// Order is what should have been approved: its Name, its Data and its Form, which
	// is none if it is nil.
	Order *Operation
}

// VerifyProof checks that an operation, as [Client.Operation] gave it, is done, and
// that a phone has signed exactly what was ordered: at this issuer, for this service,
// the order's name, data and form and, if it names one, its user. The order is this
// back end's own, from before: nothing of the answer is taken for it. Where the server
// changes the form, since its texts name attributes, as {amount}, or are in a language of
// the service's, keep [Ordered.Form] of the answer to [Client.Order], and give that; of an
// order by a template its Name, Data and Form.
//
// Two things it cannot know. The key came with the proof: whose it is, the server says,
// unless the Thumbprint is one of before. And one approval is good for one order: the
// order's own number is in its Data, or no SessionID is taken twice.
func (c *Client) VerifyProof(o Ordered, want Order) (Approval, error) {
	switch {
	case o.Result != Done:
		return Approval{}, ErrNotDone
	case o.Proof == nil:
		return Approval{}, ErrNoProof
	case c.Issuer == "" || c.ServiceID == "":
		return Approval{}, fmt.Errorf("%w: whose it should be is not known", ErrProof)
	}
	found := Judge{Issuer: c.Issuer, ServiceID: c.ServiceID, TokenID: want.TokenID, Order: &want.Operation}.Judge(*o.Proof, &o)
	if found.Approval != nil {
		return *found.Approval, nil
	}
	var wrong []string
	for _, k := range found.Checks {
		if !k.Good {
			wrong = append(wrong, k.Name)
		}
	}
	return Approval{}, fmt.Errorf("%w: %s", ErrProof, strings.Join(wrong, ", "))
}

// Judge looks at everything. said is the operation that the proof came with; nil: it
// came alone.
func (j Judge) Judge(p Proof, said *Ordered) Judgement {
	c := openCase(p, said)
	out := Judgement{Checks: []Check{j.key(c), j.signature(c), j.text(c), j.time(c), j.issuer(c), j.service(c), j.user(c), j.display(c), j.operation(c)}}
	for _, k := range out.Checks {
		if !k.Good {
			return out
		}
	}
	out.Approval = c.approval()
	return out
}

// good is a check that holds.
func good(name, format string, args ...any) Check {
	return Check{Name: name, Good: true, Detail: fmt.Sprintf(format, args...)}
}

// unmatched is a check that holds as far as can be told.
func unmatched(name, format string, args ...any) Check {
	k := good(name, format+" not compared", args...)
	k.Open = true
	return k
}

// bad is a check that does not hold.
func bad(name, format string, args ...any) Check {
	return Check{Name: name, Detail: fmt.Sprintf(format, args...)}
}
