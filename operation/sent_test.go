package operation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/session"
)

// A postbox takes letters, and counts what is sent and typed.
type postbox struct {
	mu      sync.Mutex
	letters []Letter
	ids     map[string]bool
	err     error // of the next letter
	sends   map[device.TokenID]int
	most    int // letters to one name; 0: any number
	codes   map[device.TokenID]int
}

func (x *postbox) Send(_ context.Context, l Letter) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	err := x.err
	if x.err = nil; err == nil && !x.ids[l.ID] {
		x.ids[l.ID] = true
		x.letters = append(x.letters, l)
	}
	return err
}

func (x *postbox) CountSend(_ context.Context, id device.TokenID, _ string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.most > 0 && x.sends[id] >= x.most {
		return device.LimitedError{After: time.Hour}
	}
	x.sends[id]++
	return nil
}

func (x *postbox) CountCode(_ context.Context, id device.TokenID, _ Method, _ string) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.codes[id]++
	return x.codes[id], nil
}

func (x *postbox) UncountCode(_ context.Context, id device.TokenID, _ Method) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.codes[id]--
	return nil
}

// last is the letter that came last.
func (x *postbox) last(t *testing.T) Letter {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.letters) == 0 {
		t.Fatal("no letter")
	}
	return x.letters[len(x.letters)-1]
}

// reached counts the letters to somebody.
func (x *postbox) reached() (n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, l := range x.letters {
		if l.To != "" {
			n++
		}
	}
	return n
}

// A callee answers who is asked in a page.
type callee struct {
	session.Phones
	memory *memory
	codes  map[device.TokenID]int
}

func (c callee) Phone(_ context.Context, q session.Request) (session.Opened, error) {
	c.memory.mu.Lock()
	defer c.memory.mu.Unlock()
	return session.Opened{Identity: c.memory.identities[q.Token], Standing: session.Standing{Codes: map[string]int{string(ByMessage): c.codes[q.Token]}}}, nil
}

// sending gives the rig a postbox, alice a number and bob a mail address, and flows:
// told is a message alone, either a phone or a message that a review chooses, both
// first a phone and then a message.
func (r *rig) sending() *postbox {
	r.t.Helper()
	x := &postbox{ids: map[string]bool{}, sends: map[device.TokenID]int{}, codes: map[device.TokenID]int{}}
	r.svc.Letters, r.svc.Sends, r.svc.Guesses = x, x, x
	r.store.Phones = callee{memory: r.store, codes: x.codes}
	r.claim(r.alice, "phone", "+491701234542")
	r.claim(r.bob, "email", "bob@example.com")
	r.flow("told", step(ByName), step(ByMessage))
	r.flow("either", step(ByName), step(ByReview), step(ByPhone, ByMessage))
	r.flow("both", step(ByName), step(ByPhone), step(ByMessage))
	return x
}

func (r *rig) claim(p *phone, name, value string) {
	i := r.store.identities[p.token]
	c := device.Claims{}
	for k, v := range i.Claims {
		c[k] = v
	}
	c[name] = []byte(`"` + value + `"`)
	i.Claims = c
	r.store.identities[p.token] = i
}

func (r *rig) told(who device.TokenID) *browser {
	r.t.Helper()
	return r.begin(func(n *New) { n.Name, n.Subject = "told", who })
}

func startMessage() Message { return Message{Type: Start, Method: ByMessage} }

func typing(code string) Message { return Message{Type: Verify, OTP: code} }

// other is a code that is not this one.
func other(code string) string { return string('0'+(code[0]-'0'+1)%10) + code[1:] }

// A login by message: what is sent, and what stands in the approval.
func TestMessage(t *testing.T) {
	r := newRig(t)
	x := r.sending()
	b := r.told(r.alice.token)
	a := b.send(startMessage())
	if a.Type != Start || a.Sent == nil || a.Sent.To != "" || a.Sent.Length != 6 || a.Sent.ResendAfter != time.Minute {
		t.Fatalf("start: %+v %+v", a, a.Sent)
	}
	l := x.last(t)
	if l.To != "+491701234542" || l.Channel != device.SMS || len(l.Code) != 6 || l.Operation != b.id || l.Service != "demo" || l.Name != "Acme Bank" ||
		!l.Until.Equal(r.clock.now().Add(5*time.Minute)) || !l.At.Equal(r.clock.now()) {
		t.Errorf("letter %+v", l)
	}
	if a := b.send(typing(other(l.Code))); a.Type != Failure || a.Text != codeWrong || a.Remaining != 2 {
		t.Errorf("a wrong code: %+v", a)
	}
	if a := b.send(typing("12345")); a.Type != Failure || a.Text != codeForm || a.Remaining != 2 {
		t.Errorf("five digits: %+v", a)
	}
	if a := b.send(typing(l.Code)); a.Type != Complete {
		t.Fatalf("the code: %+v", a)
	}
	o, err := b.take()
	if err != nil || o.Approval.Token != r.alice.token || o.Approval.Device != "" || o.Approval.ACR != MessageACR || !slices.Equal(o.Approval.AMR, []string{"otp", "sms"}) {
		t.Errorf("%+v, %v", o.Approval, err)
	}
	if got := r.audit.of(audit.CodeAsked); len(got) != 1 {
		t.Errorf("on record: %v", got)
	}
	mail := r.told(r.bob.token)
	mail.send(startMessage())
	if l := x.last(t); l.Channel != device.Mail || l.To != "bob@example.com" {
		t.Errorf("letter %+v", l)
	}
	mail.send(typing(x.last(t).Code))
	if o, err := mail.take(); err != nil || !slices.Equal(o.Approval.AMR, []string{"otp"}) {
		t.Errorf("by mail: %+v, %v", o.Approval, err)
	}
}

// Before a minute is over nothing is sent; then a new code, and the old one is dead.
// Three leave, whoever is told.
func TestMessageAgain(t *testing.T) {
	r := newRig(t)
	x := r.sending()
	b := r.begin(func(n *New) { n.Name = "told" })
	b.send(startName(string(r.alice.token)))
	b.send(startMessage())
	first := x.last(t)
	r.clock.pass(20 * time.Second)
	if a := b.send(startMessage()); a.Sent == nil || a.Sent.ResendAfter != 40*time.Second || len(x.letters) != 1 {
		t.Errorf("too early: %+v, %d letters", a.Sent, len(x.letters))
	}
	r.clock.pass(40 * time.Second)
	b.send(startMessage())
	second := x.last(t)
	if second.ID == first.ID || len(x.letters) != 2 {
		t.Fatalf("%s after %s, %d letters", second.ID, first.ID, len(x.letters))
	}
	if first.Code != second.Code {
		if a := b.send(typing(first.Code)); a.Text != codeWrong {
			t.Errorf("the old code: %+v", a)
		}
	}
	b.send(startName(string(r.bob.token))) // another name does not begin anew
	b.send(startMessage())
	third := x.last(t)
	if third.To != "bob@example.com" || len(x.letters) != 3 {
		t.Fatalf("%+v", third)
	}
	r.clock.pass(time.Minute)
	if a := b.send(startMessage()); a.Sent == nil || a.Sent.ResendAfter != 4*time.Minute || len(x.letters) != 3 {
		t.Errorf("a fourth: %+v, %d letters", a, len(x.letters))
	}
	r.clock.pass(4 * time.Minute)
	if a := b.send(startMessage()); a.Type != Failure || a.Text != sentTooOften || len(x.letters) != 3 {
		t.Errorf("a fourth, when the third is over: %+v", a)
	}
	if a := b.send(typing(third.Code)); a.Type != Failure || a.Text != codeOver || a.Remaining != 2 {
		t.Errorf("a code that is over: %+v", a) // one try was alice's
	}
}

// A code is for whom it was sent to, and good once.
func TestMessageOfAnother(t *testing.T) {
	r := newRig(t)
	x := r.sending()
	b := r.begin(func(n *New) { n.Name = "told" })
	b.send(startName(string(r.alice.token)))
	b.send(startMessage())
	code := x.last(t).Code
	b.send(startName(string(r.bob.token)))
	if a := b.send(typing(code)); a.Text != codeOver {
		t.Errorf("another's code: %+v", a)
	}
	loop := step(ByPhone, ByMessage)
	loop.On = map[StepResult][]Target{Confirmed: {ToAgain, "more"}}
	more := step(ByPhone)
	more.Name = "more"
	r.flow("more", step(ByName), loop, more)
	b = r.begin(func(n *New) { n.Name, n.Subject = "more", r.alice.token })
	b.send(startMessage())
	code = x.last(t).Code
	if a := b.send(typing(code)); a.Type != Init || a.Operation.Step != loop.Name || a.Operation.Approval == nil {
		t.Fatalf("%+v", a)
	}
	if a := b.send(typing(code)); a.Text != codeOver {
		t.Errorf("the code again: %+v", a)
	}

	b = r.begin(func(n *New) { n.Name, n.Subject = "more", r.alice.token })
	b.send(startMessage())
	code = x.last(t).Code
	s := b.start(true)
	scan := r.scan(s)
	if err := r.bob.decide(r.bob.claim(s.ID, scan), session.Approve, "qr:"+scan); err != nil {
		t.Fatal(err)
	}
	if a := b.send(typing(code)); a.Text != codeOver || a.Operation.Subject != r.bob.token {
		t.Errorf("alice's code, when it has turned out to be bob: %+v", a)
	}
}

// Somebody unknown, without an address, who has the method switched off, who is
// locked or revoked: the page is answered as if there were somebody, nothing is sent
// to anybody, and no code is right.
func TestMessageToNobody(t *testing.T) {
	nobodies := map[string]func(*device.Identity){
		"unknown":    nil,
		"no address": func(i *device.Identity) { i.Claims = device.Claims{} },
		"off":        func(i *device.Identity) { i.Off = []string{string(ByMessage)} },
		"locked":     func(i *device.Identity) { i.Status = device.Locked },
		"revoked":    func(i *device.Identity) { i.Status = device.Revoked },
	}
	// course goes through the method with wrong codes, and gives what the page sees.
	course := func(r *rig, x *postbox, b *browser) (seen string) {
		for _, m := range []Message{{Type: Init}, startMessage(), startMessage(), typing("1"), typing("W"), typing("W"), typing("W"), {Type: Init}, {Type: Status}} {
			if m.OTP == "W" {
				m.OTP = other(x.last(r.t).Code)
			}
			a := b.send(m)
			seen += fmt.Sprintln(a.Type, a.Reason, a.Ways, a.Remaining, a.StepResult, a.Sent, a.Text, a.Location != "", a.Operation.Result)
			if a.Sent != nil {
				seen += fmt.Sprintln(*a.Sent)
			}
		}
		return seen
	}
	r := newRig(t)
	x := r.sending()
	want := course(r, x, r.told(r.alice.token))
	if x.reached() != 1 {
		t.Fatalf("%d letters reach alice", x.reached())
	}
	for name, change := range nobodies {
		r := newRig(t)
		x := r.sending()
		who := device.TokenID("nobody")
		if change != nil {
			who = r.alice.token
			i := r.store.identities[who]
			change(&i)
			r.store.identities[who] = i
		}
		b := r.told(who)
		if got := course(r, x, b); got != want {
			t.Errorf("%s is answered\n%swant\n%s", name, got, want)
		}
		if x.reached() != 0 || len(x.letters) != 1 {
			t.Errorf("%s: %d letters, %d to somebody", name, len(x.letters), x.reached())
		}
		again := r.told(who)
		again.send(startMessage())
		if a := again.send(typing(x.last(t).Code)); a.Type != Failure || a.Text != codeWrong {
			t.Errorf("%s: the code is answered %+v", name, a)
		}
	}
}

// Too many messages to a name are refused in words, alike for all names, and a code
// that is still good can be typed.
func TestMessageTooOften(t *testing.T) {
	for _, who := range []device.TokenID{"", "nobody"} {
		r := newRig(t)
		x := r.sending()
		x.most = 1
		if who == "" {
			who = r.alice.token
		}
		first := r.told(who)
		first.send(startMessage())
		second := r.told(who)
		if a := second.send(startMessage()); a.Type != Failure || a.Text != sentTooOften || a.Operation.Result != Continue {
			t.Errorf("%s: %+v", who, a)
		}
		r.clock.pass(2 * time.Minute)
		if a := first.send(startMessage()); a.Sent == nil || a.Sent.ResendAfter != 3*time.Minute {
			t.Errorf("%s, again: %+v", who, a)
		}
		if len(x.letters) != 1 {
			t.Errorf("%s: %d letters", who, len(x.letters))
		}
	}
}

// What is lost between the record and the letter is made good by the next start,
// without waiting; and of starts at once one letter leaves.
func TestMessageLost(t *testing.T) {
	r := newRig(t)
	x := r.sending()
	b := r.told(r.alice.token)
	x.err = errors.New("redis is away")
	if _, err := b.try(startMessage()); err == nil {
		t.Fatal("nothing went wrong")
	}
	if a := b.send(startMessage()); a.Sent == nil || x.reached() != 1 {
		t.Fatalf("%+v, %d letters", a, x.reached())
	}
	if a := b.send(typing(x.last(t).Code)); a.Type != Complete {
		t.Errorf("%+v", a)
	}

	r.store.conflicts = 3 // another is quicker
	b = r.told(r.alice.token)
	b.send(startMessage())
	if x.reached() != 2 || x.sends[r.alice.token] != 2 {
		t.Errorf("%d letters, %d counted", x.reached(), x.sends[r.alice.token])
	}
	b = r.told(r.alice.token)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if a, err := b.try(startMessage()); err != nil || a.Sent == nil {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
	all.Wait()
	if x.reached() != 3 {
		t.Errorf("%d letters", x.reached())
	}
	if a := b.send(typing(x.last(t).Code)); a.Type != Complete {
		t.Errorf("%+v", a)
	}
}

// Once a phone has shown who it is, the page learns where the message went; whom none
// reaches is not offered one, and an operation that has no other way fails.
func TestMessageAfterPhone(t *testing.T) {
	r := newRig(t)
	x := r.sending()
	for _, scan := range []bool{false, true} {
		b := r.begin(func(n *New) { n.Name = "both" })
		if !scan {
			b.send(startName(string(r.alice.token)))
		}
		s := b.start(scan)
		shown, code := "", r.code(s)
		want := []string{"otp", "sms", "swk"}
		if scan {
			shown = r.scan(s)
			code = "qr:" + shown
		}
		if err := r.alice.decide(r.alice.claim(s.ID, shown), session.Approve, code); err != nil {
			t.Fatal(err)
		}
		if a := b.send(Message{Type: Init}); a.Operation.Step != Step(ByMessage) || a.Operation.Result != Continue {
			t.Fatalf("scan %t: %+v", scan, a)
		}
		if a := b.send(startMessage()); a.Sent == nil || a.Sent.To != "•••• 42" {
			t.Errorf("scan %t: sent to %+v", scan, a.Sent)
		}
		if a := b.send(typing(x.last(t).Code)); a.Type != Complete {
			t.Errorf("scan %t: %+v", scan, a)
		}
		if o, err := b.take(); err != nil || !slices.Equal(o.Approval.AMR, want) || o.Approval.Device != r.alice.id {
			t.Errorf("scan %t: %+v, %v", scan, o.Approval, err)
		}
	}
	r.claim(r.alice, "phone", "none")
	b := r.begin(func(n *New) { n.Name, n.Subject = "both", r.alice.token })
	s := b.start(false)
	r.decide(r.alice, s, session.Approve)
	if a := b.send(Message{Type: Init}); a.Operation.Result != Failed || a.Operation.Reason != string(causeNoMethod) {
		t.Errorf("without an address: %+v", a.Operation)
	}
}

// A message that is chosen instead gives the phone's session up; without a gateway
// there is nothing to choose.
func TestMessageInstead(t *testing.T) {
	r := newRig(t)
	x := r.sending()
	o := r.desk("demo").order(of("either"))
	b := r.open(o.ID)
	if a := b.send(Message{Type: Init}); len(a.Ways) != 2 || a.Ways[1].ID != ByMessage || a.Ways[1].Label != labelByMessage {
		t.Fatalf("offered: %+v", a.Ways)
	}
	b.send(Message{Type: Choose, Method: ByPhone})
	s := b.start(false)
	if a := b.send(startMessage()); a.Sent == nil || r.state(s.ID).State.Open() {
		t.Errorf("%+v, the session is %s", a, r.state(s.ID).State)
	}
	l := x.last(t)
	if l.Data != testData || string(l.Form) != `{"title":"Payment"}` {
		t.Errorf("letter %+v", l)
	}
	if a := b.send(typing(l.Code)); a.Type != Complete {
		t.Errorf("%+v", a)
	}

	r.svc.Letters = nil
	b = r.open(r.desk("demo").order(of("either")).ID)
	if a := b.send(Message{Type: Init}); len(a.Ways) != 1 || a.Ways[0].ID != ByPhone {
		t.Errorf("offered without a gateway: %+v", a.Ways)
	}
	b.send(Message{Type: Choose, Method: ByPhone})
	if a := b.send(startMessage()); a.Type != Failure || a.Text != notOfferedHere {
		t.Errorf("started without a gateway: %+v", a)
	}
}

// A code outlives neither five minutes nor its step.
func TestMessageEnds(t *testing.T) {
	r := newRig(t)
	x := r.sending()
	b := r.told(r.alice.token)
	r.clock.pass(7 * time.Minute)
	b.send(startMessage())
	if l := x.last(t); !l.Until.Equal(b.stored().ExpiresAt) {
		t.Errorf("good until %s, the operation until %s", l.Until, b.stored().ExpiresAt)
	}
	b = r.told(r.alice.token)
	b.send(startMessage())
	code := x.last(t).Code
	r.clock.pass(5 * time.Minute)
	if a := b.send(typing(code)); a.Type != Failure || a.Text != codeOver || x.codes[r.alice.token] != 0 {
		t.Errorf("%+v, %d counted", a, x.codes[r.alice.token])
	}
}
