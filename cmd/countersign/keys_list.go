package main

import (
	"cmp"
	"context"
	"time"

	"countersign/crypto/keyring"
	"countersign/server"

	"github.com/spf13/cobra"
)

// A keyView is a signing key as the commands print it.
type keyView struct {
	Kid        string `json:"kid"`
	State      string `json:"state"` // waiting, signing, published, retired
	Created    string `json:"created"`
	ActiveFrom string `json:"activeFrom"`
	RetireAt   string `json:"retireAt,omitempty"` // empty: no other key has taken its place
}

func newKeysList(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "list the signing keys", Args: cobra.NoArgs,
		Long: "Lists the signing keys: one is signing; waiting ones are published and sign later; published\nones no longer sign, but tokens they signed are still good.",
	}
	jsonFlag(cmd, &asJSON)
	return operate(env, cmd, func(ctx context.Context, _ server.Config, t *server.Tools, _ []string) error {
		if err := t.Keys.Load(ctx); err != nil {
			return err
		}
		keys := viewKeys(t.Keys.Ring(), t.Store.Now())
		if asJSON {
			return writeJSON(env.Stdout, keys)
		}
		var rows [][]string
		for _, k := range keys {
			rows = append(rows, []string{k.Kid, k.State, k.Created, k.ActiveFrom, cmp.Or(k.RetireAt, "-")})
		}
		return writeTable(env.Stdout, []string{"KID", "STATE", "CREATED", "SIGNS FROM", "PUBLISHED UNTIL"}, rows)
	})
}

func viewKeys(ring keyring.Ring, now time.Time) []keyView {
	active, signs := ring.Active(now)
	views := []keyView{}
	for _, k := range ring.Keys() {
		v := keyView{Kid: k.ID, State: "published", Created: timestamp(k.Created), ActiveFrom: timestamp(k.ActiveFrom), RetireAt: timestamp(k.RetireAt)}
		switch {
		case signs && k.ID == active.ID:
			v.State = "signing"
		case k.ActiveFrom.After(now):
			v.State = "waiting"
		case !k.RetireAt.IsZero() && !now.Before(k.RetireAt):
			v.State = "retired"
		}
		views = append(views, v)
	}
	return views
}
