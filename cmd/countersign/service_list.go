package main

import (
	"cmp"
	"strings"

	"countersign/api"
	"countersign/server"

	"github.com/spf13/cobra"
)

func newServiceList(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "list the configured services", Args: cobra.NoArgs}
	jsonFlag(cmd, &asJSON)
	c := newConfiguration(env, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, _, err := c.load(cmd)
		if err != nil {
			return err
		}
		services := []api.ServiceView{}
		for _, s := range cfg.Services {
			services = append(services, server.ViewService(s))
		}
		if asJSON {
			return writeJSON(env.Stdout, services)
		}
		var rows [][]string
		for _, s := range services {
			rows = append(rows, []string{s.ServiceID, s.Name, s.Kind, strings.Join(s.Modes, ","), cmp.Or(strings.Join(s.Origins, ","), "-")})
		}
		return writeTable(env.Stdout, []string{"SERVICEID", "NAME", "KIND", "MODES", "ORIGINS"}, rows)
	}
	return cmd
}
