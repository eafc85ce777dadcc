package store

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
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
	admin := newRig(t, at)
	check(t, admin.db.Do(t.Context(), args...).Err())
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
	eventually(t, "the change is heard of", x.look(func() bool { return len(x.moved) >= 1 }))
	for _, want := range []operation.ID{"", o.ID} {
		before, err := r.TakeTurn(t.Context(), "login", o.ID, o.ExpiresAt)
		check(t, err)
		wantSame(t, before, want)
	}
	now, err := r.Turn(t.Context(), "login")
	check(t, err)
	wantSame(t, now, o.ID)
	n, err := r.CountCode(t.Context(), "tok_alice", operation.ByMessage, "192.0.2.1")
	check(t, err)
	wantSame(t, n, 1)
	check(t, r.UncountCode(t.Context(), "tok_alice", operation.ByMessage))
	check(t, r.HastenNotice(t.Context(), "none", r.Now(), r.Now()))
	found := 0
	check(t, r.Identities(t.Context(), func(device.Identity) error {
		found++
		return nil
	}))
	if found != 1 {
		t.Errorf("%d identities", found)
	}
	_, _, err = r.IdentityPage(t.Context(), "", 1)
	check(t, err)
	_, err = r.Events(t.Context(), audit.Query{Limit: 1})
	check(t, err)
	_, _, err = r.CountOpen(t.Context(), []string{"acme"})
	check(t, err)
	_, err = r.OpenSessions(t.Context(), "", 1)
	check(t, err)
	// What fails quietly is on Redis' own record.
	refused, err := admin.db.Do(t.Context(), "ACL", "LOG").Slice()
	check(t, err)
	if len(refused) != 0 {
		t.Errorf("refused: %v", refused)
	}
}
