package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A benchCluster is a Redis of its own and two nodes of this very program.
type benchCluster struct {
	dir    string
	redis  *benchProcess
	nodes  []*benchProcess
	issuer string
}

// startCluster starts one, with the limits and the audit stream on as in
// production; the rates are only so high that an honest load is never refused.
func startCluster(ctx context.Context, environ []string) (c *benchCluster, err error) {
	c = &benchCluster{}
	defer func() {
		if err != nil {
			c.stop()
		}
	}()
	if c.dir, err = os.MkdirTemp("", "countersign-bench-"); err != nil {
		return c, err
	}
	if c.redis, err = startRedis(ctx, c.dir); err != nil {
		return c, err
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	if err = os.WriteFile(filepath.Join(c.dir, "master"), []byte(base64.StdEncoding.EncodeToString(secret)+"\n"), 0o600); err != nil {
		return c, err
	}
	for _, name := range []string{"a", "b"} {
		n, err := c.startNode(ctx, name, environ)
		if err != nil {
			return c, err
		}
		c.nodes = append(c.nodes, n)
	}
	return c, nil
}

func (c *benchCluster) stop() {
	for _, p := range append(c.nodes, c.redis) {
		if p != nil {
			p.stop()
		}
	}
	if c.dir != "" {
		_ = os.RemoveAll(c.dir) // what stays is a few kilobytes in the temporary folder
	}
}

// startNode starts a node and waits until it is ready. The first one's address
// is the issuer of both.
func (c *benchCluster) startNode(ctx context.Context, name string, environ []string) (*benchProcess, error) {
	listen, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	ops, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	if c.issuer == "" {
		c.issuer = "http://" + listen
	}
	config := filepath.Join(c.dir, name+".yaml")
	if err := os.WriteFile(config, []byte(c.config(listen, ops)), 0o600); err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p, err := startProcess(ctx, c.dir, name, listen, program, serveEnviron(environ), "countersign", "serve", "--config", config)
	if err != nil {
		return nil, err
	}
	if err := p.await(ctx, func() error { return ready(ctx, ops) }); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// serveEnviron leaves out what would change the configuration.
func serveEnviron(environ []string) []string {
	var out []string
	for _, v := range environ {
		if !strings.HasPrefix(v, "COUNTERSIGN_") {
			out = append(out, v)
		}
	}
	return out
}

func (c *benchCluster) config(listen, ops string) string {
	return fmt.Sprintf(`issuer: %s
listen: %s
opsListen: %s
insecureHTTP: true
masterSecretFile: %s
enrollment: open
redis: {url: "redis://%s/0"}
session: {ttl: 600s}
limits:
  initiatePerIP: 1000000/m
  enrollPerIP: 1000000/m
  verifyPerIP: 1000000/m
  outstandingSessions: 10000000
services:
  - id: %s
    name: Acme Bank
    origins: [%s]
`, c.issuer, listen, ops, filepath.Join(c.dir, "master"), c.redis.address, benchService, benchOrigin)
}

// ready asks a node's /readyz.
func ready(ctx context.Context, ops string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+ops+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// usage is what the cluster has used since its start.
type usage struct {
	nodes [2]time.Duration
	redis time.Duration
	trips float64 // commands or pipelines that Redis read
}

// used reads the counters of the processes and of Redis.
func (c *benchCluster) used(ctx context.Context) (u usage, err error) {
	for i, n := range c.nodes {
		if u.nodes[i], err = n.cpu(); err != nil {
			return u, err
		}
	}
	cpu, err := redisInfo(ctx, c.redis.address, "cpu")
	if err != nil {
		return u, err
	}
	stats, err := redisInfo(ctx, c.redis.address, "stats")
	u.redis = time.Duration((cpu["used_cpu_user"] + cpu["used_cpu_sys"]) * float64(time.Second))
	u.trips = stats["total_reads_processed"]
	return u, err
}

// since gives what was used after before.
func (u usage) since(before usage) usage {
	for i := range u.nodes {
		u.nodes[i] -= before.nodes[i]
	}
	u.redis -= before.redis
	u.trips -= before.trips
	return u
}

// sum is the CPU time of all three processes.
func (u usage) sum() time.Duration { return u.nodes[0] + u.nodes[1] + u.redis }
