// Package rig runs the whole system for tests: any number of nodes on one real
// Redis, with a Browser and a Phone that read like a story. Every HTTP answer
// that its clients get is checked against api/openapi.yaml.
package rig

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"countersign/crypto/keyring"
	"countersign/device"
	"countersign/server"
	"countersign/test/redistest"
)

// Origin is that of the public service's pages, Service its id.
const (
	Origin  = "https://bank.example"
	Service = "demo"
	// Shop is a service that authenticates, with ShopSecret.
	Shop       = "shop"
	ShopSecret = "a secret of sixteen bytes or more"
)

// Options say how the system is set up. The zero value is two nodes on a real
// Redis with every rate lifted.
type Options struct {
	Nodes     int
	Embedded  bool // one node on the embedded Redis
	Redis     *redistest.Server
	Master    []byte                             // secret; nil: a new one
	Configure func(*server.Config)               // last word on the configuration
	DropHint  func() bool                        // see server.Options
	Inspector server.Inspector                   // of every node
	Contract  func(testing.TB) http.RoundTripper // nil: the checked transport
	Secrets   func(*server.Secrets)              // last word on the secrets
	Issuer    string                             // of a proxy before the nodes; empty: the first node's own address
	Demo      bool                               // see server.Options
}

// A Rig is the running system.
type Rig struct {
	T       testing.TB
	Issuer  string
	Redis   *redistest.Server // nil when embedded
	Nodes   []*Node
	Config  server.Config
	Secrets server.Secrets
	HTTP    *http.Client
	Log     *Log
}

// A Node is one server.
type Node struct {
	Base     string // where it listens
	Ops      string
	Server   *server.Node
	stop     context.CancelFunc
	finished chan error
	once     sync.Once
	err      error
}

// New starts the system; it ends with the test.
func New(t testing.TB, o Options) *Rig {
	t.Helper()
	if o.Nodes == 0 {
		o.Nodes = 2
	}
	if o.Embedded {
		o.Nodes = 1
	}
	r := &Rig{T: t, Redis: o.Redis, Log: &Log{}, HTTP: &http.Client{Transport: Checked(t), Timeout: 40 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if r.Redis == nil && !o.Embedded {
		r.Redis = redistest.Start(t)
	}
	listeners := make([]net.Listener, o.Nodes)
	for i := range listeners {
		listeners[i] = listen(t)
	}
	if r.Issuer = o.Issuer; r.Issuer == "" {
		r.Issuer = "http://" + listeners[0].Addr().String()
	}
	r.Config, r.Secrets = r.configure(o)
	for _, l := range listeners {
		r.Nodes = append(r.Nodes, r.start(t, o, l))
	}
	return r
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// configure gives the configuration of every node.
func (r *Rig) configure(o Options) (server.Config, server.Secrets) {
	cfg := server.Defaults()
	cfg.Issuer, cfg.InsecureHTTP, cfg.Limits.Disabled, cfg.Enrollment = r.Issuer, true, true, "open"
	cfg.Limits.OutstandingSessions = 1_000_000
	cfg.Redis.Mode = "embedded"
	if r.Redis != nil {
		cfg.Redis.Mode, cfg.Redis.URL = "single", r.Redis.URL()
	}
	all := make([]string, 0, len(device.Scopes()))
	for _, s := range device.Scopes() {
		all = append(all, string(s))
	}
	service := server.ServiceConfig{Name: "Acme Bank", Origins: []string{Origin}, Modes: []string{"enter", "scan"}, Mask: "none",
		Subject: "public", TokenTTL: time.Hour, Scopes: server.ScopesConfig{Allowed: all, Default: []string{"identity:name"}}}
	demo, shop := service, service
	demo.ID, shop.ID = Service, Shop
	shop.Name, shop.Origins, shop.Modes = "Acme Shop", []string{"https://shop.example"}, []string{"enter", "scan", "compare"}
	cfg.Services = []server.ServiceConfig{demo, shop}
	if o.Configure != nil {
		o.Configure(&cfg)
	}
	secret := o.Master
	if secret == nil {
		secret = bytes.Repeat([]byte{7}, 32)
	}
	master, err := keyring.NewMaster(secret)
	if err != nil {
		r.T.Fatal(err)
	}
	secrets := server.Secrets{Master: master, Services: map[string]server.ServiceSecrets{
		Shop: {Secret: []byte(ShopSecret), ResponseKey: bytes.Repeat([]byte{9}, 32)}}}
	if o.Secrets != nil {
		o.Secrets(&secrets)
	}
	return cfg, secrets
}

// start runs a node until the test ends, and waits until it is ready.
func (r *Rig) start(t testing.TB, o Options, l net.Listener) *Node {
	t.Helper()
	ops := listen(t)
	ready := make(chan struct{})
	n := &Node{Base: "http://" + l.Addr().String(), Ops: "http://" + ops.Addr().String(), finished: make(chan error, 1)}
	var err error
	n.Server, err = server.New(r.Config, r.Secrets, server.Options{
		Log:      slog.New(slog.NewJSONHandler(r.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Listener: l, OpsListener: ops, Version: "test", OnReady: func(_, _ net.Addr) { close(ready) }, DropHint: o.DropHint, Inspector: o.Inspector, Demo: o.Demo})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	go func() { n.finished <- n.Server.Run(ctx) }()
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Errorf("node: %v", err)
		}
	})
	select {
	case <-ready:
	case err := <-n.finished:
		t.Fatalf("node did not start: %v", err)
	case <-time.After(20 * time.Second):
		t.Fatalf("node did not start:\n%s", r.Log)
	}
	r.awaitReady(n)
	return n
}

// awaitReady waits until the node says that it is ready.
func (r *Rig) awaitReady(n *Node) {
	r.T.Helper()
	r.Eventually("node is ready", func() bool {
		resp, err := http.Get(n.Ops + "/readyz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// Stop ends the node as SIGTERM does, and gives its error.
func (n *Node) Stop() error {
	n.once.Do(func() {
		n.stop()
		select {
		case n.err = <-n.finished:
		case <-time.After(15 * time.Second):
			n.err = fmt.Errorf("rig: node did not stop")
		}
	})
	return n.err
}

// Eventually waits until a condition holds, and fails the test if it does not.
func (r *Rig) Eventually(what string, holds func() bool) {
	r.T.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(15 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-timeout:
			r.T.Fatalf("not in time: %s\n%s", what, r.Log)
		}
	}
}

// A Log keeps what nodes write, for looking at when a test fails, and for
// looking for secrets that must not be in it.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

var _ io.Writer = (*Log)(nil)

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is all that was written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
