package main

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"countersign/device"
	"countersign/server"

	"github.com/spf13/cobra"
)

func newUserList(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "list the identities, oldest first", Args: cobra.NoArgs}
	jsonFlag(cmd, &asJSON)
	return operate(env, cmd, func(ctx context.Context, _ server.Config, t *server.Tools, _ []string) error {
		users := []userView{}
		err := t.Store.Identities(ctx, func(i device.Identity) error {
			users = append(users, viewUser(i))
			return nil
		})
		if err != nil {
			return err
		}
		slices.SortFunc(users, func(a, b userView) int {
			return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.TokenID, b.TokenID))
		})
		if asJSON {
			return writeJSON(env.Stdout, users)
		}
		var rows [][]string
		for _, u := range users {
			rows = append(rows, []string{u.TokenID, u.Status, strconv.Itoa(u.active()), u.CreatedAt})
		}
		return writeTable(env.Stdout, []string{"TOKENID", "STATUS", "DEVICES", "CREATED"}, rows)
	})
}

// active counts the devices that are not revoked.
func (u userView) active() (n int) {
	for _, d := range u.Devices {
		if d.Status == device.Active.String() {
			n++
		}
	}
	return n
}
