package main

import (
	"context"

	"countersign/device"
	"countersign/server"

	"github.com/spf13/cobra"
)

func newUserMethods(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "methods TOKENID", Short: "show which ways to approve are on, and switch them off and on", Args: cobra.ExactArgs(1),
		Long: "Shows which ways to approve an identity has besides its phones, and switches them off and on. What\nis off approves nothing. A phone always can.",
	}
	m := newMethodFlags(cmd)
	return operate(env, cmd, func(ctx context.Context, _ server.Config, t *server.Tools, args []string) error {
		id := device.TokenID(args[0])
		i, err := t.Store.Identity(ctx, id)
		if err != nil {
			return err
		}
		off, err := m.apply(i.Off)
		if err == nil && m.given() {
			err = t.Registry.SetMethods(ctx, id, off)
		}
		if err != nil {
			return err
		}
		return writeMethods(env.Stdout, off)
	})
}
