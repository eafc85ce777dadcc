package store

import (
	"context"
	"time"

	"countersign/device"
	"countersign/operation"
	"countersign/session"
)

// How long codes typed in pages are held against somebody whom nothing else is held
// against: longer once they are so many that the method is off, for names that nobody
// has are counted as well.
const (
	guessTTL    = 7 * 24 * time.Hour
	guessTTLOff = 30 * 24 * time.Hour
)

// CountCode implements operation.Guesses: the code counts before it is judged,
// against the address and against who is asked.
func (st *Store) CountCode(ctx context.Context, token device.TokenID, m operation.Method, address string) (int, error) {
	if st.guard.full.Load() {
		return 0, session.ErrFull
	}
	if err := st.refusedBefore(codeRule, address); err != nil {
		return 0, err
	}
	pipe := st.db.Pipeline()
	if limit := st.queueLimit(ctx, pipe, codeRule, st.Limits.Codes, address); limit != nil {
		if err := st.settle(ctx, pipe, limit); err != nil {
			return 0, unavailable(err)
		}
		if err := st.limited(ctx, codeRule, address, limit); err != nil {
			return 0, err
		}
	}
	return st.guess(ctx, token, m, 1)
}

// UncountCode implements operation.Guesses.
func (st *Store) UncountCode(ctx context.Context, token device.TokenID, m operation.Method) error {
	_, err := st.guess(ctx, token, m, -1)
	return err
}

func (st *Store) guess(ctx context.Context, token device.TokenID, m operation.Method, by int) (int, error) {
	n, err := st.scripts.guess.run(ctx, st.db, []string{st.keys.standing(token)}, codeField+string(m), by, guessTTL.Milliseconds(),
		operation.TypedInARow, guessTTLOff.Milliseconds()).Int()
	return n, unavailable(err)
}

// codeFields are the fields of a standing that an approval on a phone clears.
func codeFields() (names []string) {
	for _, m := range operation.TypedMethods() {
		names = append(names, codeField+string(m))
	}
	return names
}
