package store

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"countersign/device"
)

func enrolmentClauses() []clause {
	return []clause{
		{"a code is looked at and left", codePeeked},
		{"of fifty callers one spends a code", codeOnce},
		{"of fifty callers one reserves a key", keyOnce},
		{"a reservation is made lasting or dropped", keySettled},
		{"codes are limited per address", codeLimited},
	}
}

func codePeeked(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	code, key := device.NewEnrolmentCode(), newPrivate(t).Public()
	_, err := r.PeekCode(t.Context(), code, key, newNonce(), "")
	wantErr(t, err, device.ErrCodeUnknown)
	check(t, r.PutCode(t.Context(), code, device.CodeOwner{Identity: alice.ID}, device.CodeLifetime))
	for range 3 {
		got, err := r.another().PeekCode(t.Context(), code, key, newNonce(), "")
		check(t, err)
		if got.Identity != alice.ID || got.Maker != "" {
			t.Fatalf("code of %+v, want %q", got, alice.ID)
		}
	}
	own, want := device.NewEnrolmentCode(), device.CodeOwner{Identity: alice.ID, Maker: device.NewID()}
	check(t, r.PutCode(t.Context(), own, want, device.CodeLifetime))
	if got, err := r.another().PeekCode(t.Context(), own, key, newNonce(), ""); err != nil || got != want {
		t.Fatalf("code of %+v, %v, want %+v", got, err, want)
	}
	if got, err := r.another().SpendCode(t.Context(), own); err != nil || got != want {
		t.Fatalf("code of %+v, %v, want %+v", got, err, want)
	}
	nonce := newNonce()
	check(t, r.ReserveKey(t.Context(), key, nonce, r.Now().Add(time.Minute)))
	_, err = r.PeekCode(t.Context(), code, key, nonce, "")
	wantErr(t, err, device.ErrReplayed)
	r.later(device.CodeLifetime)
	_, err = r.PeekCode(t.Context(), code, key, newNonce(), "")
	wantErr(t, err, device.ErrCodeUnknown)
}

func codeOnce(t *testing.T, b backend) {
	r := newRig(t, b.address)
	alice := r.alice()
	code := device.NewEnrolmentCode()
	check(t, r.PutCode(t.Context(), code, device.CodeOwner{Identity: alice.ID}, device.CodeLifetime))
	var spent atomic.Int64
	together(50, func(int) {
		got, err := r.SpendCode(t.Context(), code)
		switch {
		case err == nil && got.Identity == alice.ID:
			spent.Add(1)
		case !errors.Is(err, device.ErrCodeUnknown):
			t.Errorf("%+v, %v", got, err)
		}
	})
	if spent.Load() != 1 {
		t.Errorf("spent %d times", spent.Load())
	}
}

func keyOnce(t *testing.T, b backend) {
	r := newRig(t, b.address)
	key := newPrivate(t).Public()
	var reserved atomic.Int64
	together(50, func(int) {
		err := r.ReserveKey(t.Context(), key, newNonce(), r.Now().Add(time.Minute))
		switch {
		case err == nil:
			reserved.Add(1)
		case !errors.Is(err, device.ErrAlreadyEnrolled):
			t.Error(err)
		}
	})
	if reserved.Load() != 1 {
		t.Errorf("reserved %d times", reserved.Load())
	}
}

func keySettled(t *testing.T, b backend) {
	r := newRig(t, b.address)
	key, nonce := newPrivate(t).Public(), newNonce()
	until := r.Now().Add(time.Minute)
	check(t, r.ReserveKey(t.Context(), key, nonce, until))
	wantErr(t, r.ReserveKey(t.Context(), key, nonce, until), device.ErrReplayed)
	check(t, r.SettleKey(t.Context(), key, false))
	wantErr(t, r.ReserveKey(t.Context(), key, nonce, until), device.ErrReplayed) // the nonce stays spent
	check(t, r.ReserveKey(t.Context(), key, newNonce(), until))
	check(t, r.SettleKey(t.Context(), key, true))
	wantErr(t, r.ReserveKey(t.Context(), key, newNonce(), until), device.ErrAlreadyEnrolled)
	left, err := r.db.PTTL(t.Context(), r.keys.deviceKey(key)).Result()
	check(t, err)
	if left != -1 {
		t.Errorf("a device's key is forgotten in %v", left)
	}
}

func codeLimited(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(func(l *Limits) { l.Enrol = Rate{3, time.Hour} }))
	key := newPrivate(t).Public()
	guess := func(from string) error {
		_, err := r.PeekCode(t.Context(), device.NewEnrolmentCode(), key, newNonce(), from)
		return err
	}
	for range 3 {
		wantErr(t, guess(address(1)), device.ErrCodeUnknown)
	}
	wantLimited(t, guess(address(1)), 20*time.Minute)
	wantErr(t, guess(address(2)), device.ErrCodeUnknown)
}
