package main

import "github.com/spf13/cobra"

func newKeys(env *environment) *cobra.Command {
	return group("keys", "list and rotate the keys that sign tokens", newKeysList(env), newKeysRotate(env))
}
