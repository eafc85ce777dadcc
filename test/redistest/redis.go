// Package redistest starts real Redis servers for tests: one per call, on a free
// port, with nothing written to disk, ended with the test. A test that needs
// Redis fails where there is none; it never skips.
package redistest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A Server is a running redis-server.
type Server struct {
	Addr string // 127.0.0.1:port
	cmd  *exec.Cmd
	args []string
	log  *bytes.Buffer
}

// Start starts a server; extra are more arguments, such as "--maxmemory",
// "64mb".
func Start(t testing.TB, extra ...string) *Server {
	t.Helper()
	return startAt(t, FreePort(t), extra...)
}

func startAt(t testing.TB, at int, extra ...string) *Server {
	t.Helper()
	s := &Server{Addr: fmt.Sprintf("127.0.0.1:%d", at), log: &bytes.Buffer{}}
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	s.args = append([]string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir()}, extra...)
	s.run(t)
	t.Cleanup(s.Stop)
	return s
}

// URL is where the server is, as the configuration has it.
func (s *Server) URL() string { return "redis://" + s.Addr + "/0" }

// Stop kills the server; it may be called again.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may be dead already
	_ = s.cmd.Wait()         // killed: always an error
	s.cmd = nil
}

// Restart starts a stopped server again on its port, empty.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.run(t)
}

func (s *Server) run(t testing.TB) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server is needed: apt-get install redis-server, or run make test, which does")
	}
	s.cmd = exec.Command(path, s.args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for !s.answers() {
		if time.Now().After(deadline) {
			s.Stop()
			t.Fatalf("redis-server did not start:\n%s", s.log)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// answers says whether the server answers a PING.
func (s *Server) answers() bool {
	c, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	b := make([]byte, 16)
	n, err := c.Read(b)
	return err == nil && strings.HasPrefix(string(b[:n]), "+PONG")
}

// FreePort gives a port that nothing listens on now, below those that the system
// gives to whoever dials out or asks for any: nothing takes it meanwhile.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		at := 12000 + rand.IntN(20000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", at))
		if err == nil {
			l.Close()
			return at
		}
	}
	t.Fatal("no free port")
	return 0
}
