package operation

import (
	"fmt"
	"testing"
	"time"

	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"
)

// newWholeRig is a rig where every method of the flows that are built in is set up,
// and alice has all that they ask for.
func newWholeRig(t *testing.T) (*rig, *postbox) {
	t.Helper()
	r := newRig(t)
	builtIn := BuiltIn()
	x := r.sending()
	r.svc.Flows = builtIn
	key, err := p256.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	r.svc.Offline = keyed{key}
	r.svc.Terms["demo"] = testTerms("1")
	r.alice.agree()
	return r, x
}

// A turn is one way that a method can go in a step.
type turn struct {
	by  Method
	how StepResult
}

// turns are all that can happen to the steps of the flows that are built in. What a
// method cannot come to is not there: nobody declines digits, and terms are read as
// often as one likes.
func (r *rig) turns(x *postbox) map[turn]func(b *browser) {
	out := map[turn]func(b *browser){
		{ByName, Confirmed}:   func(b *browser) { b.send(startName(string(r.alice.token))) },
		{ByReview, Confirmed}: func(b *browser) { b.send(Message{Type: Choose, Method: ByPhone}) },

		{ByPhone, Confirmed}:        func(b *browser) { r.decide(r.alice, b.start(false), session.Approve) },
		{ByPhone, Canceled}:         func(b *browser) { r.decide(r.alice, b.start(false), session.Deny) },
		{ByPhone, AuthFailed}:       func(b *browser) { b.start(false); r.clock.pass(2*time.Minute + time.Second) },
		{ByPhone, AuthMethodFailed}: func(b *browser) { r.wrongs(r.alice, b.start(false)) },

		{ByOffline, Confirmed}: func(b *browser) { b.send(typedOffline(device.OfflineCode(r.alice.secret(), b.drawn()))) },
		{ByMessage, Confirmed}: func(b *browser) { b.send(startMessage()); b.send(typing(x.last(r.t).Code)) },
		{ByConsent, Confirmed}: func(b *browser) { b.send(startConsent()); b.send(agree("terms")) },
	}
	wrong := func(n int) (offline, message func(b *browser)) {
		offline = func(b *browser) {
			code := other(device.OfflineCode(r.alice.secret(), b.drawn()))
			for range n {
				b.send(typedOffline(code))
			}
		}
		message = func(b *browser) {
			b.send(startMessage())
			code := other(x.last(r.t).Code)
			for range n {
				b.send(typing(code))
			}
		}
		return offline, message
	}
	out[turn{ByOffline, AuthFailed}], out[turn{ByMessage, AuthFailed}] = wrong(1)
	out[turn{ByOffline, AuthMethodFailed}], out[turn{ByMessage, AuthMethodFailed}] = wrong(typedMost)
	return out
}

// Every way that every method can go in every step of the flows that are built in,
// played, leads where the flow says; and cancelling, wherever it stands, to the end.
func TestEveryTurn(t *testing.T) {
	played := map[turn]bool{}
	for name, f := range BuiltIn() {
		for _, s := range f.Steps {
			for _, w := range s.Ways {
				r, x := newWholeRig(t)
				for at := range r.turns(x) {
					if at.by == w.Method {
						played[at] = true
						playTurn(t, name, s, at)
					}
				}
			}
			r, x := newWholeRig(t)
			b := r.walkTo(x, name, s.Name)
			if a := b.send(Message{Type: Cancel}); a.Type != Cancel || b.stored().Result != Failed || b.stored().Reason != string(causeCancelled) {
				t.Errorf("%s, cancelled at %s: %+v", name, s.Name, a)
			}
		}
	}
	r, x := newWholeRig(t)
	if all := len(r.turns(x)); len(played) != all {
		t.Errorf("%d of %d were played", len(played), all)
	}
}

// walkTo begins an operation whose step is due.
func (r *rig) walkTo(x *postbox, name string, to Step) *browser {
	r.t.Helper()
	b := r.begin(func(n *New) { n.Name = name })
	b.send(Message{Type: Init})
	turns := r.turns(x)
	for range 10 {
		o := b.stored()
		if o.Step == to {
			return b
		}
		s, _ := r.svc.Flows[name].step(o.Step)
		turns[turn{s.Ways[0].Method, Confirmed}](b)
		b.send(Message{Type: Status})
	}
	r.t.Fatalf("%s does not come to %s", name, to)
	return nil
}

func playTurn(t *testing.T, name string, s FlowStep, at turn) {
	t.Helper()
	r, x := newWholeRig(t)
	b := r.walkTo(x, name, s.Name)
	r.turns(x)[at](b)
	b.send(Message{Type: Status})
	what := fmt.Sprintf("%s, %s by %s: %s", name, s.Name, at.by, at.how)
	o := b.stored()
	result, step := r.svc.Flows[name].after(s.Name, at.by, at.how, func(FlowStep) bool { return true })
	if o.Result != result || o.Step != step {
		t.Errorf("%s led to %s %s, not %s %s", what, o.Result, o.Step, result, step)
	}
	last := o.History[len(o.History)-1]
	if last.Step != s.Name || last.Method != at.by || last.How != at.how || last.Result != result {
		t.Errorf("%s is written down as %+v", what, last)
	}
	// Once it has ended, nothing changes it; what has failed for good is not offered.
	a := b.send(Message{Type: Init})
	if result != Continue && (a.Location == "" || b.stored().Version != o.Version) {
		t.Errorf("%s: after the end %+v", what, a)
	}
	if at.how == AuthMethodFailed && step == s.Name {
		for _, offer := range a.Ways {
			if offer.ID == at.by {
				t.Errorf("%s is offered again", what)
			}
		}
	}
}
