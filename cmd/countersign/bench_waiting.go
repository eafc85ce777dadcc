package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

const (
	waitSettle = 2 * time.Second // after the last browser came
	waitWarmUp = 100
	// waitAddresses are enough for each to stay below its share of all sessions.
	waitAddresses = 250
	// waitBuffer is small: the bench holds as many lines as the node.
	waitBuffer = 512
)

// measureWaiting lets browsers wait at node A for an approval that does not
// come, and measures what each takes, and what their waiting costs for a while.
func measureWaiting(ctx context.Context, c *benchCluster, browsers int, idle time.Duration) (figures, error) {
	users := make([]*benchUser, min(browsers, waitAddresses))
	for i := range users {
		u, err := newBenchUser(c, i)
		if err != nil {
			return nil, err
		}
		u.close()
		users[i] = u
	}
	for i := range max(waitWarmUp, len(users)) {
		t, err := users[i%len(users)].visit()
		if err != nil {
			return nil, err
		}
		t.socket.close()
	}
	if err := pause(ctx, waitSettle); err != nil {
		return nil, err
	}
	var base [3]float64
	if err := c.residents(&base); err != nil {
		return nil, err
	}
	var lost atomic.Int64
	for i := range browsers {
		t, err := users[i%len(users)].visit()
		if err != nil {
			return nil, fmt.Errorf("browser %d: %w", i+1, err)
		}
		defer t.socket.close() //nolint:revive // they wait to the end
		go t.wait(&lost)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	if err := pause(ctx, waitSettle); err != nil {
		return nil, err
	}
	f, err := c.waiting(ctx, base, browsers, idle)
	if n := lost.Load(); n > 0 && err == nil {
		err = failf("%d of %d browsers did not wait to the end", n, browsers)
	}
	return f, err
}

// visit opens a page that waits: its start has a connection of its own, which
// is not kept.
func (u *benchUser) visit() (t benchTab, err error) {
	if u.browser, err = dialBench(u.browser.host, u.address, waitBuffer); err != nil {
		return t, err
	}
	defer u.browser.close()
	return u.watch(waitBuffer)
}

// wait reads, so that pings are answered, until the line is closed; any message
// before that is one too many.
func (t benchTab) wait(lost *atomic.Int64) {
	if t.socket.conn.SetDeadline(time.Time{}) != nil {
		lost.Add(1)
		return
	}
	if _, _, err := t.socket.frame(); err == nil || !errors.Is(err, net.ErrClosed) {
		lost.Add(1)
	}
}

// waiting reads the memory, and then what the waiting itself costs.
func (c *benchCluster) waiting(ctx context.Context, base [3]float64, browsers int, idle time.Duration) (figures, error) {
	var now [3]float64
	if err := c.residents(&now); err != nil {
		return nil, err
	}
	before, err := c.used(ctx)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := pause(ctx, idle); err != nil {
		return nil, err
	}
	after, err := c.used(ctx)
	if err != nil {
		return nil, err
	}
	share := 100 / float64(time.Since(begun))
	u := after.since(before)
	var later [3]float64
	if err := c.residents(&later); err != nil {
		return nil, err
	}
	each := func(i int, at [3]float64) float64 { return (at[i] - base[i]) / 1024 / float64(browsers) }
	return figures{
		memoryPerBrowser: each(0, now), memoryLater: each(0, later), memoryRedis: each(2, now), memoryBase: base[0] / (1 << 20),
		idleNodeA: float64(u.nodes[0]) * share, idleRedis: float64(u.redis) * share,
	}, nil
}

// residents reads the memory of the two nodes and of Redis, in bytes.
func (c *benchCluster) residents(into *[3]float64) (err error) {
	for i, p := range []*benchProcess{c.nodes[0], c.nodes[1], c.redis} {
		if into[i], err = p.resident(); err != nil {
			return err
		}
	}
	return nil
}

// pause waits, unless the bench is called off.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
