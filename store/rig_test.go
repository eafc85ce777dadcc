package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/audit"
	"countersign/crypto/keyring"
	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"
	"countersign/test/redistest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"
)

// A backend is a kind of Redis that the contract is checked on.
type backend struct {
	name    string
	address Address
}

// backends starts one of each kind.
func backends(t *testing.T) []backend {
	t.Helper()
	embedded, err := StartEmbedded()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(embedded.Close)
	return []backend{
		{"embedded", Address{Mode: Single, URL: embedded.URL()}},
		{"redis", Address{Mode: Single, URL: redistest.Start(t).URL()}},
		{"cluster", Address{Mode: Cluster, Addrs: redistest.Addrs(redistest.Cluster(t)...)}},
	}
}

func (b backend) embedded() bool { return b.name == "embedded" }

// single starts a redis-server.
func single(t *testing.T, extra ...string) (*redistest.Server, Address) {
	t.Helper()
	s := redistest.Start(t, extra...)
	return s, Address{Mode: Single, URL: s.URL()}
}

// A rig is a store with keys of its own, and what a test looks at it with.
type rig struct {
	*Store
	t      *testing.T
	at     Address
	events *events
	trips  *trips
}

// newRig opens a store under a prefix of its own, and waits for its Redis.
func newRig(t *testing.T, at Address, change ...func(*Options)) *rig {
	t.Helper()
	o := Options{Prefix: "t" + rand.Text()[:10], Master: master(t, 1), ResultTTL: 5 * time.Minute}
	for _, c := range change {
		c(&o)
	}
	r := openRig(t, at, o)
	check(t, r.Prepare(t.Context()))
	return r
}

func openRig(t *testing.T, at Address, o Options) *rig {
	t.Helper()
	r := &rig{t: t, at: at, events: &events{}, trips: &trips{}}
	o.Audit = r.events
	st, err := Open(at, o)
	check(t, err)
	r.Store = st
	st.db.AddHook(r.trips)
	t.Cleanup(func() { _ = st.Close() })
	return r
}

// another is a second node on the same records.
func (r *rig) another(change ...func(*Options)) *rig {
	r.t.Helper()
	return newRig(r.t, r.at, append([]func(*Options){func(o *Options) { *o = r.Options }}, change...)...)
}

// later moves the node's clock.
func (r *rig) later(d time.Duration) {
	r.clock.base.Store(&reading{there: r.Now().Add(d), here: time.Now()})
}

// get and set are Redis behind the store's back.
func (r *rig) get(key string) string {
	r.t.Helper()
	value, err := r.db.Get(context.Background(), key).Result()
	check(r.t, err)
	return value
}

func (r *rig) set(key, value string) {
	r.t.Helper()
	check(r.t, r.db.Set(context.Background(), key, value, time.Hour).Err())
}

// names are the names of all keys there are under the rig's prefix.
func (r *rig) names() (out []string) {
	r.t.Helper()
	var mu sync.Mutex
	scan := func(ctx context.Context, db *redis.Client) error {
		it := db.Scan(ctx, 0, r.Prefix+":*", 500).Iterator()
		for it.Next(ctx) {
			mu.Lock()
			out = append(out, it.Val())
			mu.Unlock()
		}
		return it.Err()
	}
	if cluster, ok := r.db.(*redis.ClusterClient); ok {
		check(r.t, cluster.ForEachMaster(context.Background(), scan))
		return out
	}
	client, ok := r.db.(*redis.Client)
	if !ok {
		r.t.Fatalf("client is a %T", r.db)
	}
	check(r.t, scan(context.Background(), client))
	return out
}

// master makes a master secret; the same numbers give the same one.
func master(t testing.TB, seeds ...byte) *keyring.Master {
	t.Helper()
	var secrets [][]byte
	for _, seed := range seeds {
		b := make([]byte, 32)
		for i := range b {
			b[i] = seed
		}
		secrets = append(secrets, b)
	}
	m, err := keyring.NewMaster(secrets...)
	check(t, err)
	return m
}

// events remembers what was put on record.
type events struct {
	mu  sync.Mutex
	all []audit.Event
}

func (e *events) Record(_ context.Context, x audit.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, x)
	return nil
}

// details are the details of the events of one kind, and forgets all events.
func (e *events) details(kind audit.Kind) (out []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range e.all {
		if x.Kind == kind {
			out = append(out, x.Detail)
		}
	}
	e.all = nil
	return out
}

// trips counts the commands and pipelines that are sent.
type trips struct{ n atomic.Int64 }

func (c *trips) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (c *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.n.Add(1)
		return next(ctx, cmd)
	}
}

func (c *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.n.Add(1)
		return next(ctx, cmds)
	}
}

// during counts the trips of f.
func (c *trips) during(f func()) int64 {
	before := c.n.Load()
	f()
	return c.n.Load() - before
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantErr fails unless err is the wanted one; nil wants none.
func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

// wantLimited fails unless err tells to come again, within most.
func wantLimited(t testing.TB, err error, most time.Duration) {
	t.Helper()
	var limited device.LimitedError
	if !errors.As(err, &limited) {
		t.Fatalf("error is %v, want a LimitedError", err)
	}
	if limited.After <= 0 || limited.After > most {
		t.Fatalf("to try again after %v, want at most %v", limited.After, most)
	}
}

// wantSame compares values as a record keeps them: no list and an empty one are
// the same, and times have milliseconds.
func wantSame(t testing.TB, got, want any) {
	t.Helper()
	times := cmp.Transformer("ms", func(x time.Time) int64 { return millis(x) })
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), times); diff != "" {
		t.Fatalf("differs (-want +got):\n%s", diff)
	}
}

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(15 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("never happened: %s", what)
		case <-tick.C:
		}
	}
}

// together runs f in n goroutines at once and waits for them.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

func newNonce() device.Nonce { return device.Nonce(string(session.NewID())[len("sess_"):]) }

func newPrivate(t testing.TB) p256.PrivateKey {
	t.Helper()
	k, err := p256.GenerateKey()
	check(t, err)
	return k
}

// alice stores an identity with one phone.
func (r *rig) alice() device.Identity {
	r.t.Helper()
	i := device.Identity{ID: device.NewTokenID(), Version: 1, CreatedAt: r.Now().Truncate(time.Second),
		Claims: device.Claims{"name": []byte(`"Alice"`)},
		Devices: []device.Device{{ID: device.NewID(), Key: newPrivate(r.t).Public(), Name: "Alice's phone", Platform: "android",
			CreatedAt: r.Now().Truncate(time.Second)}}}
	check(r.t, r.SwapIdentity(r.t.Context(), device.Identity{}, i))
	return i
}

// begun is the first version of a session, not stored yet.
func (r *rig) begun(change ...func(*session.Session)) session.Session {
	now := r.Now().Truncate(time.Millisecond)
	s := session.Session{ID: session.NewID(), Secret: r.Master.First(), Service: "acme", Mode: session.Enter,
		Scopes: []device.Scope{device.Name}, Origin: "https://bank.example", CreatedAt: now,
		ExpiresAt: now.Add(2 * time.Minute).Truncate(time.Second)}
	for _, c := range change {
		c(&s)
	}
	s, _ = session.Begin(s)
	return s
}

// started is a session as [rig.begun] has it, and stored.
func (r *rig) started(change ...func(*session.Session)) session.Session {
	r.t.Helper()
	s := r.begun(change...)
	check(r.t, r.Create(r.t.Context(), s))
	return s
}

func asked(id device.TokenID) func(*session.Session) {
	return func(s *session.Session) { s.Asked = id }
}

func from(address string) func(*session.Session) {
	return func(s *session.Session) { s.Address = address }
}

// apply gives the session after an action that the state machine lets pass.
func (r *rig) apply(s session.Session, a session.Action) session.Session {
	r.t.Helper()
	next, _, err := s.Apply(a, r.Now().Truncate(time.Millisecond))
	check(r.t, err)
	if next.Version != s.Version+1 {
		r.t.Fatalf("action %v changed nothing", a.Verb)
	}
	return next
}

// swapped applies an action and stores the outcome.
func (r *rig) swapped(s session.Session, a session.Action, e session.Effects) session.Session {
	r.t.Helper()
	next := r.apply(s, a)
	check(r.t, r.Swap(r.t.Context(), s, next, e))
	return next
}

// claimBy and approval are what alice's phone does to a session.
func claimBy(i device.Identity) session.Action {
	d := i.Devices[0]
	return session.Action{Verb: session.DoClaim, Nonce: session.SeenNonce{Nonce: newNonce(), Until: time.Now().Add(time.Minute)},
		Claim: &session.Claim{Token: i.ID, Device: d.ID, DeviceName: d.Name, Platform: d.Platform, Display: "Acme Bank"}}
}

func approval(i device.Identity) session.Action {
	now := time.Now().Truncate(time.Second)
	return session.Action{Verb: session.DoApprove,
		Grant: &session.Grant{KeyID: "key", TokenID: "jti", Subject: string(i.ID), Scopes: []device.Scope{device.Name},
			Claims: i.Claims, AMR: []string{"swk"}, ACR: session.Typed, IssuedAt: now, ExpiresAt: now.Add(time.Hour)},
		Proof: &session.Proof{Text: "text", Key: i.Devices[0].Key.Point()}}
}

// approved is a session that alice's phone has claimed and approved.
func (r *rig) approved(i device.Identity) session.Session {
	r.t.Helper()
	s := r.started(asked(i.ID))
	s = r.swapped(s, claimBy(i), session.Effects{})
	return r.swapped(s, approval(i), session.Effects{})
}

// byPage is a cancellation.
func byPage() session.Action { return session.Action{Verb: session.DoCancel, By: session.ByPage} }

// heard subscribes to a node's channel and gives what comes.
func (r *rig) heard(node string) <-chan *redis.Message {
	r.t.Helper()
	ps := r.db.Subscribe(context.Background(), r.keys.node(node))
	r.t.Cleanup(func() { _ = ps.Close() })
	_, err := ps.Receive(r.t.Context())
	check(r.t, err)
	return ps.Channel()
}

// next waits for a message.
func next(t testing.TB, messages <-chan *redis.Message) string {
	t.Helper()
	select {
	case m := <-messages:
		return m.Payload
	case <-time.After(10 * time.Second):
		t.Fatal("no message came")
		return ""
	}
}

// address is the i-th of many addresses.
func address(i int) string { return fmt.Sprintf("192.0.2.%d", i) }
