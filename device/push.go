package device

import (
	"context"
	"slices"

	"countersign/audit"
)

// A Subscription is where a phone is woken while its app is closed: at a push service
// that its browser or its distributor chose (RFC 8030). Zero: nowhere.
type Subscription struct {
	Endpoint string // the push service's URL for this app alone; who knows it can send
	P256DH   string // the app's public key, base64url of 65 bytes; what is sent is for it (RFC 8291)
	Auth     string // the secret that goes into the encryption, base64url of 16 bytes
}

// Subscribed says whether any phone of the identity can be woken.
func (i Identity) Subscribed() bool { return len(i.Subscribers()) > 0 }

// Subscribers are the devices that can be woken.
func (i Identity) Subscribers() []Device {
	if i.Status == Revoked {
		return nil
	}
	return slices.DeleteFunc(i.Active(), func(d Device) bool { return d.Push == (Subscription{}) })
}

// SubscribeDevice gives the identity with another subscription of device id; zero
// takes it away. ErrDeviceNotFound.
func (i Identity) SubscribeDevice(id ID, s Subscription) (Identity, error) {
	return i.edit(id, func(d *Device) bool {
		same := d.Push == s
		d.Push = s
		return !same
	})
}

// The details of [audit.DevicePush].
const (
	pushOn   = "on"
	pushOff  = "off"
	pushGone = "gone" // the push service does not know it any more
)

// Subscribe has the phone woken at a subscription from now on; zero: not at all.
// ErrReplayed.
func (r *Registry) Subscribe(ctx context.Context, o Owner, s Subscription) error {
	_, changed, err := r.act(ctx, o, func(i Identity) (Identity, error) { return i.SubscribeDevice(o.Device.ID, s) })
	if err != nil || !changed {
		return err
	}
	e := o.event(r.Now(), audit.DevicePush)
	if e.Detail = pushOn; s == (Subscription{}) {
		e.Detail = pushOff
	}
	return r.Audit.Record(ctx, e)
}

// Unsubscribe takes a subscription away that its push service does not know any more,
// unless the device has another by now.
func (r *Registry) Unsubscribe(ctx context.Context, id TokenID, d ID, s Subscription) error {
	changed := false
	_, err := r.Change(ctx, id, func(i Identity) (Identity, error) {
		present, known := i.Device(d)
		if changed = known && present.Push == s; !changed {
			return i, nil
		}
		return i.SubscribeDevice(d, Subscription{})
	})
	if err != nil || !changed {
		return err
	}
	return r.Audit.Record(ctx, audit.Event{Time: r.Now(), Kind: audit.DevicePush, Token: string(id), Device: string(d), Detail: pushGone})
}
