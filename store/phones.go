package store

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"countersign/device"
	"countersign/session"

	"github.com/redis/go-redis/v9"
)

// The fields of a standing.
const (
	wrongField   = "n"  // wrong codes in a row
	deviceField  = "d:" // device → end of lock, locks, times of wrong codes
	frozenField  = "f:" // service → beginning and end of the freeze, in ms
	codeField    = "c:" // method → codes typed in pages since an approval on a phone
	browserField = "b:" // mark → when it approved first, in ms
)

// phoneReads are the commands that read what a phone's request is judged by.
type phoneReads struct {
	limit    *call
	identity *redis.StringCmd
	standing *redis.MapStringStringCmd
}

func (st *Store) queuePhone(ctx context.Context, pipe redis.Pipeliner, r session.Request) phoneReads {
	return phoneReads{
		limit:    st.queueLimit(ctx, pipe, string(r.Route), st.Limits.Phone, r.Address),
		identity: pipe.Get(ctx, st.keys.identity(r.Token)),
		standing: pipe.HGetAll(ctx, st.keys.standing(r.Token)),
	}
}

// finish waits for the trip and takes apart what it brought. An identity that
// is not there is a zero one.
func (st *Store) finish(ctx context.Context, pipe redis.Pipeliner, r session.Request, reads phoneReads) (session.Opened, error) {
	var o session.Opened
	var calls []*call
	if reads.limit != nil {
		calls = append(calls, reads.limit)
	}
	if err := st.settle(ctx, pipe, calls...); err != nil {
		return o, unavailable(err)
	}
	if err := st.limited(ctx, string(r.Route), r.Address, reads.limit); err != nil {
		return o, err
	}
	i, err := st.openIdentity(ctx, r.Token, reads.identity.Val())
	if errors.Is(err, errOlder) {
		i, err = st.Identity(ctx, r.Token)
	}
	if err != nil && !errors.Is(err, device.ErrUnknown) {
		return o, err
	}
	o.Identity = i
	o.Standing = standing(reads.standing.Val(), r.Device)
	return o, nil
}

// Open implements session.Store.
func (st *Store) Open(ctx context.Context, r session.Request) (session.Opened, error) {
	if err := st.refusedPhone(r); err != nil {
		return session.Opened{}, err
	}
	pipe := st.db.Pipeline()
	get := pipe.Get(ctx, st.keys.session(r.Session))
	reads := st.queuePhone(ctx, pipe, r)
	o, err := st.finish(ctx, pipe, r, reads)
	if err != nil {
		return o, err
	}
	if errors.Is(get.Err(), redis.Nil) {
		return o, session.ErrNotFound
	}
	s, _, err := st.stored(ctx, r.Session, get.Val())
	if errors.Is(err, errOlder) {
		s, err = st.Session(ctx, r.Session)
	}
	o.Session = s
	return o, err
}

// Phone implements session.Phones.
func (st *Store) Phone(ctx context.Context, r session.Request) (session.Opened, error) {
	if err := st.refusedPhone(r); err != nil {
		return session.Opened{}, err
	}
	pipe := st.db.Pipeline()
	return st.finish(ctx, pipe, r, st.queuePhone(ctx, pipe, r))
}

func (st *Store) refusedPhone(r session.Request) error {
	if st.Limits.Phone.N <= 0 {
		return nil
	}
	return st.refusedBefore(string(r.Route), r.Address)
}

// Pending implements session.Phones.
func (st *Store) Pending(ctx context.Context, r session.Request, n session.SeenNonce) ([]session.Session, error) {
	now := st.Now()
	ids, err := st.scripts.pending.run(ctx, st.db,
		[]string{st.keys.deviceNonce(r.Token, r.Device, n.Nonce), st.keys.pending(r.Token)},
		max(1, n.Until.Sub(now).Milliseconds()), now.UnixMilli()).StringSlice()
	if errors.Is(err, redis.Nil) {
		return nil, device.ErrReplayed
	}
	if err != nil {
		return nil, unavailable(err)
	}
	pipe := st.db.Pipeline()
	gets := make([]*redis.StringCmd, len(ids))
	for i, id := range ids {
		gets[i] = pipe.Get(ctx, st.keys.session(session.ID(id)))
	}
	if len(ids) == 0 {
		return nil, nil
	}
	if err := st.settle(ctx, pipe); err != nil {
		return nil, unavailable(err)
	}
	var out []session.Session
	for i, id := range ids {
		if s, ok := st.listed(ctx, r.Token, session.ID(id), gets[i]); ok {
			out = append(out, s)
		}
	}
	return out, nil
}

// listed takes a session apart that is listed to an identity. One that is not
// there is listed a moment before it is written, or was forgotten a moment ago.
func (st *Store) listed(ctx context.Context, token device.TokenID, id session.ID, get *redis.StringCmd) (session.Session, bool) {
	if get.Err() != nil {
		return session.Session{}, false
	}
	s, _, err := st.stored(ctx, id, get.Val())
	if errors.Is(err, errOlder) {
		s, err = st.Session(ctx, id)
	}
	return s, err == nil && s.Asked == token
}

// CountWrong implements session.Phones.
func (st *Store) CountWrong(ctx context.Context, token device.TokenID, id device.ID) (int, time.Duration, error) {
	l := st.Limits
	if l.WrongCodes.N <= 0 {
		return 0, 0, nil
	}
	res, err := st.scripts.wrong.run(ctx, st.db, []string{st.keys.standing(token)}, deviceField+string(id), st.Now().UnixMilli(),
		l.WrongCodes.Per.Milliseconds(), l.WrongCodes.N, l.FirstLock.Milliseconds(), l.LongestLock.Milliseconds(),
		standingTTL.Milliseconds()).Int64Slice()
	if err != nil || len(res) != 2 {
		return 0, 0, unavailable(errors.Join(err, errAnswer(len(res) == 2 || err != nil)))
	}
	return int(res[0]), time.Duration(res[1]) * time.Millisecond, nil
}

// errAnswer is the error of a script that answered something else than it was
// written to.
func errAnswer(good bool) error {
	if good {
		return nil
	}
	return errors.New("store: unexpected answer of a script")
}

// ClearWrong forgets the wrong codes counted against an identity; what an
// operator does to lift its lock. Freezes and browsers stay.
func (st *Store) ClearWrong(ctx context.Context, token device.TokenID) error {
	standing := st.keys.standing(token)
	names, err := st.db.HKeys(ctx, standing).Result()
	if err != nil {
		return unavailable(err)
	}
	counted := []string{wrongField}
	for _, n := range names {
		if strings.HasPrefix(n, deviceField) || strings.HasPrefix(n, codeField) {
			counted = append(counted, n)
		}
	}
	return unavailable(st.db.HDel(ctx, standing, counted...).Err())
}

// standing reads what is held for and against an identity, and against the
// device that asks.
func standing(fields map[string]string, asking device.ID) session.Standing {
	var x session.Standing
	for name, value := range fields {
		switch {
		case name == wrongField:
			x.Wrong = int(number(value))
		case name == deviceField+string(asking):
			ends, _, _ := strings.Cut(value, ",")
			x.Locked = fromMillis(number(ends))
			x.Counted = true
		case strings.HasPrefix(name, frozenField):
			if x.Frozen == nil {
				x.Frozen = map[string]session.Freeze{}
			}
			from, until, _ := strings.Cut(value, ",")
			x.Frozen[strings.TrimPrefix(name, frozenField)] = session.Freeze{From: fromMillis(number(from)), Until: fromMillis(number(until))}
		case strings.HasPrefix(name, codeField):
			if x.Codes == nil {
				x.Codes = map[string]int{}
			}
			x.Codes[strings.TrimPrefix(name, codeField)] = int(number(value))
			x.Counted = true
		case strings.HasPrefix(name, browserField):
			x.Browsers = append(x.Browsers, strings.TrimPrefix(name, browserField))
		}
	}
	x.Counted = x.Counted || x.Wrong > 0
	return x
}

// number reads a field of a standing; what is no number counts as 0, since a
// standing is not authenticated and its loss is borne.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
