package notify

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"countersign/audit"
)

// A Kind is a sort of notice.
type Kind string

// A Notice is something that another server is to be told.
type Notice struct {
	ID      string // of who posts it twice, the second is not kept; empty: drawn by Post
	Version uint64 // counts its tries; 1 is one that was never tried again
	Kind    Kind
	Service string // whose server is told
	Body    []byte // for the courier of its kind; sealed in the store
	Until   time.Time
}

// ErrKept says that a notice of the same id is kept already, or was.
var ErrKept = errors.New("notify: there is such a notice")

// ErrNobody is what a [Courier] says of a notice that is for nobody: it was posted so
// that posting took as long as for somebody. It is forgotten, and not put on record.
var ErrNobody = errors.New("notify: for nobody")

// An EarlyError is what a [Courier] says of a notice that has nothing to tell yet: it
// comes again at Due, and that it was early counts for no try.
type EarlyError struct{ Due time.Time }

// Error implements error.
func (e EarlyError) Error() string { return "notify: nothing to tell yet" }

// A Courier makes the request that tells a notice. What it cannot make is tried
// again, for another node may be able to.
type Courier func(ctx context.Context, n Notice) (*http.Request, error)

// Store keeps notices for all nodes.
type Store interface {
	// PutNotice keeps the next version of a notice, to be claimed from due on.
	// [ErrKept] if the version before it is not the one that is stored.
	PutNotice(ctx context.Context, n Notice, due time.Time) error
	// DelayNotice lets a notice that was claimed be claimed again from due on.
	DelayNotice(ctx context.Context, id string, due time.Time) error
	// ClaimNotices gives up to most notices that are due, and holds each back
	// from every other caller for so long; more says whether others may be due.
	ClaimNotices(ctx context.Context, most int, hold time.Duration) (out []Notice, more bool, err error)
	// HastenNotice lets a notice that is due at a moment be claimed from another on.
	// If it is due at any other time, or there is none, it does nothing.
	HastenNotice(ctx context.Context, id string, due, to time.Time) error
	// DropNotice forgets what a notice says; its id is known until its end,
	// if it may be put again.
	DropNotice(ctx context.Context, n Notice) error
}

const (
	every   = time.Second      // how often a node looks for notices that others left
	hold    = 15 * time.Second // longer than a delivery takes, and the wait for its turn
	batch   = 32               // notices claimed at once
	grace   = 2 * time.Second  // how long deliveries may go on when the node stops
	first   = 2 * time.Second  // the wait after the first try; then four times as long each time
	longest = 30 * time.Minute
)

// An Outbox delivers notices. Its members are set before it is used.
type Outbox struct {
	Store    Store
	Couriers map[Kind]Courier
	// Patient are the kinds whose receivers are tried again also when they answer 400.
	Patient []Kind
	HTTP    *http.Client
	Audit   audit.Recorder
	Log     *slog.Logger
	Now     func() time.Time

	wake  chan struct{}
	lanes *lanes
}

// New completes an outbox.
func New(o Outbox) *Outbox {
	o.wake, o.lanes = make(chan struct{}, 1), &lanes{of: map[place]*lane{}}
	return &o
}

// Post keeps a notice, which is delivered soon and tried again until its end. One
// whose id was posted before is told once.
func (o *Outbox) Post(ctx context.Context, n Notice) error {
	if n.ID == "" {
		n.ID = rand.Text()
	}
	n.Version = 1
	switch err := o.Store.PutNotice(ctx, n, o.Now()); {
	case errors.Is(err, ErrKept):
		return nil
	case err != nil:
		return fmt.Errorf("notify: %w", err)
	}
	o.look()
	return nil
}

// Expect keeps a notice of something that will be over at a moment at the latest, and
// is told then; or before, see [Outbox.Hasten]. One whose id is kept is told once.
func (o *Outbox) Expect(ctx context.Context, n Notice, due time.Time) error {
	n.Version = 1
	if err := o.Store.PutNotice(ctx, n, due); err != nil && !errors.Is(err, ErrKept) {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}

// Hasten has what was expected at a moment told now. If nobody does, it is told then.
func (o *Outbox) Hasten(ctx context.Context, id string, due time.Time) error {
	if err := o.Store.HastenNotice(ctx, id, due, o.Now()); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	o.look()
	return nil
}

// Forget drops a notice that was expected, and is of nothing that anybody knows.
func (o *Outbox) Forget(ctx context.Context, n Notice) error {
	n.Version = 1
	if err := o.Store.DropNotice(ctx, n); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}

// look has Run look for notices now.
func (o *Outbox) look() {
	select {
	case o.wake <- struct{}{}:
	default: // it looks already
	}
}

// Run delivers until ctx ends. What is then under way has 2 s to finish, and is
// tried again by another node if it does not.
func (o *Outbox) Run(ctx context.Context) {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for ctx.Err() == nil {
		for ctx.Err() == nil && o.round(ctx, work) {
		}
		select {
		case <-ctx.Done():
		case <-o.wake:
		case <-tick.C:
		}
	}
	last := time.AfterFunc(grace, stop)
	defer last.Stop()
	o.lanes.busy.Wait()
}

// round claims what is due and has it delivered; more says whether more may be.
func (o *Outbox) round(ctx, work context.Context) (more bool) {
	claimed, more, err := o.Store.ClaimNotices(ctx, batch, hold)
	if err != nil && ctx.Err() == nil {
		o.Log.WarnContext(ctx, "notices cannot be read", "error", err)
	}
	late := time.Now().Add(hold / 2) // no later is a delivery begun, for another node may have it then
	for _, n := range claimed {
		if !o.Now().Before(n.Until) {
			o.end(work, n, failed, errLate)
			continue
		}
		l, later := o.lanes.enter(placeOf(n))
		if l == nil { // so many are before it that its server has to answer first
			o.later(work, n, o.Now().Add(later))
			continue
		}
		o.lanes.busy.Go(func() {
			defer o.look()
			defer o.lanes.leave(placeOf(n))
			switch {
			case l.turn(ctx, late):
				defer l.done()
				o.deliver(work, n)
			case ctx.Err() != nil: // for another node, at once
				o.later(work, n, o.Now())
			}
		})
	}
	return more
}

// later lets a notice that was claimed be claimed again from due on, or from its end.
func (o *Outbox) later(ctx context.Context, n Notice, due time.Time) {
	ctx, cancel := settling(ctx)
	defer cancel()
	if due.After(n.Until) {
		due = n.Until
	}
	o.kept(ctx, n, o.Store.DelayNotice(ctx, n.ID, due))
}

// latest is the later of two moments.
func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// settling is for what became of a notice: it is kept also when the node stops, if
// the store answers.
func settling(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), grace)
}

// deliver tries a notice once.
func (o *Outbox) deliver(ctx context.Context, n Notice) {
	outcome, err := o.try(ctx, n)
	if e, early := errors.AsType[EarlyError](err); early {
		o.later(ctx, n, latest(e.Due, o.Now().Add(every)))
		return
	}
	due := o.Now().Add(wait(n.Version))
	if outcome != again || !due.Before(n.Until) {
		o.end(ctx, n, outcome, err)
		return
	}
	ctx, cancel := settling(ctx)
	defer cancel()
	o.Log.InfoContext(ctx, "a notice was not taken and will be tried again", "kind", n.Kind, "service", n.Service, "try", n.Version, "cause", Cause(err))
	n.Version++
	o.kept(ctx, n, o.Store.PutNotice(ctx, n, due))
}

// end puts on record what became of a notice.
func (o *Outbox) end(ctx context.Context, n Notice, outcome outcome, err error) {
	ctx, cancel := settling(ctx)
	defer cancel()
	switch outcome {
	case forNobody:
	case taken:
		o.record(ctx, n, audit.NoticeTaken)
	default:
		o.Log.WarnContext(ctx, "a notice was not taken", "kind", n.Kind, "service", n.Service, "try", n.Version, "cause", Cause(err))
		o.record(ctx, n, audit.NoticeFailed)
	}
	o.kept(ctx, n, o.Store.DropNotice(ctx, n))
}

func (o *Outbox) record(ctx context.Context, n Notice, kind audit.Kind) {
	// A recorder that fails logs itself.
	_ = o.Audit.Record(ctx, audit.Event{Time: o.Now(), Kind: kind, Service: n.Service, Detail: string(n.Kind)})
}

// kept logs that the store did not keep what became of a notice: it comes again,
// and its receiver may hear of it twice.
func (o *Outbox) kept(ctx context.Context, n Notice, err error) {
	if err != nil {
		o.Log.WarnContext(ctx, "what became of a notice cannot be kept", "kind", n.Kind, "service", n.Service, "error", err)
	}
}

type outcome int

const (
	again     outcome = iota // may be taken another time
	taken                    // it is known there
	failed                   // it never will be
	forNobody                // there is nobody to take it
)

// statusError says how a receiver answered.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("answered %d", int(e)) }

// errKind: a newer node may know it.
var errKind = errors.New("no courier for it")

// errLate: its turn did not come before its end.
var errLate = errors.New("its time was up")

// errMade says that a courier made no request.
type errMade struct{ error }

func (o *Outbox) try(ctx context.Context, n Notice) (outcome, error) {
	courier, ok := o.Couriers[n.Kind]
	if !ok {
		return again, errKind
	}
	q, err := courier(ctx, n)
	if errors.Is(err, ErrNobody) {
		return forNobody, nil
	}
	if _, early := errors.AsType[EarlyError](err); early {
		return again, err
	}
	if err != nil {
		return again, errMade{err}
	}
	resp, err := o.HTTP.Do(q.WithContext(ctx))
	if err != nil {
		return again, err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be used again
	switch {
	case resp.StatusCode/100 == 2:
		return taken, nil
	case resp.StatusCode == http.StatusBadRequest && !slices.Contains(o.Patient, n.Kind):
		return failed, statusError(resp.StatusCode)
	}
	return again, statusError(resp.StatusCode)
}

// wait is how long to wait after a try.
func wait(try uint64) time.Duration {
	d := first
	for range min(try-1, 10) {
		d = min(4*d, longest)
	}
	return d
}
