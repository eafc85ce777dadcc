package operation

import (
	"slices"
	"testing"

	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"
	"countersign/test/authenticator"
)

// A scopeRig has a service that insists on the name and asks for the mail address too,
// and flows whose steps are taken by each of the methods that show nothing themselves.
type scopeRig struct {
	*keyRig
	box *postbox
	key *authenticator.Key // alice's
}

func newScopeRig(t *testing.T) *scopeRig {
	t.Helper()
	r := &scopeRig{keyRig: newKeyRig(t)}
	r.key = r.added(r.alice)
	r.box = r.sending()
	secret, err := p256.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	r.svc.Offline = keyed{secret}
	r.alice.agree()
	r.claim(r.alice, "email", "alice@example.com")
	demo := r.svc.Parties.(parties)["demo"]
	demo.Required = []device.Scope{device.Name, device.Birthdate} // which it does not ask for
	r.svc.Parties.(parties)["demo"] = demo
	r.flow("any", step(ByName), step(ByMessage, ByOffline, ByPasskey))
	r.flow("twice", step(ByName), step(ByPhone, ByMessage), FlowStep{Name: "second", Ways: []Way{{Method: ByPhone}, {Method: ByMessage}, {Method: ByPasskey}}})
	return r
}

// asking begins an operation of alice's in which the service asks for both.
func (r *scopeRig) asking(flow string) *browser {
	r.t.Helper()
	return r.of(flow, r.ofAlice, func(n *New) { n.Scopes = []device.Scope{device.Name, device.Email} })
}

// answer is a good answer by a method, which says nothing of scopes.
func (r *scopeRig) answer(b *browser, by Method) Message {
	r.t.Helper()
	switch by {
	case ByMessage:
		b.send(startMessage())
		return typing(r.box.last(r.t).Code)
	case ByOffline:
		return typedOffline(device.OfflineCode(r.alice.secret(), b.drawn()))
	default:
		return r.sign(b, r.key)
	}
}

func (m Message) granting(scopes ...device.Scope) Message {
	m.Granted = append([]device.Scope{}, scopes...)
	return m
}

// approval is what an operation ended with.
func (b *browser) approval() Approval {
	b.r.t.Helper()
	o, err := b.take()
	if err != nil || o.Approval == nil {
		b.r.t.Fatalf("%s %+v, %v", o.Result, o.Approval, err)
	}
	return *o.Approval
}

// What is left switched on is given, by every method, and its claims alone; a page
// that says nothing gives what the service insists on.
func TestGranted(t *testing.T) {
	for _, by := range []Method{ByMessage, ByOffline, ByPasskey} {
		for _, c := range []struct {
			what    string
			granted []device.Scope // nil: the page says nothing
			want    []device.Scope
		}{
			{"all", []device.Scope{device.Email, device.Name}, []device.Scope{device.Name, device.Email}},
			{"what is required", []device.Scope{device.Name}, []device.Scope{device.Name}},
			{"nothing is said", nil, []device.Scope{device.Name}},
		} {
			r := newScopeRig(t)
			b := r.asking("any")
			m := r.answer(b, by)
			m.Granted = c.granted
			if a := b.send(m); a.Type != Complete {
				t.Fatalf("%s, %s: %s %s %s", by, c.what, a.Type, a.Reason, a.Text)
			}
			a := b.approval()
			if !slices.Equal(a.Scopes, c.want) {
				t.Errorf("%s, %s: granted %q", by, c.what, a.Scopes)
			}
			_, mail := a.Claims["email"]
			if mail != slices.Contains(c.want, device.Email) || len(a.Claims["given_name"]) == 0 {
				t.Errorf("%s, %s: released %s", by, c.what, a.Claims)
			}
		}
	}
}

// More than is asked for, or less than is needed, is refused before anything is judged,
// and costs nothing: the same answer is good afterwards.
func TestGrantedRefused(t *testing.T) {
	for _, by := range []Method{ByMessage, ByOffline, ByPasskey} {
		r := newScopeRig(t)
		b := r.asking("any")
		m := r.answer(b, by)
		before, counted, keys := b.stored(), r.box.codes[r.alice.token], r.wallets.counted
		for what, granted := range map[string][]device.Scope{
			"none": {}, "the optional one alone": {device.Email}, "one not asked for": {device.Name, device.Phone},
			"one required and not asked for": {device.Name, device.Birthdate}, "no scope": {device.Name, "openid"},
		} {
			if a := b.send(m.granting(granted...)); a.Reason != ScopeNotAllowed {
				t.Errorf("%s, %s: %s %s", by, what, a.Type, a.Reason)
			}
		}
		if b.stored().Version != before.Version || r.box.codes[r.alice.token] != counted || r.wallets.counted != keys {
			t.Errorf("%s: something was counted or changed", by)
		}
		if a := b.send(m.granting(device.Name)); a.Type != Complete {
			t.Errorf("%s, at last: %s %s", by, a.Type, a.Reason)
		}
	}
}

// A wrong answer tells as little of its scopes as a right one.
func TestGrantedTellsNothing(t *testing.T) {
	r := newScopeRig(t)
	for _, who := range []device.TokenID{r.alice.token, device.NewTokenID()} {
		b := r.asking("any")
		b.send(startName(string(who)))
		b.send(startMessage())
		if a := b.send(typing("000000").granting()); a.Reason != ScopeNotAllowed {
			t.Errorf("%s %s", a.Type, a.Reason)
		}
		if a := b.send(Message{Type: Init}); len(a.Scopes) != 2 {
			t.Errorf("asked %+v", a.Scopes)
		}
	}
}

// The page is told what to show where it has to show it: beside a passkey that says who
// it is too, and not where a phone shows it, nor where nothing is given.
func TestAsked(t *testing.T) {
	r := newScopeRig(t)
	want := []ScopeOffer{{device.Name, "scopeName", true}, {device.Email, "scopeEmail", false}}
	r.flow("phone", step(ByName), step(ByPhone))
	both := func(n *New) { n.Scopes = []device.Scope{device.Name, device.Email} }
	for what, c := range map[string]struct {
		b    *browser
		want []ScopeOffer
	}{
		"a step of the page":       {r.asking("any"), want},
		"a passkey beside":         {r.of(Login, both), want},
		"a phone or a passkey":     {r.of(Login, both, r.ofAlice), want},
		"a phone alone":            {r.asking("phone"), nil},
		"nothing is asked for":     {r.of("any", r.ofAlice, func(n *New) { n.Scopes = nil }), nil},
		"an operation to be shown": {r.of(Payment, both, r.ofAlice), nil},
	} {
		if a := c.b.send(Message{Type: Init}); a.Type != Init || !slices.Equal(a.Scopes, c.want) {
			t.Errorf("%s: %s %+v", what, a.Type, a.Scopes)
		}
	}
	b := r.of("add_passkey", both, r.ofAlice)
	r.approve(b, r.alice)
	if a := b.send(Message{Type: Init}); a.Ways[0].ID != ByPasskeyAdd || a.Scopes != nil {
		t.Errorf("a passkey to be made: %+v", a)
	}
}

// A back end is told that its operation was approved, and no claims: by what is taken
// in the page nothing is asked for or given.
func TestNothingGrantedToABackEnd(t *testing.T) {
	r := newScopeRig(t)
	r.flow("pay", step(ByName), step(ByMessage))
	o, err := r.svc.Create(t.Context(), Order{Name: "pay", Service: "demo", Data: "A1*A100CZK", Subject: r.alice.token, Scopes: []device.Scope{device.Name}})
	if err != nil {
		t.Fatal(err)
	}
	b := r.open(o.ID)
	if a := b.send(Message{Type: Init}); a.Scopes != nil {
		t.Errorf("shown %+v", a.Scopes)
	}
	m := r.answer(b, ByMessage)
	if a := b.send(m.granting(device.Name)); a.Reason != ScopeNotAllowed {
		t.Errorf("%s %s", a.Type, a.Reason)
	}
	if a := b.send(m.granting()); a.Type != Complete {
		t.Errorf("%s %s", a.Type, a.Reason)
	}
	if a := b.stored().Approval; len(a.Scopes) != 0 || len(a.Claims) != 0 {
		t.Errorf("given %+v", a)
	}
}

// What was switched off in one step is not asked for in the next, whoever asks: a
// second factor widens nothing.
func TestGrantedOnce(t *testing.T) {
	r := newScopeRig(t)
	name := []ScopeOffer{{device.Name, "scopeName", true}}
	b := r.asking("twice")
	s := r.alice.claim(b.start(false).ID, "")
	s.Scopes = []device.Scope{device.Name} // what decide then grants
	if err := r.alice.decide(s, session.Approve, r.code(s)); err != nil {
		t.Fatal(err)
	}
	if a := b.send(Message{Type: Init}); a.Operation.Step != "second" || !slices.Equal(a.Scopes, name) {
		t.Errorf("after the phone: %s %+v", a.Operation.Step, a.Scopes)
	}
	m := r.answer(b, ByPasskey)
	if a := b.send(m.granting(device.Name, device.Email)); a.Reason != ScopeNotAllowed {
		t.Errorf("wider than the phone: %s %s", a.Type, a.Reason)
	}
	if a := b.send(m.granting(device.Name)); a.Type != Complete {
		t.Fatalf("%s %s", a.Type, a.Reason)
	}
	if a := b.approval(); !slices.Equal(a.Scopes, []device.Scope{device.Name}) || a.Claims["email"] != nil {
		t.Errorf("given %+v", a)
	}

	b = r.asking("twice")
	if a := b.send(r.answer(b, ByMessage).granting(device.Name)); a.Type != Init || a.Operation.Step != "second" {
		t.Fatalf("%s %s", a.Type, a.Reason)
	}
	started := b.start(false)
	if !slices.Equal(started.Scopes, []device.Scope{device.Name}) {
		t.Errorf("the phone is asked for %q", started.Scopes)
	}
	r.decide(r.alice, started, session.Approve)
	b.send(Message{Type: Status})
	if a := b.approval(); !slices.Equal(a.Scopes, []device.Scope{device.Name}) || a.Claims["email"] != nil {
		t.Errorf("given %+v", a)
	}
}

// Of a phone and a page at the same step, whose answers come together, one is taken
// whole: what it grants, and nothing of the other.
func TestGrantedBesideAPhone(t *testing.T) {
	r := newScopeRig(t)
	b := r.of(Login, r.ofAlice, func(n *New) { n.Scopes = []device.Scope{device.Name, device.Email} })
	s := b.start(false)
	m := r.answer(b, ByPasskey)
	r.decide(r.alice, s, session.Approve) // all of it, before the page's answer
	b.send(m.granting(device.Name))
	if a := b.approval(); a.Device != r.alice.id || len(a.Scopes) != 2 {
		t.Errorf("by the phone: %+v", a)
	}
	b = r.of(Login, r.ofAlice, func(n *New) { n.Scopes = []device.Scope{device.Name, device.Email} })
	s = r.alice.claim(b.start(false).ID, "")
	if a := b.send(r.answer(b, ByPasskey).granting(device.Name)); a.Type != Complete {
		t.Fatalf("%s %s", a.Type, a.Reason)
	}
	if err := r.alice.decide(s, session.Approve, r.code(s)); err == nil {
		t.Error("the phone still decides")
	}
	if a := b.approval(); a.ACR != PasskeyACR || len(a.Scopes) != 1 {
		t.Errorf("by the passkey: %+v", a)
	}
}

// What becomes required between the showing and the answer is not given unseen: the
// answer is refused, and the page shows it anew.
func TestRequiredMeanwhile(t *testing.T) {
	r := newScopeRig(t)
	b := r.asking("any")
	b.send(Message{Type: Init})
	m := r.answer(b, ByMessage).granting(device.Name)
	demo := r.svc.Parties.(parties)["demo"]
	demo.Required = []device.Scope{device.Name, device.Email}
	r.svc.Parties.(parties)["demo"] = demo
	if a := b.send(m); a.Reason != ScopeNotAllowed {
		t.Errorf("%s %s", a.Type, a.Reason)
	}
	if a := b.send(Message{Type: Init}); len(a.Scopes) != 2 || !a.Scopes[1].Required {
		t.Errorf("shown anew: %+v", a.Scopes)
	}
}

// Every scope has words of its own.
func TestScopeTexts(t *testing.T) {
	seen := map[Text]bool{}
	for _, s := range device.Scopes() {
		text := scopeTexts()[s]
		if text == "" || seen[text] {
			t.Errorf("%s is called %q", s, text)
		}
		seen[text] = true
	}
}
