package demo

import (
	"fmt"
	"testing"
	"time"
)

// What a bank remembers is bounded, and does not last.
func TestVisits(t *testing.T) {
	now := noon()
	v := newVisits(func() time.Time { return now })
	first := v.remember("", started{session: "a"})
	if v.remember(first, started{session: "b"}) != first {
		t.Error("a new name for a known browser")
	}
	if got := v.remember("chosen by somebody", started{}); got == "chosen by somebody" || len(got) < 43 {
		t.Errorf("name %q", got)
	}
	if _, ok := v.take("", "a"); ok {
		t.Error("taken by nobody")
	}
	if _, ok := v.take(first, "a"); !ok {
		t.Error("forgotten")
	}
	if _, ok := v.take(first, "a"); ok {
		t.Error("taken twice")
	}
	for i := range maxStarted {
		v.remember(first, started{session: fmt.Sprint(i)})
	}
	if _, ok := v.take(first, "b"); ok {
		t.Error("too much is kept of a browser")
	}
	now = now.Add(startedLife + time.Second)
	if _, ok := v.take(first, "1"); ok {
		t.Error("kept too long")
	}

	id := v.enter(first, customer{Subject: "tok_alice"})
	if _, ok := v.customer(first); ok || id == first {
		t.Error("the name from before the login is good")
	}
	if c, ok := v.customer(id); !ok || c.Subject != "tok_alice" {
		t.Error("not logged in")
	}
	now = now.Add(visitLife)
	if _, ok := v.customer(id); !ok {
		t.Error("left too early")
	}
	now = now.Add(visitLife + time.Second)
	if _, ok := v.customer(id); ok {
		t.Error("still logged in")
	}

	id = v.enter("", customer{})
	for range maxVisits {
		now = now.Add(time.Millisecond)
		v.remember("", started{})
	}
	if _, ok := v.customer(id); ok || len(v.byID) != maxVisits {
		t.Errorf("%d visits", len(v.byID))
	}
	v.leave(v.enter("", customer{}))
	if len(v.byID) != maxVisits-1 {
		t.Errorf("%d visits after one left", len(v.byID))
	}
}
