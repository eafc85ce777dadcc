package store

import (
	"context"
	"testing"
	"time"

	"countersign/oidc"
	"countersign/operation"
)

// secrets makes a node accept the master secrets of these seeds, the first in use.
func secrets(t *testing.T, seeds ...byte) func(*Options) {
	return func(o *Options) { o.Master = master(t, seeds...) }
}

// TestRecordsOutliveARotation: at every step of replacing the master secret, all
// nodes find and write the same records; what was begun under a secret ends
// when it is taken away, and not before.
func TestRecordsOutliveARotation(t *testing.T) {
	t.Parallel()
	_, at := single(t)
	old := newRig(t, at, secrets(t, 1))
	before, after, only := old.another(secrets(t, 1, 2)), old.another(secrets(t, 2, 1)), old.another(secrets(t, 2))
	ctx := t.Context()

	x, o := old.saved(), old.operating()
	check(t, old.CreateOperation(ctx, o))
	code := x.Names[0]
	for _, node := range []*rig{before, after} {
		node.wantRecord(x, code)
		node.wantOperation(o)
		again := following(x)
		again.Version = 1
		wantErr(t, node.Save(ctx, again), oidc.ErrConflict)
		created := o
		created.Version = 1
		wantErr(t, node.CreateOperation(ctx, created), operation.ErrConflict)
		x = following(x)
		check(t, node.Save(ctx, x))
		wantErr(t, node.Save(ctx, x), oidc.ErrConflict)
		next := spent(o)
		check(t, node.SwapOperation(ctx, o, next))
		o = next
	}
	for _, node := range []*rig{before, after} {
		node.wantRecord(x, append(x.Names, code)...)
		node.wantOperation(o)
	}
	never := old.granted()
	never.Version = 2
	wantErr(t, after.Save(ctx, never), oidc.ErrConflict)
	unknown := old.operating()
	wantErr(t, after.SwapOperation(ctx, unknown, spent(unknown)), operation.ErrNotFound)

	young := after.saved()
	before.wantRecord(young, young.Names...)
	only.wantRecord(young, young.Names...)
	only.wantNoRecord(x)
	only.wantNoOperation(o.ID)
	for _, node := range []*rig{old, before, after, only} {
		if got := node.events.details("record.tampered"); len(got) > 0 {
			t.Errorf("on record as tampered with: %q", got)
		}
	}
}

// TestRotatingRaces: nodes at different steps of a rotation still agree on one.
func TestRotatingRaces(t *testing.T) {
	t.Parallel()
	_, at := single(t)
	one := newRig(t, at, secrets(t, 1))
	before, after, only := one.another(secrets(t, 1, 2)), one.another(secrets(t, 2, 1)), one.another(secrets(t, 2))
	for _, nodes := range [][]*rig{{one, before}, {before, after}, {after, only}} {
		until := one.Now().Add(time.Minute)
		name := one.granted().ID
		wantOne(t, errSecond, func(i int) error { return nodes[i%2].firstOf(name, until) })
		for _, node := range nodes {
			wantOnce(t, node, name, until, false)
		}
	}
	x := one.saved()
	wantOne(t, oidc.ErrConflict, func(i int) error {
		return []*rig{before, after}[i%2].Save(context.Background(), following(x))
	})
}
