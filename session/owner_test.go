package session

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"countersign/device"
)

var (
	_ Lists         = (*memory)(nil)
	_ device.Nonces = (*memory)(nil)
)

func (m *memory) SpendNonce(_ context.Context, _ device.TokenID, d device.ID, n device.Nonce, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := string(d) + " " + string(n)
	if m.nonces[key] {
		return device.ErrReplayed
	}
	m.nonces[key] = true
	return nil
}

func (m *memory) SwapSpending(ctx context.Context, old, next device.Identity, d device.ID, n device.Nonce, until time.Time) error {
	if err := m.SpendNonce(ctx, old.ID, d, n, until); err != nil {
		return err
	}
	return m.SwapIdentity(ctx, old, next)
}

func (m *memory) Listed(ctx context.Context, phones []Phone) (out []Listed, _ error) {
	for _, p := range phones {
		o, err := m.Phone(ctx, Request{Token: p.Token, Device: p.Device})
		l := Listed{Opened: o, Err: err}
		m.mu.Lock()
		for _, s := range m.sessions {
			if s.Asked == p.Token {
				l.Sessions = append(l.Sessions, s)
			}
		}
		m.mu.Unlock()
		out = append(out, l)
	}
	return out, nil
}

// verb is a signed request about devices.
func (p *phone) verb(v device.Verb, argument string) VerbRequest {
	q := VerbRequest{Signed: p.signed(), Verb: v, Argument: argument}
	q.Signature = p.key.Sign(device.VerbText(v, testIssuer, q.Token, q.Device, argument, q.Timestamp, q.Nonce)).String()
	return q
}

// owners gives the rig what phones' other requests need.
func (r *rig) owners() *rig {
	r.svc.Lists, r.svc.Devices.Nonces = r.store, r.store
	return r
}

func TestAdmit(t *testing.T) {
	r := newRig(t).owners()
	ctx := context.Background()
	o, err := r.svc.Admit(ctx, r.alice.verb(device.RenameVerb, "Alice’s phone"))
	if err != nil || o.Device.ID != r.alice.id || o.Identity.ID != r.alice.token || o.Address != "198.51.100.7" || len(o.Text) == 0 {
		t.Errorf("%+v, %v", o, err)
	}
	good := r.alice.verb(device.LockVerb, "1")
	for what, c := range map[string]struct {
		change func(q *VerbRequest)
		want   error
	}{
		"as it is":         {func(*VerbRequest) {}, nil},
		"another argument": {func(q *VerbRequest) { q.Argument = "2" }, device.ErrSignature},
		"another verb":     {func(q *VerbRequest) { q.Verb = device.RevokeVerb }, device.ErrSignature},
		"another nonce":    {func(q *VerbRequest) { q.Nonce = r.fresh() }, device.ErrSignature},
		"another phone":    {func(q *VerbRequest) { q.Device = r.second.id }, device.ErrSignature},
		"bob's phone":      {func(q *VerbRequest) { q.Device = r.bob.id }, device.ErrUnknown},
		"bob":              {func(q *VerbRequest) { q.Token = r.bob.token }, device.ErrUnknown},
		"stale first":      {func(q *VerbRequest) { q.Timestamp, q.Token = q.Timestamp-31, r.bob.token }, device.ErrStale},
	} {
		q := good
		c.change(&q)
		if _, err := r.svc.Admit(ctx, q); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	r.store.locks[r.alice.id] = r.clock.now().Add(time.Minute)
	if _, err := r.svc.Admit(ctx, good); !errors.Is(err, device.LockedError{After: time.Minute}) {
		t.Errorf("a locked device: %v", err)
	}
}

// A lock by the owner stops all the phones of the identity, for every request,
// until it ends.
func TestOwnersLock(t *testing.T) {
	r := newRig(t).owners()
	ctx := context.Background()
	s := r.claimed()
	late := r.alice.verification(s, Approve, r.code(s))
	i, err := r.store.Identity(ctx, r.alice.token)
	if err != nil {
		t.Fatal(err)
	}
	r.store.setIdentity(i.Lock(r.clock.now().Add(time.Hour)))
	locked := device.LockedError{After: time.Hour}
	_, err = r.verify(late)
	for what, err := range map[string]error{"verify": err, "pending": second(r.svc.Pending(ctx, r.second.pending())),
		"claim": second(r.svc.Claim(ctx, r.second.claim(r.start().ID, ""))), "list": second(r.svc.Admit(ctx, r.second.verb(device.ListVerb, "")))} {
		if !errors.Is(err, locked) {
			t.Errorf("%s: %v", what, err)
		}
	}
	r.clock.pass(time.Hour - time.Second)
	decoy := r.start()
	r.clock.pass(time.Second)
	r.mustClaim(r.alice, r.start(), "")

	// What was started under the lock stays a decoy when the lock ends.
	_, err = r.svc.Claim(ctx, r.alice.claim(decoy.ID, ""))
	if !errors.Is(err, device.ErrUnknown) {
		t.Errorf("started under the lock: %v", err)
	}
	waiting, err := r.svc.Pending(ctx, r.second.pending())
	if err != nil || slices.ContainsFunc(waiting, func(w Waiting) bool { return w.Session.ID == decoy.ID }) || len(waiting) != 1 {
		t.Errorf("%+v, %v", waiting, err)
	}
	open := r.start(func(st *Start) { st.Asked = nil })
	r.mustClaim(r.alice, open, "0:"+QRCode(r.svc.Secrets.QRKey(open), open.ID, 0))
}

func second[T any](_ T, err error) error { return err }

func TestConnect(t *testing.T) {
	r := newRig(t).owners()
	q := r.alice.verb(device.ListenVerb, "")
	if o, err := r.svc.Connect(context.Background(), q); err != nil || o.Device.ID != r.alice.id {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := r.svc.Connect(context.Background(), q); !errors.Is(err, device.ErrReplayed) {
		t.Errorf("again: %v", err)
	}
}

func TestCalls(t *testing.T) {
	r := newRig(t).owners()
	enter := r.start()
	compare := r.start(func(st *Start) { st.Mode, st.Authenticated = Compare, true })
	r.start(func(st *Start) { st.Asked = nil })
	if _, err := r.svc.Cancel(context.Background(), r.start().ID, ByPage); err != nil {
		t.Fatal(err)
	}
	called, err := r.svc.Calls(context.Background(), []Phone{{r.alice.token, r.alice.id}, {r.bob.token, r.bob.id},
		{r.bob.token, r.alice.id}, {r.alice.token, r.second.id}})
	if err != nil || len(called) != 4 {
		t.Fatalf("%+v, %v", called, err)
	}
	for _, k := range []int{0, 3} {
		got := map[ID]string{}
		for _, w := range called[k].Waiting {
			got[w.Session.ID] = w.Code
		}
		if called[k].Err != nil || len(got) != 2 || got[compare.ID] != r.code(compare) || got[enter.ID] != "" || called[k].Identity.ID != r.alice.token {
			t.Errorf("alice is told %v, %v", got, called[k].Err)
		}
	}
	if called[1].Err != nil || len(called[1].Waiting) != 0 || !errors.Is(called[2].Err, device.ErrUnknown) {
		t.Errorf("%+v", called[1:3])
	}
	r.store.locks[r.alice.id] = r.clock.now().Add(time.Minute)
	called, err = r.svc.Calls(context.Background(), []Phone{{r.alice.token, r.alice.id}})
	if err != nil || !errors.Is(called[0].Err, device.LockedError{After: time.Minute}) || called[0].Waiting != nil {
		t.Errorf("%+v, %v", called, err)
	}
}
