package server

import (
	"context"
	"errors"

	"countersign/device"
)

// reseal seals every identity, its passkeys, and what users have agreed to, anew when more than one master secret is
// configured, so that the older ones can be taken away. Signing keys and
// service keys are sealed anew when they are loaded; sessions end by themselves.
func (n *Node) reseal(ctx context.Context) {
	if n.secrets.Master.Len() < 2 {
		return
	}
	count := 0
	err := n.store.Identities(ctx, func(i device.Identity) error {
		done, err := n.passkeys.Reseal(ctx, i.ID)
		if err != nil || !i.Resealable {
			if done {
				count++
			}
			return err
		}
		count++
		_, err = n.devices.Change(ctx, i.ID, func(i device.Identity) (device.Identity, error) {
			i.Version++
			return i, nil
		})
		if errors.Is(err, device.ErrUnknown) {
			return nil
		}
		return err
	})
	if err != nil {
		n.log.WarnContext(ctx, "identities not all sealed under the new master secret; the next start goes on", "sealed", count, "error", err)
		return
	}
	if _, err := n.store.ResealConsents(ctx); err != nil {
		n.log.WarnContext(ctx, "consents not all sealed under the new master secret; the next start goes on", "error", err)
		return
	}
	n.log.InfoContext(ctx, "all identities are sealed under the first master secret", "sealed", count)
}
