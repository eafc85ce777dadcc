package operation

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/session"
)

// What a back end orders is what its user approves, and it is told how it ended
// before anybody asks.
func TestOrder(t *testing.T) {
	r := newRig(t)
	r.settles()
	d := r.desk("demo")
	o := d.order(func(w *Order) { w.ExternalID = "order-1" })
	if !o.ID.WellFormed() || o.Result != Continue || o.Step != Review || !o.ByService || !o.Named || o.Subject != r.alice.token || o.Browser != nil ||
		o.ExternalID != "order-1" || o.Data != testData || o.Finish != over(o.ID) || o.Return != testBack || !o.ExpiresAt.Equal(r.clock.now().Add(10*time.Minute)) || len(o.History) != 0 {
		t.Errorf("ordered %+v", o)
	}
	if got := r.svc.Due(o); !slices.Equal(got, []Method{ByReview}) {
		t.Errorf("due: %v", got)
	}
	b := r.chosen(o)
	if got := r.svc.Due(d.ask(o.ID)); !slices.Equal(got, []Method{ByPhone, ByOffline}) {
		t.Errorf("due after the review: %v", got)
	}
	s := b.start(false)
	if op := s.Operation; op == nil || op.Name != Payment || op.Data != testData || string(op.Form) != `{"title":"Payment"}` || s.For != string(o.ID) {
		t.Errorf("started %+v of %q", op, s.For)
	}
	r.clock.pass(10 * time.Second)
	r.decide(r.alice, s, session.Approve)
	stored := b.stored()
	if stored.Result != Done || stored.Approval == nil || stored.Session != "" {
		t.Fatalf("approved, and it stands at %+v", stored)
	}
	p := stored.Approval.Proof
	if p == nil || !r.alice.key.Public().Verify([]byte(p.Text), p.Signature) || string(p.Key) != string(r.alice.key.Public().Point()) ||
		!strings.Contains(p.Text, session.DisplayHash(p.Display)) || !strings.Contains(p.Display, testData) {
		t.Errorf("proven by %+v", p)
	}
	done := d.ask(o.ID)
	if done.Result != Done || len(r.svc.Due(done)) != 0 {
		t.Errorf("done: %+v", done)
	}
	want := []Entry{
		{At: o.CreatedAt, Step: Review, Method: ByReview, How: Confirmed, Result: Continue},
		{At: r.clock.now(), Step: Device, Method: ByPhone, How: Confirmed, Result: Done},
	}
	if !slices.Equal(done.History, want) {
		t.Errorf("history: %+v", done.History)
	}
	for kind, want := range map[audit.Kind][]string{audit.OperationStarted: {Payment}, audit.OperationOpened: {""}, audit.OperationDone: {""}, audit.OperationFailed: nil} {
		if got := r.audit.of(kind); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
}

// A login has no proof to keep: it is given out once, as claims.
func TestNoProofOfAPage(t *testing.T) {
	r := newRig(t)
	b := r.begin(r.ofAlice)
	r.decide(r.alice, b.start(false), session.Approve)
	b.send(Message{Type: Status})
	if a := b.stored().Approval; a == nil || a.Proof != nil {
		t.Errorf("%+v", a)
	}
}

func TestRefusedOrders(t *testing.T) {
	r := newRig(t)
	r.flow("no_name", step(ByPhone))
	r.flow("no_name_review", step(ByReview), step(ByPhone))
	for _, x := range []struct {
		what, service string
		change        []func(*Order)
		want          error
	}{
		{"no such name", "demo", []func(*Order){of("authorise_payment")}, ErrUnknown},
		{"no name", "demo", []func(*Order){of("")}, ErrUnknown},
		{"a scope that is not the service's", "demo", []func(*Order){func(w *Order) { w.Scopes = []device.Scope{device.Picture} }}, session.ErrScope},
		{"nobody, and the flow does not ask", "plain", []func(*Order){of("no_name"), unnamed}, ErrNobody},
		{"nobody, and the flow does not ask after its review", "plain", []func(*Order){of("no_name_review"), unnamed}, ErrNobody},
		{"nobody, but anybody may scan", "demo", []func(*Order){of("no_name"), unnamed}, nil},
		{"nobody, but anybody may scan after the review", "demo", []func(*Order){of("no_name_review"), unnamed}, nil},
		{"nobody, and the flow asks", "plain", []func(*Order){unnamed}, nil},
		{"somebody", "plain", []func(*Order){of("no_name")}, nil},
	} {
		before := len(r.store.operations)
		o, err := r.desk(x.service).try(x.change...)
		if !errors.Is(err, x.want) || (err == nil) != (o.ID != "") || (err == nil) != (len(r.store.operations) == before+1) {
			t.Errorf("%s: %+v, %v, want %v", x.what, o, err, x.want)
		}
	}
}

// Only a service that may know learns that there is nobody of a name; of any other
// name than ours there is nobody.
func TestOrderOfNobody(t *testing.T) {
	r := newRig(t)
	revoked, gone := r.store.identities[r.bob.token], device.NewTokenID()
	r.store.identities[r.bob.token] = revoked.SetStatus(device.Revoked)
	for _, x := range []struct {
		user  device.TokenID
		knows error
	}{{r.alice.token, nil}, {gone, session.ErrNotEnrolled}, {"alice@bank.example", session.ErrNotEnrolled}, {r.bob.token, session.ErrRevoked}, {"", nil}} {
		for _, pairwise := range []bool{false, true} {
			for _, may := range []bool{false, true} {
				r.party("demo", func(p *session.RelyingParty) {
					p.RevealUnknown, p.Pairwise, p.SubjectKey = may, pairwise, []byte("a subject key of 32 bytes in all")
				})
				party, _ := r.svc.Parties.Party("demo")
				user, want := x.user, error(nil)
				if x.user.WellFormed() {
					user = party.Subject(x.user)
				}
				if may {
					want = x.knows
				}
				o, err := r.desk("demo").try(named(user))
				if !errors.Is(err, want) || (err == nil) != o.ID.WellFormed() || err == nil && o.Named != (user != "") {
					t.Errorf("%q, may know %v, pairwise %v: %+v, %v, want %v", x.user, may, pairwise, o, err, want)
				}
			}
		}
	}
}

// An operation is its service's: to every other back end, and to those that are no
// back ends', it is not there.
func TestAnothersOperation(t *testing.T) {
	r := newRig(t)
	d, other := r.desk("demo"), r.desk("plain")
	o, page := d.order(), r.begin(r.ofAlice)
	for what, ask := range map[string]func() error{
		"asked by another":        func() error { _, err := r.svc.Ask(t.Context(), "plain", o.ID); return err },
		"given up by another":     func() error { _, err := other.giveUp(o.ID); return err },
		"asked by nobody":         func() error { _, err := r.svc.Ask(t.Context(), "", o.ID); return err },
		"a page's":                func() error { _, err := r.svc.Ask(t.Context(), "demo", page.id); return err },
		"a page's, given up":      func() error { _, err := d.giveUp(page.id); return err },
		"a page's, opened":        func() error { _, _, err := r.svc.Open(t.Context(), page.id); return err },
		"unknown":                 func() error { _, err := r.svc.Ask(t.Context(), "demo", NewID()); return err },
		"unknown, opened":         func() error { _, _, err := r.svc.Open(t.Context(), NewID()); return err },
		"no id of ours":           func() error { _, err := r.svc.Ask(t.Context(), "demo", "op_1"); return err },
		"no id of ours, given up": func() error { _, err := d.giveUp("op_1"); return err },
		"no id of ours, opened":   func() error { _, _, err := r.svc.Open(t.Context(), "op_1"); return err },
	} {
		if err := ask(); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := d.ask(o.ID); got.Result != Continue || page.stored().Result != Continue {
		t.Errorf("changed: %+v", got)
	}
	wantIDs(t, "of another service", other.of(r.alice.token))
}

// The same key and the same order are one operation, as it stands.
func TestOrderAgain(t *testing.T) {
	r := newRig(t)
	r.settles()
	d := r.desk("demo")
	key := func(w *Order) { w.Repeat = "key" }
	o := d.order(key)
	if got := d.order(key); got.ID != o.ID || got.Version != o.Version {
		t.Errorf("again: %+v", got)
	}
	if _, err := d.try(key, func(w *Order) { w.Body = "another" }); !errors.Is(err, session.ErrIdempotency) {
		t.Errorf("another body: %v", err)
	}
	if got, err := d.try(func(w *Order) { w.Repeat = "bad" }, of("nothing")); !errors.Is(err, ErrUnknown) {
		t.Errorf("an order that cannot be: %+v, %v", got, err)
	}
	flow := r.svc.Flows[o.Name]
	delete(r.svc.Flows, o.Name)
	if got := d.order(key); got.ID != o.ID {
		t.Errorf("again, after the flow has gone: %+v", got)
	}
	r.svc.Flows[o.Name] = flow
	if got := d.order(func(w *Order) { w.Repeat = "other" }); got.ID == o.ID {
		t.Error("another key gave the same")
	}
	if got := r.desk("plain").order(key); got.ID == o.ID || got.Service != "plain" {
		t.Errorf("another service's key: %+v", got)
	}
	if a, b := d.order(), d.order(); a.ID == b.ID || a.ID == o.ID {
		t.Error("without a key there is one operation")
	}
	r.decide(r.alice, r.chosen(o).start(false), session.Approve)
	if got := d.order(key); got.ID != o.ID || got.Result != Done {
		t.Errorf("again at its end: %+v", got)
	}
}

// Fifty at once are one operation: no other is given, listed or on record.
func TestOrderAtOnce(t *testing.T) {
	r := newRig(t)
	d := r.desk("demo")
	var first atomic.Value
	together(func() {
		o, err := d.try(func(w *Order) { w.Repeat = "key" })
		if err != nil {
			t.Error(err)
		}
		if !first.CompareAndSwap(nil, o.ID) && first.Load() != o.ID {
			t.Errorf("%s and %s", first.Load(), o.ID)
		}
	})
	id, _ := first.Load().(ID)
	wantIDs(t, "listed", d.of(r.alice.token), id)
	if started := r.audit.of(audit.OperationStarted); len(started) != 1 {
		t.Errorf("started %q", started)
	}
}

// Where a node was stopped before it had listed an operation, the repeat does.
func TestOrderAgainIsListed(t *testing.T) {
	r := newRig(t)
	d := r.desk("demo")
	key := func(w *Order) { w.Repeat = "key" }
	r.store.unlisted = errors.New("no Redis")
	if o, err := d.try(key); err == nil {
		t.Fatalf("%+v", o)
	}
	r.store.unlisted = nil
	o := d.order(key)
	d.order(key)
	wantIDs(t, "listed", d.of(r.alice.token), o.ID)
	if n := len(r.store.listed); n != 1 {
		t.Errorf("%d times on the list", n)
	}
}

// Cancelled it stays cancelled, whoever did it; what ended otherwise stays so.
func TestGiveUp(t *testing.T) {
	r := newRig(t)
	r.settles()
	d := r.desk("demo")
	o := d.order()
	b := r.chosen(o)
	s := b.start(false)
	for range 2 {
		got, err := d.giveUp(o.ID)
		if err != nil || got.Result != Failed || got.Reason != string(causeCancelled) || got.How != Canceled {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if got := r.state(s.ID); got.State != session.Cancelled || got.Outcome().By != session.ByService {
		t.Errorf("its session is %s by %s", got.State, got.Outcome().By)
	}
	if h := d.ask(o.ID).History; len(h) != 2 || h[1].Step != Device || h[1].Method != "" || h[1].How != Canceled || h[1].Result != Failed || h[1].Reason != string(causeCancelled) {
		t.Errorf("history: %+v", h)
	}
	if got := r.audit.of(audit.OperationFailed); !slices.Equal(got, []string{"cancelled"}) {
		t.Errorf("on record: %q", got)
	}
	byPage := d.order()
	r.open(byPage.ID).send(Message{Type: Cancel})
	if got, err := d.giveUp(byPage.ID); err != nil || got.Reason != string(causeCancelled) {
		t.Errorf("cancelled by its page: %+v, %v", got, err)
	}
	for what, act := range map[string]func(b *browser){
		"done":     func(b *browser) { r.decide(r.alice, b.start(false), session.Approve) },
		"declined": func(b *browser) { r.decide(r.alice, b.start(false), session.Deny) },
		"reported": func(b *browser) { r.decide(r.alice, b.start(false), session.Report) },
		"wrong":    func(b *browser) { r.wrongs(r.alice, b.start(false)) },
		"expired":  func(*browser) { r.clock.pass(10 * time.Minute) },
	} {
		b := r.chosen(d.order())
		act(b)
		if got, err := d.giveUp(b.id); !errors.Is(err, ErrFinished) || got.Result == Continue || got.Reason == string(causeCancelled) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
}

// What a phone has decided stays, though nobody was told of it yet.
func TestGiveUpAfterApproval(t *testing.T) {
	r := newRig(t) // where the node that ended the session died before it went on
	d := r.desk("demo")
	b := r.chosen(d.order())
	r.decide(r.alice, b.start(false), session.Approve)
	if got, err := d.giveUp(b.id); !errors.Is(err, ErrFinished) || got.Result != Done || got.Approval == nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// What has ended is changed by no message, nor by time.
func TestEndedStays(t *testing.T) {
	for what, end := range map[string]func(r *rig, b *browser){
		"done":      func(r *rig, b *browser) { r.decide(r.alice, b.start(false), session.Approve) },
		"declined":  func(r *rig, b *browser) { r.decide(r.alice, b.start(false), session.Deny) },
		"cancelled": func(r *rig, b *browser) { _, _ = r.desk("demo").giveUp(b.id) },
	} {
		r := newRig(t)
		r.settles()
		d := r.desk("demo")
		b := r.chosen(d.order())
		end(r, b)
		before := b.stored()
		if before.Result == Continue {
			t.Fatalf("%s: %+v", what, before)
		}
		for name, m := range messages(r) {
			a := b.send(m)
			if a.Reason == "" && (a.Type != Complete && a.Type != Cancel || a.Location != over(b.id)) {
				t.Errorf("%s, %s: %+v", what, name, a)
			}
		}
		_, _ = d.giveUp(b.id)
		r.clock.pass(time.Hour)
		d.ask(b.id)
		if after := b.stored(); after.Version != before.Version {
			t.Errorf("%s: changed to %+v", what, after)
		}
	}
}

// The first browser that opens it has it.
func TestOpen(t *testing.T) {
	r := newRig(t)
	o := r.desk("demo").order()
	if a := (&browser{r, o.ID, ""}).send(Message{Type: Init}); a.Reason != NotFound {
		t.Errorf("before it is opened: %+v", a)
	}
	b := r.open(o.ID)
	for range 2 {
		if _, secret, err := r.svc.Open(t.Context(), o.ID); !errors.Is(err, ErrNotFound) || secret != "" {
			t.Errorf("opened by another: %v", err)
		}
	}
	if a := b.send(Message{Type: Init}); a.Type != Init {
		t.Errorf("the first: %+v", a)
	}
	if got := r.audit.of(audit.OperationOpened); len(got) != 1 {
		t.Errorf("on record: %q", got)
	}
}

func TestOpenAtOnce(t *testing.T) {
	r := newRig(t)
	o := r.desk("demo").order()
	var opened atomic.Int64
	together(func() {
		switch _, _, err := r.svc.Open(t.Context(), o.ID); {
		case err == nil:
			opened.Add(1)
		case !errors.Is(err, ErrNotFound):
			t.Error(err)
		}
	})
	if opened.Load() != 1 {
		t.Errorf("%d have it", opened.Load())
	}
}

// A service is told whom it named, and who approved, and no name that was only
// told in a page: under its own ids.
func TestAboutWhom(t *testing.T) {
	for _, pairwise := range []bool{false, true} {
		r := newRig(t)
		r.settles()
		r.party("demo", func(p *session.RelyingParty) {
			p.Pairwise, p.SubjectKey = pairwise, []byte("a subject key of 32 bytes in all")
		})
		d := r.desk("demo")
		party, _ := r.svc.Parties.Party("demo")
		alice, bob := party.Subject(r.alice.token), party.Subject(r.bob.token)
		if pairwise == (alice == r.alice.token) {
			t.Fatalf("alice is %s", alice)
		}
		one := d.order(named(alice))
		r.clock.pass(time.Second)
		two := d.order(named(alice))
		r.clock.pass(time.Second)
		open := d.order(of(Login), unnamed)
		if one.Subject != r.alice.token || one.About() != r.alice.token || open.About() != "" {
			t.Errorf("about %s and %s", one.About(), open.About())
		}
		wantIDs(t, "the newest first", d.of(alice), two.ID, one.ID)
		b := r.open(open.ID)
		b.send(startName(string(r.bob.token)))
		if got := d.ask(open.ID); got.About() != "" {
			t.Errorf("told: about %s", got.About())
		}
		wantIDs(t, "told", d.of(bob))
		b.send(startName(string(r.alice.token)))
		s := b.start(true)
		scan := r.scan(s)
		if err := r.bob.decide(r.bob.claim(s.ID, scan), session.Approve, "qr:"+scan); err != nil {
			t.Fatal(err)
		}
		wantIDs(t, "scanned", d.of(bob), open.ID)
		wantIDs(t, "told before", d.of(alice), two.ID, one.ID)
		if pairwise {
			wantIDs(t, "under the id of another service", d.of(r.alice.token))
		}
		wantIDs(t, "nobody", d.of("nobody"))
	}
}

// The list says of each how it stands now.
func TestListIsPresent(t *testing.T) {
	r := newRig(t)
	d := r.desk("demo")
	b := r.chosen(d.order())
	r.decide(r.alice, b.start(false), session.Approve)
	list, err := r.svc.Of(t.Context(), "demo", r.alice.token)
	if err != nil || len(list) != 1 || list[0].Result != Done {
		t.Errorf("%+v, %v", list, err)
	}
}

// Every end has its reason, which the history, the audit and the back end are told
// alike.
func TestReasons(t *testing.T) {
	for want, act := range map[cause]func(r *rig, b *browser){
		causeDeclined: func(r *rig, b *browser) { r.decide(r.alice, b.start(false), session.Deny) },
		causeReported: func(r *rig, b *browser) { r.decide(r.alice, b.start(false), session.Report) },
		causeTooMany:  func(r *rig, b *browser) { r.wrongs(r.alice, b.start(false)) },
		causeExpired:  func(r *rig, _ *browser) { r.clock.pass(10 * time.Minute) },
		causeNoMethod: func(r *rig, b *browser) {
			s := b.start(false)
			delete(r.store.sessions, s.ID)
		},
		causeCancelled: func(_ *rig, b *browser) { b.send(Message{Type: Cancel}) },
	} {
		r := newRig(t)
		r.settles()
		if want == causeNoMethod { // nothing leads on
			r.flow(Payment, step(ByReview), FlowStep{Name: Device, Ways: []Way{{Method: ByPhone}}, On: map[StepResult][]Target{AuthFailed: {ToFail}}})
		}
		d := r.desk("demo")
		b := r.chosen(d.order())
		act(r, b)
		o := d.ask(b.id)
		last := o.History[len(o.History)-1]
		if o.Result != Failed || o.Reason != string(want) || last.Result != Failed || last.Reason != string(want) || o.Approval != nil {
			t.Errorf("%s: %+v", want, o)
		}
		if got := r.audit.of(audit.OperationFailed); !slices.Equal(got, []string{string(want)}) {
			t.Errorf("%s is on record as %q", want, got)
		}
	}
}

// A history has an end.
func TestHistoryIsBounded(t *testing.T) {
	var o Operation
	for i := range historyMost + 3 {
		o.note(Entry{Step: Step(strconv.Itoa(i))})
	}
	if n := len(o.History); n != historyMost || o.History[0].Step != "3" {
		t.Errorf("%d entries from %s", n, o.History[0].Step)
	}
}
