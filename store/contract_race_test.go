package store

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"countersign/oidc"
)

func firstsRace(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.granted()
	r.race(func(int) oidc.Record {
		mine := following(x)
		mine.Version = 1
		return mine
	})
}

func secondsRace(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.saved()
	r.race(func(int) oidc.Record { return following(x) })
	for _, name := range x.Names { // lead to the winner's
		_, err := r.Find(t.Context(), x.Kind, name)
		check(t, err)
	}
}

// race saves fifty records at once on two nodes; exactly one gets through.
func (r *rig) race(made func(i int) oidc.Record) {
	r.t.Helper()
	nodes := []*rig{r, r.another()}
	var records [50]oidc.Record
	for i := range records {
		records[i] = made(i)
	}
	won := wantOne(r.t, oidc.ErrConflict, func(i int) error { return nodes[i%2].Save(context.Background(), records[i]) })
	if won >= 0 {
		r.wantRecord(records[won], records[won].Names...)
		nodes[1].wantRecord(records[won], records[won].Names...)
	}
}

// wantOne does a thing fifty times at once and fails unless one gets through, which
// it gives, and the others lose. What a busy machine answers too late may have
// got through or not; if nothing else did, it gives -1.
func wantOne(t testing.TB, lost error, do func(i int) error) int {
	t.Helper()
	var errs [50]error
	together(len(errs), func(i int) { errs[i] = do(i) })
	won, winners, late := -1, 0, 0
	for i, err := range errs {
		switch {
		case err == nil:
			won = i
			winners++
		case errors.Is(err, ErrUnavailable):
			late++
		case !errors.Is(err, lost):
			t.Errorf("the one of number %d: %v", i, err)
		}
	}
	if winners > 1 || winners == 0 && late == 0 {
		t.Fatalf("%d got through, %d answers were late", winners, late)
	}
	return won
}

// errSecond stands for the answer false of Once.
var errSecond = errors.New("not the first")

// firstOf asks Once as [wantOne] wants it.
func (r *rig) firstOf(name string, until time.Time) error {
	ok, err := r.Once(context.Background(), name, until)
	if err == nil && !ok {
		err = errSecond
	}
	return err
}

func onceRace(t *testing.T, b backend) {
	r := newRig(t, b.address)
	nodes := []*rig{r, r.another()}
	until := r.Now().Add(time.Minute)
	for _, name := range []string{"jti", "another jti", "", strings.Repeat("long", 1000)} {
		wantOne(t, errSecond, func(i int) error { return nodes[i%2].firstOf(name, until) })
	}
}
