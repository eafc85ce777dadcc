package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"countersign/audit"
	"countersign/crypto/keyring"
	"countersign/crypto/p256"
	"countersign/session"

	"github.com/redis/go-redis/v9"
)

// ErrUnavailable says that Redis does not answer, or cannot do what it is asked for now.
// The cause is wrapped for the operator.
var ErrUnavailable = errors.New("store: unavailable")

// errEnded: the record's own end has passed, whatever Redis still keeps.
var errEnded = errors.New("store: record has ended")

// A Rate is so many requests in so long; zero: no limit.
type Rate struct {
	N   int
	Per time.Duration
}

// Limits are the rates and bounds that the store counts. See the limits section
// of the configuration.
type Limits struct {
	Initiate, Enrol, Phone Rate // per address
	Guesses                Rate // wrong secrets of services, per address
	Backchannel            Rate // CIBA requests of a service
	BackchannelPerUser     Rate // … about one user
	Operations             Rate // that the back end of a service begins
	PendingPerUser         int
	WrongCodes             Rate // per device; then a lock
	FirstLock, LongestLock time.Duration
	Codes                  Rate // typed in pages, per address
	Messages               Rate // asked for in pages, per address
	MessagesPerUser        Rate // … per user
	Pushes                 Rate // sessions that wake an identity's phones
	Outstanding            int  // sessions not yet ended, on all nodes
}

// Options say how to keep things. The zero value of a limit is no limit.
type Options struct {
	Prefix    string          // of every key
	Master    *keyring.Master // seals every record
	ResultTTL time.Duration   // how long the result of a session is kept
	Limits    Limits
	Audit     audit.Recorder // hears of records that do not authenticate
	AuditKeep int64          // events kept in the stream; 0: 100,000
}

// A Store keeps sessions, identities, operations, the records of the provider,
// and what belongs to them in one Redis. It implements the stores of the rooms
// device, session and operation, and the vault of the room oidc.
type Store struct {
	Options
	// Wake, if set, is told of each session that was listed here to an identity with a
	// phone that can be woken. It must not block.
	Wake func(session.Session)

	db      redis.UniversalClient
	batch   *batcher // nil on Redis Cluster, where one hung master would hold up all
	cluster bool     // no script spans sessions
	keys    keys
	scripts scripts
	points  *p256.Cache
	clock   *clock
	seen    *witness
	census  *census
	refused *refusals
	guard   *guard
}

// cachedKeys bounds the parsed device keys kept in memory.
const cachedKeys = 100_000

// Open gives a store on a Redis; it does not wait for it to answer.
// [Store.Run] must run while the store is used.
func Open(a Address, o Options) (*Store, error) {
	db, err := connect(a)
	if err != nil {
		return nil, err
	}
	if o.AuditKeep == 0 {
		o.AuditKeep = 100_000
	}
	st := &Store{
		Options: o, db: db, cluster: a.Mode == Cluster, keys: keys{o.Prefix}, scripts: loadScripts(),
		points: p256.NewCache(cachedKeys), clock: newClock(), seen: newWitness(), census: newCensus(),
		refused: newRefusals(), guard: &guard{},
	}
	if !st.cluster {
		st.batch = newBatcher(db)
	}
	return st, nil
}

// Close gives the connections back.
func (st *Store) Close() error {
	if st.batch != nil {
		st.batch.close()
	}
	return st.db.Close()
}

// Now is the time of Redis, as well as this node knows it: deadlines are
// decided by it, so that nodes whose clocks differ agree.
func (st *Store) Now() time.Time { return st.clock.now() }

// Ping says whether Redis answers.
func (st *Store) Ping(ctx context.Context) error { return unavailable(st.db.Ping(ctx).Err()) }

// Run keeps the store's picture of Redis fresh until ctx ends: the time, the
// memory left, and how many sessions there are.
func (st *Store) Run(ctx context.Context) {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		st.refresh(ctx, n)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// refreshEvery is how often Redis is asked how it is. The counts of the census
// may lag by a second, the memory guard must not.
const refreshEvery = 200 * time.Millisecond

func (st *Store) refresh(ctx context.Context, n int) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if n%5 == 0 {
		// Without an answer the clock goes on by itself.
		_ = st.clock.sync(ctx, st.db)
	}
	st.guard.look(ctx, st.db)
	if n%2 == 0 {
		st.flushCensus(ctx)
	}
}

// Prepare loads the scripts and sets the clock; it fails while Redis does not
// answer.
func (st *Store) Prepare(ctx context.Context) error {
	if err := st.clock.sync(ctx, st.db); err != nil {
		return unavailable(err)
	}
	for _, x := range st.scripts.all() {
		if err := st.db.ScriptLoad(ctx, x.source).Err(); err != nil {
			return unavailable(err)
		}
	}
	st.refresh(ctx, 0)
	return nil
}

// unavailable wraps whatever Redis or the way to it answered.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// tampered puts on record that something in Redis does not authenticate.
func (st *Store) tampered(ctx context.Context, what string, err error) {
	if errors.Is(err, errEnded) || st.Audit == nil {
		return
	}
	// The record counts as absent either way; a failing recorder logs itself.
	_ = st.Audit.Record(ctx, audit.Event{Time: st.Now(), Kind: audit.RecordTampered, Detail: what})
}
