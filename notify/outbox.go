package notify

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"countersign/audit"
)

// A Kind is a sort of notice.
type Kind string

// A Notice is something that another server is to be told.
type Notice struct {
	ID      string
	Version uint64 // counts its tries; 1 is one that was never tried again
	Kind    Kind
	Service string // whose server is told
	Body    []byte // for the courier of its kind; sealed in the store
	Until   time.Time
}

// ErrGone says that a notice cannot be made any more, or need not: it is dropped.
var ErrGone = errors.New("notify: nothing left to tell")

// A Courier makes the request that tells a notice. [ErrGone].
type Courier func(ctx context.Context, n Notice) (*http.Request, error)

// Store keeps notices for all nodes.
type Store interface {
	// PutNotice keeps the next version of a notice, to be claimed from due on.
	// An error if another version is stored.
	PutNotice(ctx context.Context, n Notice, due time.Time) error
	// ClaimNotices gives up to most notices that are due, and holds each back
	// from every other caller for so long.
	ClaimNotices(ctx context.Context, most int, hold time.Duration) ([]Notice, error)
	// DropNotice forgets one.
	DropNotice(ctx context.Context, n Notice) error
}

const (
	every   = time.Second      // how often a node looks for notices that others left
	hold    = 15 * time.Second // longer than a delivery takes
	atOnce  = 8                // deliveries of one node
	first   = 2 * time.Second  // the wait after the first try; then four times as long each time
	longest = 30 * time.Minute
)

// An Outbox delivers notices. Its members are set before it is used.
type Outbox struct {
	Store    Store
	Couriers map[Kind]Courier
	HTTP     *http.Client
	Audit    audit.Recorder
	Log      *slog.Logger
	Now      func() time.Time

	wake chan struct{}
}

// New completes an outbox.
func New(o Outbox) *Outbox {
	o.wake = make(chan struct{}, 1)
	return &o
}

// Post keeps a notice, which is delivered soon and tried again until its end.
func (o *Outbox) Post(ctx context.Context, kind Kind, service string, body []byte, until time.Time) error {
	n := Notice{ID: rand.Text(), Version: 1, Kind: kind, Service: service, Body: body, Until: until}
	if err := o.Store.PutNotice(ctx, n, o.Now()); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	select {
	case o.wake <- struct{}{}:
	default: // it looks already
	}
	return nil
}

// Run delivers until ctx ends; what is under way is then finished.
func (o *Outbox) Run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	free := make(chan struct{}, atOnce)
	for {
		for ctx.Err() == nil && o.round(ctx, free) {
		}
		select {
		case <-ctx.Done():
			for range atOnce {
				free <- struct{}{}
			}
			return
		case <-o.wake:
		case <-tick.C:
		}
	}
}

// round delivers what is due; more says whether more may be.
func (o *Outbox) round(ctx context.Context, free chan struct{}) (more bool) {
	room := atOnce - len(free)
	if room == 0 {
		return false
	}
	claimed, err := o.Store.ClaimNotices(ctx, room, hold)
	if err != nil {
		if ctx.Err() == nil {
			o.Log.WarnContext(ctx, "notices cannot be read", "error", err)
		}
		return false
	}
	for _, n := range claimed {
		free <- struct{}{}
		go func() {
			defer func() { <-free }()
			// A delivery is finished also when the node stops: it takes seconds.
			o.deliver(context.WithoutCancel(ctx), n)
		}()
	}
	return len(claimed) == room
}

// deliver tries a notice once.
func (o *Outbox) deliver(ctx context.Context, n Notice) {
	ctx, cancel := context.WithTimeout(ctx, hold/2)
	defer cancel()
	outcome, err := o.try(ctx, n)
	due := o.Now().Add(wait(n.Version))
	if outcome == again && due.Before(n.Until) {
		o.Log.InfoContext(ctx, "a notice was not taken and will be tried again", "kind", n.Kind, "service", n.Service, "try", n.Version, "error", err)
		n.Version++
		o.kept(ctx, n, o.Store.PutNotice(ctx, n, due))
		return
	}
	switch outcome {
	case gone:
	case taken:
		o.record(ctx, n, audit.NoticeTaken)
	case again, failed:
		o.Log.WarnContext(ctx, "a notice was not taken", "kind", n.Kind, "service", n.Service, "try", n.Version, "error", err)
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
	again  outcome = iota // may be taken another time
	taken                 // it is known there
	failed                // it never will be
	gone                  // there is nothing to tell
)

// statusError says how a receiver answered.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("answered %d", int(e)) }

var errKind = errors.New("no courier for it")

func (o *Outbox) try(ctx context.Context, n Notice) (outcome, error) {
	courier, ok := o.Couriers[n.Kind]
	if !ok {
		return again, errKind // a newer node may know it
	}
	q, err := courier(ctx, n)
	switch {
	case errors.Is(err, ErrGone):
		return gone, nil
	case err != nil:
		return again, err
	}
	resp, err := o.HTTP.Do(q.WithContext(ctx))
	if err != nil {
		return again, cause(err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be used again
	switch {
	case resp.StatusCode/100 == 2:
		return taken, nil
	case resp.StatusCode == http.StatusBadRequest:
		return failed, statusError(resp.StatusCode)
	}
	return again, statusError(resp.StatusCode)
}

// cause is an error of a request without its URL, which may tell more than a log
// should have.
func cause(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// wait is how long to wait after a try.
func wait(try uint64) time.Duration {
	d := first
	for range min(try-1, 10) {
		d = min(4*d, longest)
	}
	return d
}
