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

func newKeysRotate(env *environment) *cobra.Command {
	var after time.Duration
	cmd := &cobra.Command{
		Use: "rotate", Short: "make a new signing key", Args: cobra.NoArgs,
		Long: "Makes a new signing key. It is published at once and signs after a while, when everybody who\ncaches keys has it; the old one stays published until the last token it signed has expired.",
	}
	cmd.Flags().DurationVar(&after, "after", store.KeyLead, "when the new key begins to sign")
	return operate(env, cmd, func(ctx context.Context, _ server.Config, t *server.Tools, _ []string) error {
		if after < 0 {
			return failf("--after is negative")
		}
		key, err := t.RotateKeys(ctx, after)
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
