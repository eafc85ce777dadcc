package main

import "github.com/spf13/cobra"

func newFlow(env *environment) *cobra.Command {
	return group("flow", "show what operations go through", newFlowList(env), newFlowShow(env), newFlowTemplates(env))
}
