package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
)

func newPhoneLock(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "lock HOURS", Short: "lock the identity with all its phones, for up to 720 hours", Args: cobra.ExactArgs(1),
		Long: `Locks the identity: none of its phones can do anything until then, this one included, and whoever asks
for it waits in vain. Only an operator can lift the lock sooner, with "countersign user unlock".`,
	}
	f := newPhoneFlags(env, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		hours, err := strconv.Atoi(args[0])
		if err != nil || hours < 1 || hours > 720 {
			return failf("HOURS takes a whole number from 1 to 720")
		}
		phone, err := f.open()
		if err != nil {
			return err
		}
		answer, err := phone.Lock(cmd.Context(), hours)
		if err != nil {
			return phoneHint(err)
		}
		fmt.Fprintln(env.Stdout, "locked until", plain(answer.LockedUntil))
		return nil
	}
	return cmd
}
