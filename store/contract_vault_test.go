package store

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign/oidc"
	"countersign/session"
)

func vaultClauses() []clause {
	return []clause{
		{"a record is read as it was saved", recordSaved},
		{"a record follows the version that was read and no other", recordCompares},
		{"a record may be written again by who lost the answer", recordRepeats},
		{"of fifty first versions on two nodes one is saved", firstsRace},
		{"of fifty second versions on two nodes one is saved", secondsRace},
		{"records of different kinds share nothing", kindsApart},
		{"a record is found by its names, also by those of before", namesFind},
		{"a name without a record finds none", nameDangles},
		{"a name keeps its meaning", nameStays},
		{"a record and its names end together", recordEnds},
		{"an end that has passed takes a record away", recordTakenAway},
		{"what would never end or be found is refused", recordIncomplete},
		{"a record has at most 64 KiB", recordBounded},
		{"no id, name or value is in Redis in clear", recordHidden},
		{"of fifty callers on two nodes one is the first", onceRace},
		{"a name is free again after its time", onceEnds},
		{"a nearly full Redis begins no request", requestFull},
		{"a vault out of reach says so", vaultUnavailable},
		{"an ordinary save takes two trips, and finding two", vaultTrips},
	}
}

// granted is the first version of a grant, with two names, not saved yet.
func (r *rig) granted() oidc.Record {
	return oidc.Record{Kind: oidc.GrantKind, ID: "grant-" + rand.Text(), Version: 1, Value: []byte("value of " + rand.Text()),
		Names: []string{"code-" + rand.Text(), "token-" + rand.Text()}, Until: r.Now().Add(time.Hour).Truncate(time.Millisecond)}
}

// saved is a record as [rig.granted] has it, and saved.
func (r *rig) saved() oidc.Record {
	r.t.Helper()
	x := r.granted()
	check(r.t, r.Save(r.t.Context(), x))
	return x
}

// following is the next version, with another value and another name.
func following(x oidc.Record) oidc.Record {
	x.Version++
	x.Value = []byte("next " + rand.Text())
	x.Names = []string{"token-" + rand.Text()}
	return x
}

// wantRecord fails unless the record is found by id and by these names.
func (r *rig) wantRecord(want oidc.Record, names ...string) {
	r.t.Helper()
	want.Names = nil
	got, err := r.Load(r.t.Context(), want.Kind, want.ID)
	check(r.t, err)
	wantSame(r.t, got, want)
	for _, name := range names {
		got, err = r.Find(r.t.Context(), want.Kind, name)
		check(r.t, err)
		wantSame(r.t, got, want)
	}
}

// wantNoRecord fails if the record is found by its id or a name.
func (r *rig) wantNoRecord(x oidc.Record) {
	r.t.Helper()
	_, err := r.Load(r.t.Context(), x.Kind, x.ID)
	wantErr(r.t, err, oidc.ErrNotFound)
	for _, name := range x.Names {
		_, err = r.Find(r.t.Context(), x.Kind, name)
		wantErr(r.t, err, oidc.ErrNotFound)
	}
}

func recordSaved(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.saved()
	for _, node := range []*rig{r, r.another()} {
		node.wantRecord(x, x.Names...)
	}
	x = following(x)
	check(t, r.another().Save(t.Context(), x))
	r.wantRecord(x, x.Names...)
	r.wantNoRecord(r.granted())
	empty := r.granted()
	empty.Value, empty.Names = nil, nil
	check(t, r.Save(t.Context(), empty))
	r.wantRecord(empty)
}

func recordCompares(t *testing.T, b backend) {
	r := newRig(t, b.address)
	first := r.saved()
	second := following(first)
	check(t, r.Save(t.Context(), second))
	for _, node := range []*rig{r, r.another()} {
		for _, version := range []uint64{1, 2, 4, 1 << 40} {
			other := following(first)
			other.Version = version
			wantErr(t, node.Save(t.Context(), other), oidc.ErrConflict)
		}
		node.wantRecord(second, second.Names...)
	}
	never := r.granted()
	never.Version = 2
	wantErr(t, r.Save(t.Context(), never), oidc.ErrConflict)
	r.wantNoRecord(never)
}

func recordRepeats(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.saved()
	place := r.places(string(x.Kind), x.ID)[0]
	for range 3 {
		done, err := r.scripts.record.run(t.Context(), r.db, []string{place}, "1", "2", "body", 60_000).Int()
		check(t, err)
		if outcome(done) != recordWritten {
			t.Fatalf("answered %d", done)
		}
	}
	done, err := r.scripts.record.run(t.Context(), r.db, []string{place}, "1", "2", "another body", 60_000).Int()
	check(t, err)
	if outcome(done) != recordChanged {
		t.Fatalf("another's writing: answered %d", done)
	}
}

func kindsApart(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.saved()
	for _, kind := range []oidc.Kind{oidc.RequestKind, oidc.LoginKind, "operation", ""} {
		other := x
		other.Kind = kind
		r.wantNoRecord(other)
	}
	login := x
	login.Kind, login.Value = oidc.LoginKind, []byte("login")
	check(t, r.Save(t.Context(), login))
	r.wantRecord(login, login.Names...)
	r.wantRecord(x, x.Names...)
}

func namesFind(t *testing.T, b backend) {
	r := newRig(t, b.address)
	first := r.saved()
	second := following(first)
	check(t, r.Save(t.Context(), second))
	third := following(second)
	third.Names = append(third.Names, first.Names[0], third.Names[0]) // one of before, and one twice
	check(t, r.Save(t.Context(), third))
	all := append(append(append([]string(nil), first.Names...), second.Names...), third.Names...)
	r.wantRecord(third, all...)
	r.another().wantRecord(third, all...)
	for _, name := range []string{"", "code-", first.ID, strings.ToLower(first.Names[0]), strings.Repeat("x", 10_000)} {
		_, err := r.Find(t.Context(), first.Kind, name)
		wantErr(t, err, oidc.ErrNotFound)
	}
}

// nameDangles: a node stopped after the names, or another was quicker.
func nameDangles(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.granted()
	check(t, r.putNames(t.Context(), x))
	r.wantNoRecord(x)
	check(t, r.Save(t.Context(), x)) // it is tried again
	r.wantRecord(x, x.Names...)

	// The loser's names lead to the winner's record, which knows better.
	winner, loser := following(x), following(x)
	check(t, r.Save(t.Context(), winner))
	wantErr(t, r.another().Save(t.Context(), loser), oidc.ErrConflict)
	r.wantRecord(winner, winner.Names...)
	r.wantRecord(winner, loser.Names...)

	none := r.granted()
	none.Names = []string{"", ""}
	check(t, r.Save(t.Context(), none))
	_, err := r.Find(t.Context(), none.Kind, "")
	wantErr(t, err, oidc.ErrNotFound)
}

func nameStays(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x, other := r.saved(), r.granted()
	other.Names = append(other.Names, x.Names[1])
	wantErr(t, r.Save(t.Context(), other), oidc.ErrConflict)
	_, err := r.Load(t.Context(), other.Kind, other.ID)
	wantErr(t, err, oidc.ErrNotFound)
	r.wantRecord(x, x.Names...)
}

func recordEnds(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.saved()
	r.wantLife(x, x.Until)
	// A later end prolongs, and an earlier one shortens the record alone.
	longer := following(x)
	longer.Until = x.Until.Add(time.Hour)
	longer.Names = append(longer.Names, x.Names[0])
	check(t, r.Save(t.Context(), longer))
	r.wantLife(longer, longer.Until)
	shorter := longer
	shorter.Version, shorter.Until = 3, r.Now().Add(time.Minute).Truncate(time.Millisecond)
	check(t, r.Save(t.Context(), shorter))
	r.wantRecord(shorter, shorter.Names...)
	shorter.Names = nil
	r.wantLife(shorter, shorter.Until)
	r.wantLife(oidc.Record{Kind: x.Kind, ID: x.ID, Names: longer.Names, Until: shorter.Until}, longer.Until)

	// Its own end counts, whatever Redis still keeps.
	r.later(59 * time.Second)
	r.wantRecord(shorter, longer.Names...)
	r.later(time.Second)
	r.wantNoRecord(longer)
	wantSame(t, r.events.details("record.tampered"), []string(nil))
}

// wantLife fails unless the record's key lives until its end, and its names' until
// another.
func (r *rig) wantLife(x oidc.Record, names time.Time) {
	r.t.Helper()
	ends := map[string]time.Time{r.places(string(x.Kind), x.ID)[0]: x.Until}
	for _, name := range x.Names {
		ends[r.nameKey(r.Master.First(), x.Kind, name)] = names
	}
	for key, end := range ends {
		left, err := r.db.PTTL(r.t.Context(), key).Result()
		check(r.t, err)
		if want := end.Sub(r.Now()); absolute(left-want) > 2*time.Second {
			r.t.Errorf("%s has %v left, want %v", key, left, want)
		}
	}
}

func recordTakenAway(t *testing.T, b backend) {
	r := newRig(t, b.address)
	for _, end := range []time.Time{r.Now().Add(-time.Second), time.UnixMilli(1)} {
		x := r.saved()
		gone := following(x)
		gone.Until = end
		check(t, r.Save(t.Context(), gone))
		for _, node := range []*rig{r, r.another()} {
			node.wantNoRecord(x)
			node.wantNoRecord(gone)
		}
	}
	x := r.saved()
	late := following(following(x))
	late.Until = r.Now().Add(-time.Second)
	wantErr(t, r.Save(t.Context(), late), oidc.ErrConflict) // not the next version
	r.wantRecord(x, x.Names...)
}

func recordIncomplete(t *testing.T, b backend) {
	r := newRig(t, b.address)
	for what, change := range map[string]func(*oidc.Record){
		"kind": func(x *oidc.Record) { x.Kind = "" }, "id": func(x *oidc.Record) { x.ID = "" },
		"version": func(x *oidc.Record) { x.Version = 0 }, "end": func(x *oidc.Record) { x.Until = time.Time{} },
		"end, at the beginning of time": func(x *oidc.Record) { x.Until = time.UnixMilli(0) },
	} {
		x := r.granted()
		change(&x)
		if err := r.Save(t.Context(), x); !errors.Is(err, errIncomplete) {
			t.Errorf("without %s: %v", what, err)
		}
	}
	_, err := r.Once(t.Context(), "jti", time.Time{})
	wantErr(t, err, errIncomplete)
	if names := r.names(); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}

func recordBounded(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.granted()
	x.Value = bytes.Repeat([]byte{0xff}, 64<<10)
	check(t, r.Save(t.Context(), x))
	r.wantRecord(x, x.Names...)
	more := following(x)
	more.Value = append(x.Value, 0)
	wantErr(t, r.Save(t.Context(), more), ErrTooLarge)
	_, err := r.Find(t.Context(), x.Kind, more.Names[0])
	wantErr(t, err, oidc.ErrNotFound)
	r.wantRecord(x, x.Names...)
}

// recordHidden: whoever reads Redis learns neither what could be shown to the
// server, nor whose it is.
func recordHidden(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.saved()
	_, err := r.Once(t.Context(), "jti-in-clear", x.Until)
	check(t, err)
	o := r.operating()
	check(t, r.CreateOperation(t.Context(), o))
	names := r.names()
	if len(names) != 6 {
		t.Fatalf("keys: %q", names)
	}
	for _, name := range names {
		all := name + " " + r.get(name)
		for _, secret := range append([]string{x.ID, string(x.Value), "jti-in-clear", string(o.ID), string(o.Subject), o.Finish,
			digest(x.ID), digest(x.Names[0]), digest("jti-in-clear")}, x.Names...) {
			if strings.Contains(all, secret) {
				t.Errorf("%s tells %q", name, secret)
			}
		}
	}
}

func onceEnds(t *testing.T, b backend) {
	r := newRig(t, b.address)
	wantOnce(t, r, "passed", r.Now().Add(-time.Minute), true)
	wantOnce(t, r, "lasting", r.Now().Add(time.Hour), true)
	eventually(t, "the name is free", func() bool {
		ok, err := r.Once(t.Context(), "passed", r.Now().Add(-time.Minute))
		check(t, err)
		return ok
	})
	wantOnce(t, r.another(), "lasting", r.Now().Add(time.Hour), false)
	for _, name := range r.names() {
		const endless = -1 // what has passed may go while it is looked at, but all has an end
		if left, err := r.db.PTTL(t.Context(), name).Result(); err != nil || left == endless || left > time.Hour {
			t.Errorf("%s has %v left, %v", name, left, err)
		}
	}
}

func wantOnce(t *testing.T, r *rig, name string, until time.Time, want bool) {
	t.Helper()
	got, err := r.Once(t.Context(), name, until)
	check(t, err)
	if got != want {
		t.Errorf("first with %q: %v", name, got)
	}
}

func requestFull(t *testing.T, b backend) {
	r := newRig(t, b.address)
	request, grant := r.granted(), r.granted()
	request.Kind = oidc.RequestKind
	check(t, r.Save(t.Context(), request))
	r.guard.full.Store(true)
	check(t, r.Save(t.Context(), following(request))) // what was begun, goes on
	check(t, r.Save(t.Context(), grant))
	another := r.granted()
	another.Kind = oidc.RequestKind
	wantErr(t, r.Save(t.Context(), another), session.ErrFull)
	wantErr(t, r.CreateOperation(t.Context(), r.operating()), session.ErrFull)
	r.wantNoRecord(another)
}

func vaultUnavailable(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.saved()
	check(t, r.Close())
	wantErr(t, r.Save(t.Context(), following(x)), ErrUnavailable)
	_, err := r.Load(t.Context(), x.Kind, x.ID)
	wantErr(t, err, ErrUnavailable)
	_, err = r.Find(t.Context(), x.Kind, x.Names[0])
	wantErr(t, err, ErrUnavailable)
	_, err = r.Once(t.Context(), "jti", x.Until)
	wantErr(t, err, ErrUnavailable)
	_, err = r.Operation(t.Context(), "op_")
	wantErr(t, err, ErrUnavailable)
	for _, secret := range append(x.Names, x.ID, string(x.Value)) {
		if strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("the error tells %q", secret)
		}
	}
}

func vaultTrips(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.granted()
	x.Names = x.Names[:1] // a cluster needs a trip for each of its masters
	for what, c := range map[string]struct {
		most int64
		do   func() error
	}{
		"save": {2, func() error { return r.Save(t.Context(), x) }},
		"load": {1, func() error {
			_, err := r.Load(t.Context(), x.Kind, x.ID)
			return ignoring(err, oidc.ErrNotFound)
		}},
		"find": {2, func() error {
			_, err := r.Find(t.Context(), x.Kind, x.Names[0])
			return ignoring(err, oidc.ErrNotFound)
		}},
		"once": {1, func() error {
			_, err := r.Once(t.Context(), "jti", x.Until)
			return err
		}},
	} {
		if n := r.trips.during(func() { check(t, c.do()) }); n > c.most {
			t.Errorf("%s: %d trips", what, n)
		}
	}
}

// ignoring is err, unless it is the other.
func ignoring(err, other error) error {
	if errors.Is(err, other) {
		return nil
	}
	return err
}
