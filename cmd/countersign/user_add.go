package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"countersign/device"
	"countersign/server"

	"github.com/spf13/cobra"
)

func newUserAdd(env *environment) *cobra.Command {
	var claims []string
	cmd := &cobra.Command{
		Use: "add", Short: "add an identity, and print its tokenId", Args: cobra.NoArgs,
		Long: "Adds an identity without devices and prints its tokenId. A phone joins it with a code of\n\"countersign user code\".\n\n" +
			"Claims are " + strings.Join(device.ClaimNames(), ", ") + ".\n" +
			"What can be derived, as age_over_18 from birthdate, need not be given.",
		Example: `  countersign user add --config countersign.yaml --claim given_name=Alice --claim family_name=Doe \
    --claim birthdate=1990-04-01 --claim 'address={"locality":"Prague","country":"CZ"}'`,
	}
	cmd.Flags().StringArrayVar(&claims, "claim", nil, "what is known of the person, `NAME=VALUE`; may be repeated")
	return operate(env, cmd, func(ctx context.Context, _ server.Config, t *server.Tools, _ []string) error {
		parsed, err := parseClaims(claims)
		if err != nil {
			return err
		}
		i, err := t.Registry.Add(ctx, parsed)
		if err != nil {
			return err
		}
		fmt.Fprintln(env.Stdout, i.ID)
		return nil
	})
}

// parseClaims reads NAME=VALUE pairs.
func parseClaims(pairs []string) (device.Claims, error) {
	claims := device.Claims{}
	for _, pair := range pairs {
		name, text, _ := strings.Cut(pair, "=")
		value, err := device.ParseClaim(name, text)
		if wrong := (device.ClaimError{}); errors.As(err, &wrong) {
			err = failf("%s", wrong.Error())
			if wrong.Hint != "" {
				err = hint(err, "%s", wrong.Hint)
			}
		}
		if err != nil {
			return nil, err
		}
		if _, twice := claims[name]; twice {
			return nil, failf("claim %s is given twice", name)
		}
		claims[name] = value
	}
	return claims, nil
}
