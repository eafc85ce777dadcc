package main

import (
	"context"
	"fmt"

	"countersign/device"
	"countersign/server"

	"github.com/spf13/cobra"
)

func newUserUnlock(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "unlock TOKENID", Short: "lift the locks of wrong codes, and a phone's own", Args: cobra.ExactArgs(1),
		Long: "Lifts the lock of an identity and of its devices, and forgets the wrong codes counted against\nthem. Find out first who typed them, or who of its phones locked it, and why.",
	}
	return operate(env, cmd, func(ctx context.Context, _ server.Config, t *server.Tools, args []string) error {
		if err := t.Unlock(ctx, device.TokenID(args[0])); err != nil {
			return err
		}
		fmt.Fprintln(env.Stdout, "unlocked", args[0])
		return nil
	})
}
