package server

import (
	"context"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Nothing is left of a node that has stopped, or that never got ready.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stopped runs a node until after returns, and wants it to end well.
func stopped(t *testing.T, cfg Config, after func(ready <-chan struct{})) {
	t.Helper()
	var listeners [2]net.Listener
	for i := range listeners {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners[i] = l
	}
	cfg.Issuer = "http://" + listeners[0].Addr().String()
	ready := make(chan struct{})
	n, err := New(cfg, Secrets{}, Options{Listener: listeners[0], OpsListener: listeners[1], OnReady: func(_, _ net.Addr) { close(ready) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	after(ready)
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("did not end")
	}
}

func TestRunStops(t *testing.T) {
	cfg := Defaults()
	cfg.InsecureHTTP, cfg.Redis.Mode = true, "embedded"
	stopped(t, cfg, func(ready <-chan struct{}) { <-ready })
}

func TestRunStopsWithoutRedis(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody is there now
	cfg := Defaults()
	cfg.InsecureHTTP, cfg.Redis.URL = true, "redis://"+l.Addr().String()+"/0"
	stopped(t, cfg, func(ready <-chan struct{}) {
		select {
		case <-ready:
			t.Error("ready without Redis")
		case <-time.After(300 * time.Millisecond):
		}
	})
}
