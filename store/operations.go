package store

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"countersign/crypto/keyring"
	"countersign/device"
	"countersign/operation"
	"countersign/session"

	"github.com/redis/go-redis/v9"
)

const operationKind = "operation"

// operationRecord says what is kept of an operation, and until when: like a
// session, for ResultTTL after it has expired, so that the browser can be told how
// it ended. That it has expired is decided from its ExpiresAt, and not by Redis
// having forgotten it.
//
// A back end may ask about one for longer.
func (st *Store) operationRecord(o operation.Operation) record {
	return record{kind: operationKind, id: string(o.ID), version: o.Version, value: writeOperation(o), until: st.operationEnds(o)}
}

func (st *Store) operationEnds(o operation.Operation) time.Time {
	if o.ByService {
		return o.ExpiresAt.Add(operation.BackendKeep)
	}
	return o.ExpiresAt.Add(st.ResultTTL)
}

// CreateOperation implements operation.Store. The version is 1. An id that is
// taken is operation.ErrConflict, and a Redis nearly full [session.ErrFull]. In the
// same trip the operation gets the names by which pages find it.
func (st *Store) CreateOperation(ctx context.Context, o operation.Operation) error {
	if st.guard.full.Load() {
		return session.ErrFull
	}
	if o.Version != 1 || o.ExpiresAt.IsZero() {
		return errIncomplete
	}
	x := st.operationRecord(o)
	x.beside = st.queueWebSocketIDs(o)
	done, err := st.putRecord(ctx, x)
	if err == nil && done != recordWritten {
		err = operation.ErrConflict
	}
	return err
}

// operationsMost bounds the list of a service's operations about one identity.
const operationsMost = 100

// ListOperation implements operation.Store. The ids are sealed: whoever opens an
// operation first has it.
func (st *Store) ListOperation(ctx context.Context, o operation.Operation) error {
	if !o.ByService || o.About() == "" {
		return nil
	}
	key := st.operationList(st.Master.First(), o.Service, o.About())
	until := st.operationEnds(o).Truncate(time.Millisecond)
	pipe := st.db.Pipeline()
	pipe.ZRemRangeByScore(ctx, key, "-inf", strconv.FormatInt(st.Now().UnixMilli(), 10))
	pipe.ZAdd(ctx, key, redis.Z{Score: float64(until.UnixMilli()), Member: seal(st.Master, key, 0, until, []byte(o.ID))})
	pipe.ZRemRangeByRank(ctx, key, 0, -operationsMost-1)
	pipe.PExpire(ctx, key, time.Duration(st.left(until))*time.Millisecond+operation.BackendKeep)
	return unavailable(st.settle(ctx, pipe))
}

func (st *Store) operationList(secret keyring.SecretID, service string, subject device.TokenID) string {
	return st.keys.operations(st.veil(secret, "operations", service, string(subject)))
}

// OperationsOf implements operation.Store.
func (st *Store) OperationsOf(ctx context.Context, service string, subject device.TokenID) (ids []operation.ID, err error) {
	for _, secret := range st.Master.IDs() {
		key := st.operationList(secret, service, subject)
		members, err := st.db.ZRevRange(ctx, key, 0, operationsMost-1).Result()
		if err != nil {
			return nil, unavailable(err)
		}
		for _, m := range members {
			plain, _, err := open(st.Master, key, 0, st.Now(), []byte(m))
			if err != nil {
				st.tampered(ctx, "operation list", err)
				continue
			}
			if id := operation.ID(plain); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

// Operation implements operation.Store.
func (st *Store) Operation(ctx context.Context, id operation.ID) (operation.Operation, error) {
	x, err := st.getRecord(ctx, operationKind, string(id))
	switch {
	case errors.Is(err, errAbsent):
		return operation.Operation{}, operation.ErrNotFound
	case err != nil:
		return operation.Operation{}, err
	}
	o, err := readOperation(x.value)
	if err != nil {
		st.tampered(ctx, operationKind, err)
		return operation.Operation{}, operation.ErrNotFound
	}
	o.ID, o.Version = id, x.version
	return o, nil
}

// TakeTurn implements operation.Store.
func (st *Store) TakeTurn(ctx context.Context, login string, id operation.ID, until time.Time) (operation.ID, error) {
	key, until := st.keys.turn(st.veil(st.Master.First(), "turn", login)), until.Truncate(time.Millisecond)
	ttl := time.Duration(st.left(until)) * time.Millisecond
	old, err := st.db.SetArgs(ctx, key, seal(st.Master, key, 0, until, []byte(id)), redis.SetArgs{Get: true, TTL: ttl}).Result()
	if failed(err) {
		return "", unavailable(err)
	}
	return st.turnOf(ctx, key, old), nil
}

// Turn implements operation.Store.
func (st *Store) Turn(ctx context.Context, login string) (operation.ID, error) {
	key := st.keys.turn(st.veil(st.Master.First(), "turn", login))
	sealed, err := st.db.Get(ctx, key).Result()
	if failed(err) {
		return "", unavailable(err)
	}
	return st.turnOf(ctx, key, sealed), nil
}

// turnOf opens the id of a turn; what is not one is none.
func (st *Store) turnOf(ctx context.Context, key, sealed string) operation.ID {
	if sealed == "" {
		return ""
	}
	plain, _, err := open(st.Master, key, 0, st.Now(), []byte(sealed))
	if err != nil {
		st.tampered(ctx, "operation turn", err)
		return ""
	}
	return operation.ID(plain)
}

// SwapOperation implements operation.Store. The version of next is the one after
// old's, and its id the same. In the same step every node is told.
func (st *Store) SwapOperation(ctx context.Context, old, next operation.Operation) error {
	if next.ID != old.ID || old.Version == 0 || next.Version != old.Version+1 || next.ExpiresAt.IsZero() {
		return errIncomplete
	}
	x := st.operationRecord(next)
	x.hints = st.movedHints(next)
	if !next.ExpiresAt.Equal(old.ExpiresAt) {
		x.beside = st.queueWebSocketIDs(next)
	}
	switch done, err := st.putRecord(ctx, x); {
	case err != nil:
		return err
	case done == recordGone:
		return operation.ErrNotFound
	case done == recordChanged:
		return operation.ErrConflict
	case next.About() != "" && next.About() != old.About():
		// The change is made, and must not look as if it were not; an operation
		// that is missing on a list is there under its id.
		_ = st.ListOperation(ctx, next)
	}
	return nil
}
