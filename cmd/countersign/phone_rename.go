package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newPhoneRename(env *environment) *cobra.Command {
	cmd := &cobra.Command{Use: "rename NAME", Short: "name this phone anew", Args: cobra.ExactArgs(1)}
	f := newPhoneFlags(env, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		phone, err := f.open()
		if err != nil {
			return err
		}
		answer, err := phone.Rename(cmd.Context(), args[0])
		if err != nil {
			return phoneHint(err)
		}
		fmt.Fprintln(env.Stdout, "renamed", plain(answer.DeviceName))
		return nil
	}
	return cmd
}
