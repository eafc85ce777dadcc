package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/session"

	"github.com/redis/go-redis/v9"
)

// The rules that are limited, per address unless another is named.
const (
	initiateRule = "initiate"
	enrolRule    = "enrol"
	requestRule  = "request" // as many as initiateRule lets through, counted apart

	guessRule   = "secret"
	codeRule    = "code"             // typed in a page
	passkeyRule = "passkey"          // as many as codeRule lets through, counted apart
	serviceRule = "backchannel"      // per service
	userRule    = "backchannel_user" // per service and user
	orderRule   = "operations"       // per service

	sendRule     = "message"      // asked for in a page
	sendUserRule = "message_user" // per user
	pushRule     = "push"         // per user
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

// limited is the error of a request of an address that queueLimit counted.
func (st *Store) limited(ctx context.Context, rule, address string, c *call) error {
	return st.refuse(ctx, rule, address, audit.Event{Address: address}, c)
}

// refuse is the error of a request that queueLimit counted for somebody, and puts
// it on record.
func (st *Store) refuse(ctx context.Context, rule, who string, e audit.Event, c *call) error {
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
	st.refused.remember(rule, who, time.Now().Add(after))
	if st.Audit != nil {
		// Once for each remembered refusal, so that a flood is one event.
		e.Time, e.Kind, e.Detail = st.Now(), audit.RequestsLimited, rule
		_ = st.Audit.Record(ctx, e)
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

// CountGuess implements oidc.Limiter.
func (st *Store) CountGuess(ctx context.Context, address string) error {
	pipe := st.db.Pipeline()
	limit := st.queueLimit(ctx, pipe, guessRule, st.Limits.Guesses, address)
	if limit == nil {
		return nil
	}
	if err := st.settle(ctx, pipe, limit); err != nil {
		return unavailable(err)
	}
	return st.limited(ctx, guessRule, address, limit)
}

// Guessing implements oidc.Limiter.
func (st *Store) Guessing(address string) error { return st.refusedBefore(guessRule, address) }

// CountBackchannel implements oidc.Limiter: it counts a service's requests, and
// those of them that are about one user, whom other services' requests are not
// counted against.
func (st *Store) CountBackchannel(ctx context.Context, service, user string) error {
	pipe := st.db.Pipeline()
	ofService, ofUser := digest(service), digest(service+"\n"+user)
	for rule, who := range map[string]string{serviceRule: ofService, userRule: ofUser} {
		if err := st.refusedBefore(rule, who); err != nil {
			return err
		}
	}
	all := st.queueLimit(ctx, pipe, serviceRule, st.Limits.Backchannel, ofService)
	one := st.queueLimit(ctx, pipe, userRule, st.Limits.BackchannelPerUser, ofUser)
	if all == nil && one == nil {
		return nil
	}
	if err := st.settle(ctx, pipe, slices.DeleteFunc([]*call{all, one}, func(c *call) bool { return c == nil })...); err != nil {
		return unavailable(err)
	}
	e := audit.Event{Service: service}
	return errors.Join(st.refuse(ctx, serviceRule, ofService, e, all), st.refuse(ctx, userRule, ofUser, e, one))
}

// CountOrder counts an operation that a service's back end wants begun.
func (st *Store) CountOrder(ctx context.Context, service string) error {
	pipe := st.db.Pipeline()
	who := digest(service)
	limit := st.queueLimit(ctx, pipe, orderRule, st.Limits.Operations, who)
	if limit == nil {
		return nil
	}
	if err := st.refusedBefore(orderRule, who); err != nil {
		return err
	}
	if err := st.settle(ctx, pipe, limit); err != nil {
		return unavailable(err)
	}
	return st.refuse(ctx, orderRule, who, audit.Event{Service: service}, limit)
}

// CountSend implements operation.Sends: of an address that is over its rate nothing
// is counted against the user.
func (st *Store) CountSend(ctx context.Context, id device.TokenID, address string) error {
	user := digest(string(id))
	for _, x := range []struct {
		rule, who string
		rate      Rate
	}{{sendRule, address, st.Limits.Messages}, {sendUserRule, user, st.Limits.MessagesPerUser}} {
		if err := st.refusedBefore(x.rule, x.who); err != nil {
			return err
		}
		pipe := st.db.Pipeline()
		limit := st.queueLimit(ctx, pipe, x.rule, x.rate, x.who)
		if limit == nil {
			continue
		}
		if err := st.settle(ctx, pipe, limit); err != nil {
			return unavailable(err)
		}
		if err := st.refuse(ctx, x.rule, x.who, audit.Event{Address: address, Token: string(id)}, limit); err != nil {
			return err
		}
	}
	return nil
}

// CountPush implements push.Budget.
func (st *Store) CountPush(ctx context.Context, id device.TokenID) error {
	pipe := st.db.Pipeline()
	user := digest(string(id))
	limit := st.queueLimit(ctx, pipe, pushRule, st.Limits.Pushes, user)
	if limit == nil {
		return nil
	}
	if err := st.refusedBefore(pushRule, user); err != nil {
		return err
	}
	if err := st.settle(ctx, pipe, limit); err != nil {
		return unavailable(err)
	}
	return st.refuse(ctx, pushRule, user, audit.Event{Token: string(id)}, limit)
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
