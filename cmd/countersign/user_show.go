package main

import (
	"context"
	"fmt"

	"countersign/device"
	"countersign/server"

	"github.com/spf13/cobra"
)

func newUserShow(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "show TOKENID", Short: "show an identity, its claims and its devices", Args: cobra.ExactArgs(1)}
	jsonFlag(cmd, &asJSON)
	return operate(env, cmd, func(ctx context.Context, _ server.Config, t *server.Tools, args []string) error {
		i, err := t.Store.Identity(ctx, device.TokenID(args[0]))
		if err != nil {
			return err
		}
		u := viewUser(i)
		u.Claims = i.Claims
		if asJSON {
			return writeJSON(env.Stdout, u)
		}
		return env.showUser(u)
	})
}

func (env *environment) showUser(u userView) error {
	pairs := [][2]string{{"tokenId", u.TokenID}, {"status", u.Status}, {"locked until", u.Locked}, {"created", u.CreatedAt}}
	for _, name := range device.ClaimNames() {
		if raw, known := u.Claims[name]; known {
			pairs = append(pairs, [2]string{name, claimText(raw)})
		}
	}
	if err := writePairs(env.Stdout, pairs...); err != nil {
		return err
	}
	if len(u.Devices) == 0 {
		return nil
	}
	fmt.Fprintln(env.Stdout)
	var rows [][]string
	for _, d := range u.Devices {
		rows = append(rows, []string{d.DeviceID, d.Name, d.Platform, d.Status, d.CreatedAt})
	}
	return writeTable(env.Stdout, []string{"DEVICEID", "NAME", "PLATFORM", "STATUS", "CREATED"}, rows)
}
