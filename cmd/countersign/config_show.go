package main

import (
	"countersign/server"

	"github.com/spf13/cobra"
)

func newConfigShow(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show", Short: "print the configuration in force, and where each value comes from", Args: cobra.NoArgs,
		Long: "Prints every value that a server would use; what is no default has its source behind it. Of\nsecrets it prints the names of their files.",
	}
	c := newConfiguration(env, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		src, err := c.source(cmd, server.ForServe)
		if err != nil {
			return err
		}
		cfg, err := server.Load(src)
		if err != nil {
			return err
		}
		return cfg.Show(env.Stdout)
	}
	return cmd
}
