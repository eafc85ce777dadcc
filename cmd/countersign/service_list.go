package main

import (
	"cmp"
	"strings"

	"countersign/server"

	"github.com/spf13/cobra"
)

// A serviceView is a service as the commands print it.
type serviceView struct {
	ServiceID string   `json:"serviceId"`
	Name      string   `json:"name"`
	Kind      string   `json:"kind"` // confidential, public
	Modes     []string `json:"modes"`
	Scopes    []string `json:"scopes"`
	Origins   []string `json:"origins"`
}

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
		services := []serviceView{}
		for _, s := range cfg.Services {
			services = append(services, viewService(s))
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

func viewService(s server.ServiceConfig) serviceView {
	kind := "public"
	if s.SecretFile != "" {
		kind = "confidential"
	}
	return serviceView{ServiceID: s.ID, Name: s.Name, Kind: kind, Modes: s.Modes,
		Scopes: append([]string{}, s.Scopes.Allowed...), Origins: append([]string{}, s.Origins...)}
}
