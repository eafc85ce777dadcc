package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	drainOver     = 3 * time.Second // sockets are closed, spread over this
	exitWithin    = 9 * time.Second // from the signal to the exit, drain included
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 40 * time.Second // longer than the longest poll
	idleTimeout   = 90 * time.Second
	headerBytes   = 16 << 10
)

// Run serves until ctx ends, then drains, and returns nil if all went well.
func (n *Node) Run(ctx context.Context) error {
	if n.embedded != nil {
		defer n.embedded.Close()
	}
	defer n.store.Close()
	for _, w := range append(n.cfg.Warnings(), n.secrets.Warnings...) {
		n.log.Warn("configuration", "warning", w)
	}
	public, ops, err := n.listen()
	if err != nil {
		return err
	}
	background := newGroup()
	defer background.stop()
	opsServer := &http.Server{Handler: n.ops(), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	if ops != nil {
		background.serve(opsServer, ops)
	}
	if err := n.prepare(ctx); err != nil {
		public.Close()
		if errors.Is(err, errStopped) {
			return nil
		}
		return err
	}
	n.background(background)
	notices := newGroup()
	defer notices.stop() // before the background, which takes what it puts on record
	notices.run(n.outbox.Run)
	notices.run(n.pusher.Run)
	server := &http.Server{Handler: n.handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytes, ErrorLog: slog.NewLogLogger(n.log.Handler(), slog.LevelWarn)}
	failed := background.serve(server, public)
	n.started.Store(true)
	n.ready(public, ops)
	select {
	case err := <-failed:
		return fmt.Errorf("server: %w", err)
	case <-ctx.Done():
	}
	return n.drain(server, notices)
}

func (n *Node) listen() (public, ops net.Listener, err error) {
	if public = n.opts.Listener; public == nil {
		if public, err = bind(n.cfg.Listen); err != nil {
			return nil, nil, fmt.Errorf("server: %w", err)
		}
	}
	if ops = n.opts.OpsListener; ops == nil && n.cfg.OpsListen != "" {
		if ops, err = bind(n.cfg.OpsListen); err != nil {
			public.Close()
			return nil, nil, fmt.Errorf("server: ops listener: %w", err)
		}
	}
	return public, ops, nil
}

func bind(address string) (net.Listener, error) {
	var c net.ListenConfig
	return c.Listen(context.Background(), "tcp", address)
}

func (n *Node) ready(public, ops net.Listener) {
	var opsAddr net.Addr
	if ops != nil {
		opsAddr = ops.Addr()
	}
	n.log.Info("serving", "issuer", n.cfg.Issuer, "listen", public.Addr().String(), "node", n.bus.Node(), "version", n.opts.Version)
	if n.opts.OnReady != nil {
		n.opts.OnReady(public.Addr(), opsAddr)
	}
}

// background starts what runs beside the requests.
func (n *Node) background(g *group) {
	g.run(n.store.Run)
	g.run(n.stream.Run)
	g.run(n.hub.Run)
	g.run(n.phones.Run)
	g.run(n.stomp.Run)
	g.run(func(ctx context.Context) { n.bus.Run(ctx, n.hub) })
	g.run(func(ctx context.Context) {
		n.keys.Run(ctx, func(err error) { n.log.Warn("signing keys not refreshed", "error", err) })
	})
	g.run(n.reseal)
}

// drain stops in the order that loses nothing: not ready, sockets away and notices
// left to other nodes, requests ended; the caller then stops what runs beside them.
func (n *Node) drain(server *http.Server, notices *group) error {
	n.draining.Store(true)
	n.log.Info("draining", "sockets", n.hub.Count())
	ctx, cancel := context.WithTimeout(context.Background(), exitWithin)
	defer cancel()
	var leaving sync.WaitGroup
	leaving.Go(func() { n.hub.Drain(ctx, drainOver) })
	leaving.Go(func() { n.phones.Drain(ctx, drainOver) })
	leaving.Go(func() { n.stomp.Drain(ctx, drainOver) })
	leaving.Go(notices.stop)
	leaving.Wait()
	if err := server.Shutdown(ctx); err != nil {
		n.log.Warn("requests were still in flight", "error", err)
		return errors.Join(server.Close())
	}
	return nil
}

// A group is goroutines that are stopped and waited for together.
type group struct {
	ctx    context.Context //nolint:containedctx // it is the group's life
	cancel context.CancelFunc
	wg     sync.WaitGroup
	closer []*http.Server
}

func newGroup() *group {
	g := &group{}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g
}

func (g *group) run(f func(context.Context)) { g.wg.Go(func() { f(g.ctx) }) }

// serve serves until the group stops or the server is shut down; what breaks it
// before comes over the channel.
func (g *group) serve(s *http.Server, l net.Listener) <-chan error {
	g.closer = append(g.closer, s)
	failed := make(chan error, 1)
	g.wg.Go(func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	})
	return failed
}

func (g *group) stop() {
	g.cancel()
	for _, s := range g.closer {
		s.Close()
	}
	g.wg.Wait()
}
