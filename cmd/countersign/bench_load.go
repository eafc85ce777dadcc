package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// A benchLoad drives logins and keeps what they took.
type benchLoad struct {
	users chan *benchUser // who has nothing to do

	mu     sync.Mutex
	whole  []time.Duration // from the wish to log in to the end
	pushes []time.Duration // from sending verify to approved
	fails  []error         // the first few
	failed int
}

// warmUps is how many logins go before those that are counted.
const warmUps = 200

// newBenchLoad enrols users, and lets each log in a few times.
func newBenchLoad(ctx context.Context, c *benchCluster, users int) (*benchLoad, error) {
	l := &benchLoad{users: make(chan *benchUser, users)}
	for i := range users {
		u, err := newBenchUser(c, i)
		if err != nil {
			l.close()
			return nil, err
		}
		l.users <- u
	}
	l.closed(ctx, max(warmUps, 3*users), users)
	err := l.err()
	l.whole, l.pushes = nil, nil
	if err != nil {
		l.close()
	}
	return l, err
}

// close hangs up for everybody. No login may be under way.
func (l *benchLoad) close() {
	for len(l.users) > 0 {
		(<-l.users).close()
	}
}

// one is the login of whoever is free first. Its time runs from begun, so that
// waiting for somebody free counts.
func (l *benchLoad) one(begun time.Time) {
	u := <-l.users
	push, err := u.login()
	l.users <- u
	took := time.Since(begun)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed++
		if len(l.fails) < 3 {
			l.fails = append(l.fails, err)
		}
		return
	}
	l.whole, l.pushes = append(l.whole, took), append(l.pushes, push)
}

// err says how many logins failed, and why the first.
func (l *benchLoad) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == 0 {
		return nil
	}
	return fmt.Errorf("%d logins failed, the first at %w", l.failed, l.fails[0])
}

// closed is so many logins, so many at once: each begins when another ends.
func (l *benchLoad) closed(ctx context.Context, logins, atOnce int) {
	next := make(chan struct{}, logins)
	for range logins {
		next <- struct{}{}
	}
	close(next)
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for range next {
				if ctx.Err() != nil {
					return
				}
				l.one(time.Now())
			}
		})
	}
	wg.Wait()
}

// open is so many logins at a rate a second, beginning at random whether or not
// others have ended, as people do.
func (l *benchLoad) open(ctx context.Context, logins, rate int) {
	var wg sync.WaitGroup
	begun, at := time.Now(), 0.0
	for range logins {
		at += rand.ExpFloat64() / float64(rate) //nolint:gosec // arrival times protect nothing
		due := begun.Add(time.Duration(at * float64(time.Second)))
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(due)):
		}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() { l.one(due) })
	}
	wg.Wait()
}

// percentile sorts times and gives the one that p percent of them are below, in
// microseconds.
func percentile(times []time.Duration, p int) float64 {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return micros(times[min(len(times)-1, len(times)*p/100)])
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// logins measures the logins that drive makes.
func (l *benchLoad) logins(ctx context.Context, c *benchCluster, drive func()) (figures, error) {
	before, err := c.used(ctx)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	drive()
	took := time.Since(begun)
	after, err := c.used(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.err(); err != nil {
		return nil, err
	}
	n := float64(len(l.whole))
	if n == 0 {
		return nil, failf("no login was made")
	}
	u := after.since(before)
	return figures{
		cpuPerLogin: micros(u.sum()) / n, cpuNodeA: micros(u.nodes[0]) / n, cpuNodeB: micros(u.nodes[1]) / n,
		cpuRedis: micros(u.redis) / n, redisReads: u.trips / n, loginsPerSecond: n / took.Seconds(),
		pushP50: percentile(l.pushes, 50), pushP99: percentile(l.pushes, 99),
		wholeP50: percentile(l.whole, 50), wholeP99: percentile(l.whole, 99),
	}, nil
}
