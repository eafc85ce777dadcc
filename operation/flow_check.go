package operation

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The bounds of a flow.
const (
	stepsMost    = 16
	attemptsMost = 20
	expiryLeast  = 30 * time.Second
	expiryMost   = 24 * time.Hour
)

// A Fault is something wrong with a flow.
type Fault struct {
	At   string // where, such as "steps[1].ways[0]"; empty: the flow itself
	What string
	Hint string
}

// Check finds everything that is wrong with a flow: methods that there are not,
// methods of a step that are equal, steps that are never due or lead to no end, and
// ways to its end that prove too little.
func (f Flow) Check() (faults []Fault) {
	fail := func(at, what, hint string) { faults = append(faults, Fault{at, what, hint}) }
	if f.Expiry < expiryLeast || f.Expiry > expiryMost {
		fail("expiry", "must be 30s to 24h", "such as 5m")
	}
	if len(f.Steps) == 0 || len(f.Steps) > stepsMost {
		fail("steps", fmt.Sprintf("must be 1 to %d", stepsMost), "such as [identify, device]")
		return faults
	}
	for i, s := range f.Steps {
		f.checkStep(i, s, fail)
	}
	if len(faults) == 0 {
		f.checkPaths(fail)
	}
	return faults
}

type failer func(at, what, hint string)

func (f Flow) checkStep(i int, s FlowStep, fail failer) {
	at := fmt.Sprintf("steps[%d]", i)
	switch {
	case s.Risk != "" && s.Risk != RiskNormal && s.Risk != RiskHigh:
		fail(at+".risk", "must be normal or high", "from which risk on the step is due; leave it out if it always is")
	case s.Risk != "" && i == 0:
		fail(at+".risk", "is of the first step, which is due before the risk is known", "mark a step after it")
	}
	if !stepName(s.Name) {
		fail(at+".name", "is no name", "lower-case letters, digits and _, and none of next, again, done, fail")
	}
	if first := f.index(s.Name); first < i {
		fail(at+".name", fmt.Sprintf("is the name of steps[%d] too", first), "give one of them a name of its own")
	}
	if s.Expiry != 0 && (s.Expiry < expiryLeast || s.Expiry > f.Expiry) {
		fail(at+".expiry", "must be 30s to the flow's expiry", "or leave it out")
	}
	if len(s.Ways) == 0 {
		fail(at, "has no method", "one of "+known())
	}
	for j, w := range s.Ways {
		f.checkWay(fmt.Sprintf("%s.methods[%d]", at, j), i, j, w, fail)
	}
	for r, targets := range s.On {
		if !slices.Contains(stepResults(), r) {
			fail(at+".on", string(r)+" is no step result", "CONFIRMED, CANCELED, AUTH_FAILED or AUTH_METHOD_FAILED")
		}
		for _, t := range targets {
			if to, ok := f.step(Step(t)); ok && to.Risk != "" {
				fail(at+".on."+string(r), string(t)+" is not due at every risk", "name a step that has no risk, or next")
			} else if !ok && !slices.Contains([]Target{ToNext, ToAgain, ToDone, ToFail}, t) {
				fail(at+".on."+string(r), string(t)+" is no step", "next, again, done, fail, or a step's name")
			}
		}
	}
}

func (f Flow) checkWay(at string, i, j int, w Way, fail failer) {
	s := f.Steps[i]
	if _, ok := methods()[w.Method]; !ok {
		fail(at, fmt.Sprintf("there is no method %q", w.Method), "one of "+known())
		return
	}
	if slices.IndexFunc(s.Ways, func(x Way) bool { return x.Method == w.Method }) < j {
		fail(at, string(w.Method)+" is listed twice", "the order is the priority")
	}
	if w.Attempts < 0 || w.Attempts > attemptsMost {
		fail(at+".attempts", fmt.Sprintf("must be 1 to %d", attemptsMost), "")
	}
	switch {
	case w.Method == ByName && (i > 0 || len(s.Ways) > 1):
		fail(at, "identify is a first step, by itself", "whose operation it is stands before it is approved")
	case w.Method == ByReview && len(s.Ways) > 1:
		fail(at, "review is a step by itself", "its choices are the methods of the step after it")
	case w.Method == ByConsent && len(s.Ways) > 1:
		fail(at, "consent is a step by itself", "nobody agrees by another method")
	case w.Method == ByPasskeyAdd && len(s.Ways) > 1:
		fail(at, "passkey_add is a step by itself", "it proves nothing, so nothing stands in for it")
	case w.Method == ByPasskeyAdd && f.phoneless()[s.Name]:
		fail(at, "passkey_add can be come to without a phone", "a step before it, on every way, that device alone takes")
	case w.Method == ByReview && !f.provesNext(s.Name):
		fail(at, "review needs a step after it whose methods it shows", "such as device")
	}
}

// provesNext says whether, at every risk, each method of what follows a step proves
// a factor.
func (f Flow) provesNext(name Step) bool {
	for _, risk := range Risks() {
		next, ok := f.at(risk, name).next(name)
		if !ok || slices.ContainsFunc(next.Ways, func(w Way) bool { return !w.Method.factor() }) {
			return false
		}
	}
	return true
}

func stepResults() []StepResult {
	return []StepResult{Confirmed, Canceled, AuthFailed, AuthMethodFailed}
}

func stepName(s Step) bool {
	return s != "" && len(s) <= 32 && strings.Trim(string(s), "abcdefghijklmnopqrstuvwxyz0123456789_") == "" &&
		!slices.Contains([]Target{ToNext, ToAgain, ToDone, ToFail}, Target(s))
}

// known lists the methods for a hint.
func known() string {
	var names []string
	for m := range methods() {
		names = append(names, string(m))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
