package operation

import (
	"strconv"
	"time"
)

// A Risk is how dangerous an operation is found to be. The steps of a flow that are
// marked with one are due from there on, so it says how many there are.
type Risk string

// The risks, from the fewest steps to all of them.
const (
	RiskLow    Risk = "low"
	RiskNormal Risk = "normal"
	RiskHigh   Risk = "high"
)

// Risks are all there are, in their order.
func Risks() []Risk { return []Risk{RiskLow, RiskNormal, RiskHigh} }

// rank orders them. What is none, and where nobody was asked, is the highest.
func (r Risk) rank() int {
	switch r {
	case RiskLow:
		return 0
	case RiskNormal:
		return 1
	case RiskHigh:
	}
	return 2
}

// An Assessor says how dangerous an operation is. Where it cannot, that is RiskHigh.
// It answers within half a second, and no request's end cuts it short: whoever asks
// the same at once shares its answer.
type Assessor interface {
	Assess(a Assessment) Risk
}

// An Assessment is the question. Its operation is as it stands, with who has proven
// to be there by the step that was taken.
type Assessment struct {
	Operation Operation
	At        time.Time
	Occasion  Occasion // zero: it begins
	Requester Requester
}

// ID names the question: one for each occasion of each version of an operation. It
// has no dot.
func (a Assessment) ID() string {
	id := string(a.Operation.ID) + "-" + strconv.FormatUint(a.Operation.Version, 10)
	if x := a.Occasion; x != (Occasion{}) {
		id += "-" + string(x.Step) + "-" + string(x.Method) + "-" + string(x.How)
	}
	return id
}

// An Occasion is the result of a step that leads on, and by which method.
type Occasion struct {
	Step   Step
	Method Method
	How    StepResult
}

// due says whether a step is due at a risk.
func (s FlowStep) due(r Risk) bool { return s.Risk == "" || r.rank() >= s.Risk.rank() }

// Marked says whether any step depends on the risk.
func (f Flow) Marked() bool {
	for _, s := range f.Steps {
		if s.Risk != "" {
			return true
		}
	}
	return false
}

// at is what is left of a flow at a risk. The step that an operation is at stays.
func (f Flow) at(r Risk, present Step) Flow {
	if !f.Marked() || r.rank() == RiskHigh.rank() {
		return f
	}
	var due []FlowStep
	for _, s := range f.Steps {
		if s.due(r) || s.Name == present {
			due = append(due, s)
		}
	}
	f.Steps = due
	return f
}

// omitted is the first step before one that was left out at a risk and is not at a
// higher one.
func (f Flow) omitted(before Step, low, high Risk) (FlowStep, bool) {
	for _, s := range f.Steps[:max(0, f.index(before))] {
		if !s.due(low) && s.due(high) {
			return s, true
		}
	}
	return FlowStep{}, false
}

// first asks when an operation is first shown, and goes past the step that it was
// created at if that is not due. Whoever starts a method before that has all of the
// steps: what was asked for at a higher risk is never taken back.
func (v view) first(o *Operation) bool {
	if v.svc.Risks == nil || !v.whole.Marked() || o.Risk != "" || len(o.Tries)+len(o.History)+len(o.Kept) > 0 || o.Approval != nil {
		return false
	}
	risk := v.assess(Occasion{})
	if s, ok := v.whole.step(o.Step); ok && !s.due(risk) {
		next, ok := v.whole.at(risk, o.Step).next(o.Step)
		if !ok {
			return false // Check rules it out
		}
		o.Step = next.Name
		v.enter(o)
	}
	o.Risk = string(risk)
	return true
}

// rise asks when a step's result leads on, unless no answer can change anything. If
// the risk is higher than it was, the operation goes on at the first step that was
// left out until then, and from there in the flow's order.
func (v view) rise(next *Operation, x Occasion) {
	old := Risk(next.Risk)
	leadsOn := next.Result == Done || next.Result == Continue && next.Step != x.Step
	if !leadsOn || !v.whole.Marked() || old.rank() == RiskHigh.rank() {
		return
	}
	risk := v.assess(x)
	if risk.rank() <= old.rank() {
		return
	}
	next.Risk, next.Step = string(risk), x.Step
	up := v.at(*next)
	s, ok := v.whole.omitted(x.Step, old, risk)
	switch {
	case !ok:
		next.Result, next.Step = up.flow.after(x.Step, x.Method, x.How, up.open)
	case up.open(s):
		next.Result, next.Step = Continue, s.Name
	default:
		next.Result = Failed
	}
}

// assess asks once in a request, however often that is decided anew.
func (v view) assess(x Occasion) Risk {
	if risk, ok := v.asked.risks[x]; ok {
		return risk
	}
	risk := RiskHigh
	if v.svc.Risks != nil { // else another node's configuration has an assessor, and this one's has none
		risk = v.svc.Risks.Assess(Assessment{Operation: v.o, At: v.now, Occasion: x, Requester: v.requester()})
	}
	if v.asked.risks == nil {
		v.asked.risks = map[Occasion]Risk{}
	}
	v.asked.risks[x] = risk
	return risk
}

// requester is the browser: the one that asks or, where it is a phone or a back end
// that does, the one that has started the session.
func (v view) requester() Requester {
	if from := v.asked.from; from.IP != "" || v.s == nil || v.s.Requester == nil {
		return from
	}
	return Requester{IP: v.s.Requester.IP, UserAgent: v.s.Requester.UserAgent}
}
