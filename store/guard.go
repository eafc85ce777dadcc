package store

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// fullAt is the share of Redis' maxmemory above which no session is started, so
// that those begun can be finished: once Redis is full, every write fails.
const fullAt = 0.85

// A guard watches how full Redis is.
type guard struct{ full atomic.Bool }

// look asks every master. A Redis that cannot be asked, or has no bound, is not
// full.
func (g *guard) look(ctx context.Context, db redis.UniversalClient) {
	if cluster, ok := db.(*redis.ClusterClient); ok {
		g.full.Store(clusterFull(ctx, cluster))
		return
	}
	info, err := db.Info(ctx, "memory").Result()
	g.full.Store(err == nil && nearlyFull(info))
}

func clusterFull(ctx context.Context, cluster *redis.ClusterClient) bool {
	var full atomic.Bool // masters are asked side by side
	// A master that does not answer says nothing of the others.
	_ = cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error {
		info, err := c.Info(ctx, "memory").Result()
		if err == nil && nearlyFull(info) {
			full.Store(true)
		}
		return err
	})
	return full.Load()
}

// nearlyFull reads used_memory and maxmemory of INFO memory.
func nearlyFull(info string) bool {
	var used, most float64
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		n, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil:
		case name == "used_memory":
			used = n
		case name == "maxmemory":
			most = n
		}
	}
	return most > 0 && used > fullAt*most
}
