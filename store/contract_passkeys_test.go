package store

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/passkey"
)

func passkeyClauses() []clause {
	return []clause{
		{"passkeys are kept as they are, and found by their handle", keepsPasskeys},
		{"of many changes to passkeys one gets through", swapsPasskeys},
		{"passkeys put back or moved count for nothing", tamperPasskeys},
		{"passkeys outlive a rotation of the master secret", rotatesPasskeys},
		{"assertions are counted per address", countsPasskeys},
	}
}

// wallet is one with a passkey, not stored yet.
func wallet(id device.TokenID) passkey.Wallet {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return passkey.Wallet{Token: id, Version: 1, Handle: passkey.NewHandle(), Passkeys: []passkey.Passkey{
		{ID: []byte("one"), Key: []byte("key"), Count: 1<<32 - 1, Synced: true, By: "dev_phone", CreatedAt: at, UsedAt: at}, {ID: []byte("two"), Key: []byte("other"), CreatedAt: at}}}
}

func (r *rig) wantWallet(want passkey.Wallet) {
	r.t.Helper()
	got, err := r.Wallet(r.t.Context(), want.Token)
	check(r.t, err)
	wantSame(r.t, got, want)
	id, err := r.WalletOf(r.t.Context(), want.Handle)
	check(r.t, err)
	wantSame(r.t, id, want.Token)
}

func keepsPasskeys(t *testing.T, b backend) {
	r := newRig(t, b.address)
	w := wallet(device.NewTokenID())
	none, err := r.Wallet(t.Context(), w.Token)
	check(t, err)
	wantSame(t, none, passkey.Wallet{Token: w.Token})
	id, err := r.WalletOf(t.Context(), w.Handle)
	check(t, err)
	wantSame(t, id, device.TokenID(""))
	check(t, r.SwapWallet(t.Context(), none, w))
	r.wantWallet(w)
	r.another().wantWallet(w)
	next := w
	next.Version, next.Passkeys = 2, w.Passkeys[:1]
	check(t, r.another().SwapWallet(t.Context(), w, next))
	r.wantWallet(next)
	for _, name := range r.names() {
		if bytes.Contains([]byte(name), w.Handle) {
			t.Errorf("%q tells the handle", name)
		}
	}
}

func swapsPasskeys(t *testing.T, b backend) {
	r := newRig(t, b.address)
	w := wallet(device.NewTokenID())
	check(t, r.SwapWallet(t.Context(), passkey.Wallet{}, w))
	nodes := []*rig{r, r.another()}
	var done atomic.Int32
	together(8, func(i int) {
		next := w
		next.Version = 2
		next.Passkeys = []passkey.Passkey{{ID: []byte("one"), Key: []byte("key"), Count: uint32(i), CreatedAt: w.Passkeys[0].CreatedAt}}
		if err := nodes[i%2].SwapWallet(t.Context(), w, next); err == nil {
			done.Add(1)
		} else {
			wantErr(t, err, passkey.ErrConflict)
		}
	})
	wantSame(t, done.Load(), int32(1))
}

func tamperPasskeys(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice, mallory := wallet(device.NewTokenID()), wallet(device.NewTokenID())
	check(t, r.SwapWallet(t.Context(), passkey.Wallet{}, alice))
	check(t, r.SwapWallet(t.Context(), passkey.Wallet{}, mallory))
	before := r.get(r.keys.wallet(alice.Token))
	next := alice
	next.Version, next.Passkeys = 2, nil
	check(t, r.SwapWallet(t.Context(), alice, next))
	nothing := func(x *rig) {
		t.Helper()
		got, err := x.Wallet(t.Context(), alice.Token)
		check(t, err)
		wantSame(t, got, passkey.Wallet{Token: alice.Token})
	}
	// A passkey that was removed is put back.
	r.set(r.keys.wallet(alice.Token), before)
	nothing(r)
	r.set(r.keys.wallet(alice.Token), "2"+before[1:])
	nothing(r)
	// Mallory's passkeys are to be Alice's, and her handle to lead to him.
	r.set(r.keys.wallet(alice.Token), r.get(r.keys.wallet(mallory.Token)))
	nothing(r.another())
	r.set(r.keys.handle(alice.Handle), r.get(r.keys.handle(mallory.Handle)))
	id, err := r.WalletOf(t.Context(), alice.Handle)
	check(t, err)
	wantSame(t, id, device.TokenID(""))
	wantSame(t, r.events.details(audit.RecordTampered), []string{"passkeys rolled back", "passkeys", "passkey handle"})
}

func rotatesPasskeys(t *testing.T, b backend) {
	old := newRig(t, b.address, secrets(t, 1))
	w := wallet(device.NewTokenID())
	check(t, old.SwapWallet(t.Context(), passkey.Wallet{}, w))
	after, only := old.another(secrets(t, 2, 1)), old.another(secrets(t, 2))
	w.Resealable = true
	after.wantWallet(w)
	svc := &passkey.Service{Store: after, Audit: after.events, Now: after.Now}
	done, err := svc.Reseal(t.Context(), w.Token)
	check(t, err)
	wantSame(t, done, true)
	w.Version, w.Resealable = 2, false
	only.wantWallet(w)
	done, err = svc.Reseal(t.Context(), w.Token)
	check(t, err)
	wantSame(t, done, false)
}

func countsPasskeys(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.Codes = Rate{2, time.Hour} }))
	for range 2 {
		check(t, r.CountPasskey(t.Context(), address(1)))
	}
	wantLimited(t, r.CountPasskey(t.Context(), address(1)), time.Hour)
	wantLimited(t, r.another().CountPasskey(t.Context(), address(1)), time.Hour)
	check(t, r.CountPasskey(t.Context(), address(2)))
}
