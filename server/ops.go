package server

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A Health is what /livez and /readyz answer.
type Health struct {
	Status string            `json:"status"`           // ok, unavailable
	Checks map[string]string `json:"checks,omitempty"` // check → ok, failing
}

// ops is the ops listener's handler.
func (n *Node) ops() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		writeHealth(w, Health{Status: healthOK})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		writeHealth(w, n.readiness(r.Context()))
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.metrics.registry, promhttp.HandlerOpts{}))
	return mux
}

const (
	healthOK          = "ok"
	healthFailing     = "failing"
	healthUnavailable = "unavailable"
	pingWithin        = 900 * time.Millisecond
)

// readiness says whether requests should be sent here: Redis answers, messages
// between nodes are proven to arrive, and there is a key to sign with.
func (n *Node) readiness(ctx context.Context) Health {
	ctx, cancel := context.WithTimeout(ctx, pingWithin)
	defer cancel()
	_, signs := n.keys.Active(n.store.Now())
	checks := map[string]bool{
		"redis":      n.store.Ping(ctx) == nil,
		"delivery":   n.bus.Delivers(),
		"signingKey": signs,
	}
	h := Health{Status: healthOK, Checks: map[string]string{}}
	for name, good := range checks {
		h.Checks[name] = healthOK
		if !good {
			h.Checks[name], h.Status = healthFailing, healthUnavailable
		}
	}
	if !n.started.Load() || n.draining.Load() {
		h.Status = healthUnavailable
	}
	return h
}

func writeHealth(w http.ResponseWriter, h Health) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if h.Status != healthOK {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	// The prober may have gone.
	_ = json.NewEncoder(w).Encode(h)
}
