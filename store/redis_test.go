package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/session"
	"countersign/test/redistest"
	"countersign/ws"
)

// TestMemoryGuard: before Redis is full, no session is begun, so that those begun
// can be finished.
func TestMemoryGuard(t *testing.T) {
	t.Parallel()
	const most = 32 << 20
	_, at := single(t, "--maxmemory", strconv.Itoa(most))
	r := newRig(t, at)
	alice := r.alice()
	s := r.started(asked(alice.ID))
	r.guard.look(t.Context(), r.db)
	check(t, r.Create(t.Context(), r.begun()))

	fill(t, r, most*9/10)
	r.guard.look(t.Context(), r.db)
	wantErr(t, r.Create(t.Context(), r.begun()), session.ErrFull)
	_, err := r.Take(t.Context(), "one", s.ID, ws.Asker{})
	check(t, err)
	s = r.swapped(s, claimBy(alice), session.Effects{})
	s = r.swapped(s, approval(alice), session.Effects{Browser: "b"})
	got, err := r.Session(t.Context(), s.ID)
	check(t, err)
	wantSame(t, got, s)

	check(t, r.db.Del(t.Context(), "filler").Err())
	r.guard.look(t.Context(), r.db)
	check(t, r.Create(t.Context(), r.begun()))
}

// fill writes until so much memory is used.
func fill(t *testing.T, r *rig, until int) {
	t.Helper()
	for {
		info, err := r.db.Info(t.Context(), "memory").Result()
		check(t, err)
		_, rest, _ := strings.Cut(info, "used_memory:")
		text, _, _ := strings.Cut(rest, "\r\n")
		used, err := strconv.Atoi(text)
		check(t, err)
		if used >= until {
			return
		}
		check(t, r.db.RPush(t.Context(), "filler", strings.Repeat("x", min(until-used, 1<<20))).Err())
	}
}

func TestNearlyFull(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		used, most string
		want       bool
	}{
		{"86", "100", true}, {"85", "100", false}, {"200", "100", true}, {"200", "0", false}, {"x", "100", false}, {"86", "", false},
	} {
		info := fmt.Sprintf("# Memory\r\nused_memory:%s\r\nused_memory_human:1M\r\nmaxmemory:%s\r\nmaxmemory_human:0B\r\n", c.used, c.most)
		if got := nearlyFull(info); got != c.want {
			t.Errorf("%s of %s used: %v", c.used, c.most, got)
		}
	}
}

func TestEvictionPolicy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want error
	}{
		{[]string{"--maxmemory-policy", "allkeys-lru"}, ErrEviction},
		{[]string{"--maxmemory-policy", "volatile-ttl"}, ErrEviction},
		{[]string{"--maxmemory-policy", "noeviction"}, nil},
		{[]string{"--rename-command", "CONFIG", ""}, ErrCannotAsk},
	} {
		_, at := single(t, c.args...)
		r := newRig(t, at)
		wantErr(t, r.CheckEviction(t.Context()), c.want)
	}
	server, at := single(t)
	r := newRig(t, at)
	server.Stop()
	wantErr(t, r.CheckEviction(t.Context()), ErrUnavailable)
}

// TestAuditSurvivesARestart: events wait while Redis is away, in their order.
func TestAuditSurvivesARestart(t *testing.T) {
	t.Parallel()
	server, at := single(t)
	r := newRig(t, at)
	a := r.auditStream()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Run(ctx)
	}()
	server.Stop()
	const many = auditBatch + 10
	for i := range many {
		check(t, a.Record(t.Context(), audit.Event{Kind: audit.CodeWrong, Detail: fmt.Sprint(i)}))
	}
	server.Restart(t)
	eventually(t, "all events are written", func() bool {
		n, err := r.db.XLen(t.Context(), r.keys.audit()).Result()
		return err == nil && n == many
	})
	for i, m := range r.streamed() {
		if m.Values["detail"] != fmt.Sprint(i) {
			t.Fatalf("event %d is %v", i, m.Values)
		}
	}
	stop()
	<-done
}

func TestAuditIsBounded(t *testing.T) {
	t.Parallel()
	server, at := single(t)
	r := newRig(t, at)
	server.Stop()
	a := r.auditStream()
	for range auditMost {
		check(t, a.Record(t.Context(), audit.Event{}))
	}
	wantErr(t, a.Record(t.Context(), audit.Event{}), ErrAuditFull)
}

// TestRestartedEmpty: a Redis that comes back without anything serves again, with
// the signing keys that the nodes remember.
func TestRestartedEmpty(t *testing.T) {
	t.Parallel()
	server, at := single(t)
	r := newRig(t, at, limits(allLimits))
	nodes := []*SigningKeys{r.loaded(), r.another().loaded()}
	want := kids(nodes[0])
	server.Stop()
	wantErr(t, nodes[0].Load(t.Context()), ErrUnavailable)
	wantErr(t, r.Create(t.Context(), r.begun()), ErrUnavailable)
	server.Restart(t)
	eventually(t, "redis answers", func() bool { return r.Ping(t.Context()) == nil })
	for range 2 {
		for _, k := range nodes {
			check(t, k.Load(t.Context()))
			wantSame(t, kids(k), want)
		}
	}
	workout(r)
}

// TestRun: what the store knows of Redis keeps fresh by itself.
func TestRun(t *testing.T) {
	t.Parallel()
	_, at := single(t, "--maxmemory", "32mb")
	r := newRig(t, at, limits(func(l *Limits) { l.Outstanding = 2 }))
	r.later(time.Minute)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	there := r.another()
	eventually(t, "the clock is set", func() bool { return absolute(r.Now().Sub(there.Now())) < time.Second })
	there.started(from(address(1)))
	there.started(of("bob"), from(address(2)))
	there.flushCensus(t.Context())
	eventually(t, "the sessions of another node count", func() bool {
		return errors.Is(r.census.room(r.begun(of("carol"), from(address(3))), 2), session.ErrFull)
	})
	fill(t, there, 30<<20)
	eventually(t, "the memory is looked at", func() bool {
		return errors.Is(r.Create(t.Context(), r.begun()), session.ErrFull) && r.guard.full.Load()
	})
	stop()
	<-done
}

// TestEmbeddedClock: the embedded server's keys end by themselves.
func TestEmbeddedClock(t *testing.T) {
	t.Parallel()
	e, err := StartEmbedded()
	check(t, err)
	t.Cleanup(e.Close)
	r := newRig(t, Address{Mode: Single, URL: e.URL()}, func(o *Options) { o.ResultTTL = 300 * time.Millisecond })
	s := r.started()
	r.swapped(s, byPage(), session.Effects{})
	eventually(t, "the session is forgotten", func() bool {
		n, err := r.db.Exists(t.Context(), r.keys.session(s.ID)).Result()
		return err == nil && n == 0
	})
}

// TestFailover: the master dies, and the replica takes its place.
func TestFailover(t *testing.T) {
	t.Parallel()
	w := redistest.Sentinels(t)
	r := newRig(t, Address{Mode: Sentinel, Addrs: redistest.Addrs(w.Sentinels...), MasterName: redistest.MasterName}, limits(allLimits))
	bus, hub := running(t, r)
	alice := r.alice()
	s := r.swapped(r.started(asked(alice.ID)), claimBy(alice), session.Effects{})
	check(t, r.db.Do(t.Context(), "WAIT", 1, 400).Err())
	w.Master.Stop()
	eventually(t, "the replica is written to", func() bool {
		i, err := r.Identity(t.Context(), alice.ID)
		return err == nil && r.PutCode(t.Context(), device.NewEnrolmentCode(), device.CodeOwner{Identity: i.ID}, device.CodeLifetime) == nil
	})
	s = r.swapped(s, approval(alice), session.Effects{})
	got, err := r.Session(t.Context(), s.ID)
	check(t, err)
	wantSame(t, got, s)
	workout(r) // the replica has never seen a script
	wantDeliveredAnew(t, r, bus, hub)
}

// TestNoClient: what no client can be made of is said at once, and a password in
// it is not repeated.
func TestNoClient(t *testing.T) {
	t.Parallel()
	for _, a := range []Address{{Mode: Single, URL: "redis://:hunter2@[::1"}, {Mode: Embedded}, {Mode: "x"}, {}} {
		st, err := Open(a, Options{})
		if err == nil || st != nil {
			t.Errorf("%v: %v", a.Mode, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error says %q", err)
		}
	}
}
