package store

import (
	"context"
	"errors"
	"time"

	"countersign/crypto/p256"
	"countersign/device"

	"github.com/redis/go-redis/v9"
)

// PutCode implements device.Enrolments.
func (st *Store) PutCode(ctx context.Context, c device.EnrolmentCode, id device.TokenID, lifetime time.Duration) error {
	key := st.keys.code(c)
	end := st.Now().Add(lifetime).Truncate(time.Millisecond)
	return unavailable(st.db.Set(ctx, key, seal(st.Master, key, 0, end, []byte(id)), lifetime).Err())
}

// PeekCode implements device.Enrolments.
func (st *Store) PeekCode(ctx context.Context, c device.EnrolmentCode, key p256.PublicKey, n device.Nonce, address string) (device.TokenID, error) {
	if st.Limits.Enrol.N > 0 {
		if err := st.refusedBefore(enrolRule, address); err != nil {
			return "", err
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
		return "", unavailable(err)
	}
	if err := st.limited(ctx, enrolRule, address, limit); err != nil {
		return "", err
	}
	if spent.Val() > 0 {
		return "", device.ErrReplayed
	}
	return st.openCode(ctx, c, get)
}

func (st *Store) openCode(ctx context.Context, c device.EnrolmentCode, get *redis.StringCmd) (device.TokenID, error) {
	if errors.Is(get.Err(), redis.Nil) {
		return "", device.ErrCodeUnknown
	}
	plain, _, err := open(st.Master, st.keys.code(c), 0, st.Now(), []byte(get.Val()))
	if err != nil {
		st.tampered(ctx, "enrolment code", err)
		return "", device.ErrCodeUnknown
	}
	return device.TokenID(plain), nil
}

// SpendCode implements device.Enrolments.
func (st *Store) SpendCode(ctx context.Context, c device.EnrolmentCode) (device.TokenID, error) {
	get := st.db.GetDel(ctx, st.keys.code(c))
	if failed(get.Err()) {
		return "", unavailable(get.Err())
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
