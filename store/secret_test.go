package store

import (
	"testing"

	"countersign/session"
)

// A session begun under a master secret that was taken away is absent, also when
// a node with both has sealed it anew meanwhile: its code and keys would derive
// from nothing.
func TestSessionOfASecretTakenAway(t *testing.T) {
	_, at := single(t)
	old := newRig(t, at, func(o *Options) { o.Master = master(t, 1) })
	alice := old.alice()
	s := old.started(asked(alice.ID))
	both := old.another(func(o *Options) { o.Master = master(t, 2, 1) })
	got, err := both.Session(t.Context(), s.ID)
	check(t, err)
	both.swapped(got, claimBy(alice), session.Effects{})
	_, err = both.Session(t.Context(), s.ID)
	check(t, err)
	only := old.another(func(o *Options) { o.Master = master(t, 2) })
	_, err = only.Session(t.Context(), s.ID)
	wantErr(t, err, session.ErrNotFound)
}
