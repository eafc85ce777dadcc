package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"countersign/api/rp"
)

// operationName is what a payment is called at the server, and in the signature.
const operationName = "authorize_payment"

// Why a payment failed, beside the reasons that the server has.
const (
	failedGone     = "gone"     // the server knows nothing of it any more
	failedProof    = "proof"    // what was signed is not this payment
	failedUnsigned = "unsigned" // it was approved, and not signed
	failedPoor     = "poor"     // the money is spent
)

// receipt is what a payment was made on: what the phone signed, and what was checked
// before it was believed.
type receipt struct {
	rp.Approval
	Text    string // what was signed
	Display string // what was shown, indented; its hash is in Text
	Checks  []check
	file    []byte // what the server answered, for whoever doubts it later
}

// wanted is the order as it goes to the server, and what its proof is held against: all
// of it is the bank's own. Nobody but the customer can be asked, and no claim is needed.
// The key names the try: to repeat it is to have the same operation.
func (b *Bank) wanted(c customer, o order) rp.Order {
	return rp.Order{
		TokenID: c.Subject, Scopes: []string{}, ExternalID: o.ID, ReturnURL: b.o.Origin + "/pay/" + o.ID,
		IdempotencyKey: fmt.Sprintf("%s-%d", o.ID, o.Tries),
		Operation:      rp.Operation{Name: operationName, Data: o.Data, Form: o.form()},
	}
}

// approve begins an operation for an order, and sends the browser to its page.
func (b *Bank) approve(w http.ResponseWriter, r *http.Request, c customer, o order) error {
	got, err := b.client.Order(r.Context(), b.wanted(c, o))
	if err != nil {
		return b.notStarted(w, err)
	}
	b.o.Log.Info("bank: ordered", "order", o.ID, "operation", got.ID)
	to := got.URL
	err = b.visits.change(b.browser(r), func(c *customer) error {
		now := c.find(o.ID)
		switch {
		case now == nil:
			return errLogin
		case now.Tries > o.Tries+1: // another tab has gone further
			to = "/pay/" + o.ID
		default: // two tabs that ask at once have the same operation, by its key
			now.Operation, now.URL, now.Tries, now.Failed = got.ID, got.URL, o.Tries+1, ""
		}
		return nil
	})
	if err != nil {
		return err
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// settle asks the server how an order stands that waits for its approval, and books it
// if it was approved. Whoever asks, and with whatever address, that is all that counts.
func (b *Bank) settle(r *http.Request, c customer, o order) (order, error) {
	if o.Operation == "" || o.Failed != "" || o.Receipt != nil {
		return o, nil
	}
	failed, paid, err := b.outcome(r.Context(), c, o)
	if err != nil || failed == "" && paid == nil {
		return o, err
	}
	err = b.visits.change(b.browser(r), func(c *customer) error {
		now := c.find(o.ID)
		if now == nil {
			return errLogin
		}
		if now.Operation == o.Operation { // else another tab has begun anew
			if now.Failed = failed; paid != nil {
				c.book(now, *paid)
			}
		}
		o = *now
		return nil
	})
	return o, err
}

// outcome is what an operation came to: why it failed, or what pays it. Neither: it
// goes on.
func (b *Bank) outcome(ctx context.Context, c customer, o order) (failed string, paid *receipt, err error) {
	got, err := b.client.Operation(ctx, o.Operation)
	var p *rp.Problem
	switch {
	case errors.As(err, &p) && p.Code == "operation_not_found":
		return failedGone, nil, nil
	case err != nil:
		b.o.Log.Warn("bank: not known", "order", o.ID, "operation", o.Operation, "error", err)
		return "", nil, refusal{http.StatusBadGateway, "The login server cannot be asked just now how this payment stands. Please try again in a moment."}
	case got.Result == rp.Continue:
		return "", nil, nil
	case got.Result == rp.Failed:
		return got.Reason, nil, nil
	}
	approval, err := b.client.VerifyProof(got, b.wanted(c, o))
	switch {
	case errors.Is(err, rp.ErrNoProof): // by a flow of the installation's that takes codes
		return failedUnsigned, nil, nil
	case err != nil:
		b.o.Log.Error("bank: not accepted", "order", o.ID, "operation", o.Operation, "error", err)
		return failedProof, nil, nil
	}
	b.o.Log.Info("bank: approved", "order", o.ID, "operation", o.Operation)
	return "", b.receipt(got, approval), nil
}

// receipt shows a proof that holds.
func (b *Bank) receipt(got rp.Ordered, a rp.Approval) *receipt {
	out := &receipt{Approval: a, Text: got.Proof.Text, Display: indented([]byte(got.Proof.Display))}
	out.file, _ = json.MarshalIndent(got, "", "  ") // it was JSON
	out.Checks = []check{
		{"signature", "signed with ES256 by the key " + a.Thumbprint + ", which the login server says is the customer's"},
		{"text", "it approves, and was signed at " + a.At.Format(time.RFC3339)},
		{"issuer", "signed for " + b.o.Issuer},
		{"service", "signed for " + a.ServiceID + " and no other service"},
		{"user", "approved by who is logged in"},
		{"display", "its SHA-256 is in the text: the phone showed just this"},
		{"operation", "name, data and form are those that this bank ordered, as it has them"},
	}
	return out
}

// indented is JSON for people.
func indented(raw []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, raw, "", "  ") != nil {
		return ""
	}
	return out.String()
}

// Open says that the order waits for its approval.
func (o order) Open() bool { return o.Operation != "" && o.Failed == "" && o.Receipt == nil }

// Standing is the order in a few words.
func (o order) Standing() string {
	switch {
	case o.Receipt != nil:
		return "paid"
	case o.Failed != "":
		return "not paid"
	}
	return "waits for your approval"
}

// failures say why a payment failed.
var failures = map[string]string{
	"cancelled":             "You cancelled the approval",
	"declined":              "You declined this payment on your phone",
	"reported":              "You reported this request on your phone as not yours, so for 15 minutes nothing of ours reaches it. If you did not begin this payment, log out here and call your bank",
	"too_many":              "There were too many wrong codes",
	"expired":               "The time to approve it was up",
	"INTERRUPTED_OPERATION": "You began something else to approve in this browser before you had approved this payment",
	failedGone:              "The login server does not know this approval any more",
	failedProof:             "What the login server says about your approval does not hold",
	failedUnsigned:          "You approved it in a way that leaves no signature, which this bank does not take",
	failedPoor:              "You approved it, and there is not enough on the account any more",
}

// Why says why the payment failed, in a sentence.
func (o order) Why() string {
	why, known := failures[o.Failed]
	if !known {
		why = "It could not be approved"
	}
	return strings.TrimSuffix(why, ".") + ". Nothing was paid."
}
