package store

import (
	"context"
	"errors"

	"countersign/operation"
	"countersign/session"
)

const operationKind = "operation"

// operationRecord says what is kept of an operation, and until when: like a
// session, for ResultTTL after it has expired, so that the browser can be told how
// it ended. That it has expired is decided from its ExpiresAt, and not by Redis
// having forgotten it.
func (st *Store) operationRecord(o operation.Operation) record {
	return record{kind: operationKind, id: string(o.ID), version: o.Version, value: writeOperation(o), until: o.ExpiresAt.Add(st.ResultTTL)}
}

// CreateOperation implements operation.Store. The version is 1. An id that is
// taken is operation.ErrConflict, and a Redis nearly full [session.ErrFull].
func (st *Store) CreateOperation(ctx context.Context, o operation.Operation) error {
	if st.guard.full.Load() {
		return session.ErrFull
	}
	if o.Version != 1 || o.ExpiresAt.IsZero() {
		return errIncomplete
	}
	done, err := st.putRecord(ctx, st.operationRecord(o))
	if err == nil && done != recordWritten {
		err = operation.ErrConflict
	}
	return err
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

// SwapOperation implements operation.Store. The version of next is the one after
// old's, and its id the same.
func (st *Store) SwapOperation(ctx context.Context, old, next operation.Operation) error {
	if next.ID != old.ID || old.Version == 0 || next.Version != old.Version+1 || next.ExpiresAt.IsZero() {
		return errIncomplete
	}
	switch done, err := st.putRecord(ctx, st.operationRecord(next)); {
	case err != nil:
		return err
	case done == recordGone:
		return operation.ErrNotFound
	case done == recordChanged:
		return operation.ErrConflict
	}
	return nil
}
