package main

import (
	"fmt"

	"countersign/server"

	"github.com/spf13/cobra"
)

func newAdminToken(env *environment) *cobra.Command {
	var audit bool
	cmd := &cobra.Command{
		Use: "token NAME", Short: "make a static token for an operator", Args: cobra.ExactArgs(1),
		Long: "Makes a token for /admin, and the line of admin.tokensFile that lets it in from the next start of the\n" +
			"servers on. The token is shown once, and kept nowhere: the line has only its SHA-256. NAME is what\n" +
			"the audit stream calls its owner.",
		Example: "  countersign admin token alice\n  countersign admin token grafana --audit",
	}
	cmd.Flags().BoolVar(&audit, "audit", false, "a token that reads and changes nothing")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		token, line, ok := server.NewOperatorToken(args[0], !audit)
		if !ok {
			return hint(failf("this is no name for a token"), "1 to 64 visible ASCII characters, not beginning with tok_ or #")
		}
		fmt.Fprintf(env.Stdout, "%s\nthe line for admin.tokensFile:\n%s\n", token, line)
		return nil
	}
	return cmd
}
