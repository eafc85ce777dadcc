package device

import (
	"context"
	"errors"
	"testing"
	"time"

	"countersign/audit"
	"countersign/crypto/p256"
)

var _ Nonces = (*memory)(nil)

func (m *memory) SpendNonce(_ context.Context, id TokenID, d ID, n Nonce, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.spend(id, d, n)
}

func (m *memory) spend(id TokenID, d ID, n Nonce) error {
	key := string(id) + string(d) + string(n)
	if m.nonces[key] {
		return ErrReplayed
	}
	m.nonces[key] = true
	return nil
}

func (m *memory) SwapSpending(ctx context.Context, old, next Identity, d ID, n Nonce, _ time.Time) error {
	if err := m.SwapIdentity(ctx, old, next); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.spend(next.ID, d, n); err != nil {
		m.identities[next.ID] = old
		return err
	}
	return nil
}

// An owner is alice with an enrolled phone.
type owner struct {
	*desk
	t     *testing.T
	phone Device
	key   p256.PrivateKey
	last  int // nonces made
}

func newOwner(t *testing.T) *owner {
	t.Helper()
	o := &owner{desk: newDesk(t), t: t, key: newKey(t)}
	o.Nonces = o.store
	var err error
	if _, o.phone, err = o.Enrol(t.Context(), o.enrolment(string(o.code), o.key)); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *owner) identity() Identity { return o.store.identities[o.alice] }

// asks is the phone's next request, admitted.
func (o *owner) asks() Owner {
	o.last++
	d, _ := o.identity().Device(o.phone.ID)
	return Owner{Identity: o.identity(), Device: d, Nonce: Nonce(rune('A' + o.last)), Until: o.now.Add(time.Minute), Text: []byte("text"), Address: "198.51.100.7"}
}

func (o *owner) want(what string, err, want error) {
	o.t.Helper()
	if !errors.Is(err, want) {
		o.t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestOwnerRenames(t *testing.T) {
	o := newOwner(t)
	q := o.asks()
	before := o.identity().Version
	o.want("rename", o.Rename(t.Context(), q, "Alice’s old phone"), nil)
	if d := o.identity().Devices[0]; d.Name != "Alice’s old phone" || !d.UsedV1 || o.identity().Version != before+1 {
		t.Errorf("%+v in version %d", d, o.identity().Version)
	}
	o.want("a replay", o.Rename(t.Context(), q, "Bob’s phone"), ErrReplayed)
	same := o.asks()
	o.want("the same name", o.Rename(t.Context(), same, "Alice’s old phone"), nil)
	o.want("its replay", o.Rename(t.Context(), same, "Alice’s old phone"), ErrReplayed)
	if n := o.count(audit.DeviceRenamed); n != 1 {
		t.Errorf("%d events of one change", n)
	}
}

// A change that others race with is made again from what they left.
func TestOwnerRaces(t *testing.T) {
	o := newOwner(t)
	q := o.asks()
	o.store.conflicts = changeTries - 1
	o.want("after conflicts", o.Rename(t.Context(), q, "Alice’s old phone"), nil)
	o.store.conflicts = changeTries
	q = o.asks()
	o.want("too many", o.Rename(t.Context(), q, "x"), ErrConflict)
	o.store.conflicts = 0
	o.want("which spent nothing", o.Rename(t.Context(), q, "x"), nil)

	// Nor may a request that an older key signed, once the key is another.
	q, next := o.asks(), newKey(t)
	o.want("rotate", o.Rotate(t.Context(), o.asks(), next.Public(), next.Sign(q.Text).String()), nil)
	o.want("rotated meanwhile", o.Rename(t.Context(), q, "y"), ErrSignature)

	// Revoked or locked meanwhile, the phone may not go on.
	q = o.asks()
	if err := o.RevokeDevice(t.Context(), o.alice, o.phone.ID); err != nil {
		t.Fatal(err)
	}
	o.want("revoked meanwhile", o.Rename(t.Context(), q, "y"), ErrUnknown)
	o = newOwner(t)
	q = o.asks()
	_, err := o.Lock(t.Context(), o.asks(), 1)
	o.want("lock", err, nil)
	o.want("locked meanwhile", o.Rename(t.Context(), q, "y"), LockedError{After: time.Hour + time.Second - 600})
}

func TestOwnerRevokes(t *testing.T) {
	o := newOwner(t)
	q := o.asks()
	for _, id := range []ID{"dev_nobody", ""} {
		o.want("nobody's", o.RevokeOwn(t.Context(), q, id), ErrDeviceNotFound)
		o.want("its replay", o.RevokeOwn(t.Context(), q, id), ErrReplayed)
		q = o.asks()
	}
	o.want("its own", o.RevokeOwn(t.Context(), q, o.phone.ID), nil)
	if o.identity().Enrolled() != 0 || o.count(audit.DeviceRevoked) != 1 {
		t.Errorf("%d left, %d events", o.identity().Enrolled(), o.count(audit.DeviceRevoked))
	}
}

func TestOwnerLocks(t *testing.T) {
	o := newOwner(t)
	q, race := o.asks(), o.asks()
	until, err := o.Lock(t.Context(), q, 24)
	o.want("lock", err, nil)
	if want := o.now.Add(24*time.Hour + time.Second).Truncate(time.Second); !until.Equal(want) || !o.identity().LockedUntil.Equal(want) {
		t.Errorf("until %v, want %v", until, want)
	}
	// One that was admitted just before is not, now that it is locked.
	_, err = o.Lock(t.Context(), race, 1)
	if _, locked := errors.AsType[LockedError](err); !locked || o.identity().LockedAt(o.now) == nil {
		t.Errorf("%v", err)
	}
	if o.count(audit.IdentityLocked) != 1 || o.store.events[len(o.store.events)-1].Detail != "24h" {
		t.Errorf("%+v", o.store.events)
	}
	o.want("unlock", o.Unlock(t.Context(), o.alice), nil)
	if err := o.identity().LockedAt(o.now); err != nil || o.count(audit.IdentityUnlocked) != 1 {
		t.Errorf("%v, %d events", err, o.count(audit.IdentityUnlocked))
	}
}

func TestOwnerCode(t *testing.T) {
	o := newOwner(t)
	q := o.asks()
	code, expires, err := o.OwnCode(t.Context(), q)
	o.want("code", err, nil)
	if !expires.Equal(o.now.Add(CodeLifetime).Truncate(time.Second)) || !o.identity().Devices[0].UsedV1 {
		t.Errorf("expires %v", expires)
	}
	if _, _, err := o.Enrol(t.Context(), o.enrolment(string(code), newKey(t))); err != nil || o.identity().Enrolled() != 2 {
		t.Errorf("%v, %d devices", err, o.identity().Enrolled())
	}
	_, _, err = o.OwnCode(t.Context(), q)
	o.want("replay", err, ErrReplayed)
	if devices, err := o.Devices(t.Context(), o.asks()); err != nil || len(devices) != 2 || devices[0].ID != o.phone.ID {
		t.Errorf("%+v, %v", devices, err)
	}
}

// A code ends with the phone that made it: one that is about to be revoked leaves
// itself no way back in.
func TestCodeOfRevokedPhone(t *testing.T) {
	for what, peeked := range map[string]bool{"revoked before": false, "revoked while it is used": true} {
		o := newOwner(t)
		code, _, err := o.OwnCode(t.Context(), o.asks())
		o.want("code", err, nil)
		theirs, _, err := o.NewCode(t.Context(), o.alice)
		o.want("an operator's code", err, nil)
		revoke := func() {
			o.store.peeked = nil
			o.want("revoke", o.RevokeDevice(t.Context(), o.alice, o.phone.ID), nil)
		}
		if peeked {
			o.store.peeked = revoke
		} else {
			revoke()
		}
		_, _, err = o.Enrol(t.Context(), o.enrolment(string(code), newKey(t)))
		o.want(what, err, ErrCodeUnknown)
		_, _, err = o.Enrol(t.Context(), o.enrolment(string(theirs), newKey(t)))
		o.want("an operator's code, "+what, err, nil)
		if n := o.identity().Enrolled(); n != 1 {
			t.Errorf("%s: %d devices", what, n)
		}
	}
}

func TestOwnerRotates(t *testing.T) {
	o := newOwner(t)
	next := newKey(t)
	q := o.asks()
	good := next.Sign(q.Text).String()
	for what, signature := range map[string]string{"the old key's signature": o.key.Sign(q.Text).String(), "another text": next.Sign([]byte("x")).String(), "none": ""} {
		o.want(what, o.Rotate(t.Context(), o.asks(), next.Public(), signature), ErrSignature)
	}
	o.want("its own key", o.Rotate(t.Context(), o.asks(), o.key.Public(), o.key.Sign(q.Text).String()), ErrAlreadyEnrolled)
	o.want("rotate", o.Rotate(t.Context(), q, next.Public(), good), nil)
	o.want("replay", o.Rotate(t.Context(), q, next.Public(), good), ErrReplayed)
	if d := o.identity().Devices[0]; d.ID != o.phone.ID || !d.Key.Equal(next.Public()) || o.identity().Enrolled() != 1 {
		t.Errorf("%+v", d)
	}
	code, _, err := o.OwnCode(t.Context(), o.asks())
	o.want("code", err, nil)
	e := o.enrolment(string(code), o.key)
	e.Nonce = "CAgICAgICAgICAgICAgICA"
	_, _, err = o.Enrol(t.Context(), sign(e, o.key))
	o.want("the old key", err, ErrAlreadyEnrolled)

	// Of two rotations that race, the one whose key is the device's no more fails,
	// and its key stays free.
	slow, third := o.asks(), newKey(t)
	fourth := newKey(t)
	o.want("the quick", o.Rotate(t.Context(), o.asks(), third.Public(), third.Sign(q.Text).String()), nil)
	o.want("the slow", o.Rotate(t.Context(), slow, fourth.Public(), fourth.Sign(q.Text).String()), ErrSignature)
	if _, taken := o.store.reserved[fourth.Public().Thumbprint()]; taken || o.count(audit.DeviceRotated) != 2 {
		t.Errorf("reserved %t, %d events", taken, o.count(audit.DeviceRotated))
	}
}
