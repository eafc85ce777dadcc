package store

import (
	"errors"
	"strings"
	"testing"
	"time"

	"countersign/audit"
	"countersign/oidc"
	"countersign/operation"
)

func tamperVaultClauses() []clause {
	return []clause{
		{"tamper: a record under another's id or kind", tamperRecordMoved},
		{"tamper: any byte of a record", tamperRecordFlipped},
		{"tamper: a record as another version", tamperRecordVersion},
		{"tamper: an older version of a record", tamperRecordRolledBack},
		{"tamper: another record of the same version", tamperRecordForked},
		{"tamper: a record after its end", tamperRecordRevived},
		{"tamper: a name that leads elsewhere", tamperNameMoved},
		{"tamper: any byte of a name", tamperNameFlipped},
		{"tamper: records of another vault", tamperVaultForeign},
		{"tamper: an approval of another operation", tamperOperationMoved},
		{"tamper: an operation from before it was spent", tamperOperationUnspent},
	}
}

func (r *rig) place(x oidc.Record) string { return r.places(string(x.Kind), x.ID)[0] }

func (r *rig) namePlace(x oidc.Record, name string) string {
	return r.nameKey(r.Master.First(), x.Kind, name)
}

// wantRefused fails if the record is found, or if nobody was alarmed.
func (r *rig) wantRefused(x oidc.Record, alarm string) {
	r.t.Helper()
	r.events.details(audit.RecordTampered)
	r.wantNoRecord(x)
	alarms := r.events.details(audit.RecordTampered)
	if len(alarms) == 0 {
		r.t.Error("nothing on record")
	}
	for _, a := range alarms {
		if a != alarm {
			r.t.Errorf("on record as %q, want %q", a, alarm)
		}
	}
}

func tamperRecordMoved(t *testing.T, b backend) {
	r := newRig(t, b.address)
	hers, his := r.saved(), r.saved()
	request, login := r.granted(), r.granted()
	request.Kind, login.Kind = oidc.RequestKind, oidc.LoginKind
	login.ID = hers.ID // the same id, another kind
	check(t, r.Save(t.Context(), request))
	check(t, r.Save(t.Context(), login))
	value := r.get(r.place(hers))
	for _, x := range []oidc.Record{his, request, login} {
		r.set(r.place(x), value)
		r.wantRefused(x, string(x.Kind))
		r.another().wantRefused(x, string(x.Kind))
		wantErr(t, r.Save(t.Context(), oidc.Record{Kind: x.Kind, ID: x.ID, Version: 1, Until: x.Until}), oidc.ErrConflict)
	}
	never := r.granted()
	check(t, r.putNames(t.Context(), never))
	r.set(r.place(never), value)
	r.wantRefused(never, "grant")
	// Neither is any other sealed thing a record.
	s := r.started()
	_, body, _ := parseHead(r.get(r.keys.session(s.ID)))
	name, _, _ := strings.Cut(r.get(r.namePlace(hers, hers.Names[0])), "|")
	for _, forged := range []string{"1|" + body, r.get(r.keys.session(s.ID)), "1|" + name, "1|", "|", "", "x", "1|value"} {
		r.set(r.place(his), forged)
		if forged == "" {
			r.wantNoRecord(his)
			continue
		}
		r.another().wantRefused(his, "grant")
	}
}

// flips calls f with the value after a bit of a byte was flipped, for the bytes in
// turn.
func flips(b backend, value string, f func(at int, changed string)) {
	step := 1
	if !b.embedded() {
		step = 7
	}
	for at := 0; at < len(value); at += step {
		changed := []byte(value)
		changed[at] ^= 1 << (at % 8)
		f(at, string(changed))
	}
}

func tamperRecordFlipped(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.saved()
	value := r.get(r.place(x))
	flips(b, value, func(at int, changed string) {
		r.set(r.place(x), changed)
		if _, err := r.Load(t.Context(), x.Kind, x.ID); !errors.Is(err, oidc.ErrNotFound) {
			t.Fatalf("byte %d of %d changed: %v", at, len(value), err)
		}
		if len(r.events.details(audit.RecordTampered)) == 0 {
			t.Fatalf("byte %d of %d changed: nothing on record", at, len(value))
		}
	})
	for _, cut := range []int{1, 2, 9, len(value) / 2, len(value) - 1} {
		r.set(r.place(x), value[:cut])
		r.wantRefused(x, "grant")
	}
	r.set(r.place(x), value)
	r.wantRecord(x, x.Names...)
}

func tamperRecordVersion(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.saved()
	_, body, _ := strings.Cut(r.get(r.place(x)), "|")
	for _, version := range []string{"0", "2", "3", "-1", "", "18446744073709551617", "0x1"} {
		r.set(r.place(x), version+"|"+body)
		r.wantRefused(x, "grant")
		r.another().wantRefused(x, "grant")
	}
}

func tamperRecordRolledBack(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.saved()
	unspent := r.get(r.place(x))
	second := following(x)
	check(t, r.Save(t.Context(), second))
	r.set(r.place(x), unspent)
	r.wantRefused(x, "grant rolled back")
	// Nor is it spent once more here, by who has read it before.
	wantErr(t, r.Save(t.Context(), following(x)), oidc.ErrConflict)
	if got := r.get(r.place(x)); got != unspent {
		t.Error("it was written once more")
	}
}

func tamperRecordForked(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.saved()
	late := string(seal(r.Master, r.place(x), 2, x.Until, []byte("came too late")))
	second := following(x)
	check(t, r.Save(t.Context(), second))
	r.set(r.place(x), "2|"+late)
	r.wantRefused(x, "grant rolled back")
}

func tamperRecordRevived(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.saved()
	copies := map[string]string{r.place(x): "", r.namePlace(x, x.Names[0]): "", r.namePlace(x, x.Names[1]): ""}
	for key := range copies {
		copies[key] = r.get(key)
	}
	for _, node := range []*rig{r, r.another()} {
		node.later(x.Until.Sub(node.Now()))
		for key, value := range copies {
			r.set(key, value)
		}
		node.wantNoRecord(x)
		wantSame(t, node.events.details(audit.RecordTampered), []string(nil))
	}
}

// tamperNameMoved: a code of one's own is to redeem another's grant.
func tamperNameMoved(t *testing.T, b backend) {
	r := newRig(t, b.address)
	hers, his := r.saved(), r.saved()
	mine := r.namePlace(his, his.Names[0])
	own, foreign := r.get(mine), r.get(r.namePlace(hers, hers.Names[0]))
	target, _, _ := strings.Cut(foreign, "|")
	_, body, _ := strings.Cut(own, "|")
	made := target + "|" + string(seal(master(t, 9), mine, 0, his.Until, []byte(hers.ID)))
	for _, forged := range []string{foreign, target + "|" + body, made, target + "|" + hers.ID, "|", target + "|", "x"} {
		r.set(mine, forged)
		for _, node := range []*rig{r, r.another()} {
			got, err := node.Find(t.Context(), his.Kind, his.Names[0])
			wantErr(t, err, oidc.ErrNotFound)
			wantSame(t, got, oidc.Record{})
			wantSame(t, node.events.details(audit.RecordTampered), []string{"grant name"})
		}
	}
	r.wantRecord(hers, hers.Names...)
	// A name of one kind under another.
	login := his
	login.Kind = oidc.LoginKind
	r.set(r.namePlace(login, login.Names[0]), own)
	_, err := r.Find(t.Context(), oidc.LoginKind, login.Names[0])
	wantErr(t, err, oidc.ErrNotFound)
}

func tamperNameFlipped(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.saved()
	key := r.namePlace(x, x.Names[0])
	flips(b, r.get(key), func(at int, changed string) {
		r.set(key, changed)
		if _, err := r.Find(t.Context(), x.Kind, x.Names[0]); !errors.Is(err, oidc.ErrNotFound) {
			t.Fatalf("byte %d changed: %v", at, err)
		}
		if len(r.events.details(audit.RecordTampered)) == 0 {
			t.Fatalf("byte %d changed: nothing on record", at)
		}
	})
}

func tamperVaultForeign(t *testing.T, b backend) {
	r := newRig(t, b.address)
	x := r.saved()
	// Another master secret does not even lead there.
	other := r.another(func(o *Options) { o.Master = master(t, 9) })
	other.wantNoRecord(x)
	other.set(other.place(x), r.get(r.place(x)))
	_, err := other.Load(t.Context(), x.Kind, x.ID)
	wantErr(t, err, oidc.ErrNotFound)
	wantSame(t, other.events.details(audit.RecordTampered), []string{"grant"})
	// Nor do records of another prefix count, under the same secret.
	moved := r.another(func(o *Options) { o.Prefix += "x" })
	moved.set(moved.place(x), r.get(r.place(x)))
	_, err = moved.Load(t.Context(), x.Kind, x.ID)
	wantErr(t, err, oidc.ErrNotFound)
	wantSame(t, moved.events.details(audit.RecordTampered), []string{"grant"})
}

func (r *rig) wantOperationRefused(id operation.ID, alarm string) {
	r.t.Helper()
	r.wantNoOperation(id)
	wantSame(r.t, r.events.details(audit.RecordTampered), []string{alarm})
}

func tamperOperationMoved(t *testing.T, b backend) {
	r := newRig(t, b.address)
	hers, his := r.operating(), r.operating()
	check(t, r.CreateOperation(t.Context(), hers))
	check(t, r.CreateOperation(t.Context(), his))
	check(t, r.SwapOperation(t.Context(), hers, done(hers, r.alice())))
	key := r.places(operationKind, string(his.ID))[0]
	value := r.get(r.places(operationKind, string(hers.ID))[0])
	r.set(key, value)
	r.wantOperationRefused(his.ID, "operation")
	_, body, _ := strings.Cut(value, "|")
	r.set(key, "1|"+body)
	r.another().wantOperationRefused(his.ID, "operation")
	// What a grant keeps is no operation, though its bytes be one.
	grant := r.granted()
	grant.ID, grant.Value = string(his.ID), writeOperation(done(his, r.alice()))
	check(t, r.Save(t.Context(), grant))
	r.set(key, r.get(r.place(grant)))
	r.another().wantOperationRefused(his.ID, "operation")
	flips(b, value, func(at int, changed string) {
		r.set(r.places(operationKind, string(hers.ID))[0], changed)
		if o, err := r.Operation(t.Context(), hers.ID); !errors.Is(err, operation.ErrNotFound) || o.Approval != nil {
			t.Fatalf("byte %d changed: %v", at, err)
		}
	})
}

func tamperOperationUnspent(t *testing.T, b backend) {
	r := newRig(t, b.address)
	o := r.operating()
	check(t, r.CreateOperation(t.Context(), o))
	ended := done(o, r.alice())
	check(t, r.SwapOperation(t.Context(), o, ended))
	key := r.places(operationKind, string(o.ID))[0]
	before := r.get(key)
	check(t, r.SwapOperation(t.Context(), ended, spent(ended)))
	r.set(key, before)
	r.wantOperationRefused(o.ID, "operation rolled back")
	wantErr(t, r.SwapOperation(t.Context(), ended, spent(ended)), operation.ErrConflict)
	r.later(o.ExpiresAt.Add(r.ResultTTL).Sub(r.Now()) + time.Second)
	r.set(key, before)
	r.wantNoOperation(o.ID)
}
