package operation

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/session"
)

// sent is the method of a code that is sent to the user, who types it in the page.
// Who reads the user's messages can take the step, and so can a page that has the
// user type the code there: it is the weakest of the factors.
//
// For whom no message can reach, everything is as for everybody else, but that
// nothing leaves and every code is wrong.
type sent struct{}

const (
	sentDigits = 6
	// sentLife is how long a code is good, at most.
	sentLife = 5 * time.Minute
	// sentPause is how long before another can be sent, which kills the one before.
	sentPause = time.Minute
	// sentMost is how many messages one operation may send, to whomever.
	sentMost = 3
)

// sends is what the messages of an operation are counted as: unlike what the method
// keeps, the number outlives another name and another step.
const sends Method = "message.sent"

// MessageACR is what a step that was taken by a message is called in tokens.
const MessageACR = "urn:countersign:message"

const (
	labelByMessage Text = "byMessage"
	codeOver       Text = "codeOver"
	sentTooOften   Text = "sentTooOften"
)

// A Letter is a code on its way to somebody.
type Letter struct {
	ID        string // the same whenever the same is handed over
	Operation ID
	Service   string
	Name      string // of the service, for people
	Channel   device.Channel
	To        string // empty: to nobody
	Code      string
	Data      string // what is approved; empty: the login itself
	Form      json.RawMessage
	Language  string // of the page
	At, Until time.Time
}

// Letters sends codes.
type Letters interface {
	// Send keeps a letter, which is sent soon, and once however often it is handed
	// over before it is no longer good. One to nobody costs the same time.
	Send(ctx context.Context, l Letter) error
}

// Sends counts letters.
type Sends interface {
	// CountSend counts a letter against the address that asks for it, and against
	// whom it is to, whether or not there is anybody of that name.
	// device.LimitedError: there were too many.
	CountSend(ctx context.Context, id device.TokenID, address string) error
}

// A dispatch is what is remembered of the last letter.
type dispatch struct {
	To      device.TokenID `json:"to"`
	Code    string         `json:"code"`
	Channel device.Channel `json:"channel,omitempty"` // empty: it went to nobody
	N       int            `json:"n"`
	At      time.Time      `json:"at"`
	Until   time.Time      `json:"until"`
}

func (sent) label() Text  { return labelByMessage }
func (sent) factor() bool { return true }
func (sent) tries() int   { return typedMost }
func (sent) digits() int  { return sentDigits }

// open: where there is a gateway and somebody is named. Once they have proven to be
// who they are, no longer if no message reaches them.
func (sent) open(v view) bool {
	if v.svc == nil || v.svc.Letters == nil || v.o.Subject == "" {
		return false
	}
	_, to := v.person.Identity.Claims.Contact()
	return v.o.Approval == nil || to != ""
}

// start sends a code. One that was sent a moment ago is not sent again, so that a
// page that is loaded again loses nothing; but it is handed over again, for the node
// that drew it may have stopped before it had done that.
func (x sent) start(ctx context.Context, v view, m Message) (plan, error) {
	if !x.open(v) {
		return plan{answer: v.failure(m, notOfferedHere)}, nil
	}
	before, ok := v.dispatched()
	if wait := before.At.Add(sentPause).Sub(v.now); ok && wait > 0 {
		return plan{answer: v.sentAnswer(m, before, wait), post: v.post(before)}, nil
	}
	over, err := v.sendsOver(ctx)
	if err != nil {
		return plan{}, err
	}
	left := before.Until.Sub(v.now)
	switch {
	case over && ok && left > 0: // it can still be typed, and no other comes
		return plan{answer: v.sentAnswer(m, before, left), post: v.post(before)}, nil
	case over:
		return plan{answer: v.failureOf(ByMessage, m, sentTooOften)}, nil
	}
	return v.dispatch(m)
}

// dispatch draws a code, and sends it once it is kept.
func (v view) dispatch(m Message) (plan, error) {
	code, err := drawCode()
	if err != nil {
		return plan{}, err
	}
	next := v.o
	next.try(sends)
	next.Session = ""
	d := dispatch{To: next.Subject, Code: code, N: next.tried(sends), At: v.now.Truncate(time.Millisecond), Until: v.now.Add(sentLife).Truncate(time.Second)}
	if end := next.ends(); end.Before(d.Until) {
		d.Until = end
	}
	if i, ok := v.who(ByMessage); ok {
		d.Channel, _ = i.Claims.Contact()
	}
	state, err := json.Marshal(d)
	if err != nil {
		return plan{}, fmt.Errorf("operation: %w", err)
	}
	next.keep(ByMessage, state)
	return plan{next: &next, give: v.running(), by: session.ByReplaced, note: audit.CodeAsked, answer: v.sentAnswer(m, d, sentPause), post: v.post(d)}, nil
}

// verify takes the code. One that is no longer good is not judged, and costs nothing.
func (sent) verify(ctx context.Context, v view, m Message) (plan, error) {
	d, ok := v.dispatched()
	if v.wellTyped(ByMessage, m.OTP) && (!ok || !v.now.Before(d.Until)) {
		return plan{answer: v.failureOf(ByMessage, m, codeOver)}, nil
	}
	var a *Approval
	p, err := v.judge(ctx, m, ByMessage, m.OTP, func() *Approval {
		i, asked := v.who(ByMessage)
		same := subtle.ConstantTimeCompare([]byte(m.OTP), []byte(d.Code)) == 1
		if !asked || !same || d.Channel == "" {
			return nil
		}
		a = v.answered(i, "", amrOf(d.Channel), MessageACR)
		return a
	})
	if p.next != nil && a != nil {
		p.next.keep(ByMessage, nil) // it is spent, wherever the flow leads
	}
	return p, err
}

// dispatched is the last letter to whom the operation asks.
func (v view) dispatched() (d dispatch, ok bool) {
	err := json.Unmarshal(v.o.kept(ByMessage), &d)
	if err != nil || d.To != v.o.Subject {
		return dispatch{}, false
	}
	return d, true
}

// sendsOver says whether no more may be sent now. It counts this request, once however
// often it is looked at anew.
func (v view) sendsOver(ctx context.Context) (bool, error) {
	if v.o.tried(sends) >= sentMost {
		return true, nil
	}
	if v.asked.sent {
		return false, nil
	}
	err := v.svc.Sends.CountSend(ctx, v.o.Subject, v.asked.from.Address)
	if limited := (device.LimitedError{}); errors.As(err, &limited) {
		return true, nil
	}
	v.asked.sent = err == nil
	return false, err
}

// sentAnswer tells of a letter: where it went only whom that is known of already.
func (v view) sentAnswer(m Message, d dispatch, again time.Duration) Answer {
	s := &Sent{ResendAfter: again, Length: sentDigits}
	if v.o.Approval != nil && d.Channel != "" {
		by, to := v.person.Identity.Claims.Contact()
		s.To = by.Masked(to)
	}
	return Answer{Type: Start, ReplyTo: m.Type, Operation: v.o, Sent: s}
}

// post hands the letter over.
func (v view) post(d dispatch) func(context.Context) error {
	party, _ := v.svc.Parties.Party(v.o.Service)
	l := Letter{ID: fmt.Sprintf("msg_%s_%d", strings.TrimPrefix(string(v.o.ID), idPrefix), d.N), Operation: v.o.ID, Service: v.o.Service,
		Name: party.Name, Code: d.Code, Data: v.o.Data, Form: v.o.Form, Language: v.asked.from.Language, At: d.At, Until: d.Until}
	if by, to := v.person.Identity.Claims.Contact(); d.Channel != "" && by == d.Channel {
		l.Channel, l.To = by, to
	}
	return func(ctx context.Context) error { return v.svc.Letters.Send(ctx, l) }
}

// amrOf is how a code by a channel is told in tokens (RFC 8176).
func amrOf(by device.Channel) []string {
	if by == device.SMS {
		return []string{"otp", "sms"}
	}
	return []string{"otp"}
}

// drawCode draws a code, each as likely as every other.
func drawCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", fmt.Errorf("operation: %w", err)
	}
	return fmt.Sprintf("%0*d", sentDigits, n), nil
}
