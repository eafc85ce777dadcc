package store

import (
	"context"
	"sync"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/session"

	"github.com/redis/go-redis/v9"
)

// The rules that are limited per address.
const (
	initiateRule = "initiate"
	enrolRule    = "enrol"
	requestRule  = "request" // as many as initiateRule lets through, counted apart
)

// queueLimit counts a request of an address in a pipeline; nil when the rule
// has no limit.
func (st *Store) queueLimit(ctx context.Context, pipe redis.Pipeliner, rule string, r Rate, address string) *call {
	if r.N <= 0 || address == "" {
		return nil
	}
	all := r.Per.Milliseconds()
	return st.scripts.limit.queue(ctx, pipe, st.keys.limit(rule, address), st.Now().UnixMilli(), float64(all)/float64(r.N), all)
}

// limited is the error of a request that queueLimit counted.
func (st *Store) limited(ctx context.Context, rule, address string, c *call) error {
	if c == nil {
		return nil
	}
	wait, err := c.Int64()
	if err != nil {
		return unavailable(err)
	}
	if wait <= 0 {
		return nil
	}
	after := time.Duration(wait) * time.Millisecond
	st.refused.remember(rule, address, time.Now().Add(after))
	if st.Audit != nil {
		// Once for each remembered refusal, so that a flood is one event.
		_ = st.Audit.Record(ctx, audit.Event{Time: st.Now(), Kind: audit.RequestsLimited, Address: address, Detail: rule})
	}
	return device.LimitedError{After: after}
}

// CountRequest implements oidc.Limiter, by the rate of starts.
func (st *Store) CountRequest(ctx context.Context, address string) error {
	pipe := st.db.Pipeline()
	limit := st.queueLimit(ctx, pipe, requestRule, st.Limits.Initiate, address)
	if limit == nil {
		return nil
	}
	if err := st.refusedBefore(requestRule, address); err != nil {
		return err
	}
	if err := st.settle(ctx, pipe, limit); err != nil {
		return unavailable(err)
	}
	return st.limited(ctx, requestRule, address, limit)
}

// refusedBefore refuses an address that was told to wait, without asking
// Redis: who floods costs a map look-up.
func (st *Store) refusedBefore(rule, address string) error {
	if after := time.Until(st.refused.until(rule, address)); after > 0 {
		return device.LimitedError{After: after}
	}
	return nil
}

// refusals remembers who was told to wait, and until when.
type refusals struct {
	mu sync.Mutex
	at map[string]time.Time
}

// refusalsMost bounds what is remembered; forgetting one only costs a trip.
const refusalsMost = 10_000

func newRefusals() *refusals { return &refusals{at: map[string]time.Time{}} }

func (r *refusals) until(rule, address string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at[rule+address]
}

func (r *refusals) remember(rule, address string, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.at) >= refusalsMost {
		r.at = map[string]time.Time{}
	}
	r.at[rule+address] = until
}

// admit looks whether there is room for a session, from what this node knows:
// Redis' memory and the census, which lags by less than a second.
func (st *Store) admit(s session.Session) error {
	if st.guard.full.Load() {
		return session.ErrFull
	}
	if st.Limits.Initiate.N > 0 {
		if err := st.refusedBefore(initiateRule, s.Address); err != nil {
			return err
		}
	}
	return st.census.room(s, st.Limits.Outstanding)
}
