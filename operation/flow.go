package operation

import (
	"slices"
	"time"
)

// A Flow is what an operation of a name goes through: steps in their order, each
// taken by one of its methods. It is data; [Flow.Check] says what is wrong with it.
type Flow struct {
	Name string
	// Expiry is how long an operation may take: an absolute end, which no step
	// moves. 30 s to 24 h.
	Expiry time.Duration
	// Factors is how many factors every way to its end proves, at least, whichever of
	// a step's methods takes it; what is proven twice counts once. 0: one.
	Factors int
	Steps   []FlowStep
}

// A FlowStep is one step. The first is due when an operation begins.
type FlowStep struct {
	Name Step
	// Ways are the methods that take it, the most fitting first.
	Ways []Way
	// Risk is from which risk on the step is due: RiskNormal or RiskHigh; empty:
	// always.
	Risk Risk
	// Expiry is how long it may take from when it is due; 0: as long as the
	// operation.
	Expiry time.Duration
	// On says what follows a result where that is not what usually does.
	On map[StepResult][]Target
}

// A Way is a method of a step, and how often it may be tried.
type Way struct {
	Method   Method
	Attempts int // 0: as often as the method lets it be by itself
}

// A Target is where a step's result leads: one of those below, or a step's name.
type Target string

// The targets that are no step.
const (
	ToNext  Target = "next"  // the step after this one; after the last, the end
	ToAgain Target = "again" // this step
	ToDone  Target = "done"
	ToFail  Target = "fail"
)

// usual is what follows a result by a method unless a step says otherwise. Who types
// too many wrong codes in a page, or has no passkey that is good, has that method off,
// and no other: anybody may.
func usual(by Method, r StepResult) []Target {
	_, typed := methods()[by].(typed)
	switch {
	case r == Confirmed:
		return []Target{ToNext}
	case r == AuthFailed, r == AuthMethodFailed && (typed || by == ByPasskey):
		return []Target{ToAgain}
	default: // Canceled, AuthMethodFailed
		return []Target{ToFail}
	}
}

// step finds one by its name.
func (f Flow) step(name Step) (FlowStep, bool) {
	i := f.index(name)
	if i < 0 {
		return FlowStep{}, false
	}
	return f.Steps[i], true
}

// pages says whether it has methods that are answered in the page by who is asked.
func (f Flow) pages() bool {
	return slices.ContainsFunc(f.Steps, func(s FlowStep) bool {
		return slices.ContainsFunc(s.Ways, func(w Way) bool { return w.Method != ByName && w.Method != ByPhone && w.Method != ByReview })
	})
}

// Has says whether some step lists one of the methods.
func (f Flow) Has(ms ...Method) bool {
	return slices.ContainsFunc(f.Steps, func(s FlowStep) bool {
		return slices.ContainsFunc(s.Ways, func(w Way) bool { return slices.Contains(ms, w.Method) })
	})
}

func (f Flow) index(name Step) int {
	return slices.IndexFunc(f.Steps, func(s FlowStep) bool { return s.Name == name })
}

// next is the step after one; ok is false after the last.
func (f Flow) next(name Step) (FlowStep, bool) {
	i := f.index(name)
	if i < 0 || i+1 >= len(f.Steps) {
		return FlowStep{}, false
	}
	return f.Steps[i+1], true
}

// targets are where a result of a step leads, steps by their names.
func (f Flow) targets(s FlowStep, by Method, r StepResult) []Target {
	list := s.On[r]
	if len(list) == 0 {
		list = usual(by, r)
	}
	out := make([]Target, len(list))
	for i, t := range list {
		switch t {
		case ToNext:
			t = ToDone
			if n, ok := f.next(s.Name); ok {
				t = Target(n.Name)
			}
		case ToAgain:
			t = Target(s.Name)
		case ToDone, ToFail: // as they are
		}
		out[i] = t
	}
	return out
}

// after is where an operation stands after a result of a step. Of several targets
// an end that is good goes first, then a step that can be taken, and only then the
// end that is not; open says whether some way of a step can be taken.
func (f Flow) after(name Step, by Method, r StepResult, open func(FlowStep) bool) (Result, Step) {
	s, ok := f.step(name)
	if !ok {
		return Failed, name
	}
	targets := f.targets(s, by, r)
	if slices.Contains(targets, ToDone) {
		return Done, name
	}
	for _, t := range targets {
		if next, ok := f.step(Step(t)); ok && open(next) {
			return Continue, next.Name
		}
	}
	return Failed, name
}

// way finds a method of a step.
func (s FlowStep) way(m Method) (Way, bool) {
	i := slices.IndexFunc(s.Ways, func(w Way) bool { return w.Method == m })
	if i < 0 {
		return Way{}, false
	}
	return s.Ways[i], true
}
