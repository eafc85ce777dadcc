package main

import (
	"context"
	"strings"
	"time"

	"countersign/device"
	"countersign/operation"
	"countersign/server"

	"github.com/spf13/cobra"
)

func newUserConsents(env *environment) *cobra.Command {
	var asJSON bool
	var service string
	cmd := &cobra.Command{
		Use: "consents TOKENID", Short: "show what a user has agreed to, and revoke it", Args: cobra.ExactArgs(1),
		Long: `Shows what a user has agreed to at each service of the configuration. With --revoke it ends at one of
them: what was done with it stays, and the next operation there asks again.`,
	}
	jsonFlag(cmd, &asJSON)
	cmd.Flags().StringVar(&service, "revoke", "", "end what the user has agreed to at the service of this `ID`")
	return operate(env, cmd, func(ctx context.Context, cfg server.Config, t *server.Tools, args []string) error {
		i, err := t.Store.Identity(ctx, device.TokenID(args[0]))
		if err != nil {
			return err
		}
		known := service == ""
		list := []consentView{}
		for _, s := range cfg.Services {
			c, err := t.Ledger.Of(ctx, i.ID, s.ID)
			if err == nil && s.ID == service {
				known = true
				c, err = t.Ledger.Revoke(ctx, i.ID, service, operation.ByAdmin)
			}
			if err != nil {
				return err
			}
			if c.Given() {
				list = append(list, viewConsent(c, s, t.Store.Now()))
			}
		}
		if !known {
			return server.ErrNoService
		}
		if asJSON {
			return writeJSON(env.Stdout, list)
		}
		var rows [][]string
		for _, c := range list {
			rows = append(rows, []string{c.Service, c.Version, c.State, strings.Join(c.Options, " "), c.GrantedAt, c.ValidUntil})
		}
		return writeTable(env.Stdout, []string{"SERVICE", "VERSION", "STATE", "OPTIONS", "GRANTED", "UNTIL"}, rows)
	})
}

// A consentView is what a user has agreed to at a service, as the command prints it.
type consentView struct {
	Service    string   `json:"service"`
	Version    string   `json:"version"`
	State      string   `json:"state"` // in force, outdated: of another version than is asked for, over, revoked
	Options    []string `json:"options"`
	GrantedAt  string   `json:"grantedAt"`
	ValidUntil string   `json:"validUntil"`
	RevokedAt  string   `json:"revokedAt,omitempty"`
}

func viewConsent(c operation.Consent, s server.ServiceConfig, now time.Time) consentView {
	state := "over"
	switch {
	case !c.RevokedAt.IsZero():
		state = "revoked"
	case c.Holds(s.Consent.Version, now):
		state = "in force"
	case c.InForce(now):
		state = "outdated"
	}
	return consentView{Service: s.ID, Version: c.Version, State: state, Options: append([]string{}, c.Options...), GrantedAt: timestamp(c.GrantedAt),
		ValidUntil: timestamp(c.Until), RevokedAt: timestamp(c.RevokedAt)}
}
