package store

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"countersign/notify"
)

func noticeClauses() []clause {
	return []clause{
		{"a notice is claimed once it is due, by one node", noticeClaimed},
		{"of fifty claims at once each notice is in one", noticesRace},
		{"a notice that its node did not settle comes again", noticeComesAgain},
		{"a notice that was put off or dropped is not claimed", noticeSettled},
		{"a notice that has ended is taken off the list", noticeEnds},
	}
}

const held = 15 * time.Second

func (r *rig) notice(id string) notify.Notice {
	return notify.Notice{ID: id, Version: 1, Kind: "ping", Service: "acme", Body: []byte(`{"secret":"s"}`), Until: r.Now().Add(time.Hour).Truncate(time.Millisecond)}
}

func (r *rig) claimed() []notify.Notice {
	r.t.Helper()
	out, err := r.ClaimNotices(context.Background(), 10, held)
	check(r.t, err)
	return out
}

func noticeClaimed(t *testing.T, b backend) {
	r := newRig(t, b.address)
	n := r.notice("n1")
	check(t, r.PutNotice(t.Context(), n, r.Now().Add(time.Minute)))
	wantSame(t, r.claimed(), []notify.Notice(nil))
	other := r.another()
	other.later(time.Minute + time.Second)
	wantSame(t, other.claimed(), []notify.Notice{n})
	wantSame(t, other.claimed(), []notify.Notice(nil))
	wantErr(t, r.PutNotice(t.Context(), n, r.Now()), errNotice)
}

func noticesRace(t *testing.T, b backend) {
	r := newRig(t, b.address)
	const many = 8
	for i := range many {
		check(t, r.PutNotice(t.Context(), r.notice(string(rune('a'+i))), r.Now()))
	}
	nodes := []*rig{r, r.another()}
	var got atomic.Int32
	together(50, func(i int) {
		out, err := nodes[i%2].ClaimNotices(context.Background(), 3, held)
		check(t, err)
		got.Add(int32(len(out)))
	})
	if got.Load() != many {
		t.Errorf("claimed %d times, want %d", got.Load(), many)
	}
}

func noticeComesAgain(t *testing.T, b backend) {
	r := newRig(t, b.address)
	n := r.notice("n1")
	check(t, r.PutNotice(t.Context(), n, r.Now()))
	wantSame(t, r.claimed(), []notify.Notice{n})
	r.later(held + time.Second)
	wantSame(t, r.claimed(), []notify.Notice{n})
}

func noticeSettled(t *testing.T, b backend) {
	r := newRig(t, b.address)
	put, dropped := r.notice("n1"), r.notice("n2")
	for _, n := range []notify.Notice{put, dropped} {
		check(t, r.PutNotice(t.Context(), n, r.Now()))
	}
	if got := r.claimed(); len(got) != 2 {
		t.Fatalf("%d claimed", len(got))
	}
	put.Version++
	check(t, r.PutNotice(t.Context(), put, r.Now().Add(time.Minute)))
	check(t, r.DropNotice(t.Context(), dropped))
	r.later(held + time.Second)
	wantSame(t, r.claimed(), []notify.Notice(nil))
	r.later(time.Minute)
	wantSame(t, r.claimed(), []notify.Notice{put})
	wantSame(t, r.events.details("record.tampered"), []string(nil))
}

func noticeEnds(t *testing.T, b backend) {
	r := newRig(t, b.address)
	n := r.notice("n1")
	check(t, r.PutNotice(t.Context(), n, r.Now()))
	r.later(time.Hour + noticeSpare + time.Second)
	wantSame(t, r.claimed(), []notify.Notice(nil))
	left, err := r.db.ZCard(t.Context(), r.keys.notices()).Result()
	check(t, err)
	if left != 0 {
		t.Errorf("%d left on the list", left)
	}
}
