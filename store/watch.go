package store

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"countersign/crypto/keyring"
	"countersign/session"
	"countersign/ws"

	"github.com/redis/go-redis/v9"
)

// Take implements ws.Watches: it makes this node the holder of the session's
// one watcher.
func (st *Store) Take(ctx context.Context, node string, id session.ID, a ws.Asker) (ws.Taken, error) {
	t, err := steady(func() (ws.Taken, error) { return st.take(ctx, node, id, a) })
	if errors.Is(err, errOlder) {
		st.tampered(ctx, "session rolled back", err)
		err = session.ErrNotFound
	}
	return t, err
}

func (st *Store) take(ctx context.Context, node string, id session.ID, a ws.Asker) (ws.Taken, error) {
	pipe := st.db.Pipeline()
	take := st.scripts.take.queue(ctx, pipe, st.keys.session(id), node, a.Challenge, st.keys.node(""), st.takenHint(id), serviceList(a))
	if err := st.settle(ctx, pipe, take); err != nil {
		return ws.Taken{}, unavailable(err)
	}
	res, err := take.Slice()
	if err != nil {
		return ws.Taken{}, unavailable(err)
	}
	return st.taken(ctx, id, a, res)
}

// taken reads the answer of take.lua.
func (st *Store) taken(ctx context.Context, id session.ID, a ws.Asker, res []any) (ws.Taken, error) {
	value := ""
	if len(res) > 1 {
		value, _ = res[1].(string)
	}
	if value == "" {
		return ws.Taken{}, session.ErrNotFound
	}
	s, _, err := st.stored(ctx, id, value)
	switch {
	case err != nil:
		return ws.Taken{}, err
	case a.Services != nil && !slices.Contains(a.Services, s.Service):
		return ws.Taken{}, ws.ErrRefused
	case s.Challenge != "" && a.Challenge == "":
		return ws.Taken{}, ws.ErrVerifierMissing
	case s.Challenge != "" && a.Challenge != s.Challenge || len(res) < 3:
		return ws.Taken{}, ws.ErrRefused
	}
	text, _ := res[2].(string)
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil { // somebody else set the count, near its end
		st.tampered(ctx, "session head", err)
		return ws.Taken{}, session.ErrNotFound
	}
	return ws.Taken{Session: s, Number: n}, nil
}

// serviceList gives take.lua the services an asker may watch; none at all is a
// list that nothing is in.
func serviceList(a ws.Asker) string {
	if a.Services == nil {
		return ""
	}
	var b strings.Builder
	b.WriteByte(',')
	for _, s := range a.Services {
		b.WriteString(digest(s) + ",")
	}
	return b.String()
}

// sweepBatch is how many sessions one script looks at: long enough to save
// trips, short enough that nobody waits behind it.
const sweepBatch = 250

// Stale implements ws.Watches: it gives the indices of the watched sessions
// whose version or watcher is another than this node believes.
func (st *Store) Stale(ctx context.Context, node string, watched []ws.Watched, visit func(i int)) error {
	if st.cluster {
		return st.staleOneByOne(ctx, node, watched, visit)
	}
	for at := 0; at < len(watched); at += sweepBatch {
		batch := watched[at:min(at+sweepBatch, len(watched))]
		names := make([]string, len(batch))
		args := make([]any, 1, 1+2*len(batch))
		args[0] = node
		for i := range batch {
			names[i] = st.keys.session(batch[i].ID)
			// Pointers, so that no number is boxed for its trip.
			args = append(args, &batch[i].Version, &batch[i].Number)
		}
		differ, err := st.scripts.heads.run(ctx, st.db, names, args...).Int64Slice()
		if err != nil {
			return unavailable(err)
		}
		for _, i := range differ {
			visit(at + int(i) - 1)
		}
	}
	return nil
}

// staleOneByOne is for Redis Cluster, where no script spans sessions.
func (st *Store) staleOneByOne(ctx context.Context, node string, watched []ws.Watched, visit func(i int)) error {
	for at := 0; at < len(watched); at += sweepBatch {
		batch := watched[at:min(at+sweepBatch, len(watched))]
		pipe := st.db.Pipeline()
		gets := make([]*redis.StringCmd, len(batch))
		heads := make([]string, len(batch))
		for i, w := range batch {
			heads[i] = strconv.FormatUint(w.Version, 10) + "|" + strconv.FormatUint(w.Number, 10) + "|" + node + "|"
			gets[i] = pipe.GetRange(ctx, st.keys.session(w.ID), 0, int64(len(heads[i])-1))
		}
		if err := st.settleAlone(ctx, pipe); err != nil {
			return unavailable(err)
		}
		for i := range batch {
			if gets[i].Val() != heads[i] {
				visit(at + i)
			}
		}
	}
	return nil
}

// Look implements ws.Watches: it reads a session with its watcher.
func (st *Store) Look(ctx context.Context, id session.ID) (s session.Session, holder string, number uint64, err error) {
	var h head
	s, err = steady(func() (s session.Session, err error) {
		value, err := st.db.Get(ctx, st.keys.session(id)).Result()
		if errors.Is(err, redis.Nil) {
			return s, session.ErrNotFound
		}
		if err != nil {
			return s, unavailable(err)
		}
		s, h, err = st.stored(ctx, id, value)
		return s, err
	})
	if errors.Is(err, errOlder) {
		st.tampered(ctx, "session rolled back", err)
		err = session.ErrNotFound
	}
	return s, h.holder, h.number, err
}

// The first byte of what nodes tell each other.
const (
	changeKind = 'c' // c{id}|{version}|{sealed session}
	takenKind  = 't' // t{id}|{MAC}|{number}
	probeKind  = 'p' // p{text}
	callKind   = 'd' // d{tokenId}|{MAC}, to every node
	// The rest are to every node, and for the pages of operations.
	movedKind      = 'o' // o{handle}|{MAC}{version}
	registeredKind = 'r' // r{handle}|{MAC}{number}
)

// changeHint is the head of the hint that swap.lua completes.
func changeHint(id session.ID, version uint64) string {
	return string(changeKind) + string(id) + "|" + strconv.FormatUint(version, 10) + "|"
}

// takenHint is the head of the hint that take.lua completes. The number is
// Redis' to give and is not authenticated: who can write there can close
// connections anyway.
func (st *Store) takenHint(id session.ID) string {
	mac, _ := st.Master.MAC(st.Master.First(), keyring.Hint, []byte(id))
	return string(takenKind) + string(id) + "|" + string(mac[:16]) + "|"
}
