package device

import (
	"context"
	"errors"
	"slices"
	"testing"

	"countersign/audit"
)

func TestSubscribeDevice(t *testing.T) {
	i, here := twoPhones(t), Subscription{Endpoint: "https://push.example/1", P256DH: "p", Auth: "a"}
	if i.Subscribed() {
		t.Error("nobody has subscribed")
	}
	on, err := i.SubscribeDevice("dev_new", here)
	if err != nil || on.Version != i.Version+1 || !on.Subscribed() || i.Subscribed() || on.Subscribers()[0].ID != "dev_new" {
		t.Errorf("%+v, %v", on, err)
	}
	if same, err := on.SubscribeDevice("dev_new", here); err != nil || same.Version != on.Version {
		t.Errorf("version %d, %v", same.Version, err)
	}
	if _, err := i.SubscribeDevice("dev_gone", here); !errors.Is(err, ErrDeviceNotFound) {
		t.Error(err)
	}
	revoked, err := on.RevokeDevice("dev_new")
	rotated, err2 := on.RotateDevice("dev_new", newKey(t).Public())
	off, err3 := on.SubscribeDevice("dev_new", Subscription{})
	for what, x := range map[string]Identity{"revoked": revoked, "rotated": rotated, "off": off, "nobody any more": on.SetStatus(Revoked)} {
		if x.Subscribed() || slices.ContainsFunc(x.Devices, func(d Device) bool { return d.Push != Subscription{} }) {
			t.Errorf("%s: %+v", what, x.Devices)
		}
	}
	if err := errors.Join(err, err2, err3); err != nil {
		t.Error(err)
	}
	if !on.Subscribed() || !on.SetStatus(Locked).Subscribed() {
		t.Error("a change reached what it was made from, or a lock ends it")
	}
}

// What the push service says of a subscription that was replaced meanwhile takes
// nothing away.
func TestUnsubscribe(t *testing.T) {
	d, here, there := newDesk(t), Subscription{Endpoint: "https://push.example/1"}, Subscription{Endpoint: "https://push.example/2"}
	i, err := twoPhones(t).SubscribeDevice("dev_old", here)
	if err != nil {
		t.Fatal(err)
	}
	d.store.identities[i.ID], d.store.events = i, nil
	ctx := context.Background()
	for _, x := range []struct {
		device ID
		which  Subscription
		left   bool
	}{{"dev_old", there, true}, {"dev_new", here, true}, {"dev_nobody", here, true}, {"dev_old", here, false}, {"dev_old", here, false}} {
		if err := d.Unsubscribe(ctx, i.ID, x.device, x.which); err != nil {
			t.Error(err)
		}
		if got, err := d.store.Identity(ctx, i.ID); err != nil || got.Subscribed() != x.left {
			t.Errorf("%+v: %v, %v", x, got.Subscribed(), err)
		}
	}
	if got := d.store.events; len(got) != 1 || got[0].Kind != audit.DevicePush || got[0].Device != "dev_old" || got[0].Detail != "gone" {
		t.Errorf("on record: %v", got)
	}
}
