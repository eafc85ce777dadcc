package server

import (
	"context"

	"countersign/device"
	"countersign/passkey"
	"countersign/store"
)

// Operators are what operators do to identities, by the command line and by the
// operators' API alike.
type Operators struct {
	Store    *store.Store
	Registry *device.Registry
	Passkeys *passkey.Service
}

// Revoke ends an identity for good, with its devices, and then takes its passkeys
// away, none of which counts any more. It may be repeated. device.ErrUnknown.
func (o Operators) Revoke(ctx context.Context, id device.TokenID) error {
	if err := o.Registry.Revoke(ctx, id); err != nil {
		return err
	}
	return o.Passkeys.Clear(ctx, id)
}

// Unlock lifts every lock of an identity and its devices, and forgets the wrong
// codes that led there. device.ErrUnknown.
func (o Operators) Unlock(ctx context.Context, id device.TokenID) error {
	if _, err := o.Store.Identity(ctx, id); err != nil {
		return err
	}
	if err := o.Store.ClearWrong(ctx, id); err != nil {
		return err
	}
	return o.Registry.Unlock(ctx, id)
}
