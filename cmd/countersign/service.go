package main

import "github.com/spf13/cobra"

func newService(env *environment) *cobra.Command {
	return group("service", "list the services and show their response keys", newServiceList(env), newServiceShow(env))
}
