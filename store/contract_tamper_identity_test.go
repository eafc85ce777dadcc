package store

import (
	"errors"
	"strings"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/session"
	"countersign/ws"

	"github.com/redis/go-redis/v9"
)

// wantUnknown fails if any way leads to the identity, or if nobody was alarmed.
func (r *rig) wantUnknown(id device.TokenID, alarm string) {
	r.t.Helper()
	r.events.details(audit.RecordTampered)
	_, err := r.Identity(r.t.Context(), id)
	wantErr(r.t, err, device.ErrUnknown)
	o, err := r.Phone(r.t.Context(), session.Request{Route: session.ClaimRoute, Token: id})
	check(r.t, err)
	wantSame(r.t, o, session.Opened{})
	check(r.t, r.Identities(r.t.Context(), func(i device.Identity) error {
		if i.ID == id {
			r.t.Error("visited")
		}
		return nil
	}))
	alarms := r.events.details(audit.RecordTampered)
	if len(alarms) < 3 {
		r.t.Errorf("%d alarms for three looks", len(alarms))
	}
	for _, a := range alarms {
		if a != alarm {
			r.t.Errorf("on record as %q, want %q", a, alarm)
		}
	}
}

func tamperUnrevoked(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	before := r.get(r.keys.identity(alice.ID))
	gone, err := alice.RevokeDevice(alice.Devices[0].ID)
	check(t, err)
	check(t, r.SwapIdentity(t.Context(), alice, gone))
	r.set(r.keys.identity(alice.ID), before)
	r.wantUnknown(alice.ID, "identity rolled back")
	// Nor as the version that follows.
	_, body, _ := strings.Cut(before, "|")
	r.set(r.keys.identity(alice.ID), "2|"+body)
	r.wantUnknown(alice.ID, "identity")
}

// tamperIdentityMoved: bob's phone is to act for alice.
func tamperIdentityMoved(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice, bob := r.alice(), r.alice()
	r.set(r.keys.identity(alice.ID), r.get(r.keys.identity(bob.ID)))
	r.wantUnknown(alice.ID, "identity")
	r.another().wantUnknown(alice.ID, "identity")
	mallory := device.NewTokenID() // who never existed
	r.set(r.keys.identity(mallory), r.get(r.keys.identity(bob.ID)))
	r.wantUnknown(mallory, "identity")
	// A session's record is no identity's.
	s := r.approved(bob)
	_, body, _ := parseHead(r.get(r.keys.session(s.ID)))
	r.set(r.keys.identity(alice.ID), "1|"+body)
	r.another().wantUnknown(alice.ID, "identity")
}

func tamperIdentityFlipped(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	value := r.get(r.keys.identity(alice.ID))
	step := 1
	if !b.embedded() {
		step = 7
	}
	for at := 0; at < len(value); at += step {
		changed := []byte(value)
		changed[at] ^= 1 << (at % 8)
		r.set(r.keys.identity(alice.ID), string(changed))
		if _, err := r.Identity(t.Context(), alice.ID); !errors.Is(err, device.ErrUnknown) {
			t.Fatalf("byte %d of %d changed: %v", at, len(value), err)
		}
	}
}

func tamperCode(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice, mallory := r.alice(), r.alice()
	hers, his := device.NewEnrolmentCode(), device.NewEnrolmentCode()
	check(t, r.PutCode(t.Context(), hers, device.CodeOwner{Identity: alice.ID}, device.CodeLifetime))
	check(t, r.PutCode(t.Context(), his, device.CodeOwner{Identity: mallory.ID}, device.CodeLifetime))
	r.set(r.keys.code(his), r.get(r.keys.code(hers)))
	_, err := r.PeekCode(t.Context(), his, newPrivate(t).Public(), newNonce(), "")
	wantErr(t, err, device.ErrCodeUnknown)
	_, err = r.SpendCode(t.Context(), his)
	wantErr(t, err, device.ErrCodeUnknown)
	wantSame(t, r.events.details(audit.RecordTampered), []string{"enrolment code", "enrolment code"})
	made := device.NewEnrolmentCode()
	r.set(r.keys.code(made), string(alice.ID))
	_, err = r.SpendCode(t.Context(), made)
	wantErr(t, err, device.ErrCodeUnknown)
}

// tamperIdempotency: whoever repeats a start's key is given the right to watch
// its session, so a key of one's own must not come to stand for another's.
func tamperIdempotency(t *testing.T, b backend) {
	r := newRig(t, b.address)
	hers, his := r.started(), r.started()
	for key, s := range map[string]session.Session{"hers": hers, "his": his} {
		_, _, err := r.Remember(t.Context(), key, s.ID, "body", time.Minute)
		check(t, err)
	}
	for _, forged := range []string{r.get(r.keys.idempotency("hers")), string(hers.ID) + "|body", ""} {
		r.set(r.keys.idempotency("his"), forged)
		id, _, ok, err := r.Recall(t.Context(), "his")
		if ok || err == nil {
			t.Errorf("recalled %q, %v", id, err)
		}
		if id, _, err = r.Remember(t.Context(), "his", his.ID, "body", time.Minute); err == nil {
			t.Errorf("remembered %q", id)
		}
	}
}

func tamperForeign(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	s := r.approved(alice)
	node := r.another(func(o *Options) { o.Master = master(t, 9) })
	node.wantAbsent(s.ID, node.alice(), "session")
	node.wantUnknown(alice.ID, "identity")
	// Nor do records of another prefix count, under the same secret.
	moved := r.another(func(o *Options) { o.Prefix += "x" })
	moved.set(moved.keys.session(s.ID), r.get(r.keys.session(s.ID)))
	moved.set(moved.keys.identity(alice.ID), r.get(r.keys.identity(alice.ID)))
	moved.wantAbsent(s.ID, moved.alice(), "session")
	moved.wantUnknown(alice.ID, "identity")
}

// tamperLoose: limits, standings and lists are in clear. Rubbish in them makes
// no operation panic, and none approve.
func tamperLoose(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { allLimits(l); l.Outstanding = 0 }))
	alice := r.alice()
	s := r.started(asked(alice.ID))
	ctx := t.Context()
	for _, rubbish := range []string{"", "x", "-1", "1e400", "nan", "99999999999999999999999", "1,2,3,x", strings.Repeat("9,", 5000)} {
		check(t, r.db.Set(ctx, r.keys.limit("verify", address(1)), rubbish, time.Minute).Err())
		check(t, r.db.HSet(ctx, r.keys.standing(alice.ID), wrongField, "1", deviceField+string(alice.Devices[0].ID), rubbish,
			frozenField+"acme", rubbish, browserField+"x", rubbish, rubbish, rubbish).Err())
		o, err := r.Open(ctx, session.Request{Route: session.VerifyRoute, Session: s.ID, Token: alice.ID,
			Device: alice.Devices[0].ID, Address: address(1)})
		if err == nil && o.Session.State != session.Pending {
			t.Errorf("%q: %v", rubbish, o.Session.State)
		}
		_, _, _ = r.CountWrong(ctx, alice.ID, alice.Devices[0].ID) // an error is an answer
		claimed := r.swapped(r.started(), claimBy(alice), session.Effects{})
		r.swapped(claimed, approval(alice), session.Effects{Browser: "b"})
	}
	yes := r.approved(alice)
	check(t, r.db.ZAdd(ctx, r.keys.pending(alice.ID), z("rubbish"), z(string(yes.ID)), z(string(r.started(asked(device.NewTokenID())).ID))).Err())
	waiting, err := pendingOf(t, r, alice, newNonce())
	check(t, err)
	for _, x := range waiting {
		if x.Asked != alice.ID || x.ID != s.ID && x.ID != yes.ID {
			t.Errorf("%q is listed", x.ID)
		}
	}
	// Keys of another type than expected are trouble, not approval.
	check(t, r.db.Del(ctx, r.keys.session(s.ID)).Err())
	check(t, r.db.HSet(ctx, r.keys.session(s.ID), "a", "b").Err())
	for way, look := range r.ways(s.ID, alice) {
		if got, err := look(); err == nil {
			t.Errorf("%s: %v", way, got.State)
		}
	}
	_, err = r.Take(ctx, "one", s.ID, ws.Asker{})
	wantErr(t, err, ErrUnavailable)
}

// z is a member of a list that expires in an hour.
func z(member string) redis.Z {
	return redis.Z{Score: float64(time.Now().Add(time.Hour).UnixMilli()), Member: member}
}
