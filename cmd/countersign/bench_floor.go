package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// The floor is another program (test/floor): the least that a login can be. It
// is started as a cluster like ours, and drives and measures itself.

// A floorCluster is a Redis and two nodes of the floor.
type floorCluster struct {
	program string
	dir     string
	redis   *benchProcess
	nodes   []*benchProcess
}

func startFloor(ctx context.Context, program string) (f *floorCluster, err error) {
	f = &floorCluster{program: program}
	defer func() {
		if err != nil {
			f.stop()
		}
	}()
	if f.dir, err = os.MkdirTemp("", "countersign-bench-floor-"); err != nil {
		return f, err
	}
	if f.redis, err = startRedis(ctx, f.dir); err != nil {
		return f, err
	}
	for _, name := range []string{"a", "b"} {
		address, err := freeAddress(ctx)
		if err != nil {
			return f, err
		}
		p, err := startProcess(ctx, f.dir, name, address, program, nil, "floor", "server", "-addr", address, "-name", name, "-redis", f.redis.address)
		if err != nil {
			return f, err
		}
		f.nodes = append(f.nodes, p)
		if err := p.await(ctx, func() error { return p.listens(ctx) }); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (f *floorCluster) stop() {
	for _, p := range append(f.nodes, f.redis) {
		if p != nil {
			p.stop()
		}
	}
	_ = os.RemoveAll(f.dir) // what stays is a few kilobytes in the temporary folder
}

// run runs one of the floor's own commands against the cluster and gives what it
// printed.
func (f *floorCluster) run(ctx context.Context, command string, args ...string) (string, error) {
	var pids []string
	for _, p := range append(append([]*benchProcess{}, f.nodes...), f.redis) {
		pids = append(pids, strconv.Itoa(p.cmd.Process.Pid))
	}
	all := append([]string{command, "-addr", f.nodes[0].address, "-b", f.nodes[1].address, "-pids", strings.Join(pids, ",")}, args...)
	out, err := exec.CommandContext(ctx, f.program, all...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("floor %s: %w: %s", command, err, out)
	}
	return string(out), nil
}

// floorNumbers are what the floor prints, and what we call it.
var floorNumbers = []struct {
	name metric
	form *regexp.Regexp
}{
	{loginsPerSecond, regexp.MustCompile(` ([0-9.]+) logins/s`)},
	{wholeP50, regexp.MustCompile(`whole p50=([0-9.]+)us`)},
	{wholeP99, regexp.MustCompile(`whole p50=\S+ p99=([0-9.]+)us`)},
	{pushP50, regexp.MustCompile(`approved p50=([0-9.]+)us`)},
	{pushP99, regexp.MustCompile(`approved p50=\S+ p99=([0-9.]+)us`)},
	{cpuNodeA, regexp.MustCompile(`cpu\[0\]=([0-9.]+)us`)},
	{cpuNodeB, regexp.MustCompile(`cpu\[1\]=([0-9.]+)us`)},
	{cpuRedis, regexp.MustCompile(`cpu\[2\]=([0-9.]+)us`)},
	{cpuPerLogin, regexp.MustCompile(`cpu_sum=([0-9.]+)us`)},
	{memoryPerBrowser, regexp.MustCompile(`rss\[0\]/browser=([0-9.]+)KB`)},
	{memoryRedis, regexp.MustCompile(`rss\[2\]/browser=([0-9.]+)KB`)},
}

// parseFloor reads the floor's line of figures.
func parseFloor(text string) (figures, error) {
	if strings.Contains(text, "fail ") {
		return nil, failf("the floor lost logins: %s", text)
	}
	f := figures{}
	for _, n := range floorNumbers {
		found := n.form.FindStringSubmatch(text)
		if found == nil {
			continue
		}
		v, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			return nil, err
		}
		f[n.name] = v
	}
	if len(f) == 0 {
		return nil, failf("the floor printed no figures: %s", text)
	}
	return f, nil
}
