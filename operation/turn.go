package operation

import (
	"context"
	"errors"
	"fmt"

	"countersign/session"
)

// show answers the first init of an operation. One that its browser login was at
// before is over then: whoever begins something new has left that. It goes first,
// so that whoever is stopped in between does it again.
func (svc *Service) show(ctx context.Context, v view, p plan, m Message, from Requester) (Answer, error) {
	if from.Login != "" {
		before, err := svc.Store.TakeTurn(ctx, from.Login, v.o.ID, v.o.ExpiresAt)
		if err == nil && before != "" && before != v.o.ID {
			err = svc.interrupt(ctx, before, from.Login)
		}
		if err != nil {
			return Answer{}, err
		}
	}
	next := v.o
	next.Shown, next.Login = true, from.Login
	if v.first(&next) {
		p.answer = v.at(next).init(m)
	}
	p.next = &next
	a, err := svc.carryOut(ctx, v, p, m, from)
	if err != nil || from.Login == "" {
		return a, err
	}
	return svc.still(ctx, a, m, from.Login)
}

// still looks again whose turn it is: another that took it at the same moment may
// have looked at this operation before that was shown, and so have left it.
func (svc *Service) still(ctx context.Context, a Answer, m Message, login string) (Answer, error) {
	id := a.Operation.ID
	now, err := svc.Store.Turn(ctx, login)
	if err != nil || now == "" || now == id {
		return a, err
	}
	if err := svc.interrupt(ctx, id, login); err != nil {
		return Answer{}, err
	}
	o, err := svc.Store.Operation(ctx, id)
	if err != nil || o.Result == Continue {
		return a, err
	}
	return o.ended(m), nil
}

// interrupt ends an operation because another has taken its turn.
func (svc *Service) interrupt(ctx context.Context, id ID, login string) error {
	for range tries {
		v, err := svc.viewed(ctx, id)
		if errors.Is(err, ErrNotFound) || err == nil && (v.o.Result != Continue || v.o.Login != login || v.lost() && v.decided()) {
			return nil
		}
		if err != nil {
			return err
		}
		p := v.end(Message{}, causeInterrupted)
		p.by = session.ByReplaced
		if _, err := svc.carryOut(ctx, v, p, Message{}, Requester{}); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("%w, %d times", ErrConflict, tries)
}
