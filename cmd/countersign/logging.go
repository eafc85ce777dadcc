package main

import (
	"log/slog"

	"countersign/server"

	"github.com/lmittmann/tint"
)

// logger writes the server's log to stderr: for people to a terminal, as JSON
// elsewhere, unless the configuration says which.
func (env *environment) logger(c server.LogConfig) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // the configuration was checked
	}
	if c.Format == "json" || c.Format == "auto" && !isTerminal(env.Stderr) {
		return slog.New(slog.NewJSONHandler(env.Stderr, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(tint.NewTextHandler(env.Stderr, &tint.Options{Level: level, TimeFormat: "15:04:05.000", NoColor: !env.colourful(env.Stderr)}))
}
