package operation

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/audit"
	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"
)

// ledger counts the codes that are typed, and tells whose they are.
type ledger struct {
	*memory
	mu    sync.Mutex
	codes map[device.TokenID]int
}

func (l *ledger) CountCode(_ context.Context, id device.TokenID, _ Method, _ string) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.codes[id]++
	return l.codes[id], nil
}

func (l *ledger) UncountCode(_ context.Context, id device.TokenID, _ Method) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.codes[id]--
	return nil
}

func (l *ledger) Phone(_ context.Context, q session.Request) (session.Opened, error) {
	i, _ := l.Identity(context.Background(), q.Token)
	l.mu.Lock()
	defer l.mu.Unlock()
	return session.Opened{Identity: i, Standing: session.Standing{Codes: map[string]int{string(ByOffline): l.codes[q.Token]}}}, nil
}

// keyed signs what is drawn.
type keyed struct{ key p256.PrivateKey }

func (k keyed) OfflineKey(context.Context) (p256.PrivateKey, error) { return k.key, nil }

// newOfflineRig is a rig whose payments may be approved offline, by alice's phone and
// by bob's, which have agreed on secrets of their own.
func newOfflineRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	l := &ledger{memory: r.store, codes: map[device.TokenID]int{}}
	key, err := p256.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	r.svc.Guesses, r.svc.Sessions.Phones, r.svc.Offline = l, l, keyed{key}
	r.flow(Payment, step(ByName), step(ByReview), FlowStep{Name: Device, Ways: []Way{{Method: ByPhone}, {Method: ByOffline}}})
	for _, p := range []*phone{r.alice, r.bob} {
		p.agree()
	}
	return r
}

// secret is what a phone's codes come from.
func (p *phone) secret() []byte { return bytes.Repeat([]byte(p.id)[:16], 2) }

func (p *phone) agree() {
	p.change(func(d *device.Device) { d.Offline = p.secret() })
}

// change changes the phone as the store has it.
func (p *phone) change(f func(*device.Device)) {
	i := p.r.store.identities[p.token]
	i.Devices = slices.Clone(i.Devices)
	for k := range i.Devices {
		if i.Devices[k].ID == p.id {
			f(&i.Devices[k])
		}
	}
	p.r.store.identities[p.token] = i
}

// drawn is the text that an operation's page draws.
func (b *browser) drawn() string {
	b.r.t.Helper()
	a := b.send(Message{Type: Start, Method: ByOffline})
	if a.Type != Start || a.Drawn == nil || a.Drawn.Format != "countersign-offline-v1" {
		b.r.t.Fatalf("start answered %s %s %s", a.Type, a.Reason, a.Text)
	}
	return a.Drawn.QR
}

func typedOffline(code string) Message { return Message{Type: Verify, Code: code} }

// offering is the page of a payment of alice's whose user has chosen to approve it
// offline.
func (r *rig) offering(change ...func(*Order)) *browser {
	r.t.Helper()
	b := r.open(r.desk("demo").order(change...).ID)
	if a := b.send(Message{Type: Choose, Method: ByOffline}); a.Type != Init || a.Operation.Step != Device || a.Ways[0].ID != ByOffline {
		r.t.Fatalf("choose answered %s %s: %+v", a.Type, a.Text, a.Ways)
	}
	return b
}

func TestApprovedOffline(t *testing.T) {
	r := newOfflineRig(t)
	b := r.offering()
	text := b.drawn()
	key, _ := r.svc.Offline.OfflineKey(t.Context())
	q, err := device.ReadOfflineQuestion(text, testIssuer, key.Public(), r.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	o := b.stored()
	want := device.OfflineQuestion{Issuer: testIssuer, Operation: string(o.ID), Service: "demo", ServiceName: "Acme Bank", Name: Payment, Title: "Payment",
		Data: testData, ExpiresAt: o.ExpiresAt, Nonce: q.Nonce}
	if q != want {
		t.Errorf("asked %+v, want %+v", q, want)
	}
	before := b.stored().Version
	if again := b.drawn(); again != text || b.stored().Version != before {
		t.Error("a page that is loaded again draws another text, or writes it again")
	}
	r.clock.pass(10 * time.Second)
	code := device.OfflineCode(r.alice.secret(), text)
	if a := b.send(typedOffline(code)); a.Type != Complete || a.Location != over(o.ID) {
		t.Fatalf("%+v", a)
	}
	o = b.stored()
	if a := o.Approval; a == nil || a.Token != r.alice.token || a.Device != r.alice.id || a.ACR != "urn:countersign:offline" || !slices.Equal(a.AMR, []string{"swk", "otp"}) ||
		a.Proof != nil || !a.At.Equal(r.clock.now()) || len(a.Claims) != 0 { // a back end is told of none
		t.Errorf("approved %+v", a)
	}
	if o.kept(ByOffline) != nil || r.svc.Guesses.(*ledger).codes[r.alice.token] != 0 {
		t.Errorf("kept %q, %d codes count", o.kept(ByOffline), r.svc.Guesses.(*ledger).codes[r.alice.token])
	}
	if last := o.History[len(o.History)-1]; last.Method != ByOffline || last.How != Confirmed {
		t.Errorf("the history ends with %+v", last)
	}
	if a := b.send(typedOffline(code)); a.Type != Complete { // it changes nothing any more
		t.Errorf("typed again: %+v", a)
	}
	if len(r.audit.of(audit.OperationDone)) != 1 {
		t.Error("done twice")
	}
}

// A code is good for one text, of one operation, and by a phone of who is asked.
func TestOfflineCodeOfAnother(t *testing.T) {
	r := newOfflineRig(t)
	good := func(text string) string { return device.OfflineCode(r.alice.secret(), text) }
	for what, typing := range map[string]func(b *browser) string{
		"of another operation":  func(*browser) string { return good(r.offering().drawn()) },
		"of one character less": func(b *browser) string { return good(strings.Replace(b.drawn(), "A100EUR", "A10EUR", 1)) },
		"of another nonce":      func(b *browser) string { return good(b.drawn() + "x") },
		"of bob's phone":        func(b *browser) string { return device.OfflineCode(r.bob.secret(), b.drawn()) },
		"of no secret":          func(b *browser) string { return device.OfflineCode(nil, b.drawn()) },
		"of a text of before": func(b *browser) string {
			text := b.drawn()
			o := b.stored()
			o.keep(ByOffline, nil)
			r.store.operations[o.ID] = o
			b.drawn()
			return good(text)
		},
	} {
		b := r.offering()
		b.drawn()
		code := typing(b)
		if a := b.send(typedOffline(code)); a.Type != Failure || a.Text != codeWrong || a.Remaining != 2 {
			t.Errorf("%s: %s %s, %d left", what, a.Type, a.Text, a.Remaining)
		}
		if a := b.send(typedOffline(good(b.drawn()))); a.Type != Complete {
			t.Errorf("%s, then the good one: %s %s", what, a.Type, a.Text)
		}
	}
}

// Whom it may not be asked of, or whose phone has no secret, is answered as those
// whose codes are wrong; and so is a name that nobody has.
func TestOfflineByWhomItMayNot(t *testing.T) {
	for what, change := range map[string]func(r *rig){
		"a revoked phone":             func(r *rig) { r.alice.change(func(d *device.Device) { d.Revoked = true }) },
		"a phone that has not agreed": func(r *rig) { r.alice.change(func(d *device.Device) { d.Offline = nil }) },
		"a locked identity": func(r *rig) {
			i := r.store.identities[r.alice.token]
			r.store.identities[r.alice.token] = i.Lock(r.clock.now().Add(time.Hour))
		},
		"a revoked identity": func(r *rig) {
			r.store.identities[r.alice.token] = r.store.identities[r.alice.token].SetStatus(device.Revoked)
		},
		"a method that is switched off": func(r *rig) {
			i := r.store.identities[r.alice.token]
			i.Off = []string{string(ByOffline)}
			r.store.identities[r.alice.token] = i
		},
		"nobody": func(r *rig) { delete(r.store.identities, r.alice.token) },
	} {
		r := newOfflineRig(t)
		change(r)
		b := r.offering()
		text := b.drawn()
		for left := 2; left >= 0; left-- {
			a := b.send(typedOffline(device.OfflineCode([][]byte{r.alice.secret(), nil, {}}[left], text)))
			want := codeWrong
			if left == 0 {
				want = codeTooOften
			}
			if a.Type != Failure || a.Text != want || a.Remaining != left {
				t.Errorf("%s: %s %s, %d left, want %d", what, a.Type, a.Text, a.Remaining, left)
			}
		}
		a := b.send(Message{Type: Init})
		if !slices.Equal(offers(a), []Method{ByPhone}) || b.stored().kept(ByOffline) != nil {
			t.Errorf("%s: then %v are offered, %q is kept", what, offers(a), b.stored().kept(ByOffline))
		}
		if a := b.send(Message{Type: Start, Method: ByOffline}); a.Reason != OutOfStep {
			t.Errorf("%s: started after three codes: %+v", what, a)
		}
	}
}

// The second phone of the identity is as good as the first.
func TestOfflineBySecondPhone(t *testing.T) {
	r := newOfflineRig(t)
	i, err := r.store.identities[r.alice.token].With(device.Device{ID: device.NewID(), Key: r.alice.key.Public(), Offline: bytes.Repeat([]byte{9}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	r.store.identities[r.alice.token] = i
	b := r.offering()
	if a := b.send(typedOffline(device.OfflineCode(i.Devices[1].Offline, b.drawn()))); a.Type != Complete || b.stored().Approval.Device != i.Devices[1].ID {
		t.Errorf("%+v", a)
	}
}

// Another name is asked something new, and what was drawn for the first is worth
// nothing.
func TestOfflineForAnotherName(t *testing.T) {
	r := newOfflineRig(t)
	r.flow(Payment, step(ByName), FlowStep{Name: Device, Ways: []Way{{Method: ByOffline}}})
	b := r.open(r.desk("demo").order(unnamed).ID)
	if a := b.send(Message{Type: Start, Method: ByOffline}); a.Reason != OutOfStep {
		t.Errorf("started for nobody: %+v", a)
	}
	b.send(startName(string(r.alice.token)))
	if a := b.send(typedOffline("12345678")); a.Reason != OutOfStep {
		t.Errorf("typed before anything was drawn: %+v", a)
	}
	text := b.drawn()
	b.send(startName(string(r.bob.token)))
	for _, p := range []*phone{r.alice, r.bob} {
		if a := b.send(typedOffline(device.OfflineCode(p.secret(), text))); a.Reason != OutOfStep {
			t.Errorf("typed before anything was drawn for bob: %+v", a)
		}
	}
	if b.drawn() == text {
		t.Error("bob is asked what alice was")
	}
	if a := b.send(typedOffline(device.OfflineCode(r.alice.secret(), text))); a.Text != codeWrong {
		t.Errorf("alice's code for bob: %+v", a)
	}
	if a := b.send(typedOffline(device.OfflineCode(r.bob.secret(), b.drawn()))); a.Type != Complete || b.stored().Approval.Token != r.bob.token {
		t.Errorf("bob's code: %+v", a)
	}
}

// After its time no code is good.
func TestOfflineExpires(t *testing.T) {
	r := newOfflineRig(t)
	b := r.offering()
	code := device.OfflineCode(r.alice.secret(), b.drawn())
	r.clock.pass(10 * time.Minute)
	if a := b.send(typedOffline(code)); a.Type != Cancel || b.stored().Result != Failed {
		t.Errorf("%+v", a)
	}
}

// Who goes over to the phone without a network gives up what waits on it; what the
// phone has decided just before stays.
func TestOfflineInsteadOfSession(t *testing.T) {
	r := newOfflineRig(t)
	b := r.open(r.desk("demo").order().ID)
	b.send(Message{Type: Choose, Method: ByPhone})
	b.start(false)
	text := b.drawn()
	if n := r.store.open(); n != 0 {
		t.Errorf("%d sessions still wait", n)
	}
	b.start(false)
	if again := b.drawn(); again != text || r.store.open() != 0 {
		t.Errorf("drawn anew, %d sessions still wait", r.store.open())
	}
	r.decide(r.alice, b.start(false), session.Approve)
	if a := b.send(Message{Type: Start, Method: ByOffline}); a.Type != Complete {
		t.Errorf("decided before: %+v", a)
	}
}

// What cannot be drawn is not offered.
func TestOfflineTooLong(t *testing.T) {
	r := newOfflineRig(t)
	long := func(w *Order) { w.Data = "A1*N" + strings.Repeat("x", device.OfflineMost) }
	b := r.open(r.desk("demo").order(long).ID)
	if a := b.send(Message{Type: Init}); !slices.Equal(offers(a), []Method{ByPhone}) {
		t.Errorf("offered: %v", offers(a))
	}
	if a := b.send(Message{Type: Choose, Method: ByOffline}); a.Type != Failure || a.Text != notOfferedHere {
		t.Errorf("%+v", a)
	}
	b.send(Message{Type: Choose, Method: ByPhone})
	if a := b.send(Message{Type: Start, Method: ByOffline}); a.Type != Failure || a.Text != notOfferedHere || a.Drawn != nil {
		t.Errorf("%+v", a)
	}
}

// The title of a form is one line on the phone, and a login has neither title nor data.
func TestOfflineTexts(t *testing.T) {
	r := newOfflineRig(t)
	lines := func(w *Order) { w.Form = json.RawMessage(`{"title":"Rent\nfor May"}`) }
	if got := strings.Split(r.offering(lines).drawn(), "\n"); len(got) != 11 || got[6] != "Rent for May" {
		t.Errorf("%q", got)
	}
	r.flow(Login, step(ByName), FlowStep{Name: Device, Ways: []Way{{Method: ByOffline}}})
	b := r.begin(r.ofAlice)
	text := b.drawn()
	if got := strings.Split(text, "\n"); len(got) != 11 || got[5] != Login || got[6] != "" || got[7] != "" {
		t.Errorf("%q", got)
	}
	if a := b.send(typedOffline(device.OfflineCode(r.alice.secret(), text))); a.Type != Complete {
		t.Errorf("%+v", a)
	}
}

// Of many guesses at once three are judged at most, and of many good codes at once one
// approves.
func TestOfflineGuessesAtOnce(t *testing.T) {
	r := newOfflineRig(t)
	b := r.offering()
	code := device.OfflineCode(r.alice.secret(), b.drawn())
	var judged atomic.Int64
	var n atomic.Int64
	together(func() {
		wrong := fmt.Sprintf("%08d", n.Add(1))
		if wrong == code {
			return
		}
		a, err := b.try(typedOffline(wrong))
		if err == nil && a.Type == Failure && (a.Text == codeWrong || a.Text == codeTooOften) && a.Reason == "" {
			judged.Add(1)
		}
	})
	if o := b.stored(); o.tried(ByOffline) > 3 || judged.Load() > 3 || !slices.Contains(o.Closed, ByOffline) {
		t.Errorf("%d were judged, %d told so; %v is over", o.tried(ByOffline), judged.Load(), o.Closed)
	}
	if a := b.send(typedOffline(code)); a.Reason != OutOfStep {
		t.Errorf("the fourth: %+v", a)
	}
	r = newOfflineRig(t)
	b = r.offering()
	code = device.OfflineCode(r.alice.secret(), b.drawn())
	together(func() { _, _ = b.try(typedOffline(code)) })
	if b.stored().Result != Done || len(r.audit.of(audit.OperationDone)) != 1 {
		t.Errorf("%s, done %d times", b.stored().Result, len(r.audit.of(audit.OperationDone)))
	}
}

// A code that is none costs nothing.
func TestOfflineMistyped(t *testing.T) {
	r := newOfflineRig(t)
	b := r.offering()
	code := device.OfflineCode(r.alice.secret(), b.drawn())
	for _, typed := range []string{code[:7], code + "0", code[:4] + " " + code[4:], "1234567x"} {
		if a := b.send(typedOffline(typed)); a.Text != codeForm || a.Remaining != 3 {
			t.Errorf("%q: %+v", typed, a)
		}
	}
	if a := b.send(typedOffline(other(code))); a.Text != codeWrong || a.Remaining != 2 {
		t.Errorf("%+v", a)
	}
}
