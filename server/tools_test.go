package server

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"countersign/crypto/keyring"
	"countersign/device"
	"countersign/operation"
	"countersign/store"
	"countersign/test/redistest"

	"github.com/redis/go-redis/v9"
)

func openTools(t *testing.T, url string) *Tools {
	t.Helper()
	cfg := Defaults()
	cfg.Issuer, cfg.Redis.URL = "https://login.example.com", url
	master, err := keyring.NewMaster(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	secrets := Secrets{Master: master, Services: map[string]ServiceSecrets{"demo": {}}}
	tools, err := OpenTools(t.Context(), cfg, secrets, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return tools
}

// TestToolsUnlock: an operator lifts a lock, and what led to it is forgotten.
func TestToolsUnlock(t *testing.T) {
	tools := openTools(t, redistest.Start(t).URL())
	defer tools.Close()
	ctx := t.Context()
	i, err := tools.Registry.Add(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := tools.Store.CountWrong(ctx, i.ID, device.NewID()); err != nil {
		t.Fatal(err)
	}
	lock := func(i device.Identity) (device.Identity, error) { return i.SetStatus(device.Locked), nil }
	if _, err := tools.Registry.Change(ctx, i.ID, lock); err != nil {
		t.Fatal(err)
	}
	if err := tools.Unlock(ctx, i.ID); err != nil {
		t.Fatal(err)
	}
	if i, err = tools.Store.Identity(ctx, i.ID); err != nil || i.Status != device.Active {
		t.Errorf("after unlocking: %s, %v", i.Status, err)
	}
	if row, _, err := tools.Store.CountWrong(ctx, i.ID, device.NewID()); err != nil || row != 1 {
		t.Errorf("%d wrong codes in a row after unlocking, %v", row, err)
	}
	if err := tools.Registry.Revoke(ctx, i.ID); err != nil {
		t.Fatal(err)
	}
	if err := tools.Unlock(ctx, i.ID); err != nil {
		t.Fatal(err)
	}
	if i, err = tools.Store.Identity(ctx, i.ID); err != nil || i.Status != device.Revoked {
		t.Errorf("unlocking revived a revoked identity: %s, %v", i.Status, err)
	}
	if err := tools.Unlock(ctx, device.NewTokenID()); !errors.Is(err, device.ErrUnknown) {
		t.Errorf("unlocking nobody: %v", err)
	}
}

// TestToolsAudit: what a tool did is in the audit stream once it is closed.
func TestToolsAudit(t *testing.T) {
	server := redistest.Start(t)
	tools := openTools(t, server.URL())
	if err := tools.Keys.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := tools.RotateKeys(t.Context(), store.KeyLead); err != nil {
		t.Fatal(err)
	}
	if err := tools.Close(); err != nil {
		t.Fatal(err)
	}
	db := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer db.Close()
	entries, err := db.XRange(context.Background(), "cs:audit", "-", "+").Result()
	if err != nil || len(entries) != 1 || entries[0].Values["kind"] != "key.rotated" {
		t.Errorf("audit stream: %v, %v", entries, err)
	}
}

// TestToolsRefuse: what tools cannot do, they say at once.
func TestToolsRefuse(t *testing.T) {
	tools := openTools(t, redistest.Start(t).URL())
	defer tools.Close()
	if _, err := tools.ResponseKey(t.Context(), "nobody"); !errors.Is(err, ErrNoService) {
		t.Errorf("response key of nobody: %v", err)
	}
	first, err := tools.ResponseKey(t.Context(), "demo")
	if err != nil || len(first) != 32 {
		t.Fatalf("response key of %d bytes, %v", len(first), err)
	}
	if again, err := tools.ResponseKey(t.Context(), "demo"); err != nil || !bytes.Equal(first, again) {
		t.Errorf("another response key the second time, %v", err)
	}
	cfg := Defaults()
	cfg.Redis.Mode = "embedded"
	if _, err := OpenTools(t.Context(), cfg, Secrets{}, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrEmbedded) {
		t.Errorf("tools of an embedded redis: %v", err)
	}
}

// TestToolsConsents: an operator ends what a user has agreed to, once.
func TestToolsConsents(t *testing.T) {
	tools := openTools(t, redistest.Start(t).URL())
	defer tools.Close()
	ctx, alice := t.Context(), device.NewTokenID()
	c := operation.Consent{Service: "demo", Version: "1", GrantedAt: tools.Store.Now(), Until: tools.Store.Now().Add(time.Hour)}
	if err := tools.Store.SwapConsent(ctx, alice, c, 0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c, err := tools.Ledger.Revoke(ctx, alice, "demo", operation.ByAdmin)
		if err != nil || c.InForce(tools.Store.Now()) || len(c.History) != 1 || c.History[0].By != operation.ByAdmin {
			t.Errorf("%+v, %v", c, err)
		}
	}
	if c, err := tools.Ledger.Of(ctx, alice, "shop"); err != nil || c.Given() {
		t.Errorf("at another service: %+v, %v", c, err)
	}
}
