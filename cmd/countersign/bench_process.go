package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A benchProcess is a program that the bench has started and that serves on
// loopback.
type benchProcess struct {
	name    string
	address string // host:port
	cmd     *exec.Cmd
	log     string // file that has what it said
}

// stopWithin is how long a process may take to end by itself.
const stopWithin = 12 * time.Second

// startProcess starts a program; args begin with what it is called by.
func startProcess(ctx context.Context, dir, name, address, program string, environ []string, args ...string) (*benchProcess, error) {
	p := &benchProcess{name: name, address: address, log: filepath.Join(dir, name+".log")}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.CommandContext(ctx, program)
	p.cmd.Args = args
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = log, log, environ
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopWithin
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s does not start: %w", name, err)
	}
	return p, nil
}

// stop ends the process and waits for it.
func (p *benchProcess) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may be dead already
	late := time.AfterFunc(stopWithin, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	_ = p.cmd.Wait() // how it ended is nobody's business any more
}

// failed says that the process did not become ready, with the end of what it
// said.
func (p *benchProcess) failed(err error) error {
	said, readErr := os.ReadFile(p.log)
	if readErr != nil {
		said = nil
	}
	return fmt.Errorf("%s is not ready: %w\n%s", p.name, err, said[max(0, len(said)-2000):])
}

// readyWithin is how long a process may take to be ready.
const readyWithin = 20 * time.Second

// await asks again and again until the process is ready.
func (p *benchProcess) await(ctx context.Context, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return p.failed(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// listens says whether something accepts connections.
func (p *benchProcess) listens(ctx context.Context) error {
	c, err := dialProcess(ctx, p.address)
	if err != nil {
		return err
	}
	return c.Close()
}

// dialProcess connects to a process on loopback.
func dialProcess(ctx context.Context, address string) (net.Conn, error) {
	return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
}

// startRedis starts a Redis that writes nothing to disk.
func startRedis(ctx context.Context, dir string) (*benchProcess, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, hint(failf("no redis-server in the path"), "apt-get install redis-server; the bench starts its own")
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	p, err := startProcess(ctx, dir, "redis", address, program, nil, "redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "",
		"--appendonly", "no", "--dir", dir)
	if err != nil {
		return nil, err
	}
	return p, p.await(ctx, func() error { _, err := redisInfo(ctx, address, "server"); return err })
}

// freeAddress is a port on loopback that nothing listens on now.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// tick is the unit of CPU time in /proc: USER_HZ, which Linux keeps at 100.
const tick = 10 * time.Millisecond

// cpu is the time that the process has had of the processors, user and system
// (proc(5), fields 14 and 15 of /proc/PID/stat).
func (p *benchProcess) cpu() (time.Duration, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/stat")
	if err != nil {
		return 0, err
	}
	// The second field is a name in brackets, which may hold anything.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat has another form than in proc(5)")
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}

// resident is the memory that the process has, in bytes (VmRSS).
func (p *benchProcess) resident() (float64, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb * 1024, err
		}
	}
	return 0, errors.New("/proc/PID/status has no VmRSS")
}

// redisInfo asks a Redis for a section of INFO.
func redisInfo(ctx context.Context, address, section string) (map[string]float64, error) {
	c, err := dialProcess(ctx, address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(c, "INFO "+section+"\r\nQUIT\r\n"); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(c)
	if err != nil {
		return nil, err
	}
	return parseInfo(string(b)), nil
}

// parseInfo takes the lines of INFO that have a number.
func parseInfo(text string) map[string]float64 {
	out := map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			out[name] = n
		}
	}
	return out
}
