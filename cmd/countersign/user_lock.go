package main

import (
	"context"
	"fmt"

	"countersign/device"
	"countersign/server"

	"github.com/spf13/cobra"
)

func newUserLock(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "lock TOKENID", Short: "lock an identity until it is unlocked", Args: cobra.ExactArgs(1),
		Long: "Locks an identity with all its phones: nothing is approved, and nobody is logged in by what was\napproved before, until `countersign user unlock`.",
	}
	return operate(env, cmd, func(ctx context.Context, _ server.Config, t *server.Tools, args []string) error {
		if err := t.Registry.LockOut(ctx, device.TokenID(args[0])); err != nil {
			return err
		}
		fmt.Fprintln(env.Stdout, "locked", args[0])
		return nil
	})
}
