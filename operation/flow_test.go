package operation

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Where every result of every step leads, in the flows that are built in, with
// every method open and with none; and how each is drawn.
func TestBuiltInFlows(t *testing.T) {
	var out strings.Builder
	flows := BuiltIn()
	for _, name := range slices.Sorted(maps.Keys(flows)) {
		f := flows[name]
		if faults := f.Check(); len(faults) > 0 || f.Name != name {
			t.Errorf("%s: %v", name, faults)
		}
		fmt.Fprintf(&out, "%s: %s\n", name, f)
		for _, s := range f.Steps {
			for _, w := range s.Ways {
				for _, r := range stepResults() {
					result, step := f.after(s.Name, w.Method, r, func(FlowStep) bool { return true })
					closed, _ := f.after(s.Name, w.Method, r, func(FlowStep) bool { return false })
					fmt.Fprintf(&out, "\t%-10s %-10s %-18s %-8s %-10s nothing open: %s\n", s.Name, w.Method, r, result, step, closed)
				}
			}
		}
		out.WriteString(f.Diagram() + "\n")
	}
	const file = "testdata/flows.golden"
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != out.String() {
		t.Errorf("the flows are not those of %s:\n%s", file, out.String())
	}
}

// Of several targets an end that is good goes first, then a step that is open, and
// then the end that is not.
func TestMixedTargets(t *testing.T) {
	step := func(name Step, targets ...Target) FlowStep {
		return FlowStep{Name: name, Ways: []Way{{Method: ByPhone}}, On: map[StepResult][]Target{Confirmed: targets}}
	}
	for what, x := range map[string]struct {
		targets []Target
		open    []Step
		result  Result
		step    Step
	}{
		"done before all":       {[]Target{ToFail, "b", ToDone}, []Step{"b"}, Done, "a"},
		"a step before failure": {[]Target{ToFail, "b"}, []Step{"b"}, Continue, "b"},
		"the first that opens":  {[]Target{"b", "c"}, []Step{"c"}, Continue, "c"},
		"none opens":            {[]Target{"b", "c"}, nil, Failed, "a"},
		"failure alone":         {[]Target{ToFail}, []Step{"b"}, Failed, "a"},
		"next is a step":        {[]Target{ToNext}, []Step{"b"}, Continue, "b"},
		"again is one too":      {[]Target{ToAgain}, []Step{"a"}, Continue, "a"},
	} {
		f := Flow{Name: "x", Expiry: time.Minute, Steps: []FlowStep{step("a", x.targets...), step("b"), step("c", ToDone)}}
		result, at := f.after("a", ByPhone, Confirmed, func(s FlowStep) bool { return slices.Contains(x.open, s.Name) })
		if result != x.result || at != x.step {
			t.Errorf("%s: %s %s", what, result, at)
		}
	}
	f := Flow{Name: "x", Expiry: time.Minute, Steps: []FlowStep{step("a")}}
	if result, _ := f.after("gone", ByPhone, Confirmed, func(FlowStep) bool { return true }); result != Failed {
		t.Errorf("a step that there is no more: %s", result)
	}
}

// drawFlow makes any flow.
func drawFlow(rt *rapid.T) Flow {
	names := []Step{"a", "b", "c", "d"}[:rapid.IntRange(1, 4).Draw(rt, "steps")]
	targets := []Target{ToNext, ToAgain, ToDone, ToFail}
	for _, n := range names {
		targets = append(targets, Target(n))
	}
	f := Flow{Name: "x", Expiry: time.Hour, Factors: rapid.IntRange(0, 3).Draw(rt, "factors")}
	for i, n := range names {
		s := FlowStep{Name: n, On: map[StepResult][]Target{}}
		for _, m := range rapid.SliceOfNDistinct(rapid.SampledFrom([]Method{ByPhone, ByOffline, ByMessage, ByPasskey}), 1, 2, rapid.ID).Draw(rt, "methods") {
			s.Ways = append(s.Ways, Way{Method: m})
		}
		if i == 0 && rapid.Bool().Draw(rt, "identify") {
			s.Ways = []Way{{Method: ByName}}
		}
		for _, r := range stepResults() {
			if rapid.SampledFrom([]bool{false, false, true}).Draw(rt, "on") {
				s.On[r] = rapid.SliceOfN(rapid.SampledFrom(targets), 1, 2).Draw(rt, string(r))
			}
		}
		f.Steps = append(f.Steps, s)
	}
	return f
}

// paths tells what is wrong with the ways through a flow, whatever methods there are yet.
func (f Flow) paths() (faults []Fault) {
	f.checkPaths(func(at, what, hint string) { faults = append(faults, Fault{at, what, hint}) })
	return faults
}

// A flow that is found good cannot be gone through with fewer factors than it asks
// for, however it is walked, and never leads to a step that there is not.
func TestCheckedFlowsProve(t *testing.T) {
	found := map[int]bool{}
	rapid.Check(t, func(rt *rapid.T) {
		f := drawFlow(rt)
		if _, end, _ := f.places(); end <= 3 {
			f.Factors = end // the most that it can ask for
		}
		if len(f.paths()) > 0 {
			return
		}
		found[f.Factors] = true
		at, proven := f.Steps[0].Name, map[string]bool{}
		for range 50 {
			r := rapid.SampledFrom(stepResults()).Draw(rt, "result")
			s, ok := f.step(at)
			if !ok {
				rt.Fatalf("at %q", at)
			}
			by := rapid.SampledFrom(s.Ways).Draw(rt, "by").Method
			result, next := f.after(at, by, r, func(FlowStep) bool { return rapid.Bool().Draw(rt, "open") })
			if r == Confirmed && by != ByName {
				proven[strings.Replace(string(by), string(ByOffline), string(ByPhone), 1)] = true
			}
			switch result {
			case Done:
				if len(proven) < max(1, f.Factors) {
					rt.Fatalf("done with %v: %+v", proven, f)
				}
				return
			case Failed:
				return
			case Continue:
			}
			at = next
		}
	})
	if !found[2] {
		t.Error("no flow of two factors was walked")
	}
}

// What is proven twice counts once, the weakest method of a step counts, and so does
// the weakest of all ways.
func TestFactors(t *testing.T) {
	done := FlowStep{Name: "early", Ways: []Way{{Method: ByPhone}}, On: map[StepResult][]Target{Canceled: {ToDone}}}
	for what, x := range map[string]struct {
		factors int
		steps   []FlowStep
	}{
		"a phone":                          {1, []FlowStep{step(ByPhone)}},
		"a phone twice":                    {1, []FlowStep{step(ByPhone), called("b", ByPhone)}},
		"a phone, and without a network":   {1, []FlowStep{step(ByPhone), step(ByOffline)}},
		"a phone and a message":            {2, []FlowStep{step(ByPhone), step(ByMessage)}},
		"the same choice twice":            {1, []FlowStep{step(ByPhone, ByMessage), called("b", ByMessage, ByPhone)}},
		"a choice, and another":            {2, []FlowStep{step(ByPhone, ByMessage), step(ByPasskey)}},
		"three":                            {3, []FlowStep{step(ByPasskey), step(ByOffline), step(ByMessage)}},
		"a way that ends early":            {1, []FlowStep{step(ByMessage), done, step(ByPasskey)}},
		"names, reviews and texts: nobody": {0, []FlowStep{step(ByName), step(ByReview), step(ByConsent)}},
	} {
		if _, end, _ := (Flow{Steps: x.steps}).places(); end != x.factors {
			t.Errorf("%s: %d factors", what, end)
		}
	}
}

func called(name Step, methods ...Method) FlowStep {
	s := step(methods...)
	s.Name = name
	return s
}

// What proves a factor has a kind, and nothing else has.
func TestKinds(t *testing.T) {
	for m, x := range methods() {
		if x.factor() != (m.kind() != 0) {
			t.Errorf("%s: %v", m, m.kind())
		}
		if slices.Contains(Switchable(), m) != (x.factor() && m != ByPhone) {
			t.Errorf("%s may be switched off, or may not", m)
		}
	}
}
