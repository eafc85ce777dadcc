package store

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"countersign/device"
	"countersign/session"

	"github.com/redis/go-redis/v9"
)

// A census counts the sessions that have not ended, on all nodes: all of them,
// each service's and each address's. It is kept in sorted sets by expiry, so
// that a session nobody ends leaves by itself; each node sends what started and
// ended in one trip twice a second, and reads the counts in the same.
type census struct {
	mu     sync.Mutex
	news   map[string]map[session.ID]int64 // part → session → expiry in ms; or hasEnded, missedEnd
	counts map[string]int64                // part → sessions, as of the last trip
	since  map[string]int64                // part → started here and not sent yet
	flying map[string]int64                // part → started here and being sent
}

// What stands for the expiry of a session that has ended. One that was not found
// may have been started on a node that has not sent it yet, so it is looked for
// in the next trip again, and then no more.
const (
	hasEnded  = 0
	missedEnd = -1
)

// allSessions is the part that has every session.
const allSessions = "every"

// servicePart begins the name of a service's part.
const servicePart = "s:"

// addressPart begins the name of an address's part.
const addressPart = 'a'

// censusTTL is how long a set lives after a session was added: longer than a session
// may be configured to.
const censusTTL = 15 * time.Minute

// retryOutstanding is when a caller with too many open sessions may try again.
const retryOutstanding = time.Second

func newCensus() *census {
	return &census{news: map[string]map[session.ID]int64{}, counts: map[string]int64{}, since: map[string]int64{}}
}

// parts are the sets a session is in.
func parts(s session.Session) []string {
	p := []string{allSessions, part(s.Service)}
	if s.Address != "" {
		p = append(p, string(addressPart)+":"+s.Address)
	}
	return p
}

func (c *census) started(s session.Session) { c.note(s, s.ExpiresAt.UnixMilli()) }

func (c *census) ended(s session.Session) { c.note(s, hasEnded) }

func (c *census) note(s session.Session, expiry int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range parts(s) {
		if c.news[p] == nil {
			c.news[p] = map[session.ID]int64{}
		}
		if c.news[p][s.ID] > 0 {
			c.since[p]-- // it began and ended between two trips: Redis never hears of it
			delete(c.news[p], s.ID)
			continue
		}
		if expiry > 0 {
			c.since[p]++
		}
		c.news[p][s.ID] = expiry
	}
}

// bound is how many sessions a part may have: one service half of all, one
// address a hundredth.
func bound(part string, most int) int64 {
	switch part[0] {
	case 's':
		most /= 2
	case addressPart:
		most /= 100
	}
	return int64(max(1, most))
}

// room says whether one more session fits.
func (c *census) room(s session.Session, most int) error {
	if most <= 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range parts(s) {
		if c.counts[p]+c.since[p]+c.flying[p] < bound(p, most) {
			continue
		}
		if p == allSessions {
			return session.ErrFull
		}
		return device.LimitedError{After: retryOutstanding}
	}
	return nil
}

// flushCensus sends the news and reads the counts of the parts in it, of those
// read before, and of all.
func (st *Store) flushCensus(ctx context.Context) {
	news, parts := st.census.take()
	now := st.Now().UnixMilli()
	pipe := st.db.TxPipeline() // no set without its end
	cards, removed := map[string]*redis.IntCmd{}, map[string]*redis.IntCmd{}
	for _, p := range parts {
		key := st.keys.census(p)
		removed[p] = queueNews(ctx, pipe, key, news[p])
		pipe.ZRemRangeByScore(ctx, key, "-inf", itoa(now))
		cards[p] = pipe.ZCard(ctx, key)
	}
	if err := st.settleAlone(ctx, pipe); err != nil {
		st.census.putBack(news)
		return
	}
	for p, r := range removed {
		st.census.missed(p, news[p], r)
	}
	counts := map[string]int64{}
	for p, c := range cards {
		// An address far from its bound is asked for again when it starts
		// something; remembering all of them would make this trip long.
		if n := c.Val(); n > 0 && (p[0] != addressPart || 2*n >= bound(p, st.Limits.Outstanding)) {
			counts[p] = n
		}
	}
	st.census.learn(counts)
}

// queueNews adds what started and removes what ended, and gives how many of these
// there were; nil: none to remove. A set lives longer than any of its sessions can.
func queueNews(ctx context.Context, pipe redis.Pipeliner, key string, news map[session.ID]int64) *redis.IntCmd {
	var add []redis.Z
	var remove []any
	for id, expiry := range news {
		if expiry <= hasEnded {
			remove = append(remove, string(id))
			continue
		}
		add = append(add, redis.Z{Score: float64(expiry), Member: string(id)})
	}
	if len(add) > 0 {
		pipe.ZAdd(ctx, key, add...)
		pipe.PExpire(ctx, key, censusTTL)
	}
	if len(remove) == 0 {
		return nil
	}
	return pipe.ZRem(ctx, key, remove...)
}

// missed looks for ended sessions once more when some of them were not found.
func (c *census) missed(part string, news map[session.ID]int64, removed *redis.IntCmd) {
	if removed == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	left := -removed.Val()
	for _, expiry := range news {
		if expiry <= hasEnded {
			left++
		}
	}
	for id, expiry := range news {
		if left == 0 || expiry != hasEnded {
			continue
		}
		if c.news[part] == nil {
			c.news[part] = map[session.ID]int64{}
		}
		if _, newer := c.news[part][id]; !newer {
			c.news[part][id] = missedEnd
		}
	}
}

// take gives the news, and every part whose count is wanted.
func (c *census) take() (news map[string]map[session.ID]int64, parts []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	news, c.news = c.news, map[string]map[session.ID]int64{}
	c.flying, c.since = c.since, map[string]int64{}
	all := map[string]bool{allSessions: true}
	for p := range news {
		all[p] = true
	}
	for p := range c.counts {
		all[p] = true
	}
	return news, slices.Sorted(maps.Keys(all))
}

// putBack keeps news that Redis could not take for the next trip.
func (c *census) putBack(news map[string]map[session.ID]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p, sessions := range news {
		if c.news[p] == nil {
			c.news[p] = map[session.ID]int64{}
		}
		for id, expiry := range sessions {
			if _, newer := c.news[p][id]; !newer {
				c.news[p][id] = expiry
			}
		}
	}
	for p, n := range c.flying {
		c.since[p] += n
	}
	c.flying = nil
}

func (c *census) learn(counts map[string]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts, c.flying = counts, nil
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
