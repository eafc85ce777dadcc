package store

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// A clock shows the time of Redis. Between two looks it goes on with this
// machine's monotonic clock, so that setting the machine's date changes nothing.
type clock struct{ base atomic.Pointer[reading] }

// A reading is what Redis said, and when that was here.
type reading struct{ there, here time.Time }

func newClock() *clock {
	now := time.Now()
	c := &clock{}
	c.base.Store(&reading{there: now, here: now})
	return c
}

func (c *clock) now() time.Time {
	r := c.base.Load()
	return r.there.Add(time.Since(r.here)).UTC()
}

// slowAnswer is a trip too long to tell the time by.
const slowAnswer = 250 * time.Millisecond

// sync reads the time; the answer was made about half-way through the trip.
func (c *clock) sync(ctx context.Context, db redis.Cmdable) error {
	sent := time.Now()
	there, err := db.Time(ctx).Result()
	if err != nil {
		return err
	}
	here := time.Now()
	if trip := here.Sub(sent); trip < slowAnswer {
		c.base.Store(&reading{there: there.Add(trip / 2), here: here})
	}
	return nil
}
