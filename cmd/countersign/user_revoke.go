package main

import (
	"context"
	"fmt"

	"countersign/device"
	"countersign/server"

	"github.com/spf13/cobra"
)

func newUserRevoke(env *environment) *cobra.Command {
	var lost string
	cmd := &cobra.Command{
		Use: "revoke TOKENID", Short: "end an identity, or one of its devices, for good", Args: cobra.ExactArgs(1),
		Long: "Revokes an identity with all its devices and passkeys or, with --device, one device alone. Neither can be\ntaken back: a revoked key never enrols again.",
	}
	cmd.Flags().StringVar(&lost, "device", "", "only the device of this `ID`, as when a phone was lost")
	return operate(env, cmd, func(ctx context.Context, _ server.Config, t *server.Tools, args []string) error {
		id := device.TokenID(args[0])
		if lost != "" {
			if err := t.Registry.RevokeDevice(ctx, id, device.ID(lost)); err != nil {
				return err
			}
			fmt.Fprintln(env.Stdout, "revoked", lost)
			return nil
		}
		if err := t.Revoke(ctx, id); err != nil {
			return err
		}
		fmt.Fprintln(env.Stdout, "revoked", id)
		return nil
	})
}
