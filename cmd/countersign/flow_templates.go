package main

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func newFlowTemplates(env *environment) *cobra.Command {
	cmd := &cobra.Command{Use: "templates", Short: "list the templates that back ends order by, and their parameters", Args: cobra.NoArgs}
	c := newConfiguration(env, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, _, err := c.load(cmd)
		if err != nil {
			return err
		}
		templates := cfg.OperationTemplates()
		var rows [][]string
		for _, name := range slices.Sorted(maps.Keys(templates)) {
			t := templates[name]
			row := []string{name, t.Flow, "of the flow", "of the flow", strings.Join(t.Text.Parameters(), " ")}
			if t.Expiry > 0 {
				row[2] = t.Expiry.String()
			}
			if t.Attempts > 0 {
				row[3] = strconv.Itoa(t.Attempts)
			}
			rows = append(rows, row)
		}
		return writeTable(env.Stdout, []string{"NAME", "OPERATION", "EXPIRY", "ATTEMPTS", "PARAMETERS"}, rows)
	}
	return cmd
}
