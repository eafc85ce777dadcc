package device

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/audit"
	"countersign/crypto/p256"
)

func TestEnrol(t *testing.T) {
	d := newDesk(t)
	key := newKey(t)
	id, dev, err := d.Enrol(t.Context(), d.enrolment(string(d.code), key))
	if err != nil || id != d.alice {
		t.Fatalf("%s, %v", id, err)
	}
	i := d.store.identities[d.alice]
	got, ok := i.Device(dev.ID)
	if !ok || !got.Key.Equal(key.Public()) || got.Name != "Alice’s phone" || got.Platform != "android" || got.UsedV1 || !got.CreatedAt.Equal(d.now.Truncate(time.Second)) {
		t.Errorf("enrolled as %+v", got)
	}
	if len(d.store.codes) != 0 || !d.store.reserved[key.Public().Thumbprint()] {
		t.Error("the code is left, or the key is not kept")
	}
	last := d.store.events[len(d.store.events)-1]
	if last.Kind != audit.DeviceEnrolled || last.Token != string(id) || last.Device != string(dev.ID) || last.Address != "198.51.100.7" {
		t.Errorf("recorded %+v", last)
	}
	if _, _, err := d.Enrol(t.Context(), d.enrolment(string(d.code), newKey(t))); !errors.Is(err, ErrCodeUnknown) {
		t.Errorf("the code a second time: %v", err)
	}
}

// An enrolFault is one thing wrong with an enrolment, and its answer.
type enrolFault struct {
	name string
	want error
	do   func(t *testing.T, d *desk, e *Enrolment, signer *p256.PrivateKey)
}

// enrolFaults are in the order of the answers.
func enrolFaults() []enrolFault {
	return []enrolFault{
		{"stale", ErrStale, func(_ *testing.T, _ *desk, e *Enrolment, _ *p256.PrivateKey) { e.Timestamp -= 31 }},
		{"bad signature", ErrSignature, func(t *testing.T, _ *desk, _ *Enrolment, signer *p256.PrivateKey) { *signer = newKey(t) }},
		{"replayed", ErrReplayed, func(_ *testing.T, d *desk, e *Enrolment, _ *p256.PrivateKey) {
			d.store.nonces[e.Key.Thumbprint()+string(e.Nonce)] = true
		}},
		{"unknown code", ErrCodeUnknown, func(_ *testing.T, _ *desk, e *Enrolment, _ *p256.PrivateKey) { e.Code = string(NewEnrolmentCode()) }},
		{"key enrolled", ErrAlreadyEnrolled, func(_ *testing.T, d *desk, e *Enrolment, _ *p256.PrivateKey) {
			d.store.reserved[e.Key.Thumbprint()] = true
		}},
		{"too many devices", ErrTooManyDevices, func(t *testing.T, d *desk, _ *Enrolment, _ *p256.PrivateKey) { d.fill(t) }},
	}
}

// fill gives alice as many devices as she may have.
func (d *desk) fill(t *testing.T) {
	t.Helper()
	i := d.store.identities[d.alice]
	for i.Enrolled() < MaxDevices {
		var err error
		if i, err = i.With(Device{ID: NewID()}); err != nil {
			t.Fatal(err)
		}
	}
	d.store.identities[d.alice] = i
}

// Each wrong thing has its answer, and of two the earlier wins; none of them
// enrols, spends the code or keeps the key.
func TestEnrolAnswersInOrder(t *testing.T) {
	all := enrolFaults()
	for i, first := range all {
		for _, second := range all[i:] {
			d, key := newDesk(t), newKey(t)
			signer := key
			e := d.enrolment(string(d.code), key)
			second.do(t, d, &e, &signer)
			first.do(t, d, &e, &signer)
			before := d.store.identities[d.alice].Version
			if _, _, err := d.Enrol(t.Context(), sign(e, signer)); !errors.Is(err, first.want) {
				t.Errorf("%s, %s: %v, want %v", first.name, second.name, err, first.want)
			}
			if d.store.identities[d.alice].Version != before || d.store.codes[d.code].Identity != d.alice {
				t.Errorf("%s, %s: enrolled, or the code spent", first.name, second.name)
			}
			enrolled := errors.Is(first.want, ErrAlreadyEnrolled) || errors.Is(second.want, ErrAlreadyEnrolled)
			if _, taken := d.store.reserved[key.Public().Thumbprint()]; taken != enrolled {
				t.Errorf("%s, %s: the key is taken: %v", first.name, second.name, taken)
			}
		}
	}
}

// What is no signature, no code or no identity any more.
func TestEnrolRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(d *desk, e *Enrolment)
		want  error
	}{
		"no code":                 {func(_ *desk, e *Enrolment) { e.Code = "" }, ErrCodeUnknown},
		"a code that is no code":  {func(_ *desk, e *Enrolment) { e.Code = "W65WE-3T7VI-7FBS2-A4OYB" }, ErrCodeUnknown},
		"the code without dashes": {func(_ *desk, e *Enrolment) { e.Code = strings.ReplaceAll(e.Code, "-", "") }, ErrCodeUnknown},
		"the identity is gone":    {func(d *desk, _ *Enrolment) { delete(d.store.identities, d.alice) }, ErrCodeUnknown},
		"the identity is revoked": {func(d *desk, _ *Enrolment) {
			d.store.identities[d.alice] = d.store.identities[d.alice].SetStatus(Revoked)
		}, ErrCodeUnknown},
		"too early by half a minute": {func(_ *desk, e *Enrolment) { e.Timestamp += 31 }, ErrStale},
	} {
		d, key := newDesk(t), newKey(t)
		e := d.enrolment(string(d.code), key)
		tc.spoil(d, &e)
		if _, _, err := d.Enrol(t.Context(), sign(e, key)); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if _, taken := d.store.reserved[key.Public().Thumbprint()]; taken {
			t.Errorf("%s: the key is taken", name)
		}
	}
	d, key := newDesk(t), newKey(t)
	e := d.enrolment(string(d.code), key)
	for _, sig := range []string{"", "AA", "?"} {
		e.Signature = sig
		if _, _, err := d.Enrol(t.Context(), e); !errors.Is(err, ErrSignature) {
			t.Errorf("signature %q: %v", sig, err)
		}
	}
	d.store.limited = time.Minute
	var limited LimitedError
	if _, _, err := d.Enrol(t.Context(), d.enrolment(string(d.code), key)); !errors.As(err, &limited) || limited.After != time.Minute {
		t.Errorf("too often: %v", err)
	}
}

// A code is taken in any case, with the signature over what was sent.
func TestEnrolWithACodeInAnyCase(t *testing.T) {
	d := newDesk(t)
	id, _, err := d.Enrol(t.Context(), d.enrolment(strings.ToLower(string(d.code)), newKey(t)))
	if err != nil || id != d.alice {
		t.Errorf("%s, %v", id, err)
	}
}

// Open enrolment: without a code everybody is somebody new; with one it is as
// ever.
func TestOpenEnrolment(t *testing.T) {
	d := newDesk(t)
	d.Open = true
	key := newKey(t)
	id, dev, err := d.Enrol(t.Context(), d.enrolment("", key))
	if err != nil || id == d.alice {
		t.Fatalf("%s, %v", id, err)
	}
	if _, ok := d.store.identities[id].Device(dev.ID); !ok || len(d.store.identities) != 2 || d.store.codes[d.code].Identity != d.alice {
		t.Error("not enrolled as somebody new, or alice's code is spent")
	}
	if _, _, err := d.Enrol(t.Context(), d.enrolment("", key)); !errors.Is(err, ErrReplayed) {
		t.Errorf("again: %v", err)
	}
	e := d.enrolment("", key)
	e.Nonce = "CAgICAgICAgICAgICAgICA"
	if _, _, err := d.Enrol(t.Context(), sign(e, key)); !errors.Is(err, ErrAlreadyEnrolled) {
		t.Errorf("the key again: %v", err)
	}
	if _, _, err := d.Enrol(t.Context(), d.enrolment("W65WE-3T7VI-7FBS2-A4OYB", newKey(t))); !errors.Is(err, ErrCodeUnknown) {
		t.Errorf("a code that is no code: %v", err)
	}
	if id, _, err := d.Enrol(t.Context(), d.enrolment(string(d.code), newKey(t))); err != nil || id != d.alice {
		t.Errorf("with alice's code: %s, %v", id, err)
	}
}

// One code enrols one phone, however many come at once.
func TestOneCodeEnrolsOnePhone(t *testing.T) {
	d := newDesk(t)
	var wishes []Enrolment
	for range 20 {
		wishes = append(wishes, d.enrolment(string(d.code), newKey(t)))
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	enrolled := 0
	for _, e := range wishes {
		wg.Go(func() {
			_, _, err := d.Enrol(context.Background(), e)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				enrolled++
			} else if !errors.Is(err, ErrCodeUnknown) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := d.store.identities[d.alice].Enrolled(); enrolled != 1 || n != 1 || len(d.store.reserved) != 1 {
		t.Errorf("%d told so, %d enrolled, %d keys taken; want 1", enrolled, n, len(d.store.reserved))
	}
}

// A caller that hangs up half-way is enrolled, or nothing is spent.
func TestEnrolOutlivesItsCaller(t *testing.T) {
	d := newDesk(t)
	ctx, hangUp := context.WithCancel(t.Context())
	d.Enrolments = hangsUp{d.store, hangUp}
	if _, _, err := d.Enrol(ctx, d.enrolment(string(d.code), newKey(t))); err != nil || ctx.Err() == nil {
		t.Errorf("%v, hung up: %v", err, ctx.Err())
	}
	if d.store.identities[d.alice].Enrolled() != 1 || len(d.store.codes) != 0 {
		t.Error("the code is spent and nobody enrolled, or the other way round")
	}
}

// hangsUp cancels the caller's context once the key is reserved.
type hangsUp struct {
	*memory
	hangUp func()
}

func (h hangsUp) ReserveKey(ctx context.Context, key p256.PublicKey, n Nonce, until time.Time) error {
	defer h.hangUp()
	return h.memory.ReserveKey(ctx, key, n, until)
}

func TestNewCode(t *testing.T) {
	d := newDesk(t)
	code, until, err := d.NewCode(t.Context(), d.alice)
	if err != nil || !until.Equal(d.now.Add(CodeLifetime).Truncate(time.Second)) || d.store.codes[code].Identity != d.alice {
		t.Errorf("%s until %s, %v", code, until, err)
	}
	if _, _, err := d.NewCode(t.Context(), NewTokenID()); !errors.Is(err, ErrUnknown) {
		t.Errorf("for nobody: %v", err)
	}
	d.store.identities[d.alice] = d.store.identities[d.alice].SetStatus(Revoked)
	if _, _, err := d.NewCode(t.Context(), d.alice); !errors.Is(err, ErrUnknown) {
		t.Errorf("for somebody revoked: %v", err)
	}
	for _, e := range d.store.events {
		if strings.Contains(e.Detail, string(code)) {
			t.Errorf("the code is in an event: %+v", e)
		}
	}
}

// A change is tried again on a conflict, not for ever, and not stored when it
// changes nothing.
func TestChange(t *testing.T) {
	d := newDesk(t)
	lock := func(i Identity) (Identity, error) { return i.SetStatus(Locked), nil }
	d.store.conflicts = changeTries - 1
	if i, err := d.Change(t.Context(), d.alice, lock); err != nil || i.Status != Locked || d.store.identities[d.alice].Version != 2 {
		t.Errorf("%s version %d, %v", i.Status, i.Version, err)
	}
	d.store.conflicts = changeTries
	if _, err := d.Change(t.Context(), d.alice, lock); !errors.Is(err, ErrConflict) {
		t.Errorf("nothing but conflicts: %v", err)
	}
	if i, err := d.Change(t.Context(), d.alice, func(i Identity) (Identity, error) { return i, nil }); err != nil || i.Version != 2 {
		t.Errorf("no change: version %d, %v", i.Version, err)
	}
	if _, err := d.Change(t.Context(), NewTokenID(), lock); !errors.Is(err, ErrUnknown) {
		t.Errorf("of nobody: %v", err)
	}
}

// What an identity may do with its devices. Every change is a new value.
func TestIdentity(t *testing.T) {
	a, b := Device{ID: NewID(), Name: "a"}, Device{ID: NewID(), Name: "b"}
	none := Identity{ID: NewTokenID(), Version: 1}
	one, err1 := none.With(a)
	two, err2 := one.With(b)
	if err1 != nil || err2 != nil || two.Version != 3 || two.Enrolled() != 2 || one.Enrolled() != 1 || none.Enrolled() != 0 {
		t.Fatalf("%v, %v, version %d with %d devices", err1, err2, two.Version, two.Enrolled())
	}
	marked, changed := two.MarkV1(b.ID)
	if !changed || marked.Version != 4 || !marked.Devices[1].UsedV1 || two.Devices[1].UsedV1 {
		t.Errorf("marked: %v, version %d, %+v before %+v", changed, marked.Version, marked.Devices, two.Devices)
	}
	if _, changed := marked.MarkV1(b.ID); changed {
		t.Error("marked twice")
	}
	if _, changed := marked.MarkV1(NewID()); changed {
		t.Error("marked what is not there")
	}
	less, err := two.RevokeDevice(a.ID)
	if err != nil || less.Enrolled() != 1 || len(less.Devices) != 2 || two.Devices[0].Revoked {
		t.Errorf("revoked: %v, %+v", err, less)
	}
	if _, ok := less.Device(a.ID); ok {
		t.Error("a revoked device is found")
	}
	if _, ok := less.Device(b.ID); !ok {
		t.Error("the other device is not found")
	}
	for _, id := range []ID{a.ID, NewID()} {
		if _, err := less.RevokeDevice(id); !errors.Is(err, ErrUnknown) {
			t.Errorf("revoking %s: %v", id, err)
		}
	}
	gone := two.SetStatus(Revoked)
	if _, ok := gone.Device(b.ID); ok {
		t.Error("a device of a revoked identity is found")
	}
	if _, err := gone.With(Device{ID: NewID()}); !errors.Is(err, ErrUnknown) {
		t.Errorf("a device for a revoked identity: %v", err)
	}
	if _, ok := two.SetStatus(Locked).Device(b.ID); !ok {
		t.Error("a locked identity's device is not known any more")
	}
	var names []string
	for s := range Status(4) {
		names = append(names, s.String())
	}
	if want := []string{"active", "revoked", "locked", "unknown"}; !slices.Equal(names, want) {
		t.Errorf("statuses %v", names)
	}
}

// Revoked devices make room; the eleventh does not fit.
func TestMaxDevices(t *testing.T) {
	i := Identity{ID: NewTokenID()}
	for range MaxDevices {
		var err error
		if i, err = i.With(Device{ID: NewID()}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := i.With(Device{ID: NewID()}); !errors.Is(err, ErrTooManyDevices) {
		t.Errorf("one more: %v", err)
	}
	i, err := i.RevokeDevice(i.Devices[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.With(Device{ID: NewID()}); err != nil {
		t.Errorf("after one was revoked: %v", err)
	}
}
