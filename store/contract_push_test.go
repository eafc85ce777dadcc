package store

import (
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/session"
)

func wakes(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.PendingPerUser = 2 }))
	alice := r.alice()
	var woken []session.ID
	r.Wake = func(s session.Session) { woken = append(woken, s.ID) }
	start := func() session.ID {
		s := r.begun(func(s *session.Session) { s.Asked = alice.ID })
		check(t, r.Create(t.Context(), s))
		return s.ID
	}
	change := func(next device.Identity, err error) {
		t.Helper()
		check(t, err)
		check(t, r.another().SwapIdentity(t.Context(), alice, next))
		alice = next
	}
	start()
	check(t, r.Create(t.Context(), r.begun())) // for nobody in particular
	if len(woken) != 0 {
		t.Errorf("nobody has subscribed, and %v wakes", woken)
	}
	change(alice.SubscribeDevice(alice.Devices[0].ID, device.Subscription{Endpoint: "https://push.example/1"}))
	trips := r.trips.during(func() {
		id := start()
		wantSame(t, woken, []session.ID{id})
	})
	if trips != 1 {
		t.Errorf("it took %d trips", trips)
	}
	start() // more than may wait
	if len(woken) != 1 {
		t.Errorf("a session that is not listed wakes: %v", woken)
	}
	// A change of something else leaves it, and an end of all subscriptions ends it.
	r.Limits.PendingPerUser = 100
	change(alice.RenameDevice(alice.Devices[0].ID, "Alice's old phone"))
	start()
	if len(woken) != 2 {
		t.Errorf("renamed: %v", woken)
	}
	change(alice.RevokeDevice(alice.Devices[0].ID))
	start()
	if len(woken) != 2 {
		t.Errorf("revoked: %v", woken)
	}
}

func countsPushes(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.Pushes = Rate{5, 10 * time.Minute} }))
	alice, bob, node := device.NewTokenID(), device.NewTokenID(), r.another()
	for range 5 {
		check(t, r.CountPush(t.Context(), alice))
	}
	wantLimited(t, node.CountPush(t.Context(), alice), 2*time.Minute)
	check(t, node.CountPush(t.Context(), bob))
	wantSame(t, node.events.details(audit.RequestsLimited), []string{"push"})
	r.Limits.Pushes = Rate{} // limits.disabled
	check(t, r.CountPush(t.Context(), alice))
}
