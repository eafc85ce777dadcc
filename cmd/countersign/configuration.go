package main

import (
	"slices"
	"strings"

	"countersign/server"

	"github.com/spf13/cobra"
)

// configVariable names the configuration file, as --config does. It is no key
// of the configuration itself.
const configVariable = "COUNTERSIGN_CONFIG"

// A configuration is the flags that every command has which reads the server's
// configuration.
type configuration struct {
	env  *environment
	file string
	set  []string
	// named are the flags of single keys: flag → key.
	named map[string]string
}

// newConfiguration adds the flags to a command.
func newConfiguration(env *environment, cmd *cobra.Command) *configuration {
	c := &configuration{env: env, named: map[string]string{}}
	cmd.Flags().StringVar(&c.file, "config", "", "the configuration `FILE` (or "+configVariable+")")
	cmd.Flags().StringArrayVar(&c.set, "set", nil, "set one `KEY=VALUE`, as in --set session.ttl=90s; may be repeated")
	return c
}

// flag adds a flag for one key.
func (c *configuration) flag(cmd *cobra.Command, name, key, usage string) {
	cmd.Flags().String(name, "", usage)
	c.named[name] = key
}

// source is where the configuration comes from.
func (c *configuration) source(cmd *cobra.Command, kind server.Kind) (server.Source, error) {
	src := server.Source{Kind: kind, File: c.file, Flags: map[string]string{}}
	if src.File == "" {
		src.File = c.env.variable(configVariable)
	}
	src.Environ = slices.DeleteFunc(slices.Clone(c.env.Environ), func(v string) bool {
		return strings.HasPrefix(v, configVariable+"=")
	})
	for _, pair := range c.set {
		key, value, found := strings.Cut(pair, "=")
		if !found {
			return src, hint(failf("--set %s has no value", pair), "write --set KEY=VALUE")
		}
		src.Flags[key] = value
	}
	for name, key := range c.named {
		if f := cmd.Flags().Lookup(name); f.Changed {
			src.Flags[key] = f.Value.String()
		}
	}
	return src, nil
}

// load reads the configuration of a real server, and the files it names.
func (c *configuration) load(cmd *cobra.Command) (server.Config, server.Secrets, error) {
	src, err := c.source(cmd, server.ForServe)
	if err != nil {
		return server.Config{}, server.Secrets{}, err
	}
	cfg, err := server.Load(src)
	if err != nil {
		return cfg, server.Secrets{}, err
	}
	secrets, err := cfg.ReadSecrets()
	_, brands := cfg.ReadBrands()
	_, texts := cfg.ReadTexts()
	return cfg, secrets, server.Together(err, brands, texts)
}
