package store

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"countersign/audit"

	"github.com/redis/go-redis/v9"
)

const (
	auditLook = 500            // events read in one trip
	auditFar  = 10 * auditLook // events looked at for one page
)

// Events gives a page of the audit stream, read from its end in at most ten trips,
// however few of the events it chooses. audit.ErrCursor.
func (st *Store) Events(ctx context.Context, q audit.Query) (page audit.Page, err error) {
	low, high := "-", "+"
	if !q.From.IsZero() {
		low = itoa(q.From.UnixMilli())
	}
	if !q.To.IsZero() {
		high = before(q.To.UnixMilli(), 0)
	}
	if q.Before != "" {
		at, n, ok := streamID(q.Before)
		if !ok {
			return page, audit.ErrCursor
		}
		high = before(at, n)
	}
	for seen := 0; ; {
		batch, err := st.db.XRevRangeN(ctx, st.keys.audit(), high, low, auditLook).Result()
		if err != nil {
			return audit.Page{}, unavailable(err)
		}
		for _, m := range batch {
			e := eventOf(m)
			if !q.Chooses(e) {
				continue
			}
			if page.Events = append(page.Events, e); len(page.Events) == q.Limit {
				page.Next = m.ID
				return page, nil
			}
		}
		if len(batch) < auditLook {
			return page, nil
		}
		last := batch[len(batch)-1].ID
		if seen += len(batch); seen >= auditFar {
			page.Next = last
			return page, nil
		}
		at, n, ok := streamID(last)
		if !ok {
			return audit.Page{}, errRecord
		}
		high = before(at, n)
	}
}

// streamID takes an id of the stream apart.
func streamID(s string) (at int64, n uint64, ok bool) {
	ms, seq, found := strings.Cut(s, "-")
	at, err := strconv.ParseInt(ms, 10, 64)
	n, err2 := strconv.ParseUint(seq, 10, 64)
	return at, n, found && err == nil && err2 == nil && at >= 0
}

// before is the id before one.
func before(at int64, n uint64) string {
	if n == 0 {
		at, n = at-1, math.MaxUint64
	} else {
		n--
	}
	return itoa(max(0, at)) + "-" + strconv.FormatUint(n, 10)
}

// eventOf is the inverse of fields. The stream is not sealed: what is there is shown
// as it is.
func eventOf(m redis.XMessage) audit.Event {
	text := func(name string) string {
		s, _ := m.Values[name].(string)
		return s
	}
	e := audit.Event{Kind: audit.Kind(text("kind")), Session: text("session"), Operation: text("operation"), Service: text("service"),
		Token: text("token"), Device: text("device"), Address: text("address"), Detail: text("detail"), Operator: text("operator")}
	if at, err := strconv.ParseInt(text("time"), 10, 64); err == nil {
		e.Time = time.UnixMilli(at).UTC()
	}
	return e
}
