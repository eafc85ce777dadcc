package store

import (
	"context"
	"crypto/hmac"
	"errors"
	"strings"
	"time"

	"countersign/crypto/keyring"
	"countersign/device"
	"countersign/session"

	"github.com/redis/go-redis/v9"
)

// SpendNonce implements device.Nonces.
func (st *Store) SpendNonce(ctx context.Context, id device.TokenID, d device.ID, n device.Nonce, until time.Time) error {
	err := st.db.SetArgs(ctx, st.keys.deviceNonce(id, d, n), "1", redis.SetArgs{Mode: "NX", TTL: st.nonceLeft(until)}).Err()
	if errors.Is(err, redis.Nil) {
		return device.ErrReplayed
	}
	return unavailable(err)
}

// SwapSpending implements device.Nonces. An identity and the nonces of its
// devices share a hash tag, so it is one script on Redis Cluster too.
func (st *Store) SwapSpending(ctx context.Context, old, next device.Identity, d device.ID, n device.Nonce, until time.Time) error {
	return st.swapIdentity(ctx, old, next, st.keys.deviceNonce(next.ID, d, n), st.nonceLeft(until).Milliseconds())
}

// nonceLeft is how long a nonce is still to be remembered.
func (st *Store) nonceLeft(until time.Time) time.Duration {
	return max(time.Millisecond, until.Sub(st.Now()))
}

// listReads are the commands that read what a connected phone is told.
type listReads struct {
	identity *redis.StringCmd
	standing *redis.MapStringStringCmd
	ids      *redis.StringSliceCmd
	sessions []*redis.StringCmd
}

// failure is the first that went wrong; an answer of nil is none.
func (x listReads) failure() error {
	for _, err := range []error{x.identity.Err(), x.standing.Err(), x.ids.Err()} {
		if failed(err) {
			return err
		}
	}
	for _, get := range x.sessions {
		if failed(get.Err()) {
			return get.Err()
		}
	}
	return nil
}

// Listed implements session.Lists. What fails for one phone, as when one master of
// a cluster is away, fails for that phone alone.
func (st *Store) Listed(ctx context.Context, phones []session.Phone) ([]session.Listed, error) {
	reads := make([]listReads, len(phones))
	now := "(" + itoa(st.Now().UnixMilli())
	pipe := st.db.Pipeline()
	for i, p := range phones {
		reads[i] = listReads{
			identity: pipe.Get(ctx, st.keys.identity(p.Token)),
			standing: pipe.HGetAll(ctx, st.keys.standing(p.Token)),
			ids:      pipe.ZRangeByScore(ctx, st.keys.pending(p.Token), &redis.ZRangeBy{Min: now, Max: "+inf"}),
		}
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	pipe = st.db.Pipeline()
	for i := range reads {
		for _, id := range reads[i].ids.Val() {
			reads[i].sessions = append(reads[i].sessions, pipe.Get(ctx, st.keys.session(session.ID(id))))
		}
	}
	if pipe.Len() > 0 {
		_, _ = pipe.Exec(ctx) // as above
	}
	out := make([]session.Listed, len(phones))
	for i, p := range phones {
		out[i] = st.listedTo(ctx, p, reads[i])
	}
	return out, nil
}

// listedTo takes apart what was read for one phone.
func (st *Store) listedTo(ctx context.Context, p session.Phone, reads listReads) (l session.Listed) {
	if l.Err = unavailable(reads.failure()); l.Err != nil {
		return l
	}
	i, err := st.openIdentity(ctx, p.Token, reads.identity.Val())
	if errors.Is(err, errOlder) {
		i, err = st.Identity(ctx, p.Token)
	}
	if err != nil && !errors.Is(err, device.ErrUnknown) {
		l.Err = err
		return l
	}
	l.Identity, l.Standing = i, standing(reads.standing.Val(), p.Device)
	for k, id := range reads.ids.Val() {
		if errors.Is(reads.sessions[k].Err(), redis.Nil) {
			l.Early = true
		}
		if s, ok := st.listed(ctx, p.Token, session.ID(id), reads.sessions[k]); ok {
			l.Sessions = append(l.Sessions, s)
		}
	}
	return l
}

// callHint tells every node that something has changed for an identity's phones:
// a session waits, or the identity or its devices are others. It says nothing
// else; who has such a phone reads again.
func (st *Store) callHint(id device.TokenID) string {
	id = id.Canonical()
	mac, _ := st.callMAC(st.Master.First(), id)
	return string(callKind) + string(id) + "|" + string(mac[:hintMACSize])
}

// callMAC authenticates a call. An id of an identity is none of a session, so no
// hint of one kind is good as another.
func (st *Store) callMAC(secret keyring.SecretID, id device.TokenID) (mac [32]byte, ok bool) {
	return st.Master.MAC(secret, keyring.Hint, []byte(id))
}

// call hands a call on if it authenticates; whether this node has such a phone is
// asked first, because most have not.
func (b *Bus) call(text string) {
	token, mac, found := strings.Cut(text, "|")
	id := device.TokenID(token)
	if !found || b.Phones == nil || !b.Phones.Has(id) {
		return
	}
	for _, secret := range b.st.Master.IDs() {
		want, ok := b.st.callMAC(secret, id)
		if ok && hmac.Equal(want[:hintMACSize], []byte(mac)) {
			b.Phones.Called(id)
			return
		}
	}
}
