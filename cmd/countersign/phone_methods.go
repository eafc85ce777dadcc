package main

import (
	"github.com/spf13/cobra"
)

func newPhoneMethods(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "methods", Short: "show which ways to approve are on, and switch them off and on", Args: cobra.NoArgs,
		Long: `Shows which ways to approve there are besides a phone, and switches them off and on for the identity. What
is off approves nothing. A phone always can.`,
	}
	f, m := newPhoneFlags(env, cmd), newMethodFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		phone, err := f.open()
		if err != nil {
			return err
		}
		list, err := phone.ListDevices(cmd.Context())
		if err != nil {
			return phoneHint(err)
		}
		off, err := m.apply(list.Off)
		if err != nil {
			return err
		}
		if m.given() {
			answer, err := phone.SwitchOff(cmd.Context(), off)
			if err != nil {
				return phoneHint(err)
			}
			off = answer.Off
		}
		return writeMethods(env.Stdout, off)
	}
	return cmd
}
