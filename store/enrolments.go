package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"countersign/crypto/p256"
	"countersign/device"

	"github.com/redis/go-redis/v9"
)

// codeBody is what is sealed in an enrolment code's place: the identity and, after
// a space, the device that made it, if one did.
func codeBody(o device.CodeOwner) string {
	if o.Maker == "" {
		return string(o.Identity)
	}
	return string(o.Identity) + " " + string(o.Maker)
}

// codeOwner is the inverse of codeBody.
func codeOwner(body string) device.CodeOwner {
	id, maker, _ := strings.Cut(body, " ")
	return device.CodeOwner{Identity: device.TokenID(id), Maker: device.ID(maker)}
}

// PutCode implements device.Enrolments.
func (st *Store) PutCode(ctx context.Context, c device.EnrolmentCode, o device.CodeOwner, lifetime time.Duration) error {
	key := st.keys.code(c)
	end := st.Now().Add(lifetime).Truncate(time.Millisecond)
	return unavailable(st.db.Set(ctx, key, seal(st.Master, key, 0, end, []byte(codeBody(o))), lifetime).Err())
}

// PeekCode implements device.Enrolments.
func (st *Store) PeekCode(ctx context.Context, c device.EnrolmentCode, key p256.PublicKey, n device.Nonce, address string) (device.CodeOwner, error) {
	if st.Limits.Enrol.N > 0 {
		if err := st.refusedBefore(enrolRule, address); err != nil {
			return device.CodeOwner{}, err
		}
	}
	pipe := st.db.Pipeline()
	get := pipe.Get(ctx, st.keys.code(c))
	spent := pipe.Exists(ctx, st.keys.keyNonce(key, n))
	var calls []*call
	limit := st.queueLimit(ctx, pipe, enrolRule, st.Limits.Enrol, address)
	if limit != nil {
		calls = append(calls, limit)
	}
	if err := st.settle(ctx, pipe, calls...); err != nil {
		return device.CodeOwner{}, unavailable(err)
	}
	if err := st.limited(ctx, enrolRule, address, limit); err != nil {
		return device.CodeOwner{}, err
	}
	if spent.Val() > 0 {
		return device.CodeOwner{}, device.ErrReplayed
	}
	return st.openCode(ctx, c, get)
}

func (st *Store) openCode(ctx context.Context, c device.EnrolmentCode, get *redis.StringCmd) (device.CodeOwner, error) {
	if errors.Is(get.Err(), redis.Nil) {
		return device.CodeOwner{}, device.ErrCodeUnknown
	}
	plain, _, err := open(st.Master, st.keys.code(c), 0, st.Now(), []byte(get.Val()))
	if err != nil {
		st.tampered(ctx, "enrolment code", err)
		return device.CodeOwner{}, device.ErrCodeUnknown
	}
	return codeOwner(string(plain)), nil
}

// SpendCode implements device.Enrolments.
func (st *Store) SpendCode(ctx context.Context, c device.EnrolmentCode) (device.CodeOwner, error) {
	get := st.db.GetDel(ctx, st.keys.code(c))
	if failed(get.Err()) {
		return device.CodeOwner{}, unavailable(get.Err())
	}
	return st.openCode(ctx, c, get)
}

// ReserveKey implements device.Enrolments.
func (st *Store) ReserveKey(ctx context.Context, key p256.PublicKey, n device.Nonce, until time.Time) error {
	res, err := st.scripts.reserve.run(ctx, st.db, []string{st.keys.deviceKey(key), st.keys.keyNonce(key, n)},
		reservationTTL.Milliseconds(), max(1, until.Sub(st.Now()).Milliseconds())).Int()
	switch {
	case err != nil:
		return unavailable(err)
	case res == 0:
		return device.ErrReplayed
	case res < 0:
		return device.ErrAlreadyEnrolled
	}
	return nil
}

// SettleKey implements device.Enrolments.
func (st *Store) SettleKey(ctx context.Context, key p256.PublicKey, enrolled bool) error {
	if enrolled {
		return unavailable(st.db.Persist(ctx, st.keys.deviceKey(key)).Err())
	}
	return unavailable(st.db.Del(ctx, st.keys.deviceKey(key)).Err())
}
