package operation

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"countersign/device"
	"countersign/session"

	"pgregory.net/rapid"
)

// How often a method may be tried is the least of all bounds on it, of which any may
// be absent.
func TestRemaining(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		bound := func(name string) int { return rapid.IntRange(0, 6).Draw(rt, name) }
		way, order, tried := bound("way"), bound("order"), bound("tried")
		most := sessionsMost
		if way > 0 {
			most = way // the flow's word goes before the method's own
		}
		if order > 0 && order < most {
			most = order
		}
		s := FlowStep{Name: Device, Ways: []Way{{Method: ByPhone, Attempts: way}}}
		v := view{flow: Flow{Steps: []FlowStep{s}}, step: s, o: Operation{Attempts: order, Tries: []Try{{ByPhone, tried}}}}
		if got := v.remaining(ByPhone); got != max(0, most-tried) {
			rt.Fatalf("flow %d, order %d, tried %d: %d remain", way, order, tried, got)
		}
	})
	for _, x := range []struct {
		bounds []int
		least  int
	}{{nil, 0}, {[]int{0, 0}, 0}, {[]int{0, 3}, 3}, {[]int{3, 0}, 3}, {[]int{3, 2, 5}, 2}} {
		if got := fewest(x.bounds...); got != x.least {
			t.Errorf("of %v: %d", x.bounds, got)
		}
	}
}

// A walk is an operation that anything may happen to.
type walk struct {
	*rig
	x      *postbox
	d      *desk
	b      *browser
	before Operation
	// approvals is how often somebody has approved: on a phone, or by a right code.
	approvals int
}

func newWalk(t *testing.T, rt *rapid.T) *walk {
	w := &walk{}
	w.rig, w.x = newWholeRig(t)
	w.d = w.desk("demo")
	if rapid.Bool().Draw(rt, "settles") {
		w.settles()
	}
	again := FlowStep{Name: Device, Ways: []Way{{Method: ByPhone}}, On: map[StepResult][]Target{Canceled: {ToAgain}, AuthMethodFailed: {Target(Review)}}}
	second := FlowStep{Name: "second", Ways: []Way{{Method: ByPhone, Attempts: 2}}, Expiry: time.Minute}
	w.flow("twice", step(ByName), step(ByReview), again, second)
	name := rapid.SampledFrom([]string{Login, Payment, LoginSCA, PaymentSCA, "twice"}).Draw(rt, "flow")
	whom := rapid.SampledFrom([]func(*Order){named(w.alice.token), unnamed}).Draw(rt, "whom")
	w.b = w.open(w.d.order(of(name), whom).ID)
	w.before = w.b.stored()
	return w
}

// say sends any message.
func (w *walk) say(rt *rapid.T) {
	names := []string{string(w.alice.token), string(w.bob.token), "nobody", ""}
	_, err := w.b.try(Message{
		Type:      rapid.SampledFrom([]Type{Init, Start, Verify, Choose, Status, Cancel, Complete}).Draw(rt, "type"),
		Method:    rapid.SampledFrom([]Method{ByName, ByPhone, ByPhone, ByReview, ByMessage, ByOffline}).Draw(rt, "method"),
		User:      rapid.SampledFrom(names).Draw(rt, "user"),
		Challenge: challenge, Scan: rapid.Bool().Draw(rt, "scan"), OTP: "123456",
	})
	if err != nil {
		rt.Fatal(err)
	}
}

// on sends what leads on from where the operation stands.
func (w *walk) on(rt *rapid.T) {
	o := w.b.stored()
	m := startPhone(false)
	switch {
	case o.Step == Identify && o.Subject == "":
		m = startName(string(w.alice.token))
	case o.Step == Review:
		m = Message{Type: Choose, Method: ByPhone}
	case o.Step == Agree:
		m = agree("terms")
		w.b.send(startConsent())
	}
	if _, err := w.b.try(m); err != nil {
		rt.Fatal(err)
	}
}

// codes has a code typed in the page, right or wrong, where the step takes one.
func (w *walk) codes(rt *rapid.T) {
	var code string
	var m Message
	switch rapid.SampledFrom([]Method{ByOffline, ByMessage}).Draw(rt, "by") {
	case ByOffline:
		a := w.b.send(Message{Type: Start, Method: ByOffline})
		if a.Drawn == nil {
			return
		}
		code = device.OfflineCode(w.alice.secret(), a.Drawn.QR)
		m = typedOffline(code)
	default:
		if a := w.b.send(startMessage()); a.Sent == nil {
			return
		}
		code = w.x.last(w.t).Code
		m = typing(code)
	}
	isWrong := rapid.Bool().Draw(rt, "wrong")
	if isWrong {
		m.OTP, m.Code = "", ""
		if wrong := other(code); len(wrong) == 8 {
			m.Code = wrong
		} else {
			m.OTP = wrong
		}
	}
	before := w.b.stored()
	if _, err := w.b.try(m); err != nil {
		rt.Fatal(err)
	}
	if o := w.b.stored(); o.Approval != nil && (before.Approval == nil || o.Step != before.Step || o.Result != before.Result) {
		w.approvals++
		if isWrong {
			rt.Fatalf("a wrong code approved: %+v", o)
		}
	}
}

// phones has a phone decide the session that is open, if it may.
func (w *walk) phones(rt *rapid.T) {
	id := w.b.stored().Session
	if id == "" || !w.state(id).State.Undecided() {
		return
	}
	p := rapid.SampledFrom([]*phone{w.alice, w.bob}).Draw(rt, "phone")
	s := w.state(id)
	if s.Asked != "" && s.Asked != p.token || s.Claim != nil || s.Due(w.clock.now()) {
		return
	}
	scan, code := "", ""
	if s.Asked == "" {
		at := int64(w.clock.now().Sub(s.CreatedAt) / time.Second)
		scan = strconv.FormatInt(at, 10) + ":" + session.QRCode(w.svc.Sessions.Secrets.QRKey(s), s.ID, at)
	}
	s = p.claim(id, scan)
	d := rapid.SampledFrom([]session.Decision{session.Approve, session.Approve, session.Deny, session.Report}).Draw(rt, "decision")
	if d == session.Approve {
		code = w.code(s)
		if scan != "" {
			code = "qr:" + scan
		}
		w.approvals++
	}
	if err := p.decide(s, d, code); err != nil {
		rt.Fatal(err)
	}
}

// holds says what is true of an operation whatever happens to it.
func (w *walk) holds(rt *rapid.T) {
	o, before := w.b.stored(), w.before
	w.before = o
	if before.Result != Continue && o.Version != before.Version {
		rt.Fatalf("it changed after its end: %+v\n%+v", before, o)
	}
	if o.Result != Continue && (o.Session != "" && w.state(o.Session).State.Open() || len(o.History) == 0 || o.History[len(o.History)-1].Result != o.Result) {
		rt.Fatalf("it has ended, and its history or its session has not: %+v", o)
	}
	factors := 1
	if o.Name == "twice" || o.Name == PaymentSCA {
		factors = 2
	}
	if o.Result == Done && (o.Approval == nil || w.approvals < factors) {
		rt.Fatalf("done by %d approvals: %+v", w.approvals, o)
	}
	if o.Named && o.Subject != w.alice.token {
		rt.Fatalf("it is about %s", o.Subject)
	}
	if a, b := o.Approval, before.Approval; b != nil && (a == nil || a.Token != b.Token) {
		rt.Fatalf("approved by %+v, and then %+v", b, a)
	}
	for _, try := range o.Tries {
		if try.N > sessionsMost {
			rt.Fatalf("%s was tried %d times", try.Method, try.N)
		}
	}
	var failed []Method
	for _, e := range o.History {
		if e.Method != "" && slices.Contains(failed, e.Method) {
			rt.Fatalf("%s had failed for good: %+v", e.Method, o.History)
		}
		if e.How == AuthMethodFailed {
			failed = append(failed, e.Method)
		}
	}
	if n := w.store.open(); n > 1 {
		rt.Fatalf("%d sessions are open", n)
	}
}

// Whatever a page, phones, a back end and time do, in any order: no step runs after
// the end, nothing is done without its approvals, by one person, and a method that has
// failed for good stays failed.
func TestWalks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWalk(t, rt)
		for range rapid.IntRange(1, 60).Draw(rt, "length") {
			switch rapid.IntRange(0, 11).Draw(rt, "what") {
			default:
				w.on(rt)
			case 5, 6:
				w.say(rt)
			case 7, 8:
				w.phones(rt)
			case 9:
				w.codes(rt)
			case 10:
				w.clock.pass(rapid.SampledFrom([]time.Duration{time.Second, 50 * time.Second, 3 * time.Minute}).Draw(rt, "time"))
			case 11:
				if rapid.IntRange(0, 9).Draw(rt, "by") == 0 {
					_, _ = w.d.giveUp(w.b.id)
				} else {
					w.d.ask(w.b.id)
				}
			}
			w.holds(rt)
		}
	})
}
