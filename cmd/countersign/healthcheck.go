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
	var wait time.Duration
	cmd := &cobra.Command{
		Use: "healthcheck", Short: "ask a server whether it is ready", Args: cobra.NoArgs,
		Long: "Asks the server that is configured here for /readyz, prints \"ok\" and exits 0 if it can serve.",
	}
	cmd.Flags().StringVar(&url, "url", "", "ask this `URL` instead")
	cmd.Flags().DurationVar(&wait, "wait", 0, "ask again for so long until it is")
	c := newConfiguration(env, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if url == "" {
			var err error
			if url, err = c.healthURL(cmd); err != nil {
				return err
			}
		}
		if err := awaitReady(cmd.Context(), url, wait); err != nil {
			return err
		}
		fmt.Fprintln(env.Stdout, "ok")
		return nil
	}
	return cmd
}

// healthURL is where the configured server tells its health.
func (c *configuration) healthURL(cmd *cobra.Command) (string, error) {
	src, err := c.source(cmd, server.ForDev) // a probe needs no issuer and no secret
	if err != nil {
		return "", err
	}
	cfg, err := server.Load(src)
	if err != nil {
		return "", err
	}
	if cfg.OpsListen == "" {
		return "", hint(failf("opsListen is empty: this server tells nobody its health"), "give --url")
	}
	return "http://" + nearby(cfg.OpsListen) + "/readyz", nil
}

// nearby is where a listener is reached from its own machine: one on every
// address is on the loopback too.
func nearby(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen // the configuration was checked
	}
	switch a, err := netip.ParseAddr(host); {
	case host == "", err == nil && a == netip.IPv4Unspecified():
		host = "127.0.0.1" // not localhost, which an empty image may not know
	case err == nil && a.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}

// healthEvery is how often a server that is not ready is asked again.
const healthEvery = 100 * time.Millisecond

// awaitReady asks until the server is ready, for at most so long.
func awaitReady(ctx context.Context, url string, most time.Duration) error {
	late := time.After(most)
	for {
		err := askReady(ctx, url)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-late:
			return err
		case <-time.After(healthEvery):
		}
	}
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
	defer resp.Body.Close()
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
