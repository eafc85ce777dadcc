package main

import (
	"countersign/server"

	"github.com/spf13/cobra"
)

func newConfigDocs(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "docs", Short: "print what every key means, as Markdown", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return server.Docs(env.Stdout) },
	}
}
