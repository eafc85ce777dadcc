package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"countersign/audit"
	"countersign/crypto/keyring"
	"countersign/crypto/p256"
)

func keyClauses() []clause {
	return []clause{
		{"eight nodes that begin together share one key", keysBegin},
		{"a new key is published before it signs", keysRotate},
		{"a key made elsewhere is found", keyFound},
		{"keys are sealed anew under a new first secret", keysResealed},
		{"a node whose clock is behind leaves the keys alone", keysClockBehind},
		{"keys that Redis lost are put back", keysPutBack},
		{"keys rolled back in Redis are not believed", keysRolledBack},
		{"a service's keys are made once", serviceKeysOnce},
		{"a service's keys are sealed anew", serviceKeysResealed},
		{"the offline key is made once, and sealed anew", offlineKey},
		{"so is the push key", pushKey},
	}
}

// loaded are the keys of a node that has just started.
func (r *rig) loaded() *SigningKeys {
	r.t.Helper()
	k := r.SigningKeys()
	check(r.t, k.Load(r.t.Context()))
	return k
}

func kids(k *SigningKeys) (out []string) {
	for _, key := range k.Ring().Keys() {
		out = append(out, key.ID)
	}
	slices.Sort(out)
	return out
}

func active(t *testing.T, k *SigningKeys) string {
	t.Helper()
	key, ok := k.Active(k.st.Now())
	if !ok {
		t.Fatal("no key signs")
	}
	return key.ID
}

func keysBegin(t *testing.T, b backend) {
	first := newRig(t, b.address)
	var nodes []*SigningKeys
	for range 8 {
		nodes = append(nodes, first.another().SigningKeys())
	}
	together(len(nodes), func(i int) {
		if err := nodes[i].Load(t.Context()); err != nil {
			t.Error(err)
		}
	})
	want := active(t, nodes[0])
	for _, k := range nodes {
		check(t, k.Load(t.Context()))
		if got := kids(k); len(got) != 1 || got[0] != want {
			t.Errorf("a node has %q, another %q", got, want)
		}
	}
}

func keysRotate(t *testing.T, b backend) {
	r := newRig(t, b.address)
	k, elsewhere := r.loaded(), r.another().loaded()
	old := active(t, k)
	added, err := k.Rotate(t.Context(), KeyLead)
	check(t, err)
	_, err = elsewhere.Rotate(t.Context(), KeyLead)
	wantErr(t, err, keyring.ErrPending)
	check(t, elsewhere.Load(t.Context()))
	for _, x := range []*SigningKeys{k, elsewhere} {
		if got := active(t, x); got != old {
			t.Errorf("%q signs at once, want the old %q", got, old)
		}
		if _, published := x.Ring().Find(added.ID); !published {
			t.Error("the new key is not published yet")
		}
	}
	r.later(KeyLead + time.Second)
	if got := active(t, k); got != added.ID {
		t.Errorf("%q signs after the lead, want the new %q", got, added.ID)
	}
}

func keyFound(t *testing.T, b backend) {
	r := newRig(t, b.address)
	k, elsewhere := r.loaded(), r.another().loaded()
	added, err := elsewhere.Rotate(t.Context(), KeyLead)
	check(t, err)
	got, err := k.Find(t.Context(), added.ID)
	check(t, err)
	if got.ID != added.ID {
		t.Errorf("found %q, want %q", got.ID, added.ID)
	}
	k = r.loaded()
	_, err = k.Find(t.Context(), "nobody's")
	wantErr(t, err, ErrNoKey)
	n := r.trips.during(func() {
		for range 20 {
			_, err := k.Find(t.Context(), "nobody's")
			wantErr(t, err, ErrNoKey)
		}
	})
	if n > 1 { // one if this machine was very slow
		t.Errorf("twenty searches at once cost %d trips", n)
	}
}

func keysResealed(t *testing.T, b backend) {
	r := newRig(t, b.address)
	want := kids(r.loaded())
	both := r.another(func(o *Options) { o.Master = master(t, 2, 1) })
	wantSame(t, kids(both.loaded()), want)
	only := r.another(func(o *Options) { o.Master = master(t, 2) })
	wantSame(t, kids(only.loaded()), want)
	err := r.another(func(o *Options) { o.Master = master(t, 3) }).SigningKeys().Load(t.Context())
	wantErr(t, err, keyring.ErrOpen)
}

// keysClockBehind: to such a node no key seems to sign yet.
func keysClockBehind(t *testing.T, b backend) {
	r := newRig(t, b.address)
	want := kids(r.loaded())
	behind := r.another()
	behind.later(-time.Minute)
	k := behind.loaded()
	if _, ok := k.Active(behind.Now()); ok {
		t.Error("a key signs that was made in what this node takes for the future")
	}
	wantSame(t, kids(r.another().loaded()), want)
}

func keysPutBack(t *testing.T, b backend) {
	r := newRig(t, b.address)
	k, elsewhere := r.loaded(), r.another().loaded()
	_, err := k.Rotate(t.Context(), KeyLead)
	check(t, err)
	check(t, elsewhere.Load(t.Context()))
	want := kids(k)
	check(t, r.db.Del(t.Context(), r.keys.signingKeys()).Err())
	for range 2 {
		for _, x := range []*SigningKeys{elsewhere, k} {
			check(t, x.Load(t.Context()))
			wantSame(t, kids(x), want)
		}
	}
	wantSame(t, kids(r.another().loaded()), want) // a new node gets them too
}

func keysRolledBack(t *testing.T, b backend) {
	r := newRig(t, b.address)
	k := r.loaded()
	older := r.get(r.keys.signingKeys())
	_, err := k.Rotate(t.Context(), KeyLead)
	check(t, err)
	want := kids(k)
	r.set(r.keys.signingKeys(), older)
	check(t, k.Load(t.Context()))
	wantSame(t, kids(k), want)
	wantSame(t, r.events.details(audit.RecordTampered), []string{"signing keys rolled back"})
	check(t, k.Load(t.Context())) // it has written the newer ones back
	wantSame(t, kids(r.another().loaded()), want)
	wantSame(t, r.events.details(audit.RecordTampered), []string(nil))
}

func fresh() []byte {
	b := make([]byte, serviceKeysSize/2)
	rand.Read(b)
	return b
}

func serviceKeysOnce(t *testing.T, b backend) {
	r := newRig(t, b.address)
	var mu sync.Mutex
	var all [][]byte
	together(20, func(int) {
		response, subject, err := r.ServiceKeys(t.Context(), "acme", fresh)
		mu.Lock()
		defer mu.Unlock()
		if err != nil || len(response) != 32 || len(subject) != 32 || bytes.Equal(response, subject) {
			t.Errorf("%d and %d bytes, %v", len(response), len(subject), err)
		}
		all = append(all, slices.Concat(response, subject))
	})
	for _, keys := range all {
		if !bytes.Equal(keys, all[0]) {
			t.Fatal("two callers were given other keys")
		}
	}
	response, _, err := r.ServiceKeys(t.Context(), "bob", fresh)
	check(t, err)
	if bytes.Equal(response, all[0][:32]) {
		t.Error("two services share their keys")
	}
}

func serviceKeysResealed(t *testing.T, b backend) {
	r := newRig(t, b.address)
	want, _, err := r.ServiceKeys(t.Context(), "acme", fresh)
	check(t, err)
	for _, seeds := range [][]byte{{2, 1}, {2}} {
		node := r.another(func(o *Options) { o.Master = master(t, seeds...) })
		got, _, err := node.ServiceKeys(t.Context(), "acme", fresh)
		check(t, err)
		if !bytes.Equal(got, want) {
			t.Fatal("sealing anew changed the keys")
		}
	}
	stranger := r.another(func(o *Options) { o.Master = master(t, 3) })
	if _, _, err := stranger.ServiceKeys(t.Context(), "acme", fresh); !errors.Is(err, keyring.ErrOpen) {
		t.Errorf("error is %v, want ErrOpen", err)
	}
	wantSame(t, stranger.events.details(audit.RecordTampered), []string{"service keys"})
}

func offlineKey(t *testing.T, b backend) { madeKey(t, b, "offline key", (*Store).OfflineKey) }

func pushKey(t *testing.T, b backend) { madeKey(t, b, "push key", (*Store).PushKey) }

func madeKey(t *testing.T, b backend, what string, get func(*Store, context.Context) (p256.PrivateKey, error)) {
	r := newRig(t, b.address)
	var mu sync.Mutex
	names := map[string]bool{}
	together(20, func(int) {
		key, err := get(r.Store, t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		names[key.Public().Thumbprint()] = true
	})
	for _, seeds := range [][]byte{{2, 1}, {2}} {
		key, err := get(r.another(func(o *Options) { o.Master = master(t, seeds...) }).Store, t.Context())
		check(t, err)
		names[key.Public().Thumbprint()] = true
	}
	if len(names) != 1 {
		t.Errorf("%d keys", len(names))
	}
	stranger := r.another(func(o *Options) { o.Master = master(t, 3) })
	if _, err := get(stranger.Store, t.Context()); !errors.Is(err, keyring.ErrOpen) {
		t.Errorf("error is %v, want ErrOpen", err)
	}
	wantSame(t, stranger.events.details(audit.RecordTampered), []string{what})
}
