package main

import "github.com/spf13/cobra"

func newToken(env *environment) *cobra.Command {
	return group("token", "look into tokens", newTokenCheck(env))
}
