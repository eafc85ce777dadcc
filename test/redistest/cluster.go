package redistest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	slots        = 16384 // of every Redis Cluster
	clusterNodes = 3     // masters, the fewest that make a cluster
	busOffset    = 10000 // the cluster bus listens that far above the port
)

// Cluster forms a Redis Cluster of three masters without replicas, and gives
// its nodes. It is made by hand, since redis-cli asks for ports of its own liking
// and waits in whole seconds.
func Cluster(t testing.TB) []*Server {
	t.Helper()
	nodes := make([]*Server, clusterNodes)
	for i := range nodes {
		nodes[i] = startAt(t, clusterPort(t), "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
	}
	for i, n := range nodes {
		var own strings.Builder
		for slot := i * slots / clusterNodes; slot < (i+1)*slots/clusterNodes; slot++ {
			own.WriteString(" " + strconv.Itoa(slot))
		}
		n.mustDo(t, "CLUSTER ADDSLOTS"+own.String())
		n.mustDo(t, fmt.Sprintf("CLUSTER SET-CONFIG-EPOCH %d", i+1))
	}
	for _, n := range nodes[1:] {
		host, port, err := net.SplitHostPort(n.Addr)
		if err != nil {
			t.Fatal(err)
		}
		nodes[0].mustDo(t, "CLUSTER MEET "+host+" "+port)
	}
	for _, n := range nodes {
		n.await(t, "CLUSTER INFO", fmt.Sprintf("cluster_known_nodes:%d", clusterNodes), "cluster_state:ok")
	}
	return nodes
}

// Addrs are the addresses of servers.
func Addrs(servers ...*Server) []string {
	var out []string
	for _, s := range servers {
		out = append(out, s.Addr)
	}
	return out
}

// clusterPort gives a free port whose cluster bus port is free too.
func clusterPort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := FreePort(t)
		if port+busOffset > 65535 {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+busOffset))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatal("no two ports are free for a cluster node")
	return 0
}

// await asks again and again until the answer has all of the texts.
func (s *Server) await(t testing.TB, command string, texts ...string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		answer, err := s.do(command)
		missing := err != nil
		for _, text := range texts {
			missing = missing || !strings.Contains(answer, text)
		}
		if !missing {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s on %s never said %q, but:\n%s", command, s.Addr, texts, answer)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func (s *Server) mustDo(t testing.TB, command string) string {
	t.Helper()
	answer, err := s.do(command)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// do sends one inline command and gives its answer: a status, a number, or a
// bulk string; the elements of an array are joined by spaces.
func (s *Server) do(command string) (string, error) {
	c, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return "", fmt.Errorf("redistest: %w", err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", fmt.Errorf("redistest: %w", err)
	}
	if _, err := io.WriteString(c, command+"\r\n"); err != nil {
		return "", fmt.Errorf("redistest: %w", err)
	}
	return answer(bufio.NewReader(c))
}

func answer(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("redistest: %w", err)
	}
	line = strings.TrimSpace(line)
	if len(line) < 2 {
		return "", fmt.Errorf("redistest: answered %q", line)
	}
	n, _ := strconv.Atoi(line[1:]) // of a bulk string or an array
	switch line[0] {
	case '-':
		return "", fmt.Errorf("redistest: %s", line[1:])
	case '$':
		if n < 0 {
			return "", nil
		}
		text := make([]byte, n+len("\r\n"))
		_, err = io.ReadFull(r, text)
		return strings.TrimSpace(string(text)), err
	case '*':
		var parts []string
		for range n {
			part, err := answer(r)
			if err != nil {
				return "", err
			}
			parts = append(parts, part)
		}
		return strings.Join(parts, " "), nil
	}
	return line[1:], nil
}
