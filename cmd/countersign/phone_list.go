package main

import (
	"fmt"

	"countersign/api"

	"github.com/spf13/cobra"
)

func newPhoneList(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "list what waits for this phone", Args: cobra.NoArgs}
	f := newPhoneFlags(env, cmd)
	jsonFlag(cmd, &asJSON)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		phone, err := f.open()
		if err != nil {
			return err
		}
		waiting, err := phone.Pending(cmd.Context())
		if err != nil {
			return phoneHint(err)
		}
		if asJSON {
			return writeJSON(env.Stdout, waiting)
		}
		return env.listPending(waiting.Sessions)
	}
	return cmd
}

func (env *environment) listPending(sessions []api.PendingSession) error {
	if len(sessions) == 0 {
		fmt.Fprintln(env.Stdout, "nothing waits")
		return nil
	}
	var rows [][]string
	for _, s := range sessions {
		rows = append(rows, []string{plain(s.SessionID), plain(s.ServiceName), plain(s.Mode), plain(s.ExpiresAt)})
	}
	return writeTable(env.Stdout, []string{"SESSION", "SERVICE", "MODE", "EXPIRES"}, rows)
}
