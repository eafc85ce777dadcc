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
			for _, r := range stepResults() {
				result, step := f.after(s.Name, s.Ways[0].Method, r, func(FlowStep) bool { return true })
				closed, _ := f.after(s.Name, s.Ways[0].Method, r, func(FlowStep) bool { return false })
				fmt.Fprintf(&out, "\t%-10s %-18s %-8s %-10s nothing open: %s\n", s.Name, r, result, step, closed)
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
	f := Flow{Name: "x", Expiry: time.Hour, Factors: rapid.IntRange(0, 2).Draw(rt, "factors")}
	for i, n := range names {
		s := FlowStep{Name: n, Ways: []Way{{Method: ByPhone}}, On: map[StepResult][]Target{}}
		if i == 0 && rapid.Bool().Draw(rt, "identify") {
			s.Ways[0].Method = ByName
		}
		for _, r := range stepResults() {
			if list := rapid.SliceOfN(rapid.SampledFrom(targets), 0, 2).Draw(rt, string(r)); len(list) > 0 {
				s.On[r] = list
			}
		}
		f.Steps = append(f.Steps, s)
	}
	return f
}

// A flow that is found good cannot be gone through with fewer factors than it asks
// for, however it is walked, and never leads to a step that there is not.
func TestCheckedFlowsProve(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := drawFlow(rt)
		if len(f.Check()) > 0 {
			return
		}
		at, proven := f.Steps[0].Name, 0
		for range 50 {
			r := rapid.SampledFrom(stepResults()).Draw(rt, "result")
			s, ok := f.step(at)
			if !ok {
				rt.Fatalf("at %q", at)
			}
			result, next := f.after(at, ByPhone, r, func(FlowStep) bool { return rapid.Bool().Draw(rt, "open") })
			proven += s.factors(r)
			switch result {
			case Done:
				if proven < max(1, f.Factors) {
					rt.Fatalf("done with %d factors: %+v", proven, f)
				}
				return
			case Failed:
				return
			case Continue:
			}
			at = next
		}
	})
}
