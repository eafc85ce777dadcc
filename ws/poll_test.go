package ws

import (
	"testing"

	"countersign/session"
)

// Polls of one session that wait are bounded, and a place is free again when one
// has been answered.
func TestFewPollsWait(t *testing.T) {
	h := &Hub{}
	id := session.NewID()
	sh := h.shard(id)
	for range pollsMost {
		if !sh.mayWait(id) {
			t.Fatal("a poll within the bound may not wait")
		}
	}
	if sh.mayWait(id) {
		t.Error("a poll over the bound may wait")
	}
	sh.waited(id)
	if !sh.mayWait(id) {
		t.Error("the place of an answered poll is not free")
	}
	for range pollsMost {
		sh.waited(id)
	}
	if len(sh.polls) != 0 {
		t.Errorf("left behind: %v", sh.polls)
	}
}
