package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// A Mode is how Redis is run.
type Mode string

// The modes.
const (
	Embedded Mode = "embedded"
	Single   Mode = "single"
	Sentinel Mode = "sentinel"
	Cluster  Mode = "cluster"
)

// Address says where Redis is. See the redis section of the configuration.
type Address struct {
	Mode       Mode
	URL        string // single
	Addrs      []string
	MasterName string // sentinel
	Username   string
	Password   string
}

// How patient the client is. Waiting for a connection, dialling, writing and
// reading may take [patience] in all, so that a request is refused within a
// second if Redis hangs; nothing is tried again here. A connection that Redis has
// closed is noticed before it is used.
const (
	dialTimeout  = patience
	poolTimeout  = patience
	readTimeout  = patience
	noRetries    = -1
	redirects    = 2 // Redis Cluster: slots on their way
	poolSize     = 64
	redisBuffers = 8 << 10
	resp2        = 2 // RESP3 only brings pushes, which are looked for at every answer
)

// connect gives a client; it does not wait for Redis to answer.
func connect(a Address) (redis.UniversalClient, error) {
	db, err := client(a)
	if err != nil {
		return nil, err
	}
	db.AddHook(hurried{})
	return db, nil
}

// hurried gives every command and pipeline its time in all. Redis Cluster needs
// it most: its client tries again by itself.
type hurried struct{}

// DialHook implements redis.Hook.
func (hurried) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements redis.Hook.
func (hurried) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook implements redis.Hook.
func (hurried) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return next(ctx, cmds)
	}
}

func client(a Address) (redis.UniversalClient, error) {
	quiet := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	switch a.Mode {
	case Single:
		o, err := redis.ParseURL(a.URL)
		if err != nil {
			return nil, errors.New("store: redis url is not one") // the parser's error may quote it
		}
		if a.Username != "" {
			o.Username = a.Username
		}
		if a.Password != "" {
			o.Password = a.Password
		}
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = dialTimeout, readTimeout, readTimeout, poolTimeout
		o.PoolSize, o.MaxRetries, o.DialerRetries = poolSize, noRetries, 1
		o.ReadBufferSize, o.WriteBufferSize = redisBuffers, redisBuffers
		o.DisableIdentity, o.MaintNotificationsConfig, o.Protocol = true, quiet, resp2
		o.ContextTimeoutEnabled = true
		return redis.NewClient(o), nil
	case Sentinel:
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: a.MasterName, SentinelAddrs: a.Addrs, Username: a.Username, Password: a.Password,
			DialTimeout: dialTimeout, ReadTimeout: readTimeout, WriteTimeout: readTimeout, PoolTimeout: poolTimeout,
			PoolSize: poolSize, MaxRetries: noRetries, DialerRetries: 1, DisableIdentity: true, Protocol: resp2, ContextTimeoutEnabled: true,
			ReadBufferSize: redisBuffers, WriteBufferSize: redisBuffers,
		}), nil
	case Cluster:
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: a.Addrs, Username: a.Username, Password: a.Password,
			DialTimeout: dialTimeout, ReadTimeout: readTimeout, WriteTimeout: readTimeout, PoolTimeout: poolTimeout,
			PoolSize: poolSize, MaxRedirects: redirects, DialerRetries: 1, DisableIdentity: true, Protocol: resp2, ContextTimeoutEnabled: true,
			MaintNotificationsConfig: quiet, ReadBufferSize: redisBuffers, WriteBufferSize: redisBuffers,
		}), nil
	case Embedded:
	}
	return nil, fmt.Errorf("store: no client for mode %q", a.Mode)
}

// ErrEviction says that Redis would throw records away when it is full.
var ErrEviction = errors.New("store: redis has an eviction policy other than noeviction; set maxmemory-policy noeviction")

// ErrCannotAsk says that Redis does not tell its eviction policy.
var ErrCannotAsk = errors.New("store: redis cannot be asked for its eviction policy")

// CheckEviction asks every master for its eviction policy. ErrEviction,
// ErrCannotAsk.
func (st *Store) CheckEviction(ctx context.Context) error {
	if cluster, ok := st.db.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return checkEviction(ctx, c) })
	}
	return checkEviction(ctx, st.db)
}

func checkEviction(ctx context.Context, db redis.Cmdable) error {
	answer, err := db.ConfigGet(ctx, "maxmemory-policy").Result()
	switch policy := answer["maxmemory-policy"]; {
	case err != nil && !isReply(err):
		return unavailable(err)
	case err != nil || policy == "":
		return fmt.Errorf("%w", ErrCannotAsk)
	case !strings.EqualFold(policy, "noeviction"):
		return ErrEviction
	}
	return nil
}

func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}
