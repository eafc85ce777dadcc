package session

import (
	"testing"
	"time"

	"countersign/device"
)

// subscribe has a phone subscribed.
func (r *rig) subscribe(p *phone) device.Subscription {
	r.t.Helper()
	i, err := r.store.Identity(r.t.Context(), p.token)
	if err != nil {
		r.t.Fatal(err)
	}
	sub := device.Subscription{Endpoint: "https://push.example/" + string(p.id)}
	if i, err = i.SubscribeDevice(p.id, sub); err != nil {
		r.t.Fatal(err)
	}
	r.store.setIdentity(i)
	return sub
}

// wakes are the phones that a session wakes.
func (r *rig) wakes(s Session) (out []device.ID) {
	r.t.Helper()
	devices, err := r.svc.Wakes(r.t.Context(), s)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, d := range devices {
		out = append(out, d.ID)
	}
	return out
}

// Whoever is not told of a session when they ask is not woken for it either.
func TestWakes(t *testing.T) {
	r := newRig(t).owners()
	if got := r.wakes(r.start()); len(got) != 0 {
		t.Errorf("nobody has subscribed: %v", got)
	}
	sub := r.subscribe(r.alice)
	s := r.start()
	devices, err := r.svc.Wakes(t.Context(), s)
	if err != nil || len(devices) != 1 || devices[0].ID != r.alice.id || devices[0].Push != sub {
		t.Errorf("%+v, %v", devices, err)
	}
	r.subscribe(r.second)
	if got := r.wakes(s); len(got) != 2 {
		t.Errorf("%v", got)
	}
	r.store.locks[r.second.id] = r.clock.now().Add(time.Minute)
	if got := r.wakes(s); len(got) != 1 || got[0] != r.alice.id {
		t.Errorf("a locked phone: %v", got)
	}
	other := s
	other.ID = NewID()
	if got := r.wakes(other); len(got) != 0 {
		t.Errorf("a session that is not listed: %v", got)
	}
	if _, err := r.svc.Cancel(t.Context(), s.ID, ByPage); err != nil {
		t.Fatal(err)
	}
	if got := r.wakes(s); len(got) != 0 {
		t.Errorf("a cancelled session: %v", got)
	}
	expired := r.start()
	r.clock.pass(2 * time.Minute)
	if got := r.wakes(expired); len(got) != 0 {
		t.Errorf("an expired session: %v", got)
	}
}

func TestDecoysWakeNobody(t *testing.T) {
	for what, hold := range map[string]func(r *rig, i device.Identity){
		"locked by a phone":     func(r *rig, i device.Identity) { r.store.setIdentity(i.Lock(r.clock.now().Add(time.Hour))) },
		"locked by an operator": func(r *rig, i device.Identity) { r.store.setIdentity(i.SetStatus(device.Locked)) },
		"revoked":               func(r *rig, i device.Identity) { r.store.setIdentity(i.SetStatus(device.Revoked)) },
		"frozen": func(r *rig, _ device.Identity) {
			if _, err := r.verify(r.alice.verification(r.claimed(), Report, "")); err != nil {
				r.t.Fatal(err)
			}
		},
	} {
		r := newRig(t).owners()
		r.subscribe(r.alice)
		i, err := r.store.Identity(t.Context(), r.alice.token)
		if err != nil {
			t.Fatal(err)
		}
		hold(r, i)
		r.clock.pass(time.Second)
		if got := r.wakes(r.start()); len(got) != 0 {
			t.Errorf("%s: %v", what, got)
		}
	}
}
