package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

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

// maxClaim bounds one claim: what is released travels in the JWT, which has to
// fit into headers.
const maxClaim = 1024

// parseClaims reads NAME=VALUE pairs. A value that is a JSON object is one (an
// address may be), true and false are such where the claim is a yes or no, and
// all else is text.
func parseClaims(pairs []string) (device.Claims, error) {
	claims := device.Claims{}
	for _, pair := range pairs {
		name, text, found := strings.Cut(pair, "=")
		if !found || text == "" {
			return nil, hint(failf("claim %s has no value", name), "write --claim NAME=VALUE")
		}
		if !slices.Contains(device.ClaimNames(), name) {
			return nil, hint(failf("claim %q is not known", name), "one of %s", strings.Join(device.ClaimNames(), ", "))
		}
		if _, twice := claims[name]; twice {
			return nil, failf("claim %s is given twice", name)
		}
		value, err := parseClaim(name, text)
		if err != nil {
			return nil, err
		}
		claims[name] = value
	}
	return claims, nil
}

// parseClaim reads the value of one claim. Errors name the claim, not the value.
func parseClaim(name, text string) (json.RawMessage, error) {
	if len(text) > maxClaim || device.HasHidden(text) {
		return nil, failf("claim %s is longer than %d bytes, or has control characters", name, maxClaim)
	}
	switch {
	case name == "birthdate":
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return nil, hint(failf("claim birthdate is not a date"), "write it as 1990-04-01")
		}
	case name == "is_eu_citizen" || strings.HasPrefix(name, "age_over_"):
		if text != "true" && text != "false" {
			return nil, failf("claim %s is neither true nor false", name)
		}
		return json.RawMessage(text), nil
	case name == "address" && strings.HasPrefix(text, "{"):
		var object map[string]any
		if err := json.Unmarshal([]byte(text), &object); err != nil {
			return nil, hint(failf("claim address is no JSON object"), `such as {"locality":"Prague","country":"CZ"}`)
		}
		return json.Marshal(object)
	}
	return json.Marshal(text)
}
