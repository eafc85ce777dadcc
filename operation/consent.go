package operation

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
)

// consent is the method of a step in which the user agrees to the terms of the
// service. It proves nothing, and comes after what does, so that it is known who
// agrees. Who declines gives the whole operation up.
type consent struct{}

const (
	labelByConsent  Text = "byConsent"
	consentChanged  Text = "consentChanged"
	consentUnknown  Text = "consentUnknown"
	consentRequired Text = "consentRequired"
)

func (consent) label() Text  { return labelByConsent }
func (consent) factor() bool { return false }
func (consent) tries() int   { return 0 }

// open: where nothing has to be agreed to, the step is passed.
func (consent) open(view) bool { return true }

// start asks, in the page's language, and remembers what was asked.
func (consent) start(_ context.Context, v view, m Message) (plan, error) {
	t, asks := v.terms()
	if !asks {
		return plan{answer: refused(m, OutOfStep)}, nil
	}
	q := t.question(v.asked.from.Language, v.agreed, v.now)
	p := plan{answer: Answer{Type: Start, ReplyTo: m.Type, Operation: v.o, Asked: &q}}
	if v.o.consent().Shown != t.Version {
		next := v.o
		next.keep(ByConsent, keptConsent{Shown: t.Version}.state())
		p.next = &next
	}
	return p, nil
}

// verify takes what was ticked, if the user has seen what there is to tick.
func (consent) verify(_ context.Context, v view, m Message) (plan, error) {
	t, asks := v.terms()
	if !asks {
		return plan{answer: refused(m, OutOfStep)}, nil
	}
	if _, ok := v.who(ByConsent); !ok { // locked, or revoked, since they have proven to be there
		return v.settled(m, ByConsent, AuthMethodFailed, ""), nil
	}
	if v.o.consent().Shown != t.Version {
		return plan{answer: v.failure(m, consentChanged)}, nil
	}
	for id := range m.Options {
		if _, known := t.option(id); !known {
			return plan{answer: v.failure(m, consentUnknown)}, nil
		}
	}
	for _, o := range t.Options {
		if o.Required && !m.Options[o.ID] {
			a := v.failure(m, consentRequired)
			a.Named = t.in(v.asked.from.Language).Options[o.ID]
			return plan{answer: a}, nil
		}
	}
	return v.agree(m, t, ticked(m.Options)), nil
}

func ticked(options map[string]bool) (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(options)) {
		if options[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// agree is what agreeing leads to. What was agreed to is the operation's at once; it is
// written down for later ones when the operation has gone on, which happens once
// however often it was sent.
func (v view) agree(m Message, t Terms, options []string) plan {
	who := v.o.Approval.Token
	v.o.keep(ByConsent, keptConsent{Agreed: v.agreed.grant(t, options, v.o.ID, v.now).bare()}.state())
	p := v.settled(m, ByConsent, Confirmed, "")
	p.post = func(ctx context.Context) error { return v.svc.Ledger.grant(ctx, v.o, who, t, options) }
	return p
}

// terms are those that the step due asks the user to agree to; ok is false if it asks
// for nothing: it is another step, or the service has none.
func (v view) terms() (t Terms, ok bool) {
	if _, listed := v.step.way(ByConsent); !listed || v.o.Result != Continue || v.o.Approval == nil {
		return t, false
	}
	t, ok = v.svc.Terms[v.o.Service]
	return t, ok
}

// agreement reads what the user has agreed to before, where the step asks.
func (v view) agreement(ctx context.Context) (c Consent, err error) {
	if _, asks := v.terms(); asks {
		c, err = v.svc.Ledger.Of(ctx, v.o.Approval.Token, v.o.Service)
	}
	return c, err
}

// passed says whether the step due has nothing to ask: the service has no terms, or the
// user has agreed to them and that holds. What was shown already is asked for all the
// same: who agrees to it again prolongs it.
func (v view) passed() bool {
	if _, listed := v.step.way(ByConsent); !listed || v.o.Approval == nil {
		return false
	}
	t, asks := v.terms()
	return !asks || v.o.consent().Shown == "" && v.agreed.Holds(t.Version, v.now)
}

// pass goes on from a step that has nothing to ask: by no method, says the history.
func (v view) pass(m Message) plan {
	if v.agreed.InForce(v.now) {
		v.o.keep(ByConsent, keptConsent{Agreed: v.agreed.bare()}.state())
	}
	return v.settled(m, "", Confirmed, "")
}

// onward goes on from a step that an operation has just come to and that has nothing to
// ask, and answers with where it then stands.
func (svc *Service) onward(ctx context.Context, v view, m Message, a Answer) (Answer, error) {
	next := v.at(a.Operation)
	if _, listed := next.step.way(ByConsent); !listed || a.Operation.Result != Continue || a.Operation.Step == v.o.Step {
		return a, nil
	}
	now, err := svc.viewed(ctx, a.Operation.ID)
	if err != nil || now.o.Version == a.Operation.Version {
		return a, err
	}
	if now.o.Result != Continue {
		return now.o.ended(m), nil
	}
	return now.init(m), nil
}

// keptConsent is what the method remembers: the version that was shown, and then what
// was agreed to, which stays until the operation is forgotten.
type keptConsent struct {
	Shown  string   `json:"shown,omitempty"`
	Agreed *Consent `json:"agreed,omitempty"`
}

func (k keptConsent) state() []byte {
	b, _ := json.Marshal(k) // texts and times
	return b
}

// bare is a consent without how it came to that.
func (c Consent) bare() *Consent {
	c.History = nil
	return &c
}

func (o Operation) consent() (k keptConsent) {
	_ = json.Unmarshal(o.kept(ByConsent), &k) // nothing kept is nothing shown
	return k
}

// Consent is what the user has agreed to in an operation that is done; nil: its flow
// asks for nothing, or its service did not.
func (o Operation) Consent() *Consent {
	if o.Result != Done {
		return nil
	}
	return o.consent().Agreed
}

// stays says whether what a method remembers outlives the step.
func (k Kept) stays() bool {
	return k.Method == ByConsent && Operation{Kept: []Kept{k}}.consent().Agreed != nil
}
