package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"countersign/audit"
	"countersign/crypto/otp"
	"countersign/device"
)

// A Service starts, claims, decides and cancels sessions. All its members are
// set once, before it is used.
type Service struct {
	Issuer      string
	Lifetime    time.Duration // of a session
	Period      time.Duration // of a code; 0: one code a session
	Tolerance   int           // earlier periods whose codes still count
	Window      Window        // of the moving QR code
	MaxWrong    int           // wrong codes in a row that lock an identity
	Secrets     Secrets
	Parties     Parties
	Store       Store
	Phones      Phones
	Lists       Lists
	Idempotency Idempotency
	Keys        Keys
	Devices     *device.Registry
	Herald      Herald // needed once a party has a webhook
	Audit       audit.Recorder
	Now         func() time.Time
	// Inspect, if set, is told of each text whose signature was checked; for
	// development only, as texts have codes in them.
	Inspect func(text []byte, good bool)
	// Ended, if set, is told of each session that has ended, by the node that
	// ended it and before whoever ended it is answered. A node may die before
	// it is told, and nobody may notice that time has ended a session: what
	// must not be missed is read from the session itself. If it fails, the phone is
	// not told that its approval counts; it sends it again, and so is this.
	Ended func(ctx context.Context, s Session) error
}

// tries bounds how often a change is tried again. Every conflict means that
// another change got through, and a session has room for few: three wrong
// codes, three bad signatures, a claim and an end, besides a phone's repeated
// claims and the code's periods.
const tries = 20

// change lets decide make an action of the session as it stands now, applies
// it and stores the outcome; when somebody else was quicker it starts again.
// What decide reads and what is stored are never tied to the caller's patience:
// ctx must not end when the caller hangs up.
func (svc *Service) change(ctx context.Context, read func(context.Context) (Opened, error),
	decide func(Opened) (Action, Effects, error)) (Session, error) {
	for range tries {
		o, err := read(ctx)
		if err != nil {
			return o.Session, err
		}
		a, e, err := decide(o)
		if err != nil {
			return o.Session, err
		}
		next, err := svc.store(ctx, o.Session, a, e)
		if !errors.Is(err, ErrConflict) {
			return next, err
		}
	}
	return Session{}, fmt.Errorf("%w, %d times", ErrConflict, tries)
}

// store applies an action to old and swaps the outcome in. The error of the
// action itself is given only after what it changed is stored.
func (svc *Service) store(ctx context.Context, old Session, a Action, e Effects) (Session, error) {
	next, events, refused := old.Apply(a, svc.Now())
	if next.Version == old.Version {
		return next, refused
	}
	if refused != nil {
		e = Effects{} // time ended it instead: what was decided has no effect elsewhere either
	}
	if err := svc.Store.Swap(ctx, old, next, e); err != nil {
		return next, err
	}
	var left error
	if old.State.Open() {
		left = svc.ended(ctx, next)
	}
	for _, ev := range events {
		if err := svc.Audit.Record(ctx, ev); err != nil {
			return next, err
		}
	}
	return next, cmp.Or(refused, left)
}

// ended tells of a session that has ended. What follows from an approval must have
// followed before the phone is told; of any other end nothing is lost.
func (svc *Service) ended(ctx context.Context, s Session) error {
	if svc.Ended == nil || s.State.Open() {
		return nil
	}
	if err := svc.Ended(ctx, s); err != nil && s.State == Approved {
		return fmt.Errorf("session: an approval was not followed up: %w", err)
	}
	return nil
}

// session reads session id for [Service.change].
func (svc *Service) session(id ID) func(context.Context) (Opened, error) {
	return func(ctx context.Context) (Opened, error) {
		s, err := svc.Get(ctx, id)
		return Opened{Session: s}, err
	}
}

// Get reads a session. ErrNotFound.
func (svc *Service) Get(ctx context.Context, id ID) (Session, error) {
	if !id.WellFormed() {
		return Session{}, ErrNotFound
	}
	return svc.Store.Session(ctx, id)
}

// Cancel ends an open session. It may be repeated; after another end it is
// refused with ErrResolved.
func (svc *Service) Cancel(ctx context.Context, id ID, by Canceller) (Session, error) {
	s, err := svc.change(ctx, svc.session(id), func(Opened) (Action, Effects, error) {
		return Action{Verb: DoCancel, By: by}, Effects{}, nil
	})
	if errors.Is(err, ErrExpired) || errors.Is(err, ErrTooManyAttempts) {
		err = ErrResolved
	}
	return s, err
}

// Return ends a session that was approved on the device of its browser, once
// that browser has come back with the code that only the phone was told. It
// may be repeated. ErrNotFound, ErrReturn, ErrExpired, ErrResolved.
func (svc *Service) Return(ctx context.Context, id ID, code string) (Session, error) {
	s, err := svc.change(context.WithoutCancel(ctx), svc.session(id), func(o Opened) (Action, Effects, error) {
		var e Effects
		if !svc.Secrets.goodReturn(o.Session, code) {
			return Action{}, e, ErrReturn
		}
		if o.Session.State == Approved {
			return Action{}, e, errRepeat
		}
		if c := o.Session.Claim; c != nil && c.FirstSeen {
			e.Browser = o.Session.Requester.mark()
		}
		return Action{Verb: DoReturn}, e, nil
	})
	if errors.Is(err, errRepeat) {
		err = svc.ended(ctx, s)
	}
	return s, err
}

// Tick brings a session up to the present: it ends it when its time is up, and
// announces the code of a new period. What it gives is stored.
func (svc *Service) Tick(ctx context.Context, s Session) (Session, error) {
	for range tries {
		a, due := svc.due(s)
		if !due {
			return s, nil
		}
		next, err := svc.store(ctx, s, a, Effects{})
		if err == nil || errors.Is(err, ErrExpired) {
			return next, nil
		}
		if !errors.Is(err, ErrConflict) {
			return s, err
		}
		if s, err = svc.Store.Session(ctx, s.ID); err != nil {
			return s, err
		}
	}
	return s, ErrConflict
}

func (svc *Service) due(s Session) (Action, bool) {
	now := svc.Now()
	if s.Due(now) {
		return Action{Verb: DoExpire}, true
	}
	period := svc.period(s, now)
	return Action{Verb: DoRotate, Period: period}, s.State.Undecided() && period > s.Period
}

// Code is the code of a session in its present period.
func (svc *Service) Code(s Session) otp.Code { return svc.Secrets.Code(s, s.Period) }

// rotates says whether a session's code changes. A back end that nobody watches
// for is told the code once, so that one stays.
func (svc *Service) rotates(s Session) bool { return svc.Period > 0 && !s.Backchannel() }

// period is the number of the code's period at a time; the first is 0.
func (svc *Service) period(s Session, now time.Time) int64 {
	if !svc.rotates(s) || now.Before(s.CreatedAt) {
		return 0
	}
	return int64(now.Sub(s.CreatedAt) / svc.Period)
}

// NextTick is when a session next needs [Service.Tick]; zero: never.
func (svc *Service) NextTick(s Session) time.Time {
	if !s.State.Open() {
		return time.Time{}
	}
	if svc.rotates(s) && s.State.Undecided() {
		next := s.CreatedAt.Add(time.Duration(s.Period+1) * svc.Period)
		if next.Before(s.ExpiresAt) {
			return next
		}
	}
	return s.ExpiresAt
}
