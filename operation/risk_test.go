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

	"pgregory.net/rapid"
)

// A sayer answers what it is told to, one after the other and the last again, and
// keeps what it was asked.
type sayer struct {
	mu    sync.Mutex
	says  []Risk
	asked []Assessment
	meet  func() // if set, is called in the middle of each question
}

func (x *sayer) Assess(a Assessment) Risk {
	x.mu.Lock()
	x.asked = append(x.asked, a)
	n, meet := min(len(x.asked), len(x.says)), x.meet
	x.mu.Unlock()
	if meet != nil {
		meet()
	}
	return x.says[n-1]
}

func (x *sayer) saw() (out []Occasion) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, a := range x.asked {
		out = append(out, a.Occasion)
	}
	return out
}

// assessed has logins go through a flow with marked steps, and a sayer asked.
func assessed(t *testing.T, f Flow, says ...Risk) (*rig, *sayer) {
	t.Helper()
	f.Name, f.Expiry = Login, 10*time.Minute
	if faults := f.Check(); len(faults) > 0 {
		t.Fatal(faults)
	}
	r := newRig(t)
	x := &sayer{says: says}
	r.svc.Flows, r.svc.Risks = map[string]Flow{Login: f}, x
	return r, x
}

func marked(name Step, risk Risk) FlowStep {
	return FlowStep{Name: name, Risk: risk, Ways: []Way{{Method: ByPhone}}}
}

// twoMore is a login, with a step more at risk normal and another at risk high.
func twoMore() Flow {
	return Flow{Steps: []FlowStep{{Name: Identify, Ways: []Way{{Method: ByName}}}, marked("first", RiskHigh), marked("always", ""), marked("last", RiskNormal)}}
}

// through approves step after step by alice, and gives those it went through.
func (b *browser) through() (steps []Step) {
	b.r.t.Helper()
	for range 10 {
		o := b.send(Message{Type: Status}).Operation
		if o.Result != Continue {
			return append(steps, Step(o.Result))
		}
		steps = append(steps, o.Step)
		b.r.decide(b.r.alice, b.start(false), session.Approve)
	}
	return steps
}

// An answer says how many steps there are; a later one adds steps, those that were
// left out before as well, and takes none away.
func TestRisk(t *testing.T) {
	for what, x := range map[string]struct {
		says []Risk
		want []Step
	}{
		"fewest":              {[]Risk{RiskLow}, []Step{"always", "DONE"}},
		"normal":              {[]Risk{RiskNormal}, []Step{"always", "last", "DONE"}},
		"all":                 {[]Risk{RiskHigh}, []Step{"first", "always", "last", "DONE"}},
		"no lower":            {[]Risk{RiskHigh, RiskLow}, []Step{"first", "always", "last", "DONE"}},
		"normal is no lower":  {[]Risk{RiskNormal, RiskLow}, []Step{"always", "last", "DONE"}},
		"after what was last": {[]Risk{RiskLow, RiskNormal}, []Step{"always", "last", "DONE"}},
		"back to what was left out": {[]Risk{RiskLow, RiskHigh},
			[]Step{"always", "first", "always", "last", "DONE"}},
		"at the very end": {[]Risk{RiskLow, RiskNormal, RiskHigh},
			[]Step{"always", "last", "first", "always", "last", "DONE"}},
	} {
		t.Run(what, func(t *testing.T) {
			r, _ := assessed(t, twoMore(), x.says...)
			b := r.begin(r.ofAlice)
			b.send(Message{Type: Init})
			if got := b.through(); !slices.Equal(got, x.want) {
				t.Errorf("%v, want %v", got, x.want)
			}
			if kinds := r.audit.of(audit.OperationRisk); len(kinds) == 0 || kinds[0] != string(x.says[0]) {
				t.Errorf("on record: %v", kinds)
			}
		})
	}
}

// Nobody is asked where no answer can change anything: without marked steps, without
// an assessor, and once all the steps are due. Then all of them are.
func TestRiskNotAsked(t *testing.T) {
	r, x := assessed(t, twoMore(), RiskHigh)
	b := r.begin(r.ofAlice)
	b.send(Message{Type: Init})
	b.through()
	if got := x.saw(); !slices.Equal(got, []Occasion{{}}) {
		t.Errorf("at risk high: %v", got)
	}
	r, x = assessed(t, Flow{Steps: []FlowStep{marked("only", "")}}, RiskLow)
	b = r.begin(r.ofAlice)
	b.send(Message{Type: Init})
	b.through()
	if got := x.saw(); len(got) > 0 {
		t.Errorf("without marked steps: %v", got)
	}
	r, _ = assessed(t, twoMore(), RiskLow)
	r.svc.Risks = nil
	b = r.begin(r.ofAlice)
	b.send(Message{Type: Init})
	if got := b.through(); !slices.Equal(got, []Step{"first", "always", "last", "DONE"}) {
		t.Errorf("without an assessor: %v", got)
	}
}

// Whoever starts a method before the page is shown has all the steps, and a second
// init is no second throw.
func TestRiskIsAskedForOnce(t *testing.T) {
	r, x := assessed(t, twoMore(), RiskLow)
	b := r.begin(r.ofAlice)
	b.start(false)
	b.send(Message{Type: Init})
	if o := b.stored(); o.Risk != "" || o.Step != "first" || len(x.saw()) > 0 {
		t.Errorf("%q at %s, asked %v", o.Risk, o.Step, x.saw())
	}
	r, x = assessed(t, twoMore(), RiskNormal, RiskLow)
	b = r.begin(r.ofAlice)
	b.send(Message{Type: Init})
	b.send(Message{Type: Init})
	if o := b.stored(); o.Risk != "normal" || len(x.saw()) != 1 {
		t.Errorf("%q, asked %v", o.Risk, x.saw())
	}
}

// A node whose configuration has no assessor takes the strict way with what another
// has begun.
func TestRiskOfAnotherNode(t *testing.T) {
	r, _ := assessed(t, twoMore(), RiskLow)
	b := r.begin(r.ofAlice)
	b.send(Message{Type: Init})
	r.svc.Risks = nil
	if got := b.through(); !slices.Equal(got, []Step{"always", "first", "always", "last", "DONE"}) {
		t.Errorf("%v", got)
	}
}

// What is asked about a step: who has proven to be there, and no name that was only
// told.
func TestRiskQuestions(t *testing.T) {
	r, x := assessed(t, twoMore(), RiskLow)
	b := r.begin()
	b.send(Message{Type: Init})
	b.send(startName(string(r.alice.token)))
	r.decide(r.alice, b.start(false), session.Approve)
	b.send(Message{Type: Status})
	phone := Occasion{"always", ByPhone, Confirmed}
	if got := x.saw(); !slices.Equal(got, []Occasion{{}, {Identify, ByName, Confirmed}, phone}) {
		t.Fatalf("%v", got)
	}
	for i, want := range []device.TokenID{"", "", r.alice.token} {
		if got := x.asked[i].Operation.About(); got != want {
			t.Errorf("question %d is about %q", i, got)
		}
	}
	ids := map[string]bool{}
	for _, a := range x.asked {
		ids[a.ID()] = true
		if a.Requester.IP != "203.0.113.9" || a.Requester.UserAgent != "Firefox on Linux" {
			t.Errorf("from %+v", a.Requester)
		}
	}
	if len(ids) != 3 {
		t.Errorf("ids %v", ids)
	}
}

// A conflict that has a request decided anew does not have it asked anew, whoever has
// the approval taken over.
func TestRiskAndConflict(t *testing.T) {
	for what, take := range map[string]func(*rig, *browser) error{
		"page": func(_ *rig, b *browser) error { _, err := b.try(Message{Type: Status}); return err },
		"hint": func(r *rig, b *browser) error { _, err := r.svc.Present(r.t.Context(), b.id); return err },
	} {
		r, x := assessed(t, twoMore(), RiskLow, RiskLow, RiskHigh)
		b := r.begin(r.ofAlice)
		b.send(Message{Type: Init})
		r.decide(r.alice, b.start(false), session.Approve)
		before := b.stored()
		x.meet = sync.OnceFunc(func() {
			next := before
			next.Version++
			if err := r.store.SwapOperation(t.Context(), before, next); err != nil {
				t.Error(err)
			}
		})
		if err := take(r, b); err != nil {
			t.Fatal(err)
		}
		if got := x.saw(); len(got) != 2 {
			t.Errorf("%s: asked %v", what, got)
		}
		if o := b.stored(); o.Result != Done || o.Version != before.Version+2 || x.asked[1].Requester.UserAgent != "Firefox on Linux" {
			t.Errorf("%s: %s at %s", what, o.Result, o.Step)
		}
	}
}

// mixed proves two factors at each risk for itself, and one if the risk rises on the
// way: then it has the short beginning and the short end, which a message is in neither.
func mixed() Flow {
	to := func(name Step, risk Risk, t Target) FlowStep {
		s := marked(name, risk)
		s.On = map[StepResult][]Target{Confirmed: {t}}
		if name == "m" || name == "i" {
			s.Ways = []Way{{Method: ByMessage}}
		}
		return s
	}
	return Flow{Name: "x", Expiry: time.Hour, Factors: 2, Steps: []FlowStep{
		to("a", "", "p"), marked("n", ""), to("quick", RiskHigh, ToDone), marked("l", ""), to("m", "", ToDone),
		marked("p", ""), marked("h", RiskHigh), to("i", RiskHigh, "n"), to("e", "", "n")}}
}

// A flow is judged by its weakest way through, also where the risk rises on it.
func TestRisingRiskIsChecked(t *testing.T) {
	f := mixed()
	faults := f.paths()
	if len(faults) != 1 || faults[0].What != "can be gone through with 1 of 2 factors at some risk" {
		t.Errorf("%+v", faults)
	}
	for _, risk := range Risks() {
		alone := f.at(risk, "")
		alone.Steps = slices.Clone(alone.Steps)
		for i := range alone.Steps {
			alone.Steps[i].Risk = ""
		}
		for _, x := range alone.paths() {
			if strings.HasPrefix(x.What, "can be gone") {
				t.Errorf("at risk %s: %+v", risk, x)
			}
		}
	}
	if f.Factors = 1; len(f.paths()) > 0 {
		t.Errorf("it proves one: %+v", f.paths())
	}
}

// Every sort of mistake in a marked flow is told.
func TestMarkedFlowsAreChecked(t *testing.T) {
	name := FlowStep{Name: Identify, Ways: []Way{{Method: ByName}}}
	look := FlowStep{Name: Review, Ways: []Way{{Method: ByReview}}}
	leads := marked("b", "")
	leads.On = map[StepResult][]Target{Canceled: {"c"}}
	for what, steps := range map[string][]FlowStep{
		"steps[1].risk: must be normal or high":                                               {name, marked("b", "low"), marked("c", "")},
		"steps[0].risk: is of the first step, which is due before the risk is known":          {marked("b", RiskHigh), marked("c", "")},
		"steps[1].on.CANCELED: c is not due at every risk":                                    {name, leads, marked("c", RiskNormal)},
		"steps: can be gone through with 0 of 1 factors at some risk":                         {name, marked("b", RiskHigh)},
		"steps[1].methods[0]: review needs a step after it whose methods it shows":            {name, look, marked("b", RiskHigh)},
		"steps[1].methods[0]: review needs a step after it whose methods it shows, by review": {name, look, marked("b", RiskNormal), look, marked("c", "")},
	} {
		what, _, _ = strings.Cut(what, ", by")
		var told []string
		for _, x := range (Flow{Expiry: time.Hour, Steps: steps}).Check() {
			told = append(told, x.At+": "+x.What)
		}
		if !slices.Contains(told, what) {
			t.Errorf("%s: told %q", what, told)
		}
	}
}

// drawMarked makes any flow that has a chance to be good, with steps that depend on
// the risk.
func drawMarked(rt *rapid.T) Flow {
	f := Flow{Name: "x", Expiry: time.Hour, Factors: rapid.IntRange(0, 3).Draw(rt, "factors")}
	targets := []Target{ToNext, ToAgain, ToDone, ToFail}
	for _, n := range []Step{"a", "b", "c", "d", "e", "f"}[:rapid.IntRange(2, 6).Draw(rt, "steps")] {
		s := marked(n, "")
		if n != "a" {
			s.Risk = rapid.SampledFrom([]Risk{"", RiskNormal, RiskHigh}).Draw(rt, "risk")
		} else if rapid.Bool().Draw(rt, "identify") {
			s.Ways[0].Method = ByName
		}
		if s.Risk == "" {
			targets = append(targets, Target(n))
		}
		f.Steps = append(f.Steps, s)
	}
	for i := range f.Steps {
		f.Steps[i].On = map[StepResult][]Target{}
		for _, r := range stepResults() {
			if rapid.IntRange(0, 3).Draw(rt, "told") == 0 {
				f.Steps[i].On[r] = rapid.SliceOfN(rapid.SampledFrom(targets), 1, 2).Draw(rt, string(r))
			}
		}
	}
	return f
}

// No answers let an operation end with fewer factors than its flow asks for, and
// none runs on after its end.
func TestRiskNeverSavesAFactor(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := drawMarked(rt)
		if len(f.Check()) > 0 {
			return
		}
		x := &sayer{says: rapid.SliceOfN(rapid.SampledFrom(Risks()), 1, 8).Draw(rt, "says")}
		svc := &Service{Risks: x}
		v := view{svc: svc, whole: f, asked: &asked{}, scans: true}
		v = v.at(Operation{Result: Continue, Step: f.Steps[0].Name, Subject: "tok_alice"})
		if next, ok := f.next(v.o.Step); ok && v.identifies() && rapid.Bool().Draw(rt, "named") {
			v.o.Step = next.Name
		}
		first := v.o
		v.first(&first)
		v = v.at(first)
		proven, rank := kinds(0), -1
		for range 60 {
			if got := Risk(v.o.Risk).rank(); got < rank {
				rt.Fatalf("fell to %s", v.o.Risk)
			} else {
				rank = got
			}
			how := rapid.SampledFrom(stepResults()).Draw(rt, "how")
			by := v.step.Ways[0].Method
			v.asked = &asked{}
			p := v.settled(Message{}, by, how, "")
			if how == Confirmed {
				proven |= by.kind()
			}
			if p.next.Result == Failed {
				return
			}
			if p.next.Result == Done {
				if proven.factors() < max(1, f.Factors) {
					rt.Fatalf("done with %d factors at risk %s: %+v", proven.factors(), p.next.Risk, f)
				}
				return
			}
			p.next.Closed, p.next.History, p.next.Tries = nil, nil, nil
			v = v.at(*p.next)
		}
	})
}
