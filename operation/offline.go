package operation

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"countersign/device"
	"countersign/operation/form"
	"countersign/session"
)

// offline is the method of a phone without a network: the page draws a text that the
// server has signed, the phone shows what it asks, and a code that the user types in
// the page. Only that text is good which the operation itself keeps.
type offline struct{}

const labelByOffline Text = "byOffline"

// Offline is the acr of an approval by a code of a phone without a network.
const Offline = "urn:countersign:offline"

func (offline) label() Text  { return labelByOffline }
func (offline) factor() bool { return true }
func (offline) tries() int   { return typedMost }
func (offline) digits() int  { return device.OfflineDigits }

// open: if somebody is named, and what is asked can be drawn.
func (offline) open(v view) bool {
	return v.o.Subject != "" && v.question(device.Nonce(strings.Repeat("A", nonceLength))).Check() == nil
}

const (
	nonceBytes  = 16
	nonceLength = 22
)

// start draws the text, the same as long as it is not answered: a page that was loaded
// again goes on with the code that the phone shows already.
func (x offline) start(ctx context.Context, v view, m Message) (plan, error) {
	if !x.open(v) {
		return plan{answer: v.failure(m, notOfferedHere)}, nil
	}
	kept := v.o.kept(ByOffline)
	if kept != nil && v.running() == "" {
		return plan{answer: v.drawn(m, string(kept))}, nil
	}
	next := v.o
	if kept == nil {
		key, err := v.svc.Offline.OfflineKey(ctx)
		if err != nil {
			return plan{}, err
		}
		text, err := v.question(newNonce()).Sign(key)
		if err != nil {
			return plan{}, err
		}
		kept = []byte(text)
		next.keep(ByOffline, kept)
	}
	// Who takes another way gives up what waits on the phone, as with another session.
	give := v.running()
	next.Session, next.How = "", ""
	return plan{next: &next, give: give, by: session.ByReplaced, answer: v.at(next).drawn(m, string(kept))}, nil
}

func (v view) drawn(m Message, text string) Answer {
	return Answer{Type: Start, ReplyTo: m.Type, Operation: v.o, Drawn: &Drawn{QR: text, Format: device.OfflineFormat}}
}

// question is what a phone is asked for the operation. A form's title may have
// several lines, and here has one.
func (v view) question(n device.Nonce) device.OfflineQuestion {
	party, _ := v.svc.Parties.Party(v.o.Service)
	q := device.OfflineQuestion{Issuer: v.svc.Issuer, Operation: string(v.o.ID), Service: v.o.Service, ServiceName: party.Name,
		Name: v.o.Name, Data: v.o.Data, ExpiresAt: v.o.ends(), Nonce: n}
	if f, err := form.Parse(v.o.Form); err == nil {
		q.Title = strings.ReplaceAll(f.Title.Message, "\n", " ")
	}
	return q
}

func newNonce() device.Nonce {
	var b [nonceBytes]byte
	rand.Read(b[:])
	return device.Nonce(base64.RawURLEncoding.EncodeToString(b[:]))
}

// verify takes the code. It is for the text that was drawn last, and that is gone
// with the approval.
func (offline) verify(ctx context.Context, v view, m Message) (plan, error) {
	text := v.o.kept(ByOffline)
	if text == nil {
		return plan{answer: refused(m, OutOfStep)}, nil // nothing was drawn
	}
	p, err := v.judge(ctx, m, ByOffline, m.Code, func() *Approval { return v.shownBy(string(text), m.Code) })
	if err == nil && p.next != nil && p.next.Approval != v.o.Approval {
		p.next.keep(ByOffline, nil)
	}
	return p, err
}

// shownBy is the approval by the phone that shows a code for a text, if one of those
// who are asked does. It takes as long whoever is asked, and whichever it is.
func (v view) shownBy(text, code string) *Approval {
	i, asked := v.who(ByOffline)
	var phones []device.Device
	if asked {
		phones = i.Active()
	}
	phones = append(phones, make([]device.Device, max(0, device.MaxDevices-len(phones)))...)
	var found device.ID
	for _, d := range phones {
		same := subtle.ConstantTimeCompare([]byte(device.OfflineCode(d.Offline, text)), []byte(code)) == 1
		if same && d.Offline != nil {
			found = d.ID
		}
	}
	if found == "" {
		return nil
	}
	return v.answered(i, found, []string{"swk", "otp"}, Offline)
}
