package main

import (
	"fmt"

	"countersign/session"

	"github.com/spf13/cobra"
)

// newPhoneDecide makes the commands that say no: deny and report.
func newPhoneDecide(env *environment, decision session.Decision) *cobra.Command {
	var yes bool
	var scan string
	cmd := &cobra.Command{Use: string(decision) + " [SESSION|QRTEXT]", Args: cobra.MaximumNArgs(1)}
	switch decision {
	case session.Report:
		cmd.Short = "say that it was not you who asked"
		cmd.Long = "Ends a session that you did not start. What the same service asks of you in the next fifteen\nminutes does not reach your phone."
	default:
		cmd.Short = "refuse a session"
	}
	f := newPhoneFlags(env, cmd)
	cmd.Flags().StringVar(&scan, "scan", "", "the `TEXT` of the QR code")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask whether to do it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		phone, err := f.open()
		if err != nil {
			return err
		}
		text, a := scan, env.asker()
		if len(args) > 0 {
			text = args[0]
		}
		t, err := chooseTarget(cmd.Context(), phone, a, text)
		if err != nil {
			return err
		}
		claimed, _, err := env.claim(cmd.Context(), phone, t)
		if err != nil {
			return err
		}
		if !yes {
			if agreed, err := a.agree(cmd.Context(), string(decision)+"?"); err != nil || !agreed {
				return failf("nothing was sent: the session still waits")
			}
		}
		answer, err := phone.Verify(cmd.Context(), claimed, decision, "", nil)
		if err != nil {
			return phoneHint(err)
		}
		fmt.Fprintln(env.Stdout, plain(answer.Status))
		return nil
	}
	return cmd
}
