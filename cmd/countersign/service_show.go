package main

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"countersign/api"
	"countersign/server"

	"github.com/spf13/cobra"
)

func newServiceShow(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show ID", Short: "show a service and its response key", Args: cobra.ExactArgs(1),
		Long: "Shows a service and its response key, with which its back end checks the hash of an approved\nmessage. The key is a secret: it belongs in the back end's own secret file.",
	}
	jsonFlag(cmd, &asJSON)
	return operate(env, cmd, func(ctx context.Context, cfg server.Config, t *server.Tools, args []string) error {
		key, err := t.ResponseKey(ctx, args[0])
		if err != nil {
			return err
		}
		i := slices.IndexFunc(cfg.Services, func(s server.ServiceConfig) bool { return s.ID == args[0] })
		v := struct {
			api.ServiceView
			ResponseKey string `json:"responseKey"`
		}{server.ViewService(cfg.Services[i]), base64.RawURLEncoding.EncodeToString(key)}
		if asJSON {
			return writeJSON(env.Stdout, v)
		}
		return writePairs(env.Stdout, [2]string{"serviceId", v.ServiceID}, [2]string{"name", v.Name}, [2]string{"kind", v.Kind},
			[2]string{"modes", strings.Join(v.Modes, ", ")}, [2]string{"scopes", strings.Join(v.Scopes, ", ")},
			[2]string{"origins", strings.Join(v.Origins, ", ")}, [2]string{"responseKey", v.ResponseKey})
	})
}
