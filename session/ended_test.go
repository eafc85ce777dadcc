package session

import (
	"context"
	"errors"
	"testing"
)

// lossy writes the end of a session and loses the answer, once.
type lossy struct {
	Store
	lost bool
}

func (l *lossy) Swap(ctx context.Context, old, next Session, e Effects) error {
	err := l.Store.Swap(ctx, old, next, e)
	if err == nil && !l.lost && !next.State.Open() {
		l.lost = true
		return errors.New("the connection was lost after the write")
	}
	return err
}

// Who is told of ends hears of one also when it was written by an attempt that
// seemed to fail: the phone sends its decision again.
func TestEndedAfterLostAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.claimed()
	r.svc.Store = &lossy{Store: r.svc.Store}
	var told []State
	r.svc.Ended = func(_ context.Context, s Session) error {
		told = append(told, s.State)
		return nil
	}
	v := r.alice.verification(s, Approve, r.code(s))
	if _, err := r.verify(v); err == nil {
		t.Fatal("the answer was lost")
	}
	if _, err := r.verify(v); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || told[0] != Approved {
		t.Errorf("told %v", told)
	}
}
