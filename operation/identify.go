package operation

import (
	"context"
	"strings"

	"countersign/device"
	"countersign/session"
)

// identify is the method of the first step: the user tells a name. It does not
// look whether there is anybody of that name, so nobody learns it here. A name of
// another form than ours becomes one that nobody has.
type identify struct{}

const (
	labelByName Text = "byName"
	nameMissing Text = "nameMissing"
)

// userMost is how long a name may be, in bytes. None of ours is longer; a longer
// one is a mistake that the page tells.
const userMost = 256

func (identify) label() Text  { return labelByName }
func (identify) factor() bool { return false }
func (identify) tries() int   { return 0 }

// open: as long as it is not known whose operation it is.
func (identify) open(v view) bool { return !v.o.Named && v.o.Approval == nil }

// start takes the name: in its step and after it, because the name may have been
// another's.
func (i identify) start(ctx context.Context, v view, m Message) (plan, error) {
	if !i.open(v) {
		return plan{answer: refused(m, OutOfStep)}, nil
	}
	user := strings.TrimSpace(m.User)
	if user == "" || len(user) > userMost {
		return plan{answer: v.failure(m, nameMissing)}, nil
	}
	next := v.o
	give := v.running()
	next.Subject, next.Session, next.How, next.Kept = device.TokenID(user).Canonical(), "", "", nil // what was kept was another's
	var err error
	if v.person, err = v.whom(ctx, next); err != nil {
		return plan{}, err
	}
	if next.Step == v.flow.Steps[0].Name {
		v.o = next
		p := v.settled(m, ByName, Confirmed, "")
		p.give, p.by = give, session.ByReplaced
		return p, nil
	}
	return plan{next: &next, give: give, by: session.ByReplaced, answer: v.at(next).init(m)}, nil
}

func (identify) verify(_ context.Context, _ view, m Message) (plan, error) {
	return plan{answer: refused(m, OutOfStep)}, nil
}
