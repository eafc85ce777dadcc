package store

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// An EmbeddedServer is a Redis inside this process, for development and tests. All
// its records are lost when it closes.
type EmbeddedServer struct {
	server *miniredis.Miniredis
	stop   context.CancelFunc
	done   chan struct{}
}

// clockTick is how often the embedded server's clock is moved: it does not go
// by itself.
const clockTick = 50 * time.Millisecond

// StartEmbedded starts one on a loopback port of its own.
func StartEmbedded() (*EmbeddedServer, error) {
	server, err := miniredis.Run()
	if err != nil {
		return nil, fmt.Errorf("store: embedded redis: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	e := &EmbeddedServer{server: server, stop: cancel, done: make(chan struct{})}
	go e.run(ctx)
	return e, nil
}

// URL is where it listens.
func (e *EmbeddedServer) URL() string { return "redis://" + e.server.Addr() + "/0" }

// Close stops it.
func (e *EmbeddedServer) Close() {
	e.stop()
	<-e.done
	e.server.Close()
}

func (e *EmbeddedServer) run(ctx context.Context) {
	defer close(e.done)
	tick := time.NewTicker(clockTick)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			e.server.FastForward(now.Sub(last))
			last = now
		}
	}
}
