package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newPhoneRevoke(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "revoke DEVICEID", Short: "end a phone of this phone's identity for good", Args: cobra.ExactArgs(1),
		Long: `Ends a phone for good: a lost one, or this one itself. Its key can never be enrolled again. DEVICEID is
as "countersign phone devices" lists it.`,
	}
	f := newPhoneFlags(env, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		phone, err := f.open()
		if err != nil {
			return err
		}
		answer, err := phone.Revoke(cmd.Context(), args[0])
		if err != nil {
			return phoneHint(err)
		}
		fmt.Fprintln(env.Stdout, "revoked", plain(answer.DeviceID))
		return nil
	}
	return cmd
}
