package main

import (
	"context"
	"fmt"

	"countersign/device"
	"countersign/server"

	"github.com/spf13/cobra"
)

// A passkeyView is a passkey as the commands print it.
type passkeyView struct {
	ID        string `json:"id"`
	Synced    bool   `json:"synced"`  // its keeper may copy it to other devices
	By        string `json:"addedBy"` // the deviceId of the phone that let it in
	CreatedAt string `json:"createdAt"`
	UsedAt    string `json:"usedAt,omitempty"`
}

func newUserPasskeys(env *environment) *cobra.Command {
	var asJSON bool
	var lost string
	cmd := &cobra.Command{
		Use: "passkeys TOKENID", Short: "show the passkeys of an identity, or remove one", Args: cobra.ExactArgs(1),
		Long: "Shows the passkeys of an identity or, with --remove, takes one away. It is good for nothing\nfrom then on; its user deletes it from the device by hand.",
	}
	jsonFlag(cmd, &asJSON)
	cmd.Flags().StringVar(&lost, "remove", "", "take the passkey of this `ID` away")
	return operate(env, cmd, func(ctx context.Context, _ server.Config, t *server.Tools, args []string) error {
		i, err := t.Store.Identity(ctx, device.TokenID(args[0]))
		if err != nil {
			return err
		}
		if lost != "" {
			if err := t.Passkeys.Remove(ctx, i.ID, lost); err != nil {
				return err
			}
			fmt.Fprintln(env.Stdout, "removed", lost)
			return nil
		}
		w, err := t.Store.Wallet(ctx, i.ID)
		if err != nil {
			return err
		}
		list := []passkeyView{}
		for _, p := range w.Passkeys {
			list = append(list, passkeyView{ID: p.Name(), Synced: p.Synced, By: string(p.By), CreatedAt: timestamp(p.CreatedAt), UsedAt: timestamp(p.UsedAt)})
		}
		if asJSON {
			return writeJSON(env.Stdout, list)
		}
		return env.showPasskeys(list)
	})
}

func (env *environment) showPasskeys(list []passkeyView) error {
	if len(list) == 0 {
		fmt.Fprintln(env.Stdout, "no passkeys")
		return nil
	}
	var rows [][]string
	for _, p := range list {
		synced := "no"
		if p.Synced {
			synced = "yes"
		}
		rows = append(rows, []string{p.ID, synced, p.By, p.CreatedAt, p.UsedAt})
	}
	return writeTable(env.Stdout, []string{"ID", "SYNCED", "ADDED BY", "CREATED", "USED"}, rows)
}
