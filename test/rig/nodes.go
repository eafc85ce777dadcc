package rig

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"

	"countersign/server"
	"countersign/store"
)

// Launch starts one more node without waiting for it; change has the last word
// on its configuration and secrets. Its channel closes once it serves.
func (r *Rig) Launch(change func(*server.Config, *server.Secrets)) (n *Node, ready <-chan struct{}) {
	r.T.Helper()
	cfg, secrets := r.Config, r.Secrets
	if change != nil {
		change(&cfg, &secrets)
	}
	public, ops, serves := listen(r.T), listen(r.T), make(chan struct{})
	n = &Node{Base: "http://" + public.Addr().String(), Ops: "http://" + ops.Addr().String(), finished: make(chan error, 1)}
	var err error
	n.Server, err = server.New(cfg, secrets, server.Options{
		Log:      slog.New(slog.NewJSONHandler(r.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Listener: public, OpsListener: ops, Version: "test", OnReady: func(_, _ net.Addr) { close(serves) }})
	if err != nil {
		r.T.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	started := n
	go func() { started.finished <- started.Server.Run(ctx) }()
	r.T.Cleanup(func() {
		if err := n.Stop(); err != nil {
			r.T.Errorf("node: %v", err)
		}
	})
	r.Nodes = append(r.Nodes, n)
	return n, serves
}

// Add starts one more node and waits until it is ready. It is the last of Nodes.
func (r *Rig) Add(change func(*server.Config, *server.Secrets)) *Node {
	r.T.Helper()
	n, ready := r.Launch(change)
	<-ready
	r.awaitReady(n)
	return n
}

// Store opens the system's Redis as a node does, for looking and changing from
// outside.
func (r *Rig) Store(t testing.TB) *store.Store {
	t.Helper()
	st, err := store.Open(store.Address{Mode: store.Single, URL: r.Redis.URL()}, server.StoreOptions(r.Config, r.Secrets.Master))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	if err := st.Prepare(Ctx(t)); err != nil {
		t.Fatal(err)
	}
	return st
}

// Contains says whether the nodes have written a text.
func (l *Log) Contains(text string) bool { return strings.Contains(l.String(), text) }

// Reset forgets what was written so far.
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}
