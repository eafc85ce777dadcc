package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"countersign/server"

	"github.com/spf13/cobra"
)

const (
	healthTimeout = 3 * time.Second
	maxHealth     = 64 << 10
)

func newHealthcheck(env *environment) *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use: "healthcheck", Short: "ask a server whether it is ready", Args: cobra.NoArgs,
		Long: "Asks the server that is configured here for /readyz, prints \"ok\" and exits 0 if it can serve.",
	}
	cmd.Flags().StringVar(&url, "url", "", "ask this `URL` instead")
	c := newConfiguration(env, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if url == "" {
			src, err := c.source(cmd, server.ForDev) // a probe needs no issuer and no secret
			if err != nil {
				return err
			}
			cfg, err := server.Load(src)
			if err != nil {
				return err
			}
			if cfg.OpsListen == "" {
				return hint(failf("opsListen is empty: this server tells nobody its health"), "give --url")
			}
			url = "http://" + nearby(cfg.OpsListen) + "/readyz"
		}
		if err := askReady(cmd.Context(), url); err != nil {
			return err
		}
		fmt.Fprintln(env.Stdout, "ok")
		return nil
	}
	return cmd
}

// nearby is where a listener is reached from its own machine: one on every
// address is on the loopback too.
func nearby(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen // the configuration was checked
	}
	if a, err := netip.ParseAddr(host); host == "" || err == nil && a.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// askReady is nil when the server at url says that it is.
func askReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	var h server.Health
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxHealth)).Decode(&h); err != nil || h.Status == "" {
		return failf("HTTP %d from %s", resp.StatusCode, url)
	}
	var failing []string
	for _, name := range slices.Sorted(maps.Keys(h.Checks)) {
		if h.Checks[name] != "ok" {
			failing = append(failing, name)
		}
	}
	if len(failing) == 0 {
		return failf("%s: it is starting or shutting down", h.Status)
	}
	return failf("%s: %s failing", h.Status, strings.Join(failing, ", "))
}
