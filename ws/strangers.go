package ws

import (
	"context"
	"strings"
	"sync"
	"time"
)

// Anybody can open a connection and say nothing for as long as they may take.
// They must not crowd out the browsers that share the hub's bound.
const (
	strangersMost       = 1000 // at once
	strangersPerAddress = 100
)

// strangers are connections of which nobody knows yet whose they are. The zero
// value has none.
type strangers struct {
	mu   sync.Mutex
	held map[*socket]stranger
}

type stranger struct {
	address string
	end     func() // says goodbye when the node stops
}

// hold remembers a connection until it is released; false: there are too many.
func (x *strangers) hold(out *socket, address string, end func()) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.held) >= strangersMost {
		return false
	}
	same := 0
	for _, s := range x.held {
		if s.address == address {
			same++
		}
	}
	if same >= strangersPerAddress {
		return false
	}
	if x.held == nil {
		x.held = map[*socket]stranger{}
	}
	x.held[out] = stranger{strings.Clone(address), end} // the address must not keep the request's memory alive
	return true
}

// release forgets a connection that is known by now, or never will be; it may be
// called again.
func (x *strangers) release(out *socket) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.held, out)
}

// ends gives, for each connection, what says goodbye to it.
func (x *strangers) ends() (out []func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range x.held {
		out = append(out, s.end)
	}
	return out
}

// sayGoodbye calls all that ends gives, spread over a time, and then what has
// come in between.
func sayGoodbye(ctx context.Context, over time.Duration, ends func() []func()) {
	all := ends()
	begun := time.Now()
	for i, end := range all {
		end()
		if ahead := time.Duration(i)*over/time.Duration(len(all)) - time.Since(begun); ahead > time.Millisecond {
			select {
			case <-ctx.Done():
			case <-time.After(ahead):
			}
		}
	}
	for _, end := range ends() {
		end()
	}
}
