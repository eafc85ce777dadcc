package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/session"
)

func adminClauses() []clause {
	return []clause{
		{"identities come in pages", identityPages},
		{"an older version's identities are listed once they were found", identitiesFound},
		{"events come in pages, the newest first", eventPages},
		{"a page of events costs what it may", eventFar},
		{"open sessions are counted and named", openSessions},
	}
}

func identityPages(t *testing.T, b backend) {
	r := newRig(t, b.address)
	var want []device.TokenID
	for range 5 {
		i := device.Identity{ID: device.NewTokenID(), Version: 1, CreatedAt: r.Now().Truncate(time.Second)}
		check(t, r.SwapIdentity(t.Context(), device.Identity{}, i))
		want = append(want, i.ID)
	}
	slices.Sort(want)
	gone := want[2]
	check(t, r.db.Del(t.Context(), r.keys.identity(gone)).Err())
	var got []device.TokenID
	after := device.TokenID("")
	for pages := 0; pages == 0 || after != ""; pages++ {
		page, next, err := r.IdentityPage(t.Context(), after, 2)
		check(t, err)
		for _, i := range page {
			got = append(got, i.ID)
		}
		if after = next; pages > 2 {
			t.Fatal("the pages have no end")
		}
	}
	wantSame(t, got, slices.DeleteFunc(want, func(id device.TokenID) bool { return id == gone }))
}

func identitiesFound(t *testing.T, b backend) {
	r := newRig(t, b.address)
	i := device.Identity{ID: device.NewTokenID(), Version: 1}
	check(t, r.SwapIdentity(t.Context(), device.Identity{}, i))
	check(t, r.db.Del(t.Context(), r.keys.identities()).Err())
	for _, want := range []int{0, 1} {
		page, _, err := r.IdentityPage(t.Context(), "", 2)
		check(t, err)
		wantSame(t, len(page), want)
		check(t, r.Identities(t.Context(), func(device.Identity) error { return nil }))
	}
}

func eventPages(t *testing.T, b backend) {
	r := newRig(t, b.address)
	a := r.auditStream()
	full := audit.Event{Time: time.UnixMilli(1_700_000_000_123).UTC(), Kind: audit.SessionApproved, Session: "sess_1", Operation: "op_1", Service: "acme", Token: "tok_1",
		Device: "dev_1", Address: address(1), Detail: "x", Operator: "boss"}
	check(t, a.Record(t.Context(), full))
	const many = auditLook + 10
	for i := range many {
		check(t, a.Record(t.Context(), audit.Event{Kind: audit.CodeWrong, Detail: fmt.Sprint(i)}))
	}
	a.Flush(t.Context())
	page, err := r.Events(t.Context(), audit.Query{Token: "tok_1", Kinds: []audit.Kind{audit.SessionApproved, audit.SessionExpired}, Limit: 5})
	check(t, err)
	wantSame(t, page, audit.Page{Events: []audit.Event{full}})
	var got []string
	q := audit.Query{Kinds: []audit.Kind{audit.CodeWrong}, Limit: 7}
	for {
		page, err := r.Events(t.Context(), q)
		check(t, err)
		for _, e := range page.Events {
			got = append(got, e.Detail)
		}
		if q.Before = page.Next; page.Next == "" {
			break
		}
	}
	var want []string
	for i := range many {
		want = append(want, fmt.Sprint(many-1-i))
	}
	wantSame(t, got, want)
	last := r.streamed()[many].ID
	at, _, _ := streamID(last)
	for what, c := range map[string]struct {
		q    audit.Query
		want int
	}{
		"from now":  {audit.Query{From: time.UnixMilli(at + 1), Limit: 9}, 0},
		"until now": {audit.Query{To: time.UnixMilli(at + 1), Limit: 9}, 9},
		"until it":  {audit.Query{To: time.UnixMilli(0), Limit: 9}, 0},
		"from it":   {audit.Query{From: time.UnixMilli(at), Limit: 1}, 1},
	} {
		page, err := r.Events(t.Context(), c.q)
		check(t, err)
		if len(page.Events) != c.want {
			t.Errorf("%s: %d events", what, len(page.Events))
		}
	}
	for _, cursor := range []string{"x", "1", "1-", "-1-1", "1-x", "+", "1-1-1"} {
		if _, err := r.Events(t.Context(), audit.Query{Before: cursor, Limit: 1}); !errors.Is(err, audit.ErrCursor) {
			t.Errorf("cursor %s: %v", cursor, err)
		}
	}
}

func eventFar(t *testing.T, b backend) {
	r := newRig(t, b.address)
	a := r.auditStream()
	check(t, a.Record(t.Context(), audit.Event{Kind: audit.KeyRotated}))
	for range auditFar {
		check(t, a.Record(t.Context(), audit.Event{Kind: audit.CodeWrong}))
	}
	a.Flush(t.Context())
	q := audit.Query{Kinds: []audit.Kind{audit.KeyRotated}, Limit: 10}
	page, err := r.Events(t.Context(), q)
	check(t, err)
	if len(page.Events) != 0 || page.Next == "" {
		t.Fatalf("the first page: %+v", page)
	}
	q.Before = page.Next
	page, err = r.Events(t.Context(), q)
	check(t, err)
	if len(page.Events) != 1 || page.Next != "" {
		t.Fatalf("the second page: %+v", page)
	}
}

func openSessions(t *testing.T, b backend) {
	r := newRig(t, b.address)
	one, two := r.started(), r.started()
	r.flushCensus(t.Context())
	all, each, err := r.CountOpen(t.Context(), []string{one.Service, "nobody"})
	check(t, err)
	wantSame(t, all, int64(2))
	wantSame(t, each, []int64{2, 0})
	for service, want := range map[string]int{"": 2, one.Service: 2, "nobody": 0} {
		ids, err := r.OpenSessions(t.Context(), service, 10)
		check(t, err)
		wantSame(t, len(ids), want)
		for _, id := range []session.ID{one.ID, two.ID} {
			if want > 0 && !slices.Contains(ids, id) {
				t.Errorf("%s is not among %s", id, ids)
			}
		}
	}
	ids, err := r.OpenSessions(t.Context(), "", 1)
	check(t, err)
	wantSame(t, len(ids), 1)
}
