package store

import (
	"strings"
	"testing"
	"time"

	"countersign/device"
	"countersign/notify"
	"countersign/notify/webhook"
	"countersign/session"
)

func outcomeClauses() []clause {
	return []clause{
		{"how an announced session ended outlives it", outcomeStays},
		{"only an end is kept, and only of an announced session", outcomeOfEndsAlone},
		{"an end that lost leaves nothing behind", outcomeOfWinner},
		{"an outcome that was changed is no outcome", outcomeTampered},
		{"what is due later is put in two trips", noticeExpected},
		{"what was told of an announced session leaves nothing behind", outcomeDropped},
		{"what was told is not what nobody has ended", outcomeTold},
		{"a notice is hastened if nobody has claimed it", noticeHastened},
	}
}

func announced(s *session.Session) { s.Announced = true }

func ofSession(s session.Session) notify.Notice {
	return notify.Notice{ID: string(s.ID) + "-ended", Version: 1, Kind: webhook.SessionKind, Service: s.Service, Until: webhook.Until(s.ExpiresAt)}
}

func outcomeStays(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	s := r.started(asked(alice.ID), announced)
	check(t, r.PutNotice(t.Context(), ofSession(s), s.ExpiresAt))
	_, err := r.Outcome(t.Context(), s.ID)
	wantErr(t, err, session.ErrNotFound)
	s = r.swapped(s, claimBy(alice), session.Effects{})
	s = r.swapped(s, approval(alice), session.Effects{})
	check(t, r.db.Del(t.Context(), r.keys.session(s.ID)).Err()) // Redis' own clock
	other := r.another()
	other.later(23 * time.Hour)
	got, err := other.Outcome(t.Context(), s.ID)
	check(t, err)
	want, err := webhook.SessionEvent(s)
	check(t, err)
	wantSame(t, string(got), string(want))
	left, err := r.db.PTTL(t.Context(), r.keys.outcome(s.ID)).Result()
	check(t, err)
	if left < 24*time.Hour || left > 25*time.Hour {
		t.Errorf("is kept for %v", left)
	}
	if strings.Contains(r.get(r.keys.outcome(s.ID)), "jti") {
		t.Error("lies open")
	}
}

func outcomeOfEndsAlone(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	r.approved(alice)
	r.swapped(r.started(asked(alice.ID), announced), claimBy(alice), session.Effects{})
	for _, name := range r.names() {
		if strings.HasSuffix(name, ":o") {
			t.Errorf("there is %s", name)
		}
	}
}

func outcomeOfWinner(t *testing.T, b backend) {
	r := newRig(t, b.address)
	s := r.started(asked(device.NewTokenID()), announced)
	check(t, r.PutNotice(t.Context(), ofSession(s), s.ExpiresAt))
	late := r.apply(s, byPage())
	claimed := r.swapped(s, claimBy(r.alice()), session.Effects{})
	wantErr(t, r.Swap(t.Context(), s, late, session.Effects{}), session.ErrConflict)
	_, err := r.Outcome(t.Context(), s.ID)
	wantErr(t, err, session.ErrNotFound)
	r.swapped(claimed, byPage(), session.Effects{})
	_, err = r.Outcome(t.Context(), s.ID)
	check(t, err)
}

func outcomeTampered(t *testing.T, b backend) {
	r := newRig(t, b.address)
	one, other := r.started(announced), r.started(announced)
	r.swapped(one, byPage(), session.Effects{})
	r.set(r.keys.outcome(other.ID), r.get(r.keys.outcome(one.ID)))
	_, err := r.Outcome(t.Context(), other.ID)
	wantErr(t, err, errRecord)
	wantSame(t, r.events.details("record.tampered"), []string{"outcome"})
}

func noticeExpected(t *testing.T, b backend) {
	r := newRig(t, b.address)
	n := r.notice("n1")
	due := r.Now().Add(2 * time.Minute)
	wantSame(t, r.trips.during(func() { check(t, r.PutNotice(t.Context(), n, due)) }), int64(2))
	wantErr(t, r.PutNotice(t.Context(), n, due.Add(time.Hour)), notify.ErrKept)
	r.later(119 * time.Second)
	wantSame(t, r.claimed(), []notify.Notice(nil))
	r.later(2 * time.Second)
	wantSame(t, r.claimed(), []notify.Notice{n})
}

func outcomeDropped(t *testing.T, b backend) {
	r := newRig(t, b.address)
	s := r.started(announced)
	n := ofSession(s)
	check(t, r.PutNotice(t.Context(), n, s.ExpiresAt))
	r.swapped(s, byPage(), session.Effects{})
	again := n
	again.Version = 2
	check(t, r.PutNotice(t.Context(), again, s.ExpiresAt)) // tried once
	check(t, r.DropNotice(t.Context(), again))
	wantSame(t, r.names(), []string{r.keys.session(s.ID)})
}

// Two nodes have the notice, one of them for too long: when the other has told it, the
// session is not one that nobody has ended.
func outcomeTold(t *testing.T, b backend) {
	r := newRig(t, b.address)
	s := r.started(announced)
	check(t, r.PutNotice(t.Context(), ofSession(s), r.Now()))
	r.swapped(s, byPage(), session.Effects{})
	slow := r.claimed()
	wantSame(t, len(slow), 1)
	check(t, r.another().DropNotice(t.Context(), slow[0]))
	_, err := r.Outcome(t.Context(), s.ID)
	wantErr(t, err, notify.ErrNobody)
}

func noticeHastened(t *testing.T, b backend) {
	r := newRig(t, b.address)
	n := r.notice("n1")
	due := r.Now().Add(2 * time.Minute)
	check(t, r.HastenNotice(t.Context(), n.ID, due, r.Now())) // which puts nothing on the list
	wantSame(t, r.listed(), int64(0))
	check(t, r.PutNotice(t.Context(), n, due))
	check(t, r.HastenNotice(t.Context(), n.ID, due.Add(time.Second), r.Now()))
	wantSame(t, r.claimed(), []notify.Notice(nil))
	check(t, r.HastenNotice(t.Context(), n.ID, due, r.Now()))
	wantSame(t, r.claimed(), []notify.Notice{n})
	check(t, r.HastenNotice(t.Context(), n.ID, due, r.Now())) // it is in somebody's hands
	wantSame(t, r.claimed(), []notify.Notice(nil))
}
