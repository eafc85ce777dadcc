package store

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"countersign/audit"

	"github.com/redis/go-redis/v9"
)

func streamClauses() []clause {
	return []clause{
		{"events are kept in their order", auditOrder},
		{"a stopped node loses no event", auditStopped},
		{"the stream is capped", auditCapped},
	}
}

func (r *rig) auditStream() *AuditStream { return r.AuditStream(slog.New(slog.DiscardHandler)) }

// streamed reads the stream.
func (r *rig) streamed() []redis.XMessage {
	r.t.Helper()
	all, err := r.db.XRange(context.Background(), r.keys.audit(), "-", "+").Result()
	check(r.t, err)
	return all
}

func auditOrder(t *testing.T, b backend) {
	r := newRig(t, b.address)
	a := r.auditStream()
	at := time.UnixMilli(1_700_000_000_123)
	full := audit.Event{Time: at, Kind: audit.SessionApproved, Session: "sess_1", Service: "acme", Token: "tok_1", Device: "dev_1",
		Address: address(1), Detail: "x"}
	check(t, a.Record(t.Context(), full))
	const many = 2*auditBatch + 1
	for i := range many {
		check(t, a.Record(t.Context(), audit.Event{Time: at, Kind: audit.CodeWrong, Detail: fmt.Sprint(i)}))
	}
	a.Flush(t.Context())
	got := r.streamed()
	if len(got) != many+1 {
		t.Fatalf("%d events, want %d", len(got), many+1)
	}
	wantSame(t, got[0].Values, map[string]any{"kind": "session.approved", "time": "1700000000123", "session": "sess_1",
		"service": "acme", "token": "tok_1", "device": "dev_1", "address": address(1), "detail": "x"})
	for i, m := range got[1:] {
		wantSame(t, m.Values, map[string]any{"kind": "code.wrong", "time": "1700000000123", "detail": fmt.Sprint(i)})
	}
}

func auditStopped(t *testing.T, b backend) {
	r := newRig(t, b.address)
	a := r.auditStream()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Run(ctx)
	}()
	for i := range 10 {
		check(t, a.Record(t.Context(), audit.Event{Kind: audit.CodeWrong, Detail: fmt.Sprint(i)}))
	}
	stop()
	<-done
	if got := r.streamed(); len(got) != 10 {
		t.Errorf("%d events of ten are kept", len(got))
	}
}

func auditCapped(t *testing.T, b backend) {
	r := newRig(t, b.address, func(o *Options) { o.AuditKeep = 100 })
	a := r.auditStream()
	for range 3000 {
		check(t, a.Record(t.Context(), audit.Event{Kind: audit.CodeWrong}))
	}
	a.Flush(t.Context())
	// Redis cuts whole blocks of the stream, a hundred entries each as it comes.
	if got := len(r.streamed()); got < 100 || got > 300 {
		t.Errorf("%d events are kept, want about 100", got)
	}
}
