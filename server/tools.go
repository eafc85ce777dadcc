package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"countersign/audit"
	"countersign/crypto/keyring"
	"countersign/device"
	"countersign/operation"
	"countersign/passkey"
	"countersign/store"
)

// ErrEmbedded says that the Redis inside a server can be reached by that server alone.
var ErrEmbedded = errors.New("server: redis.mode is embedded, which no other process can reach")

// ErrNoService says that the configuration has no service of that id.
var ErrNoService = errors.New("server: no such service")

// Tools work on the records of an installation beside its servers, for the
// command line. They use the servers' own configuration and secrets.
type Tools struct {
	Operators
	Ledger *operation.Ledger // what users have agreed to
	Keys   *store.SigningKeys

	secrets Secrets
	stream  *store.AuditStream
	audit   audit.Recorder
}

// OpenTools reaches Redis once: unlike a server, it does not wait for it. What
// it finds tampered with, and what it cannot put on record, goes to log.
// ErrEmbedded; store.ErrUnavailable.
func OpenTools(ctx context.Context, cfg Config, secrets Secrets, log *slog.Logger) (*Tools, error) {
	if cfg.Redis.Mode == string(store.Embedded) {
		return nil, ErrEmbedded
	}
	o := StoreOptions(cfg, secrets.Master)
	recorder := &late{}
	o.Audit = recorder
	st, err := store.Open(redisAddress(cfg, secrets), o)
	if err != nil {
		return nil, err
	}
	t := &Tools{Operators: Operators{Store: st}, Keys: st.SigningKeys(), secrets: secrets, stream: st.AuditStream(log)}
	recorder.to = audit.Tee(logSink{log}, t.stream)
	t.audit = recorder
	t.Registry = &device.Registry{Issuer: cfg.Issuer, Store: st, Enrolments: st, Audit: recorder, Now: st.Now}
	t.Ledger = &operation.Ledger{Store: st, Audit: recorder, Now: st.Now}
	t.Passkeys = &passkey.Service{Store: st, Audit: recorder, Now: st.Now}
	if err := st.Prepare(ctx); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return t, nil
}

// flushWithin bounds how long Close waits for Redis.
const flushWithin = 2 * time.Second

// Close writes the events that wait, and gives the connections back.
func (t *Tools) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), flushWithin)
	defer cancel()
	t.stream.Flush(ctx)
	return t.Store.Close()
}

// RotateKeys makes a new signing key that is published at once and signs after
// lead. keyring.ErrPending.
func (t *Tools) RotateKeys(ctx context.Context, lead time.Duration) (keyring.Key, error) {
	key, err := t.Keys.Rotate(ctx, lead)
	if err != nil {
		return key, err
	}
	return key, t.audit.Record(ctx, audit.Event{Time: t.Store.Now(), Kind: audit.KeyRotated})
}

// ResponseKey gives the key of a service's approved messages: the one in its
// file, or the one that is kept in Redis, which is made if no server made it
// yet. ErrNoService.
func (t *Tools) ResponseKey(ctx context.Context, service string) ([]byte, error) {
	secret, known := t.secrets.Services[service]
	switch {
	case !known:
		return nil, ErrNoService
	case secret.ResponseKey != nil:
		return secret.ResponseKey, nil
	}
	key, _, err := t.Store.ServiceKeys(ctx, service, random32)
	return key, err
}
