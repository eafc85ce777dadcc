package operation

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/session"
)

// testTerms are what the service demo asks its users to agree to.
func testTerms(version string) Terms {
	return Terms{Version: version, Validity: 90 * 24 * time.Hour, Options: []Term{{ID: "terms", Required: true}, {ID: "news"}}, Texts: []TermsText{
		{Language: "en", Text: "Acme Bank keeps\nyour data.", Options: map[string]string{"terms": "I have read the terms.", "news": "Send me news."}},
		{Language: "de-AT", Text: "Die Bank", Options: map[string]string{"terms": "Gelesen.", "news": "Neuigkeiten"}},
	}}
}

// consenting is a rig whose operations of the name ask for consent after the phone;
// more are steps after that.
func consenting(t *testing.T, more ...FlowStep) *rig {
	r := newRig(t)
	r.flow("contract", append([]FlowStep{step(ByPhone), step(ByConsent)}, more...)...)
	r.svc.Terms["demo"] = testTerms("1")
	return r
}

// contract begins an operation of alice, and has her phone approve it.
func (r *rig) contract() *browser {
	r.t.Helper()
	b := r.begin(r.ofAlice, func(n *New) { n.Name = "contract" })
	r.decide(r.alice, b.start(false), session.Approve)
	return b
}

func startConsent() Message { return Message{Type: Start, Method: ByConsent} }

func agree(ids ...string) Message {
	m := Message{Type: Verify, Options: map[string]bool{"news": false}}
	for _, id := range ids {
		m.Options[id] = true
	}
	return m
}

// changes are what happened to what alice has agreed to.
func (r *rig) changes() (out []string) {
	r.t.Helper()
	c, err := r.svc.Ledger.Of(r.t.Context(), r.alice.token, "demo")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range c.History {
		out = append(out, strings.Join(append([]string{string(e.Change), e.Version}, e.Options...), " "))
	}
	return out
}

// asked says whether an operation that alice's phone has approved asks her to agree.
func (r *rig) asked() bool {
	r.t.Helper()
	a := r.contract().send(Message{Type: Status})
	return a.Operation.Result == Continue && a.Operation.Step == "consent"
}

// The user is shown the terms, agrees, and that is the operation's and written down.
func TestConsent(t *testing.T) {
	r := consenting(t)
	b := r.contract()
	if a := b.send(Message{Type: Init}); len(a.Ways) != 1 || a.Ways[0] != (Offer{ByConsent, labelByConsent}) || a.Operation.Consent() != nil {
		t.Fatalf("init: %+v", a)
	}
	q := b.send(startConsent()).Asked
	want := []Option{{ID: "terms", Text: "I have read the terms.", Required: true}, {ID: "news", Text: "Send me news."}}
	if q == nil || q.Text != "Acme Bank keeps\nyour data." || q.Version != "1" || q.Language != "en" || !slices.Equal(q.Options, want) {
		t.Fatalf("asked: %+v", q)
	}
	a := b.send(agree("terms", "news"))
	if a.Type != Complete || a.Location != testFinish {
		t.Fatalf("agreed: %+v", a)
	}
	o, err := b.take()
	if err != nil || o.Approval == nil || o.Approval.Token != r.alice.token {
		t.Errorf("taken: %+v, %v", o, err)
	}
	c := b.stored().Consent()
	if c == nil || c.Version != "1" || !slices.Equal(c.Options, []string{"news", "terms"}) || !c.GrantedAt.Equal(r.clock.now()) || !c.Until.Equal(r.clock.now().Add(90*24*time.Hour)) {
		t.Errorf("the operation has %+v", c)
	}
	if got := r.changes(); !slices.Equal(got, []string{"GRANTED 1 news terms"}) {
		t.Errorf("written: %q", got)
	}
	if got := r.audit.of(audit.ConsentGranted); !slices.Equal(got, []string{"1"}) {
		t.Errorf("on record: %q", got)
	}
}

// Each text is asked for in the page's language, as far as there is one.
func TestConsentLanguage(t *testing.T) {
	for language, want := range map[string]string{"": "en", "en": "en", "de": "de-AT", "DE-at": "de-AT", "de-CH": "de-AT", "sv": "en"} {
		if got := testTerms("1").in(language).Language; got != want {
			t.Errorf("%q: %s", language, got)
		}
	}
}

// What cannot be agreed to is told, changes nothing and may be mended.
func TestConsentRefused(t *testing.T) {
	r := consenting(t)
	b := r.contract()
	if a := b.send(agree("terms")); a.Type != Failure || a.Text != consentChanged {
		t.Errorf("agreed to before it was shown: %+v", a)
	}
	b.send(startConsent())
	if a := b.send(agree("news")); a.Type != Failure || a.Text != consentRequired || a.Named != "I have read the terms." {
		t.Errorf("without what is required: %+v", a)
	}
	if a := b.send(agree("terms", "all")); a.Type != Failure || a.Text != consentUnknown || a.Named != "" {
		t.Errorf("an option that there is not: %+v", a)
	}
	if a := b.send(Message{Type: Verify, Options: map[string]bool{"terms": true, "all": false}}); a.Text != consentUnknown {
		t.Errorf("one that is not ticked: %+v", a)
	}
	if a := b.send(Message{Type: Verify}); a.Reason != OutOfStep {
		t.Errorf("nothing: %+v", a)
	}
	if got := r.changes(); got != nil {
		t.Errorf("written: %q", got)
	}
	if a := b.send(agree("terms")); a.Type != Complete {
		t.Errorf("mended: %+v", a)
	}
}

// Nobody agrees to what they were not shown: a version that comes in between is asked
// for anew.
func TestConsentChangesMeanwhile(t *testing.T) {
	r := consenting(t)
	b := r.contract()
	b.send(startConsent())
	r.svc.Terms["demo"] = testTerms("2")
	if a := b.send(agree("terms")); a.Type != Failure || a.Text != consentChanged || r.changes() != nil {
		t.Errorf("the old one: %+v, %q", a, r.changes())
	}
	if a := b.send(startConsent()); a.Asked == nil || a.Asked.Version != "2" {
		t.Errorf("shown again: %+v", a)
	}
	if a := b.send(agree("terms")); a.Type != Complete || !slices.Equal(r.changes(), []string{"GRANTED 2 terms"}) {
		t.Errorf("the new one: %+v, %q", a, r.changes())
	}
}

// What holds is not asked for again, until it holds no more.
func TestConsentHolds(t *testing.T) {
	r := consenting(t)
	b := r.contract()
	b.send(startConsent())
	b.send(agree("terms"))
	again := r.contract()
	a := again.send(Message{Type: Status})
	if a.Type != Complete {
		t.Fatalf("asked again: %+v", a)
	}
	last := a.Operation.History[len(a.Operation.History)-1]
	if last.Step != "consent" || last.Method != "" || last.How != Confirmed || last.Result != Done {
		t.Errorf("the history says %+v", last)
	}
	if c := a.Operation.Consent(); c == nil || c.Version != "1" || !slices.Equal(c.Options, []string{"terms"}) {
		t.Errorf("the operation has %+v", c)
	}
	if r.svc.Terms["demo"] = testTerms("2"); !r.asked() {
		t.Error("another version is not asked for")
	}
	if r.svc.Terms["demo"] = testTerms("1"); r.asked() {
		t.Error("the one that was agreed to is")
	}
	r.clock.pass(90*24*time.Hour - time.Second)
	if r.asked() {
		t.Error("asked before its time was up")
	}
	if r.clock.pass(time.Second); !r.asked() {
		t.Error("not asked although its time was up")
	}
	if got := r.changes(); !slices.Equal(got, []string{"GRANTED 1 terms"}) {
		t.Errorf("written: %q", got)
	}
}

// A service that asks for nothing has its users pass the step, and nothing is told.
func TestConsentWithoutTerms(t *testing.T) {
	r := consenting(t)
	delete(r.svc.Terms, "demo")
	a := r.contract().send(Message{Type: Status})
	if a.Type != Complete || a.Operation.Consent() != nil || r.changes() != nil {
		t.Errorf("%+v, %q", a, r.changes())
	}
}

// What is revoked is asked for again, and what was done with it stays.
func TestConsentRevoked(t *testing.T) {
	r := consenting(t)
	b := r.contract()
	b.send(startConsent())
	b.send(agree("terms"))
	for range 2 {
		c, err := r.svc.Ledger.Revoke(t.Context(), r.alice.token, "demo", ByAdmin)
		if err != nil || c.InForce(r.clock.now()) || c.RevokedAt.IsZero() {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	if got := r.changes(); !slices.Equal(got, []string{"GRANTED 1 terms", "REVOKED 1 terms"}) {
		t.Errorf("written: %q", got)
	}
	if got := r.audit.of(audit.ConsentRevoked); !slices.Equal(got, []string{"1 admin"}) {
		t.Errorf("on record: %q", got)
	}
	if !r.asked() || b.stored().Consent() == nil {
		t.Error("not asked again, or what was done is undone")
	}
	if _, err := r.svc.Ledger.Revoke(t.Context(), r.bob.token, "demo", ByAdmin); err != nil || len(r.audit.of(audit.ConsentRevoked)) != 1 {
		t.Errorf("of somebody who never agreed: %v", err)
	}
}

// Who agrees in two tabs has agreed once, and prolonged it.
func TestConsentProlonged(t *testing.T) {
	r := consenting(t)
	one, two := r.contract(), r.contract()
	one.send(startConsent())
	two.send(startConsent())
	one.send(agree("terms"))
	granted := r.clock.now()
	r.clock.pass(time.Minute)
	if q := two.send(startConsent()).Asked; q == nil || !q.Options[0].Value || q.Options[1].Value {
		t.Errorf("not shown as it was answered: %+v", q)
	}
	two.send(agree("terms", "news"))
	if got := r.changes(); !slices.Equal(got, []string{"GRANTED 1 terms", "PROLONGED 1 news terms"}) {
		t.Errorf("written: %q", got)
	}
	c, err := r.svc.Ledger.Of(t.Context(), r.alice.token, "demo")
	if err != nil || !c.GrantedAt.Equal(granted) || !c.Until.Equal(r.clock.now().Add(90*24*time.Hour)) {
		t.Errorf("%+v, %v", c, err)
	}
	if got := r.audit.of(audit.ConsentProlonged); !slices.Equal(got, []string{"1"}) {
		t.Errorf("on record: %q", got)
	}
}

// What is sent twice at once is agreed to once.
func TestConsentOnce(t *testing.T) {
	r := consenting(t)
	b := r.contract()
	b.send(startConsent())
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if a, err := b.try(agree("terms")); err != nil || a.Type != Complete {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
	wait.Wait()
	if got := r.changes(); !slices.Equal(got, []string{"GRANTED 1 terms"}) {
		t.Errorf("written: %q", got)
	}
}

// Two who agree at once for the same user lose nothing of each other.
func TestConsentConflict(t *testing.T) {
	r := consenting(t)
	var pages []*browser
	for range 8 {
		b := r.contract()
		b.send(startConsent())
		pages = append(pages, b)
	}
	var wait sync.WaitGroup
	for _, b := range pages {
		wait.Go(func() {
			if _, err := b.try(agree("terms")); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got := r.changes(); len(got) != 8 || slices.Index(got, "GRANTED 1 terms") != 0 || got[7] != "PROLONGED 1 terms" {
		t.Errorf("written: %q", got)
	}
}

// Who declines gives the operation up, and has agreed to nothing.
func TestConsentDeclined(t *testing.T) {
	r := consenting(t)
	b := r.contract()
	b.send(startConsent())
	if a := b.send(Message{Type: Cancel}); a.Type != Cancel || a.Operation.Reason != string(causeCancelled) || r.changes() != nil {
		t.Errorf("%+v, %q", a, r.changes())
	}
	if o, err := b.take(); err != nil || o.Result != Failed {
		t.Errorf("taken: %+v, %v", o, err)
	}
}

// Who has been locked since the phone approved agrees to nothing.
func TestConsentOfTheLocked(t *testing.T) {
	r := consenting(t)
	b := r.contract()
	b.send(startConsent())
	i := r.store.identities[r.alice.token]
	r.store.identities[r.alice.token] = i.SetStatus(device.Locked)
	if a := b.send(agree("terms")); a.Type != Cancel || a.Operation.Result != Failed || r.changes() != nil {
		t.Errorf("%+v, %q", a, r.changes())
	}
}

// A step that has nothing to ask is passed in the answer to the one before it, and what
// was agreed to stays for as long as the operation.
func TestConsentGoesOn(t *testing.T) {
	r := consenting(t, called("more", ByConsent))
	b := r.contract()
	b.send(startConsent())
	if a := b.send(agree("terms")); a.Type != Complete || a.Operation.Consent() == nil {
		t.Errorf("%+v", a)
	}
	r = consenting(t, called("sign", ByPhone))
	b = r.contract()
	b.send(startConsent())
	if a := b.send(agree("terms")); a.Type != Init || a.Operation.Step != "sign" || a.Operation.Consent() != nil {
		t.Errorf("%+v", a)
	}
	r.decide(r.alice, b.start(false), session.Approve)
	if a := b.send(Message{Type: Status}); a.Type != Complete || a.Operation.Consent() == nil {
		t.Errorf("%+v", a)
	}
}

// What happened is kept as far as it is bounded: the oldest leave.
func TestConsentHistory(t *testing.T) {
	var c Consent
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for n := range 40 {
		c = c.grant(testTerms("1"), nil, NewID(), now.Add(time.Duration(n)*time.Hour))
	}
	if len(c.History) != consentHistoryMost || !c.GrantedAt.Equal(now) || !c.History[31].At.Equal(now.Add(39*time.Hour)) {
		t.Errorf("%d entries, %+v", len(c.History), c)
	}
}

// A flow asks nobody to agree of whom it is not known who they are, and consent is a
// step by itself.
func TestConsentInFlows(t *testing.T) {
	early := step(ByPhone)
	early.On = map[StepResult][]Target{Canceled: {"consent"}}
	for what, x := range map[string]struct {
		steps []FlowStep
		want  string
	}{
		"first":               {[]FlowStep{step(ByConsent), step(ByPhone)}, "steps[0]: consent can be due before a factor has succeeded"},
		"after a name":        {[]FlowStep{step(ByName), step(ByConsent), step(ByPhone)}, "steps[1]: consent can be due before a factor has succeeded"},
		"on one of the paths": {[]FlowStep{early, step(ByConsent)}, "steps[1]: consent can be due before a factor has succeeded"},
		"beside a phone":      {[]FlowStep{step(ByPhone), called("b", ByPhone, ByConsent)}, "steps[1].methods[1]: consent is a step by itself"},
		"in a review":         {[]FlowStep{step(ByPhone), step(ByReview), step(ByConsent)}, "steps[1].methods[0]: review needs a step after it whose methods it shows"},
		"where it belongs":    {[]FlowStep{step(ByName), step(ByPhone), step(ByConsent)}, ""},
	} {
		got := ""
		for _, f := range (Flow{Name: "x", Expiry: time.Minute, Steps: x.steps}).Check() {
			if got == "" {
				got = f.At + ": " + f.What
			}
		}
		if got != x.want {
			t.Errorf("%s: %q", what, got)
		}
	}
}
