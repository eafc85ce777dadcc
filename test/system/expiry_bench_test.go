package system

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/api"
	"countersign/test/rig"

	"github.com/redis/go-redis/v9"
)

// What the benchmark is about, and how it measures.
const (
	expiring     = 100_000
	expiryWindow = 20 * time.Second // in which they go
	expiryRate   = 100              // orders a second, each asked about once
	expiryUsers  = 1000             // whose lists the operations are on
)

// BenchmarkExpiry tells what it costs an order, POST /operations and the GET after it,
// that 100,000 operations leave a real Redis meanwhile: evenly over the time that is
// measured, or all in the same moment. Without, as many are there and stay. Run it with
// -benchtime 1x; -count repeats it.
func BenchmarkExpiry(b *testing.B) {
	for _, c := range []struct {
		name string
		when func(i, of int) time.Duration // from the beginning; 0: it stays
	}{
		{"without", func(int, int) time.Duration { return 0 }},
		{"evenly", func(i, of int) time.Duration { return 1 + expiryWindow*time.Duration(i)/time.Duration(of) }},
		{"at once", func(int, int) time.Duration { return expiryWindow / 2 }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				x := newExpiry(b)
				x.fill()
				stay := c.when(1, 2) == 0
				before := x.expired()
				x.leave(c.when)
				b.ResetTimer()
				took := x.orders()
				b.StopTimer()
				gone := x.expired() - before
				if !stay && gone < expiring || stay && gone > 0 {
					b.Fatalf("%d keys have expired", gone)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(gone), "expired")
				for _, p := range []int{50, 99} {
					b.ReportMetric(float64(took[len(took)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
				}
				b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
			}
		})
	}
}

// An expiry is two nodes on a Redis of their own, and nothing that checks what they
// answer but its status.
type expiry struct {
	b  *testing.B
	r  *rig.Rig
	db *redis.Client
}

func newExpiry(b *testing.B) *expiry {
	b.Helper()
	r := rig.New(b, rig.Options{})
	r.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 30 * time.Second}
	db := redis.NewClient(&redis.Options{Addr: r.Redis.Addr})
	b.Cleanup(func() { _ = db.Close() })
	return &expiry{b, r, db}
}

// order begins an operation of one of the users, and asks about it if it is wanted.
func (x *expiry) order(i int, ask bool) error {
	d := x.r.Desk(i % 2)
	user := &api.Phone{Token: fmt.Sprintf("tok_%022d", i%expiryUsers)}
	a := d.TryOrder(rig.Payment(user), "Idempotency-Key", fmt.Sprintf("order-%d", i))
	if a.Status == http.StatusOK && ask {
		_, rest, _ := strings.Cut(string(a.Body), `"operationId":"`)
		id, _, _ := strings.Cut(rest, `"`)
		a = d.At((i + 1) % 2).TryAsk(id)
	}
	if a.Err != nil || a.Status != http.StatusOK {
		return fmt.Errorf("order %d: %d %s, %v", i, a.Status, a.Body, a.Err)
	}
	return nil
}

// fill puts as many operations into Redis as are to leave it, as their back end does.
func (x *expiry) fill() {
	x.b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for i := int(next.Add(1)); i <= expiring; i = int(next.Add(1)) {
				if err := x.order(i, false); err != nil {
					x.b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if x.b.Failed() {
		x.b.FailNow()
	}
}

// leave moves the end of every key that an order keeps for a day to where the test
// wants it. A day is too long to wait; the keys are those of orders.
func (x *expiry) leave(when func(i, of int) time.Duration) {
	x.b.Helper()
	ctx := context.Background()
	var keys []string
	for it := x.db.Scan(ctx, 0, "*", 10_000).Iterator(); it.Next(ctx); {
		keys = append(keys, it.Val())
	}
	ends := make([]*redis.DurationCmd, len(keys))
	ask := x.db.Pipeline()
	for i, k := range keys {
		ends[i] = ask.PTTL(ctx, k)
	}
	if _, err := ask.Exec(ctx); err != nil {
		x.b.Fatal(err)
	}
	var kept []string
	for i, k := range keys {
		if ends[i].Val() > time.Hour {
			kept = append(kept, k)
		}
	}
	if len(kept) < expiring {
		x.b.Fatalf("%d keys are kept for a day", len(kept))
	}
	begin, move := time.Now(), x.db.Pipeline()
	for i, k := range kept {
		if d := when(i, len(kept)); d > 0 {
			move.PExpireAt(ctx, k, begin.Add(d))
		}
	}
	if move.Len() > 0 {
		if _, err := move.Exec(ctx); err != nil {
			x.b.Fatal(err)
		}
	}
}

// expired is how many keys have left Redis by their time.
func (x *expiry) expired() (n int) {
	x.b.Helper()
	info, err := x.db.Info(context.Background(), "stats").Result()
	_, rest, found := strings.Cut(info, "expired_keys:")
	if _, wrong := fmt.Sscan(rest, &n); err != nil || !found || wrong != nil {
		x.b.Fatalf("%v in %s", err, info)
	}
	return n
}

// orders sends orders at a rate until the window is over and all that was to leave has
// left, and gives how long each took from the moment that it was due, the shortest first.
func (x *expiry) orders() []time.Duration {
	x.b.Helper()
	n := expiryRate * int((expiryWindow+2*time.Second)/time.Second)
	took := make([]time.Duration, n)
	var all sync.WaitGroup
	tick := time.NewTicker(time.Second / expiryRate)
	defer tick.Stop()
	for i := range n {
		due := <-tick.C
		all.Go(func() {
			if err := x.order(expiring+1+i, true); err != nil {
				x.b.Error(err)
			}
			took[i] = time.Since(due)
		})
	}
	all.Wait()
	slices.Sort(took)
	return took
}
