package main

import (
	"context"
	"fmt"

	"countersign/device"
	"countersign/server"

	"github.com/spf13/cobra"
)

func newUserCode(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "code TOKENID", Short: "make a code with which one phone can enrol", Args: cobra.ExactArgs(1),
		Long: "Makes an enrolment code: the phone that is given it first, within ten minutes, acts for the\nidentity from then on. Hand it to its owner and to nobody else.",
	}
	jsonFlag(cmd, &asJSON)
	return operate(env, cmd, func(ctx context.Context, _ server.Config, t *server.Tools, args []string) error {
		code, expires, err := t.Registry.NewCode(ctx, device.TokenID(args[0]))
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(env.Stdout, map[string]string{"enrollmentCode": string(code), "expiresAt": timestamp(expires)})
		}
		fmt.Fprintf(env.Stdout, "%s\nusable once, until %s\n", code, timestamp(expires))
		return writeQR(env.Stdout, string(code), env.colourful(env.Stdout))
	})
}
