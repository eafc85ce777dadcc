package store

import (
	"context"
	"errors"
	"time"

	"countersign/notify"

	"github.com/redis/go-redis/v9"
)

const noticeKind = "notice"

// errNotice: another version of the notice is stored, or none.
var errNotice = errors.New("store: the notice was changed or dropped meanwhile")

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
// that is late. None is lost.
func (st *Store) PutNotice(ctx context.Context, n notify.Notice, due time.Time) error {
	if err := st.listNotice(ctx, n.ID, st.Now().Add(noticeSpare)); err != nil {
		return err
	}
	done, err := st.putRecord(ctx, noticeRecord(n))
	if err != nil {
		return err
	}
	if done != recordWritten {
		return errNotice
	}
	return st.listNotice(ctx, n.ID, due)
}

func (st *Store) listNotice(ctx context.Context, id string, due time.Time) error {
	pipe := st.db.Pipeline()
	pipe.ZAdd(ctx, st.keys.notices(), redis.Z{Score: float64(due.UnixMilli()), Member: id})
	pipe.PExpire(ctx, st.keys.notices(), standingTTL)
	return unavailable(st.settle(ctx, pipe))
}

// ClaimNotices implements notify.Store.
func (st *Store) ClaimNotices(ctx context.Context, most int, hold time.Duration) (out []notify.Notice, err error) {
	now := st.Now()
	ids, err := st.scripts.claim.run(ctx, st.db, []string{st.keys.notices()}, now.UnixMilli(), most, now.Add(hold).UnixMilli()).StringSlice()
	if failed(err) {
		return nil, unavailable(err)
	}
	for _, id := range ids {
		x, err := st.getRecord(ctx, noticeKind, id)
		var n notify.Notice
		if err == nil {
			n, err = readNotice(x)
		}
		switch {
		case errors.Is(err, ErrUnavailable):
			return out, err
		case err != nil: // it has ended, or is none of ours
			if err := st.db.ZRem(ctx, st.keys.notices(), id).Err(); err != nil {
				return out, unavailable(err)
			}
		default:
			out = append(out, n)
		}
	}
	return out, nil
}

// DropNotice implements notify.Store: an end that has passed takes the record
// away.
func (st *Store) DropNotice(ctx context.Context, n notify.Notice) error {
	x := noticeRecord(n)
	x.version, x.value, x.until = x.version+1, nil, time.UnixMilli(1)
	if _, err := st.putRecord(ctx, x); err != nil {
		return err
	}
	pipe := st.db.Pipeline()
	pipe.ZRem(ctx, st.keys.notices(), n.ID)
	return unavailable(st.settle(ctx, pipe))
}
