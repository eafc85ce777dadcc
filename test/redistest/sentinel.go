package redistest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// MasterName is what the sentinels of [Sentinels] call their master.
const MasterName = "countersign"

// A Watch is a master with one replica, and the sentinels that watch them.
type Watch struct {
	Master, Replica *Server
	Sentinels       []*Server
}

// Sentinels starts a master, a replica that has caught up, and three sentinels
// that have found each other and fail over after half a second.
func Sentinels(t testing.TB) Watch {
	t.Helper()
	w := Watch{Master: Start(t)}
	host, port, err := net.SplitHostPort(w.Master.Addr)
	if err != nil {
		t.Fatal(err)
	}
	w.Replica = Start(t, "--replicaof", host+" "+port)
	w.Replica.await(t, "INFO replication", "master_link_status:up")
	for range 3 {
		// A sentinel writes to its configuration, so each has a file of its own.
		file := filepath.Join(t.TempDir(), "sentinel.conf")
		text := fmt.Sprintf("sentinel monitor %s %s %s 2\nsentinel down-after-milliseconds %[1]s 500\n"+
			"sentinel failover-timeout %[1]s 2000\nsentinel parallel-syncs %[1]s 1\n", MasterName, host, port)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := &Server{Addr: fmt.Sprintf("127.0.0.1:%d", FreePort(t)), log: &bytes.Buffer{}}
		_, own, err := net.SplitHostPort(s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		s.args = []string{file, "--sentinel", "--bind", "127.0.0.1", "--port", own, "--dir", t.TempDir()}
		s.run(t)
		t.Cleanup(s.Stop)
		w.Sentinels = append(w.Sentinels, s)
	}
	for _, s := range w.Sentinels {
		s.await(t, "SENTINEL MASTER "+MasterName, "num-other-sentinels 2", "num-slaves 1")
	}
	return w
}
