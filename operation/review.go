package operation

import "context"

// review is the method of a step in which the user sees what is to be approved,
// and chooses how: among the methods of the step after it.
type review struct{}

// label: it is never offered, for its step offers the methods of the next.
func (review) label() Text  { return "" }
func (review) factor() bool { return false }
func (review) tries() int   { return 0 }

// open: as long as there is something to choose.
func (review) open(v view) bool {
	n, ok := v.flow.next(v.step.Name)
	return ok && v.open(n)
}

func (review) start(_ context.Context, _ view, m Message) (plan, error) {
	return plan{answer: refused(m, OutOfStep)}, nil
}

func (review) verify(_ context.Context, _ view, m Message) (plan, error) {
	return plan{answer: refused(m, OutOfStep)}, nil
}

// choose takes the choice, if it is one of those that were offered.
func (v view) choose(m Message) plan {
	n, ok := v.flow.next(v.step.Name)
	if !v.reviews() || !ok {
		return plan{answer: refused(m, OutOfStep)}
	}
	if !v.takes(n, m.Method) {
		return plan{answer: v.failure(m, notOfferedHere)}
	}
	v.o.Chosen = m.Method
	return v.settled(m, ByReview, Confirmed, "")
}
