package store

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"countersign/notify"

	"github.com/redis/go-redis/v9"
)

func noticeClauses() []clause {
	return []clause{
		{"a notice is claimed once it is due, by one node", noticeClaimed},
		{"of fifty claims at once each notice is in one", noticesRace},
		{"a notice that its node did not settle comes again", noticeComesAgain},
		{"a notice that was put off or dropped is not claimed", noticeSettled},
		{"a notice that has ended is taken off the list", noticeEnds},
		{"a notice is kept once by its id, also after it was told", noticeOnce},
		{"a notice that cannot be read stays for who can", noticeUnread},
		{"a claim says whether more may be due", noticesMore},
	}
}

const held = 15 * time.Second

func (r *rig) notice(id string) notify.Notice {
	return notify.Notice{ID: id, Version: 1, Kind: "ping", Service: "acme", Body: []byte(`{"secret":"s"}`), Until: r.Now().Add(time.Hour).Truncate(time.Millisecond)}
}

func (r *rig) claimed() []notify.Notice {
	r.t.Helper()
	out, _, err := r.ClaimNotices(context.Background(), 10, held)
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
	wantErr(t, r.PutNotice(t.Context(), n, r.Now()), notify.ErrKept)
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
		out, _, err := nodes[i%2].ClaimNotices(context.Background(), 3, held)
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
	check(t, r.db.Del(t.Context(), r.places(noticeKind, n.ID)...).Err()) // Redis' own clock went on as well
	wantSame(t, r.claimed(), []notify.Notice(nil))
	wantSame(t, r.listed(), int64(0))
}

func noticeOnce(t *testing.T, b backend) {
	r := newRig(t, b.address)
	n := r.notice("n1")
	check(t, r.PutNotice(t.Context(), n, r.Now().Add(2*time.Second)))
	wantErr(t, r.PutNotice(t.Context(), n, r.Now()), notify.ErrKept)
	r.later(3 * time.Second) // the second did not put it off
	wantSame(t, r.claimed(), []notify.Notice{n})
	check(t, r.DropNotice(t.Context(), n))
	wantErr(t, r.PutNotice(t.Context(), n, r.Now()), notify.ErrKept)
	r.later(noticeSpare + time.Second)
	wantSame(t, r.claimed(), []notify.Notice(nil))
	wantSame(t, r.listed(), int64(0))
	wantSame(t, r.events.details("record.tampered"), []string(nil))
}

func (r *rig) listed() int64 {
	r.t.Helper()
	left, err := r.db.ZCard(r.t.Context(), r.keys.notices()).Result()
	check(r.t, err)
	return left
}

func noticeUnread(t *testing.T, b backend) {
	r := newRig(t, b.address)
	n := r.notice("n1")
	x := noticeRecord(n)
	x.value[0] = noticeSchema + 1
	_, err := r.putRecord(t.Context(), x)
	check(t, err)
	check(t, r.PutNotice(t.Context(), r.notice("n2"), r.Now()))
	check(t, r.db.Set(t.Context(), r.places(noticeKind, "n2")[0], "1|sealed by others", time.Hour).Err())
	check(t, r.listNotice(t.Context(), redis.ZAddArgs{}, n.ID, r.Now()))
	wantSame(t, r.claimed(), []notify.Notice(nil))
	wantSame(t, r.listed(), int64(2))
}

func noticesMore(t *testing.T, b backend) {
	r := newRig(t, b.address)
	for _, id := range []string{"a", "b", "c"} {
		check(t, r.PutNotice(t.Context(), r.notice(id), r.Now()))
	}
	// One has gone: what is left of it counts as claimed all the same.
	check(t, r.db.Del(t.Context(), r.places(noticeKind, "a")[0]).Err())
	out, more, err := r.ClaimNotices(t.Context(), 2, held)
	check(t, err)
	wantSame(t, []int{len(out)}, []int{1})
	wantSame(t, more, true)
	check(t, r.DelayNotice(t.Context(), out[0].ID, r.Now()))
	out, more, err = r.ClaimNotices(t.Context(), 3, held)
	check(t, err)
	wantSame(t, []int{len(out)}, []int{2})
	wantSame(t, more, false)
	check(t, r.DelayNotice(t.Context(), "none", r.Now()))
	wantSame(t, r.listed(), int64(2))
}
