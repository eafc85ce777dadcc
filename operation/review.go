package operation

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

func (review) start(_ view, m Message) plan  { return plan{answer: refused(m, OutOfStep)} }
func (review) verify(_ view, m Message) plan { return plan{answer: refused(m, OutOfStep)} }

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
