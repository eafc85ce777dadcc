package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"countersign/audit"
)

type nobody struct{}

func (nobody) Record(context.Context, audit.Event) error { return nil }

// hosts are servers: slow hangs, each other takes what it is sent in 20 ms.
type hosts struct {
	mu    sync.Mutex
	began time.Time
	at    map[string][]time.Duration
	busy  map[string]int
	most  map[string]int
}

func (h *hosts) count(host string, by int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if by > 0 {
		h.at[host] = append(h.at[host], time.Since(h.began))
	}
	h.busy[host] += by
	h.most[host] = max(h.most[host], h.busy[host])
}

func (h *hosts) RoundTrip(q *http.Request) (*http.Response, error) {
	h.count(q.URL.Host, 1)
	defer h.count(q.URL.Host, -1)
	takes := 20 * time.Millisecond
	if q.URL.Host == "slow" {
		takes = timeout
	}
	select {
	case <-time.After(takes):
	case <-q.Context().Done():
		return nil, q.Context().Err()
	}
	if q.URL.Host == "slow" {
		return nil, context.DeadlineExceeded
	}
	w := httptest.NewRecorder()
	w.WriteHeader(http.StatusNoContent)
	return w.Result(), nil
}

func manned(t *testing.T) (o *Outbox, m *memory, h *hosts, stop func()) {
	t.Helper()
	m = &memory{all: map[string]Notice{}, due: map[string]time.Time{}}
	h = &hosts{began: time.Now(), at: map[string][]time.Duration{}, busy: map[string]int{}, most: map[string]int{}}
	courier := func(ctx context.Context, n Notice) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodPost, "https://"+n.Service+"/", nil)
	}
	o = New(Outbox{Store: m, Couriers: map[Kind]Courier{"ping": courier}, HTTP: &http.Client{Transport: h}, Audit: nobody{},
		Log: slog.New(slog.DiscardHandler), Now: time.Now})
	ctx, cancel := context.WithCancel(t.Context())
	return o, m, h, runs(ctx, o, cancel)
}

func runs(ctx context.Context, o *Outbox, cancel func()) (stop func()) {
	done := make(chan struct{})
	go func() { o.Run(ctx); close(done) }()
	return func() { cancel(); <-done }
}

func (o *Outbox) must(t *testing.T, service string, life time.Duration) {
	t.Helper()
	if err := o.Post(t.Context(), Notice{Kind: "ping", Service: service, Until: time.Now().Add(life)}); err != nil {
		t.Fatal(err)
	}
}

// A server that hangs holds up nobody else's notices, and gets a few requests at a
// time.
func TestOutboxSlowServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, m, h, stop := manned(t)
		for range 100 {
			o.must(t, "slow", 20*time.Minute)
		}
		before := time.Since(h.began)
		o.must(t, "quick", 20*time.Minute)
		<-time.After(time.Hour)
		stop()
		if waited := h.at["quick"][0] - before; waited > time.Second {
			t.Errorf("quick waited %v", waited)
		}
		if h.most["slow"] != atOnce || len(h.at["quick"]) != 1 || m.left() != 0 {
			t.Errorf("slow had %d at once, quick %d in all; %d left", h.most["slow"], len(h.at["quick"]), m.left())
		}
	})
}

// Nor what else there is to tell of the same service, by another server.
func TestOutboxSlowKind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, _, h, stop := manned(t)
		o.Couriers["message"] = func(ctx context.Context, _ Notice) (*http.Request, error) {
			return http.NewRequestWithContext(ctx, http.MethodPost, "https://quick/", nil)
		}
		for range 2 * inLine {
			o.must(t, "slow", time.Hour)
		}
		<-time.After(time.Second)
		before := time.Since(h.began)
		if err := o.Post(t.Context(), Notice{Kind: "message", Service: "slow", Until: time.Now().Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		stop()
		if at := h.at["quick"]; len(at) != 1 || at[0]-before > time.Second {
			t.Errorf("told at %v, posted at %v", at, before)
		}
	})
}

// What is left of a day by a server that hangs is not looked at so often that the nodes
// come to nothing else.
func TestOutboxLongBacklog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, m, _, stop := manned(t)
		const backlog = 800
		for range backlog {
			o.must(t, "slow", 24*time.Hour)
		}
		<-time.After(15 * time.Minute)
		before := m.putOff()
		<-time.After(5 * time.Minute)
		stop()
		if n := m.putOff() - before; n > 3*backlog {
			t.Errorf("put off %d times in five minutes", n)
		}
	})
}

// However many wait for a server that hangs, each is tried or put on record as not
// taken, and the nodes are not kept busy with them.
func TestOutboxBacklog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, m, _, stop := manned(t)
		j := &journal{}
		o.Audit = j
		const backlog = 1000
		for range backlog {
			o.must(t, "slow", 2*time.Minute)
		}
		<-time.After(5 * time.Minute)
		stop()
		if len(j.kinds) != backlog || m.left() != 0 {
			t.Errorf("%d put on record, %d left", len(j.kinds), m.left())
		}
		if m.delays > 12*backlog {
			t.Errorf("put off %d times", m.delays)
		}
	})
}

// Many notices for one server that answers are told soon.
func TestOutboxMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, m, h, stop := manned(t)
		for range 100 {
			o.must(t, "quick", time.Hour)
		}
		<-time.After(15 * time.Second)
		stop()
		if len(h.at["quick"]) != 100 || m.left() != 0 {
			t.Errorf("%d told, %d left", len(h.at["quick"]), m.left())
		}
	})
}

// A node that stops waits 2 s for what is under way, and leaves it to others.
func TestOutboxStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, m, h, stop := manned(t)
		for range 5 {
			o.must(t, "slow", time.Hour)
		}
		<-time.After(time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took != grace {
			t.Errorf("it took %v to stop", took)
		}
		if len(h.at["slow"]) != atOnce || m.left() != 5 {
			t.Errorf("%d tried, %d left", len(h.at["slow"]), m.left())
		}
	})
}

func TestCause(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"answered 503":      errMade{statusError(503)},
		"no courier for it": errKind,
		"its address is not public, and outgoing.allow does not have it": fmt.Errorf("dial: %w", errAddress),
		"its certificate is not accepted":                                &tls.CertificateVerificationError{Err: errors.New("of secret.example")},
		"its name is not known":                                          &net.DNSError{Name: "secret.example"},
		"it refused the connection":                                      &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		"it took too long":                                               context.DeadlineExceeded,
		"this node stopped":                                              context.Canceled,
		"the connection failed":                                          errors.New("malformed secret"),
	} {
		if got := Cause(err); got != want || strings.Contains(got, "secret") {
			t.Errorf("%v: %q", err, got)
		}
	}
}
