package operation

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// kinds are factors, as a set. What is proven again by the same is no second one:
// two approvals of one phone are one factor proven twice.
type kinds uint8

const (
	phoneKind kinds = 1 << iota
	messageKind
	passkeyKind
)

// kind is the factor that a method proves; 0: none.
func (m Method) kind() kinds {
	switch m {
	case ByPhone, ByOffline:
		return phoneKind
	case ByMessage:
		return messageKind
	case ByPasskey:
		return passkeyKind
	case ByName, ByReview, ByConsent, ByPasskeyAdd, sends:
	}
	return 0
}

// factors is how many there are.
func (k kinds) factors() int { return bits.OnesCount8(uint8(k)) }

// A place is where an operation can come to: a step, at a risk, with what was proven
// before it.
type place struct {
	step   Step
	risk   Risk
	proven kinds
}

// checkPaths looks at every place, when the risk may rise with every result: whether
// each step is due some time, leads to the good end, and how little is proven on the
// way there.
func (f Flow) checkPaths(fail failer) {
	due, end, early := f.places()
	leads := f.leads()
	for i, s := range f.Steps {
		ever, stuck := false, false
		for _, risk := range Risks() {
			here := place{step: s.Name, risk: risk}
			ever, stuck = ever || due[here], stuck || due[here] && !leads[here]
		}
		at := fmt.Sprintf("steps[%d]", i)
		switch {
		case !ever:
			fail(at, "is never due", "no step before it leads to it")
		case stuck:
			fail(at, "leads to no end but failure", "CONFIRMED must lead on")
		case early[s.Name]:
			fail(at, "consent can be due before a factor has succeeded", "who agrees has to be known: put it after a step such as device")
		}
	}
	if need := max(1, f.Factors); end < need {
		what := fmt.Sprintf("can be gone through with %d of %d factors", end, need)
		if f.Marked() {
			what += " at some risk"
		}
		fail("steps", what, "device and offline prove one, the same; message and passkey one each")
	}
}

// places walks all the ways there are. It gives the steps that are due some time, each
// at its risks, and with how few factors the good end can be reached; early are those
// in which the user agrees before it is known who that is.
func (f Flow) places() (due map[place]bool, end int, early map[Step]bool) {
	todo := f.starts()
	due, end, early = map[place]bool{}, math.MaxInt, map[Step]bool{}
	seen := map[place]bool{}
	for ; len(todo) > 0; todo = todo[1:] {
		at := todo[0]
		if seen[at] {
			continue
		}
		seen[at], due[place{step: at.step, risk: at.risk}] = true, true
		if s, _ := f.step(at.step); at.proven == 0 && s.agrees() {
			early[s.Name] = true
		}
		f.moves(at, func(to place) {
			switch to.step {
			case Step(ToDone):
				end = min(end, to.proven.factors())
			case Step(ToFail):
			default:
				todo = append(todo, to)
			}
		})
	}
	return due, end, early
}

// agrees says whether the step is the one in which the user agrees to the terms.
func (s FlowStep) agrees() bool {
	_, ok := s.way(ByConsent)
	return ok
}

// starts are where operations begin, with nothing proven: at the first step or, if
// that asks who it is and somebody is named, at the one after it.
func (f Flow) starts() (out []place) {
	for _, risk := range Risks() {
		first := f.Steps[0]
		out = append(out, place{step: first.Name, risk: risk})
		_, identifies := first.way(ByName)
		if next, ok := f.at(risk, first.Name).next(first.Name); ok && identifies {
			out = append(out, place{step: next.Name, risk: risk})
		}
	}
	return out
}

// leads are the steps, each at its risks, that the good end can be reached from.
func (f Flow) leads() map[place]bool {
	out := map[place]bool{}
	for range len(f.Steps) * len(Risks()) { // as many rounds as there are settle all of it
		for _, s := range f.Steps {
			for _, risk := range Risks() {
				here := place{step: s.Name, risk: risk}
				f.moves(here, func(to place) {
					out[here] = out[here] || to.step == Step(ToDone) || out[place{step: to.step, risk: to.risk}]
				})
			}
		}
	}
	return out
}

// moves gives each place that one leads to, whichever method takes the step, whatever
// its result, and whatever the assessor then says.
func (f Flow) moves(at place, to func(place)) {
	s, _ := f.step(at.step)
	for _, w := range s.Ways {
		for _, r := range stepResults() {
			proven := at.proven
			if r == Confirmed {
				proven |= w.Method.kind()
			}
			f.spots(s, at.risk, w.Method, r, func(step Step, risk Risk) { to(place{step, risk, proven}) })
		}
	}
}

// spots are where a result of a step leads: the assessor is asked if it leads on.
func (f Flow) spots(s FlowStep, risk Risk, by Method, r StepResult, to func(Step, Risk)) {
	asked := slices.ContainsFunc(f.at(risk, s.Name).targets(s, by, r), func(t Target) bool { return t != ToFail && t != Target(s.Name) })
	for _, up := range Risks() {
		if up.rank() < risk.rank() || up != risk && !asked {
			continue
		}
		if back, ok := f.omitted(s.Name, risk, up); ok {
			to(back.Name, up)
			continue
		}
		for _, t := range f.at(up, s.Name).targets(s, by, r) {
			to(Step(t), up)
		}
	}
}
