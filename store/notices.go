package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"countersign/notify"
	"countersign/notify/webhook"

	"github.com/redis/go-redis/v9"
)

const noticeKind = "notice"

// settledNotice is the kind of what is left of a notice that was settled, so that
// its id is known until its end.
const settledNotice notify.Kind = ""

// noticeSpare is how long a notice is kept after its end, so that what became of
// its last try is put on record, and how late one may come whose node stopped
// while it was put.
const noticeSpare = time.Minute

func noticeRecord(n notify.Notice) record {
	w := &writer{}
	w.uint(noticeSchema)
	w.string(string(n.Kind))
	w.string(n.Service)
	w.bytes(n.Body)
	w.time(n.Until)
	return record{kind: noticeKind, id: n.ID, version: n.Version, value: w.b, until: n.Until.Add(noticeSpare)}
}

const noticeSchema = 1

func readNotice(x record) (notify.Notice, error) {
	r := &reader{b: x.value}
	if r.uint() != noticeSchema {
		return notify.Notice{}, errRecord
	}
	n := notify.Notice{ID: x.id, Version: x.version, Kind: notify.Kind(r.string()), Service: r.string(), Body: r.bytes(), Until: r.time()}
	return n, r.end()
}

// PutNotice implements notify.Store. On Redis Cluster the list and the record lie
// in different slots, so the id is listed for a while later first: a node that
// stops in between leaves an id without a record, which is taken off, or a notice
// that is late. None is lost. What is due later than that is listed for when it is due
// at once.
func (st *Store) PutNotice(ctx context.Context, n notify.Notice, due time.Time) error {
	before := redis.ZAddArgs{NX: n.Version == 1} // one that is kept already is not put off
	listed := st.Now().Add(noticeSpare)
	if due.After(listed) {
		listed = due
	}
	if err := st.listNotice(ctx, before, n.ID, listed); err != nil {
		return err
	}
	if err := st.keepNotice(ctx, n); err != nil || listed.Equal(due) {
		return err
	}
	return st.listNotice(ctx, redis.ZAddArgs{}, n.ID, due)
}

func (st *Store) keepNotice(ctx context.Context, n notify.Notice) error {
	done, err := st.putRecord(ctx, noticeRecord(n))
	if err == nil && done != recordWritten {
		return notify.ErrKept
	}
	return err
}

// DelayNotice implements notify.Store.
func (st *Store) DelayNotice(ctx context.Context, id string, due time.Time) error {
	return st.listNotice(ctx, redis.ZAddArgs{XX: true}, id, due)
}

// HastenNotice implements notify.Store.
func (st *Store) HastenNotice(ctx context.Context, id string, due, to time.Time) error {
	pipe := st.db.Pipeline()
	hasten := st.scripts.hasten.queue(ctx, pipe, st.keys.notices(), id, due.UnixMilli(), to.UnixMilli())
	return unavailable(st.settle(ctx, pipe, hasten))
}

func (st *Store) listNotice(ctx context.Context, how redis.ZAddArgs, id string, due time.Time) error {
	how.Members = []redis.Z{{Score: float64(due.UnixMilli()), Member: id}}
	pipe := st.db.Pipeline()
	pipe.ZAddArgs(ctx, st.keys.notices(), how)
	pipe.PExpire(ctx, st.keys.notices(), standingTTL)
	return unavailable(st.settle(ctx, pipe))
}

// ClaimNotices implements notify.Store.
func (st *Store) ClaimNotices(ctx context.Context, most int, hold time.Duration) (out []notify.Notice, more bool, err error) {
	now := st.Now()
	ids, err := st.scripts.claim.run(ctx, st.db, []string{st.keys.notices()}, now.UnixMilli(), most, now.Add(hold).UnixMilli()).StringSlice()
	if failed(err) {
		return nil, false, unavailable(err)
	}
	for _, id := range ids {
		n, err := st.getNotice(ctx, id)
		switch {
		case errors.Is(err, errAbsent):
			err = st.endNotice(ctx, id)
		case errors.Is(err, errRecord): // of a newer version, which may run on another node
			err = nil
		case err == nil && n.Kind == settledNotice:
			err = unavailable(st.db.ZRem(ctx, st.keys.notices(), id).Err())
		case err == nil:
			out = append(out, n)
		}
		if err != nil {
			return out, false, err
		}
	}
	return out, len(ids) == most, nil
}

func (st *Store) getNotice(ctx context.Context, id string) (notify.Notice, error) {
	x, err := st.getRecord(ctx, noticeKind, id)
	if err != nil {
		return notify.Notice{}, err
	}
	return readNotice(x)
}

// endNotice takes an id off the list if there is nothing under it. What is there
// but cannot be opened may be for a node with other master secrets.
func (st *Store) endNotice(ctx context.Context, id string) error {
	values, err := st.values(ctx, st.places(noticeKind, id))
	if err != nil || slices.ContainsFunc(values, func(v string) bool { return v != "" }) {
		return err
	}
	return unavailable(st.db.ZRem(ctx, st.keys.notices(), id).Err())
}

// DropNotice implements notify.Store.
func (st *Store) DropNotice(ctx context.Context, n notify.Notice) error {
	if n.Kind == webhook.SessionKind {
		return st.dropOutcome(ctx, n)
	}
	settled := notify.Notice{ID: n.ID, Version: n.Version + 1, Kind: settledNotice, Until: n.Until}
	if err := st.keepNotice(ctx, settled); err != nil && !errors.Is(err, notify.ErrKept) {
		return err
	}
	return unavailable(st.db.ZRem(ctx, st.keys.notices(), n.ID).Err())
}
