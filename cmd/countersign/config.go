package main

import "github.com/spf13/cobra"

func newConfig(env *environment) *cobra.Command {
	return group("config", "check, show and explain the configuration", newConfigCheck(env), newConfigShow(env), newConfigDocs(env))
}
