package operation

import (
	"fmt"
	"slices"
	"strings"
)

// String writes the steps in their order, with the methods of each:
// identify > device|message.
func (f Flow) String() string {
	var steps []string
	for _, s := range f.Steps {
		var names []string
		for _, w := range s.Ways {
			names = append(names, string(w.Method))
		}
		steps = append(steps, strings.Join(names, "|"))
	}
	return strings.Join(steps, " > ")
}

// Diagram draws the flow as a state diagram of Mermaid, which GitHub and many
// editors show. What a step's results lead to without being told is left out where
// it is failure.
func (f Flow) Diagram() string {
	var b strings.Builder
	fmt.Fprintf(&b, "stateDiagram-v2\n    [*] --> %s\n", f.Steps[0].Name)
	for _, s := range f.Steps {
		var names []string
		for _, w := range s.Ways {
			names = append(names, string(w.Method))
		}
		if label := strings.Join(names, ", "); label != string(s.Name) {
			fmt.Fprintf(&b, "    %s: %s (%s)\n", s.Name, s.Name, label)
		}
	}
	for _, s := range f.Steps {
		for _, r := range stepResults() {
			f.arrows(&b, s, r)
		}
	}
	return b.String()
}

func (f Flow) arrows(b *strings.Builder, s FlowStep, r StepResult) {
	for _, t := range slices.Compact(f.targets(s, s.Ways[0].Method, r)) {
		to := string(t)
		switch t {
		case ToDone:
			to = "DONE"
		case ToFail:
			if len(s.On[r]) == 0 {
				continue
			}
			to = "FAILED"
		case ToNext, ToAgain: // targets has them as steps
		}
		fmt.Fprintf(b, "    %s --> %s: %s\n", s.Name, to, r)
	}
}
