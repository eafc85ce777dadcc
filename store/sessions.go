package store

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"countersign/session"

	"github.com/redis/go-redis/v9"
)

// head is what a stored session begins with, in clear for the scripts:
// version|number|holder|challenge|service|
type head struct {
	version   uint64
	number    uint64 // of the watching connection; Redis counts it up
	holder    string // node that has the connection
	challenge string
	service   string // digest of its id
}

func parseHead(b string) (h head, body string, ok bool) {
	var parts [5]string
	for i := range parts {
		part, rest, found := strings.Cut(b, "|")
		if !found {
			return h, "", false
		}
		parts[i], b = part, rest
	}
	var err1, err2 error
	h.version, err1 = strconv.ParseUint(parts[0], 10, 63)
	h.number, err2 = strconv.ParseUint(parts[1], 10, 63)
	h.holder, h.challenge, h.service = parts[2], parts[3], parts[4]
	return h, b, err1 == nil && err2 == nil
}

// end is the moment the session's record ends.
func (st *Store) end(s session.Session) time.Time {
	if s.EndedAt.IsZero() {
		return s.ExpiresAt.Add(st.ResultTTL)
	}
	return s.EndedAt.Add(st.ResultTTL)
}

// sealSession gives the body of a session's record, and its time to live in
// milliseconds.
func (st *Store) sealSession(s session.Session) (body string, ttl int64) {
	end := st.end(s).Truncate(time.Millisecond)
	b := seal(st.Master, st.keys.session(s.ID), s.Version, end, encodeSession(s))
	return string(b), max(1, end.Sub(st.Now()).Milliseconds())
}

// openSession takes a body apart. What does not authenticate is absent.
func (st *Store) openSession(ctx context.Context, id session.ID, version uint64, body string) (session.Session, error) {
	key := st.keys.session(id)
	plain, _, err := open(st.Master, key, version, st.Now(), []byte(body))
	if err == nil && !st.seen.believe(key, version, body) {
		return session.Session{}, olderError{tag(body)}
	}
	var s session.Session
	if err == nil {
		s, err = decodeSession(plain)
	}
	if err == nil && !st.Master.Has(s.Secret) {
		// It was begun under a secret that was taken away: what derives from
		// that is nobody's any more.
		return session.Session{}, session.ErrNotFound
	}
	if err != nil {
		st.tampered(ctx, "session", err)
		return session.Session{}, session.ErrNotFound
	}
	s.ID, s.Version = id, version
	return s, nil
}

// stored takes a whole record apart, and checks that the challenge and service
// in its clear head are the sealed ones.
func (st *Store) stored(ctx context.Context, id session.ID, value string) (session.Session, head, error) {
	h, body, ok := parseHead(value)
	if !ok {
		st.tampered(ctx, "session", errRecord)
		return session.Session{}, h, session.ErrNotFound
	}
	s, err := st.openSession(ctx, id, h.version, body)
	if err == nil && (s.Challenge != h.challenge || digest(s.Service) != h.service) {
		st.tampered(ctx, "session head", errRecord)
		return session.Session{}, h, session.ErrNotFound
	}
	return s, h, err
}

// Create implements session.Store.
func (st *Store) Create(ctx context.Context, s session.Session) error {
	if err := st.admit(s); err != nil {
		return err
	}
	body, ttl := st.sealSession(s)
	value := strconv.FormatUint(s.Version, 10) + "|0||" + s.Challenge + "|" + digest(s.Service) + "|" + body
	pipe := st.db.Pipeline()
	limit := st.queueLimit(ctx, pipe, initiateRule, st.Limits.Initiate, s.Address)
	pipe.SetArgs(ctx, st.keys.session(s.ID), value, redis.SetArgs{Mode: "NX", TTL: time.Duration(ttl) * time.Millisecond})
	var listed *call
	if s.Asked != "" { // whether or not there is such an identity; last, for who hears of it reads the session
		listed = st.queueEnlist(ctx, pipe, s)
	}
	calls := []*call{}
	for _, c := range []*call{limit, listed} {
		if c != nil {
			calls = append(calls, c)
		}
	}
	if err := st.settle(ctx, pipe, calls...); err != nil {
		return unavailable(err)
	}
	if err := st.limited(ctx, initiateRule, s.Address, limit); err != nil {
		return errors.Join(err, st.Forget(ctx, s))
	}
	st.seen.believe(st.keys.session(s.ID), s.Version, body)
	st.census.started(s)
	if listed == nil || st.Wake == nil {
		return nil
	}
	if n, err := listed.Int(); err == nil && n == listedAndWoken {
		st.Wake(s)
	}
	return nil
}

func (st *Store) queueEnlist(ctx context.Context, pipe redis.Pipeliner, s session.Session) *call {
	return st.scripts.enlist.queueKeys(ctx, pipe, []string{st.keys.pending(s.Asked), st.keys.woken(s.Asked)}, st.Now().UnixMilli(), s.ExpiresAt.UnixMilli(), string(s.ID),
		st.pendingMost(s), st.keys.everyNode(), st.callHint(s.Asked))
}

// Relist implements session.Store. It wakes nobody: phones are woken once for a session.
func (st *Store) Relist(ctx context.Context, s session.Session) error {
	pipe := st.db.Pipeline()
	return unavailable(st.settle(ctx, pipe, st.queueEnlist(ctx, pipe, s)))
}

// listedAndWoken is the answer of enlist.lua when a phone can be woken.
const listedAndWoken = 2

// pendingMost is how many sessions may wait for one identity when another wants to be
// listed; without a limit, as many as one answer can list. There is room for as
// many again of those that no page shows: nobody can scan them, so strangers who
// start others must not keep them off the phone.
func (st *Store) pendingMost(s session.Session) int {
	switch most := st.Limits.PendingPerUser; {
	case most <= 0:
		return 100
	case s.Backchannel():
		return 2 * most
	default:
		return most
	}
}

// Forget implements session.Store.
func (st *Store) Forget(ctx context.Context, s session.Session) error {
	pipe := st.db.Pipeline()
	pipe.Del(ctx, st.keys.session(s.ID))
	if s.Asked != "" {
		pipe.ZRem(ctx, st.keys.pending(s.Asked), string(s.ID))
	}
	st.census.ended(s)
	return unavailable(st.settle(ctx, pipe))
}

// Session implements session.Store.
func (st *Store) Session(ctx context.Context, id session.ID) (session.Session, error) {
	s, err := steady(func() (session.Session, error) { return st.read(ctx, id) })
	if errors.Is(err, errOlder) {
		st.tampered(ctx, "session rolled back", err)
		err = session.ErrNotFound
	}
	return s, err
}

func (st *Store) read(ctx context.Context, id session.ID) (session.Session, error) {
	value, err := st.db.Get(ctx, st.keys.session(id)).Result()
	if errors.Is(err, redis.Nil) {
		return session.Session{}, session.ErrNotFound
	}
	if err != nil {
		return session.Session{}, unavailable(err)
	}
	s, _, err := st.stored(ctx, id, value)
	return s, err
}

// Swap implements session.Store.
func (st *Store) Swap(ctx context.Context, old, next session.Session, e session.Effects) error {
	body, ttl := st.sealSession(next)
	version := strconv.FormatUint(next.Version, 10)
	pipe := st.db.Pipeline()
	names, args := []string{st.keys.session(next.ID)}, []any{strconv.FormatUint(old.Version, 10), version, body, ttl, st.keys.node(""), changeHint(next.ID, next.Version)}
	if next.Announced && !next.State.Open() {
		name, args2, err := st.outcomeOf(next)
		if err != nil {
			return err
		}
		names, args = append(names, name), append(args, args2...)
	}
	swap := st.scripts.swap.queueKeys(ctx, pipe, names, args...)
	calls := append([]*call{swap}, st.queueEffects(ctx, pipe, next, e)...)
	if err := st.settle(ctx, pipe, calls...); err != nil {
		return unavailable(err)
	}
	switch done, err := swap.Int(); {
	case err != nil:
		return unavailable(err)
	case done == 0:
		return session.ErrNotFound
	case done < 0:
		return session.ErrConflict
	}
	st.seen.believe(st.keys.session(next.ID), next.Version, body)
	if !next.State.Open() {
		st.census.ended(next)
	}
	return nil
}

// queueEffects puts what a change does elsewhere into the same trip.
func (st *Store) queueEffects(ctx context.Context, pipe redis.Pipeliner, s session.Session, e session.Effects) []*call {
	if s.Asked != "" && !s.State.Undecided() {
		pipe.ZRem(ctx, st.keys.pending(s.Asked), string(s.ID))
	}
	standing := st.keys.standing(s.Subject())
	var calls []*call
	if f := e.Freeze; f != nil {
		value := strconv.FormatInt(f.From.UnixMilli(), 10) + "," + strconv.FormatInt(f.Until.UnixMilli(), 10)
		calls = append(calls, st.queueRemember(ctx, pipe, standing, frozenField+s.Service, value))
	}
	if e.Clear != "" {
		pipe.HDel(ctx, standing, append(codeFields(), wrongField, deviceField+string(e.Clear))...)
	}
	if e.Browser != "" {
		calls = append(calls, st.queueRemember(ctx, pipe, standing, browserField+e.Browser, itoa(st.Now().UnixMilli())))
	}
	return calls
}

func (st *Store) queueRemember(ctx context.Context, pipe redis.Pipeliner, standing, field, value string) *call {
	return st.scripts.remember.queue(ctx, pipe, standing, field, value, fieldsMax, standingTTL.Milliseconds())
}
