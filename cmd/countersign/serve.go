package main

import (
	"errors"

	"countersign/server"
	"countersign/store"

	"github.com/spf13/cobra"
)

func newServe(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "serve", Short: "run a server", Args: cobra.NoArgs,
		Long: `Runs one node of the server until it is told to stop: on SIGTERM or SIGINT it tells
every waiting browser to go to another node, ends the requests in flight and exits 0.

The configuration is a file, overridden by variables (COUNTERSIGN_SESSION__TTL=90s), overridden
by flags. "countersign config docs" explains every key.`,
		Example: "  countersign serve --config countersign.yaml",
	}
	c := newConfiguration(env, cmd)
	c.flag(cmd, "issuer", "issuer", "the server's public `URL`")
	c.flag(cmd, "listen", "listen", "where to listen, `HOST:PORT`")
	c.flag(cmd, "ops-listen", "opsListen", "where health and metrics listen, `HOST:PORT`; empty: nowhere")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, secrets, err := c.load(cmd)
		if err != nil {
			return err
		}
		log := env.logger(cfg.Log)
		node, err := server.New(cfg, secrets, server.Options{Log: log, Version: release()})
		if err != nil {
			return err
		}
		return evictionHint(node.Run(cmd.Context()))
	}
	return cmd
}

// evictionHint says how to mend a Redis that throws records away.
func evictionHint(err error) error {
	if errors.Is(err, store.ErrEviction) {
		return hint(err, "redis-cli config set maxmemory-policy noeviction, and the same in redis.conf")
	}
	return err
}
