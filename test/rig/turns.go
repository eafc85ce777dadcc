package rig

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// Turns is a proxy before the nodes, as in production: requests go to them in
// turn, so that hardly any step of a login is on the node of the one before.
type Turns struct {
	forward httputil.ReverseProxy

	mu    sync.Mutex
	nodes []*url.URL
	turn  int
}

// NewTurns gives a proxy that has no nodes yet.
func NewTurns(t testing.TB) *Turns {
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	x := &Turns{}
	x.forward = httputil.ReverseProxy{Rewrite: x.rewrite, Transport: transport, FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }}
	return x
}

// To sends further requests to these nodes.
func (x *Turns) To(t testing.TB, bases ...string) {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.nodes = nil
	for _, base := range bases {
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		x.nodes = append(x.nodes, u)
	}
}

func (x *Turns) rewrite(r *httputil.ProxyRequest) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.turn++
	r.SetURL(x.nodes[x.turn%len(x.nodes)])
	r.Out.Host = r.In.Host
	r.SetXForwarded()
}

// ServeHTTP implements http.Handler.
func (x *Turns) ServeHTTP(w http.ResponseWriter, r *http.Request) { x.forward.ServeHTTP(w, r) }
