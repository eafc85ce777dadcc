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
	"countersign/test/redistest"
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
// measured, or all in the same moment. Before that the same is measured while as many are
// there and stay. Run it with -benchtime 1x; -count repeats it.
func BenchmarkExpiry(b *testing.B) {
	evenly := func(i, of int) time.Duration { return expiryWindow * time.Duration(i) / time.Duration(of) }
	atOnce := func(int, int) time.Duration { return expiryWindow / 2 }
	for _, c := range []struct {
		name, hz string                        // of Redis, which looks for what has expired that often a second
		when     func(i, of int) time.Duration // from the beginning
	}{
		{"evenly", "10", evenly}, {"at once", "10", atOnce}, {"evenly", "100", evenly}, {"at once", "100", atOnce},
	} {
		b.Run(c.name+"/hz "+c.hz, func(b *testing.B) {
			for range b.N {
				x := newExpiry(b, c.hz)
				x.fill()
				b.ReportMetric(0, "ns/op")
				x.measure("stay")
				if gone := x.told("stats", "expired_keys"); gone > 0 {
					b.Fatalf("%v keys have expired", gone)
				}
				keys := x.leave(c.when)
				x.measure("go")
				// Redis looks for what has expired by sampling, and leaves up to a tenth to whoever asks for it.
				b.ReportMetric(x.longest(), "expire-cycle-ms")
				if gone := x.told("stats", "expired_keys"); gone < 0.9*float64(keys) {
					b.Fatalf("%v of %d keys have expired", gone, keys)
				}
			}
		})
	}
}

// An expiry is two nodes on a Redis of their own, and nothing that checks what they
// answer but its status.
type expiry struct {
	b    *testing.B
	r    *rig.Rig
	db   *redis.Client
	next atomic.Int64 // the number of an order
}

func newExpiry(b *testing.B, hz string) *expiry {
	b.Helper()
	r := rig.New(b, rig.Options{Redis: redistest.Start(b, "--hz", hz, "--latency-monitor-threshold", "1")})
	r.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 30 * time.Second}
	db := redis.NewClient(&redis.Options{Addr: r.Redis.Addr})
	b.Cleanup(func() { _ = db.Close() })
	return &expiry{b: b, r: r, db: db}
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
	if a.Err == nil && a.Status != http.StatusOK {
		return fmt.Errorf("order %d: %d %s", i, a.Status, a.Body)
	}
	return a.Err
}

// fill puts as many operations into Redis as are to leave it, as their back end does.
func (x *expiry) fill() {
	x.b.Helper()
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for i := int(x.next.Add(1)); i <= expiring; i = int(x.next.Add(1)) {
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
// wants it, and gives how many they are. A day is too long to wait; the keys are those of
// orders, whichever an order has.
func (x *expiry) leave(when func(i, of int) time.Duration) int {
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
		move.PExpireAt(ctx, k, begin.Add(when(i, len(kept))))
	}
	if _, err := move.Exec(ctx); err != nil {
		x.b.Fatal(err)
	}
	return len(kept)
}

// told is a figure that Redis tells.
func (x *expiry) told(section, name string) (n float64) {
	x.b.Helper()
	info, err := x.db.Info(context.Background(), section).Result()
	_, rest, found := strings.Cut(info, name+":")
	if _, wrong := fmt.Sscan(rest, &n); err != nil || !found || wrong != nil {
		x.b.Fatalf("%v in %s", err, info)
	}
	return n
}

// longest is how many milliseconds Redis has kept everybody waiting at most while it threw
// away what had expired.
func (x *expiry) longest() float64 {
	x.b.Helper()
	events, err := x.db.Do(context.Background(), "LATENCY", "LATEST").Slice()
	if err != nil {
		x.b.Fatal(err)
	}
	for _, e := range events {
		if f, ok := e.([]any); ok && len(f) >= 4 && f[0] == "expire-cycle" {
			ms, _ := f[3].(int64)
			return float64(ms)
		}
	}
	return 0
}

// cpu is what Redis has used, in milliseconds.
func (x *expiry) cpu() float64 {
	return 1000 * (x.told("cpu", "used_cpu_sys") + x.told("cpu", "used_cpu_user"))
}

// measure sends orders, and reports how long they took and what Redis used.
func (x *expiry) measure(what string) {
	x.b.Helper()
	used := x.cpu()
	took := x.orders()
	x.b.ReportMetric(x.cpu()-used, what+"-redis-ms")
	for _, p := range []int{50, 99} {
		x.b.ReportMetric(float64(took[len(took)*p/100].Microseconds())/1000, fmt.Sprintf("%s-p%d-ms", what, p))
	}
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
			if err := x.order(int(x.next.Add(1)), true); err != nil {
				x.b.Error(err)
			}
			took[i] = time.Since(due)
		})
	}
	all.Wait()
	slices.Sort(took)
	return took
}
