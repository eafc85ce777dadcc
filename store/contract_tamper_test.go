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
)

// What follows is done by somebody who can read and write all of Redis, and
// knows everything about it but the master secret. Each of these attempts ends
// with no approval where there was none.
func tamperClauses() []clause {
	return []clause{
		{"tamper: an approved session under another's name", tamperCopied},
		{"tamper: any byte of a session", tamperFlipped},
		{"tamper: the clear head of a session", tamperHead},
		{"tamper: the watcher of a session", tamperHolder},
		{"tamper: an older version of a session", tamperRolledBack},
		{"tamper: another record of the same version", tamperForked},
		{"tamper: a session after its end", tamperRevived},
		{"tamper: a change told of another session", tamperHintMoved},
		{"tamper: a change told again", tamperHintReplayed},
		{"tamper: a takeover told of another session", tamperTakenMoved},
		{"tamper: an identity from before it was revoked", tamperUnrevoked},
		{"tamper: an identity under another's name", tamperIdentityMoved},
		{"tamper: any byte of an identity", tamperIdentityFlipped},
		{"tamper: an enrolment code of another identity", tamperCode},
		{"tamper: an idempotency key that stands for another's session", tamperIdempotency},
		{"tamper: records of another cluster", tamperForeign},
		{"tamper: what is not authenticated is at worst forgotten", tamperLoose},
	}
}

// ways are all the ways to a session; each gives what it found.
func (r *rig) ways(id session.ID, i device.Identity) map[string]func() (session.Session, error) {
	ctx := r.t.Context()
	request := session.Request{Route: session.VerifyRoute, Session: id, Token: i.ID, Device: i.Devices[0].ID}
	return map[string]func() (session.Session, error){
		"Session": func() (session.Session, error) { return r.Session(ctx, id) },
		"Open": func() (session.Session, error) {
			o, err := r.Open(ctx, request)
			return o.Session, err
		},
		"Take": func() (session.Session, error) {
			taken, err := r.Take(ctx, "one", id, ws.Asker{})
			return taken.Session, err
		},
		"Look": func() (session.Session, error) {
			s, _, _, err := r.Look(ctx, id)
			return s, err
		},
		"Pending": func() (session.Session, error) {
			waiting, err := pendingOf(r.t, r, i, newNonce())
			for _, s := range waiting {
				if s.ID == id {
					return s, nil
				}
			}
			return session.Session{}, errors.Join(err, session.ErrNotFound)
		},
	}
}

// wantAbsent fails if any way leads to the session, or if nobody was alarmed.
func (r *rig) wantAbsent(id session.ID, i device.Identity, alarm string) {
	r.t.Helper()
	r.events.details(audit.RecordTampered)
	for way, look := range r.ways(id, i) {
		s, err := look()
		if s.State == session.Approved {
			r.t.Errorf("%s: approved", way)
		}
		if !errors.Is(err, session.ErrNotFound) {
			r.t.Errorf("%s: error is %v, want ErrNotFound", way, err)
		}
		alarms := r.events.details(audit.RecordTampered)
		for _, a := range alarms {
			if a != alarm {
				r.t.Errorf("%s: on record as %q, want %q", way, a, alarm)
			}
		}
		// The list leads to a session only while it is on it.
		if way != "Pending" && len(alarms) == 0 && alarm != "" {
			r.t.Errorf("%s: nothing on record", way)
		}
	}
}

func tamperCopied(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	yes, waiting := r.approved(alice), r.started(asked(alice.ID))
	value := r.get(r.keys.session(yes.ID))
	r.set(r.keys.session(waiting.ID), value)
	r.wantAbsent(waiting.ID, alice, "session")
	r.another().wantAbsent(waiting.ID, alice, "session")
	for _, version := range []string{"1", "2", "3", "4"} { // of the copy
		_, rest, _ := strings.Cut(value, "|")
		r.set(r.keys.session(waiting.ID), version+"|"+rest)
		r.another().wantAbsent(waiting.ID, alice, "session")
	}
	wantErr(t, r.Swap(t.Context(), waiting, r.apply(waiting, byPage()), session.Effects{}), session.ErrConflict)
}

// tamperFlipped flips a bit of every byte in turn.
func tamperFlipped(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	s := r.approved(alice)
	value := r.get(r.keys.session(s.ID))
	h, _, ok := parseHead(value)
	if !ok || h.version != s.Version {
		t.Fatal("the record has no head")
	}
	// The two members of the head that Redis itself changes are another matter.
	free := map[int]bool{strings.Index(value, "|") + 1: true, strings.Index(value, "||") + 1: true}
	step := 1
	if !b.embedded() {
		step = 7
	}
	for at := 0; at < len(value); at += step {
		changed := []byte(value)
		changed[at] ^= 1 << (at % 8)
		r.set(r.keys.session(s.ID), string(changed))
		got, err := r.Session(t.Context(), s.ID)
		if free[at] || free[at+1] {
			continue
		}
		if !errors.Is(err, session.ErrNotFound) || got.State == session.Approved {
			t.Fatalf("byte %d of %d changed: %v, %v", at, len(value), got.State, err)
		}
		if got := r.events.details(audit.RecordTampered); len(got) == 0 {
			t.Fatalf("byte %d of %d changed: nothing on record", at, len(value))
		}
	}
	for _, cut := range []int{0, 1, len(value) / 2, len(value) - 1} {
		r.set(r.keys.session(s.ID), value[:cut])
		if _, err := r.Session(t.Context(), s.ID); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("cut to %d bytes: %v", cut, err)
		}
	}
}

func tamperHead(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	s := r.started(asked(alice.ID), func(s *session.Session) { s.Challenge = session.ChallengeOf("verifier") })
	parts := strings.SplitN(r.get(r.keys.session(s.ID)), "|", 6)
	for _, c := range []struct {
		member int
		value  string
		alarm  string
	}{
		{0, "2", "session"}, {0, "0", "session"}, {0, "", "session"}, {0, "-1", "session"},
		{0, "18446744073709551617", "session"}, {0, "01", ""},
		{1, "x", "session"}, {1, "99999999999999999999", "session"},
		{3, "", "session head"}, {3, session.ChallengeOf("mine"), "session head"},
		{4, digest("bob"), "session head"}, {4, "", "session head"},
	} {
		changed := append([]string(nil), parts...)
		changed[c.member] = c.value
		r.set(r.keys.session(s.ID), strings.Join(changed, "|"))
		if c.alarm == "" { // the same number in other words
			continue
		}
		r.wantAbsent(s.ID, alice, c.alarm)
		_, err := r.Take(t.Context(), "mine", s.ID, ws.Asker{Challenge: session.ChallengeOf("mine"), Services: []string{"bob"}})
		wantErr(t, err, session.ErrNotFound)
	}
}

// tamperHolder: who can write to Redis can cut a watcher off, and that is all.
func tamperHolder(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	s := r.started(asked(alice.ID))
	parts := strings.SplitN(r.get(r.keys.session(s.ID)), "|", 6)
	parts[1], parts[2] = "9223372036854775000", "mine"
	r.set(r.keys.session(s.ID), strings.Join(parts, "|"))
	got, holder, _, err := r.Look(t.Context(), s.ID)
	check(t, err)
	wantSame(t, got, s)
	if holder != "mine" {
		t.Errorf("held by %q", holder)
	}
	for range 3 { // the count goes over the top
		taken, err := r.Take(t.Context(), "one", s.ID, ws.Asker{})
		if err == nil {
			wantSame(t, taken.Session, s)
		} else {
			wantErr(t, err, session.ErrNotFound)
		}
	}
}

func tamperRolledBack(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	s := r.started(asked(alice.ID))
	key := r.keys.session(s.ID)
	versions := []string{r.get(key)}
	s = r.swapped(s, claimBy(alice), session.Effects{})
	versions = append(versions, r.get(key))
	r.swapped(s, session.Action{Verb: session.DoDeny}, session.Effects{})
	for _, older := range versions {
		r.set(key, older)
		r.wantAbsent(s.ID, alice, "session rolled back")
	}
	// Nobody can go on from there: who read the denial knows its version.
	r.set(key, versions[1])
	yes := r.apply(s, approval(alice))
	check(t, r.Swap(t.Context(), s, yes, session.Effects{}))
	r.wantAbsent(s.ID, alice, "session rolled back")
}

// tamperForked: two phones' answers were sealed as the same version, and the one
// that came too late is put in the place of the other.
func tamperForked(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	s := r.swapped(r.started(asked(alice.ID)), claimBy(alice), session.Effects{})
	late, _ := r.sealSession(r.apply(s, approval(alice)))
	r.swapped(s, session.Action{Verb: session.DoDeny}, session.Effects{})
	value := r.get(r.keys.session(s.ID))
	_, body, _ := parseHead(value)
	r.set(r.keys.session(s.ID), strings.TrimSuffix(value, body)+late)
	r.wantAbsent(s.ID, alice, "session rolled back")
}

func tamperRevived(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	s := r.approved(alice)
	value := r.get(r.keys.session(s.ID))
	for _, node := range []*rig{r, r.another()} {
		node.later(r.ResultTTL)
		r.set(r.keys.session(s.ID), value)
		node.wantAbsent(s.ID, alice, "")
	}
}

// change makes the hint of a session's swap.
func (r *rig) changeOf(s session.Session) string {
	body, _ := r.sealSession(s)
	return changeHint(s.ID, s.Version) + body
}

func tamperHintMoved(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	yes := r.approved(alice)
	waiting := r.swapped(r.started(asked(alice.ID)), claimBy(alice), session.Effects{})
	hint := r.changeOf(yes)
	body := strings.TrimPrefix(hint, changeHint(yes.ID, yes.Version))
	hub := &listener{}
	bus := r.another().Bus()
	bus.hear(t.Context(), strings.Replace(hint, string(yes.ID), string(waiting.ID), 1), hub)
	for version := range uint64(6) {
		bus.hear(t.Context(), changeHint(waiting.ID, version)+body, hub)
		bus.hear(t.Context(), changeHint(yes.ID, version)+body+"x", hub)
	}
	if got := hub.changes(t); len(got) > 0 {
		t.Errorf("%d of these hints open, the first as %v", len(got), got[0].State)
	}
	bus.hear(t.Context(), hint, hub)
	wantSame(t, hub.changes(t), []session.Session{yes}) // as it was sent, it does
}

func tamperHintReplayed(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	s := r.started(asked(alice.ID))
	old := r.changeOf(s)
	s = r.swapped(s, claimBy(alice), session.Effects{})
	late := r.changeOf(r.apply(s, approval(alice))) // never stored
	r.swapped(s, session.Action{Verb: session.DoDeny}, session.Effects{})
	hub := &listener{}
	bus := r.Bus()
	bus.hear(t.Context(), old, hub)
	bus.hear(t.Context(), late, hub)
	if got := hub.changes(t); len(got) > 0 {
		t.Errorf("%d of these hints open, the first as %v", len(got), got[0].State)
	}
	r.later(r.ResultTTL + time.Minute)
	after := r.another()
	after.later(r.ResultTTL + time.Minute)
	after.Bus().hear(t.Context(), late, hub)
	if got := hub.changes(t); len(got) > 0 {
		t.Errorf("a hint opens after the end of its record, as %v", got[0].State)
	}
}

func tamperTakenMoved(t *testing.T, b backend) {
	r := newRig(t, b.address)
	one, two := r.started(), r.started()
	hub := &listener{}
	bus := r.Bus()
	hint := r.takenHint(one.ID)
	bus.hear(t.Context(), strings.Replace(hint, string(one.ID), string(two.ID), 1)+"7", hub)
	bus.hear(t.Context(), hint+"x", hub)
	bus.hear(t.Context(), hint, hub)
	foreign := r.another(func(o *Options) { o.Master = master(t, 9) })
	bus.hear(t.Context(), foreign.takenHint(one.ID)+"7", hub)
	if got := hub.takeovers(); len(got) > 0 {
		t.Errorf("heard of %v", got)
	}
	bus.hear(t.Context(), hint+"7", hub)
	wantSame(t, hub.takeovers(), []takeover{{one.ID, 7}})
}
