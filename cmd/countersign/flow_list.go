package main

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"
)

func newFlowList(env *environment) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "list the operations there are, and the steps of each", Args: cobra.NoArgs}
	c := newConfiguration(env, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, _, err := c.load(cmd)
		if err != nil {
			return err
		}
		flows := cfg.OperationFlows()
		var rows [][]string
		for _, name := range slices.Sorted(maps.Keys(flows)) {
			from := "built in"
			if _, own := cfg.Flows[name]; own {
				from = "configured"
			}
			rows = append(rows, []string{name, from, flows[name].Expiry.String(), flows[name].String()})
		}
		return writeTable(env.Stdout, []string{"NAME", "FROM", "EXPIRY", "STEPS"}, rows)
	}
	return cmd
}
