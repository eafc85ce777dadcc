package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
)

func newConfigCheck(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "check", Short: "find everything that is wrong with the configuration", Args: cobra.NoArgs,
		Long: "Reads the configuration and the secret files it names as a server would, and prints everything\nthat is wrong with them, or \"ok\". It starts nothing and does not look for Redis.",
	}
	c := newConfiguration(env, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, secrets, err := c.load(cmd)
		if err != nil {
			return err
		}
		for _, w := range slices.Concat(cfg.Warnings(), secrets.Warnings) {
			env.line("warning", w)
		}
		fmt.Fprintln(env.Stdout, "ok")
		return nil
	}
	return cmd
}
