package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newPhoneCode(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "code", Short: "make a code with which one more phone of yours can enrol", Args: cobra.NoArgs,
		Long: "Makes an enrolment code: the phone that is given it first, within ten minutes, acts for you as this\none does.",
	}
	f := newPhoneFlags(env, cmd)
	jsonFlag(cmd, &asJSON)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		phone, err := f.open()
		if err != nil {
			return err
		}
		answer, err := phone.NewCode(cmd.Context())
		if err != nil {
			return phoneHint(err)
		}
		if asJSON {
			return writeJSON(env.Stdout, answer)
		}
		fmt.Fprintf(env.Stdout, "%s\nusable once, until %s\n", plain(answer.EnrollmentCode), plain(answer.ExpiresAt))
		return nil
	}
	return cmd
}
