package operation

import (
	"fmt"
	"slices"
	"strings"
)

// String writes the steps in their order, with the methods of each:
// identify > device|message. One that is not always due has its risk with it.
func (f Flow) String() string {
	var steps []string
	for _, s := range f.Steps {
		var names []string
		for _, w := range s.Ways {
			names = append(names, string(w.Method))
		}
		text := strings.Join(names, "|")
		if s.Risk != "" {
			text += " (risk " + string(s.Risk) + ")"
		}
		steps = append(steps, text)
	}
	return strings.Join(steps, " > ")
}

// Diagram draws the flow as a state diagram of Mermaid, which GitHub and many
// editors show. What a step's results lead to without being told is left out where
// it is failure. Where the risk decides, each way has its risks with it; that the
// risk may rise, and an operation then goes back to what was left out, is not drawn.
func (f Flow) Diagram() string {
	var b strings.Builder
	fmt.Fprintf(&b, "stateDiagram-v2\n    [*] --> %s\n", f.Steps[0].Name)
	for _, s := range f.Steps {
		var names []string
		for _, w := range s.Ways {
			names = append(names, string(w.Method))
		}
		label := strings.Join(names, ", ")
		if s.Risk != "" {
			label += ", from risk " + string(s.Risk)
		}
		if label != string(s.Name) {
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
	var to []Target
	at := map[Target][]string{}
	due := 0
	for _, risk := range Risks() {
		if !s.due(risk) {
			continue
		}
		due++
		for _, t := range slices.Compact(f.at(risk, s.Name).targets(s, s.Ways[0].Method, r)) {
			if !slices.Contains(to, t) {
				to = append(to, t)
			}
			at[t] = append(at[t], string(risk))
		}
	}
	for _, t := range to {
		name, label := string(t), string(r)
		switch t {
		case ToDone:
			name = "DONE"
		case ToFail:
			if len(s.On[r]) == 0 {
				continue
			}
			name = "FAILED"
		case ToNext, ToAgain: // targets has them as steps
		}
		if len(at[t]) < due {
			label += " at risk " + strings.Join(at[t], ", ")
		}
		fmt.Fprintf(b, "    %s --> %s: %s\n", s.Name, name, label)
	}
}
