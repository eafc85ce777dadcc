package store

import (
	"context"

	"countersign/session"

	"github.com/redis/go-redis/v9"
)

// OpenSessions gives the ids of up to n sessions that have not ended, those that end
// last first: all services', or one's. It is as the census has it, which lags by less
// than a second.
func (st *Store) OpenSessions(ctx context.Context, service string, n int) (ids []session.ID, err error) {
	names, err := st.db.ZRevRange(ctx, st.keys.census(part(service)), 0, int64(n-1)).Result()
	for _, name := range names {
		ids = append(ids, session.ID(name))
	}
	return ids, unavailable(err)
}

// CountOpen counts the sessions that have not ended, all of them and those of each
// service, in the order of the services and in one trip.
func (st *Store) CountOpen(ctx context.Context, services []string) (all int64, each []int64, err error) {
	pipe := st.db.Pipeline()
	counts := []*redis.IntCmd{pipe.ZCard(ctx, st.keys.census(allSessions))}
	for _, s := range services {
		counts = append(counts, pipe.ZCard(ctx, st.keys.census(part(s))))
	}
	if err := st.settleAlone(ctx, pipe); err != nil {
		return 0, nil, unavailable(err)
	}
	for _, c := range counts[1:] {
		each = append(each, c.Val())
	}
	return counts[0].Val(), each, nil
}

// part is the census' of a service; empty: of all.
func part(service string) string {
	if service == "" {
		return allSessions
	}
	return servicePart + digest(service)
}
