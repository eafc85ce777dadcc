package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newFlowShow(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show NAME", Short: "draw the steps of an operation, as a Mermaid diagram", Args: cobra.ExactArgs(1),
		Long: `Draws the flow of an operation: its steps, with the methods of each, and where their results lead. What
is not drawn fails the operation. Many editors and web sites show the diagram.`,
		Example: "  countersign flow show authorize_payment --config countersign.yaml",
	}
	c := newConfiguration(env, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, _, err := c.load(cmd)
		if err != nil {
			return err
		}
		f, ok := cfg.OperationFlows()[args[0]]
		if !ok {
			return hint(failf("there is no operation %q", args[0]), "countersign flow list shows those there are")
		}
		_, err = fmt.Fprint(env.Stdout, f.Diagram())
		return err
	}
	return cmd
}
