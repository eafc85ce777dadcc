package store

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign/device"
	"countersign/notify"
	"countersign/operation"
	"countersign/ws"
)

// TestDocumentedUser: the ACL user that docs/operations.md gives can do all that a
// node does.
func TestDocumentedUser(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/operations.md")
	check(t, err)
	rules := regexp.MustCompile(`(?s)\nuser countersign (.*?)\n` + "```").FindSubmatch(page)
	if rules == nil {
		t.Fatal("the page has no user")
	}
	server, at := single(t)
	args := []any{"ACL", "SETUSER", "countersign"}
	for _, rule := range strings.Fields(string(rules[1])) {
		args = append(args, rule)
	}
	check(t, newRig(t, at).db.Do(t.Context(), args...).Err())
	at.URL = strings.Replace(server.URL(), "redis://", "redis://countersign:PASSWORD@", 1)
	r := newRig(t, at, limits(allLimits), func(o *Options) { o.Prefix = "cs" })
	check(t, r.CheckEviction(t.Context()))
	x := showing(t, r)
	workout(r)
	o := r.created()
	longer := spent(o)
	longer.ExpiresAt = o.ExpiresAt.Add(time.Minute)
	check(t, r.SwapOperation(t.Context(), o, longer))
	check(t, r.Outdated(t.Context(), []ws.Registration{{Handle: r.handle(r.Master.First(), r.webSocketID(o)), Operation: o.ID, Version: 2}},
		func(int, uint64) { t.Error("outdated") }))
	eventually(t, "the change is heard of", x.look(func() bool { return len(x.moved) == 1 }))
	back := r.operating()
	back.ID, back.ByService = operation.NewID(), true
	check(t, r.CreateOperation(t.Context(), back))
	ids, err := r.OperationsOf(t.Context(), back.Service, back.Subject)
	check(t, err)
	wantSame(t, ids, []operation.ID{back.ID})
	for _, want := range []operation.ID{"", o.ID} {
		before, err := r.TakeTurn(t.Context(), "login", o.ID, o.ExpiresAt)
		check(t, err)
		wantSame(t, before, want)
	}
	n := notify.Notice{ID: o.Finish, Version: 1, Kind: "ping", Service: "acme", Until: r.Now().Add(time.Hour)}
	check(t, r.PutNotice(t.Context(), n, r.Now()))
	claimed, _, err := r.ClaimNotices(t.Context(), 10, time.Minute)
	check(t, err)
	if len(claimed) != 1 {
		t.Errorf("claimed %d notices", len(claimed))
	}
	check(t, r.DropNotice(t.Context(), n))
	found := 0
	check(t, r.Identities(t.Context(), func(device.Identity) error {
		found++
		return nil
	}))
	if found != 1 {
		t.Errorf("%d identities", found)
	}
}
