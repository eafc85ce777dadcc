package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"countersign/crypto/keyring"
	"countersign/server"
	"countersign/store"

	"github.com/spf13/cobra"
)

// jwksCached is how long others may keep our key set (Cache-Control of
// /.well-known/jwks.json).
const jwksCached = 5 * time.Minute

// Nodes look for new keys every keysLooked; twice that is the least lead with
// which all of them publish a key before one of them signs with it.
const (
	keysLooked = 5 * time.Second
	leastLead  = 2 * keysLooked
)

func newKeysRotate(env *environment) *cobra.Command {
	var after time.Duration
	var now bool
	cmd := &cobra.Command{
		Use: "rotate", Short: "make a new signing key", Args: cobra.NoArgs,
		Long: "Makes a new signing key. It is published at once and signs after a while, when everybody who\ncaches keys has it; the old one stays published until the last token it signed has expired.",
	}
	cmd.Flags().DurationVar(&after, "after", store.KeyLead, "when the new key begins to sign, at least "+leastLead.String())
	cmd.Flags().BoolVar(&now, "now", false, "sign at once; for a compromised key: tokens may fail to verify until relying parties fetch keys again")
	return operate(env, cmd, func(ctx context.Context, _ server.Config, t *server.Tools, _ []string) error {
		lead, err := rotationLead(after, cmd.Flags().Changed("after"), now)
		if err != nil {
			return err
		}
		key, err := t.RotateKeys(ctx, lead)
		if errors.Is(err, keyring.ErrPending) {
			return hint(err, "countersign keys list shows when it signs")
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(env.Stdout, "%s\nsigns from %s\n", key.ID, timestamp(key.ActiveFrom))
		if lead := key.ActiveFrom.Sub(key.Created); lead > 0 && lead < jwksCached || lead == 0 && len(t.Keys.Ring().Keys()) > 1 {
			env.line("warning", fmt.Sprintf("others may cache keys for %s: until then tokens of this key may be refused", jwksCached))
		}
		return nil
	})
}

// rotationLead is how long the new key waits: after, or not at all with --now,
// which only an --after of 0 may go with.
func rotationLead(after time.Duration, given, now bool) (time.Duration, error) {
	switch {
	case now && given && after != 0:
		return 0, failf("--now and --after %s exclude each other", after)
	case now:
		return 0, nil
	case after < leastLead:
		return 0, hint(failf("--after %s is too soon: nodes look for new keys every %s, so %s is the least", after, keysLooked, leastLead),
			"for a compromised key, --now signs at once: tokens may fail to verify until relying parties fetch keys again")
	}
	return after, nil
}
