package main

import "github.com/spf13/cobra"

func newAdmin(env *environment) *cobra.Command {
	return group("admin", "let operators use the operators' API", newAdminToken(env))
}
