package main

import (
	"context"
	"errors"
	"log/slog"

	"countersign/device"
	"countersign/passkey"
	"countersign/server"
	"countersign/store"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
)

// A task is what an operator's command does once Redis is reached.
type task func(ctx context.Context, cfg server.Config, t *server.Tools, args []string) error

// operate makes a command that works on the records of the servers whose
// configuration it is given.
func operate(env *environment, cmd *cobra.Command, do task) *cobra.Command {
	c := newConfiguration(env, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, secrets, err := c.load(cmd)
		if err != nil {
			return err
		}
		// Only what is alarming: the command itself says what it did.
		log := slog.New(tint.NewTextHandler(env.Stderr, &tint.Options{Level: slog.LevelWarn, NoColor: !env.colourful(env.Stderr)}))
		tools, err := server.OpenTools(cmd.Context(), cfg, secrets, log)
		if err != nil {
			return operatorHint(err)
		}
		return operatorHint(errors.Join(do(cmd.Context(), cfg, tools, args), tools.Close()))
	}
	return cmd
}

// operatorHint says what to do about the errors that operators meet.
func operatorHint(err error) error {
	switch {
	case errors.Is(err, store.ErrUnavailable):
		return hint(err, "see that redis runs, and where the configuration's redis section looks for it")
	case errors.Is(err, server.ErrEmbedded):
		return hint(err, "enrol with `countersign phone enroll` instead, or use a redis of its own")
	case errors.Is(err, device.ErrUnknown):
		return hint(err, "countersign user list shows the identities, countersign user show TOKENID its devices")
	case errors.Is(err, passkey.ErrUnknown):
		return hint(err, "countersign user passkeys TOKENID shows them")
	case errors.Is(err, server.ErrNoService):
		return hint(err, "countersign service list shows them")
	}
	return err
}
