package store

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"countersign/audit"

	"github.com/redis/go-redis/v9"
)

// ErrAuditFull says that more events wait for the stream than this node keeps.
var ErrAuditFull = errors.New("store: audit stream is behind")

// An AuditStream appends events to a Redis stream, many in one trip. A node
// that is killed loses the events of its last tenth of a second; one that is
// stopped, none.
type AuditStream struct {
	st  *Store
	log *slog.Logger

	mu      sync.Mutex
	waiting []audit.Event
}

const (
	auditEvery = 100 * time.Millisecond
	auditMost  = 100_000 // events kept while Redis is away
	auditBatch = 500
)

// AuditStream gives the stream; [AuditStream.Run] must run.
func (st *Store) AuditStream(log *slog.Logger) *AuditStream { return &AuditStream{st: st, log: log} }

// Record implements audit.Recorder.
func (a *AuditStream) Record(_ context.Context, e audit.Event) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) >= auditMost {
		return ErrAuditFull
	}
	a.waiting = append(a.waiting, e)
	return nil
}

// Run writes events until ctx ends, and then the last ones.
func (a *AuditStream) Run(ctx context.Context) {
	tick := time.NewTicker(auditEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			a.flushLast(ctx)
			return
		case <-tick.C:
			a.Flush(ctx)
		}
	}
}

func (a *AuditStream) flushLast(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	a.Flush(ctx)
}

// Flush writes what waits. What Redis does not take waits on.
func (a *AuditStream) Flush(ctx context.Context) {
	for {
		batch := a.take()
		if len(batch) == 0 {
			return
		}
		if err := a.write(ctx, batch); err != nil {
			a.mu.Lock()
			a.waiting = append(batch, a.waiting...)
			a.mu.Unlock()
			if ctx.Err() == nil {
				a.log.WarnContext(ctx, "audit events wait for redis", "error", err)
			}
			return
		}
	}
}

func (a *AuditStream) take() []audit.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := min(len(a.waiting), auditBatch)
	batch := a.waiting[:n:n]
	if a.waiting = a.waiting[n:]; len(a.waiting) == 0 {
		a.waiting = nil
	}
	return batch
}

func (a *AuditStream) write(ctx context.Context, batch []audit.Event) error {
	pipe := a.st.db.Pipeline()
	for _, e := range batch {
		pipe.XAdd(ctx, &redis.XAddArgs{Stream: a.st.keys.audit(), MaxLen: a.st.AuditKeep, Approx: true, Values: fields(e)})
	}
	return a.st.settleAlone(ctx, pipe)
}

// fields are the members of an event that apply.
func fields(e audit.Event) []any {
	out := []any{"kind", string(e.Kind), "time", strconv.FormatInt(e.Time.UnixMilli(), 10)}
	for _, f := range [][2]string{{"session", e.Session}, {"operation", e.Operation}, {"service", e.Service}, {"token", e.Token}, {"device", e.Device},
		{"address", e.Address}, {"detail", e.Detail}, {"operator", e.Operator}} {
		if f[1] != "" {
			out = append(out, f[0], f[1])
		}
	}
	return out
}
