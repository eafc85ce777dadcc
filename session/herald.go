package session

import (
	"context"
	"errors"
)

// A Herald tells the back ends of services how their sessions end. It is told of
// announced sessions alone.
type Herald interface {
	// ExpectSession is told of a session before whoever started it is answered. Once
	// it has answered, the end will be told, whatever becomes of this node.
	ExpectSession(ctx context.Context, s Session) error
	// ForgetSession is told of one that was refused after that: its id is
	// nobody's, so there is no end to be told.
	ForgetSession(ctx context.Context, s Session) error
}

// announce has the end of a session told, if its service wants that. A session whose
// end cannot be told was not begun.
func (svc *Service) announce(ctx context.Context, s Session) error {
	if !s.Announced {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if err := svc.Herald.ExpectSession(ctx, s); err != nil {
		return errors.Join(err, svc.Store.Forget(ctx, s))
	}
	return nil
}

// forget removes a session that was refused after it was written.
func (svc *Service) forget(ctx context.Context, s Session) error {
	err := svc.Store.Forget(ctx, s)
	if s.Announced {
		err = errors.Join(err, svc.Herald.ForgetSession(ctx, s))
	}
	return err
}
