package browser

import (
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"countersign/test/rig"
)

// A proxy stands before the nodes, as in production, and can be told to
// misbehave.
type proxy struct {
	url      string // http://localhost:PORT: a secure context, as https would be
	listener *tracked
	forward  *rig.Turns

	mu       sync.Mutex
	refuses  []func(*http.Request) bool
	holds    func(*http.Request) bool
	requests []string
}

// newProxy starts a proxy without nodes; it ends with the test.
func newProxy(t testing.TB) *proxy {
	t.Helper()
	l := listen(t)
	p := &proxy{url: origin(l), listener: &tracked{Listener: l, open: map[net.Conn]bool{}}, forward: rig.NewTurns(t)}
	serve(t, p.listener, p)
	t.Cleanup(p.listener.cut)
	return p
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// origin is a listener's as browsers write it: localhost, because addresses and
// other names without TLS are no secure context.
func origin(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String()) // a listener's address always has a port
	return "http://localhost:" + port
}

// serve serves until the test ends.
func serve(t testing.TB, l net.Listener, h http.Handler) {
	t.Helper()
	s := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }() // it ends by Close
	t.Cleanup(func() { s.Close(); <-done })
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	refused := slices.ContainsFunc(p.refuses, func(f func(*http.Request) bool) bool { return f(r) })
	held := p.holds != nil && p.holds(r)
	p.requests = append(p.requests, r.Method+" "+r.URL.Path+map[bool]string{true: " refused", false: " passed"}[refused])
	p.mu.Unlock()
	switch {
	case refused && r.Header.Get("Sec-Fetch-Mode") == "navigate":
		w.WriteHeader(http.StatusNoContent) // the browser then stays where it is
	case held:
		<-r.Context().Done()
	case refused:
		http.Error(w, "blocked on the way", http.StatusForbidden)
	default:
		p.forward.ServeHTTP(w, r)
	}
}

// refuse blocks requests on their way from now on.
func (p *proxy) refuse(which func(*http.Request) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = append(p.refuses, which)
}

// sockets are the requests of pages for a web socket, phones those of phones;
// events are those for a stream; returns those of a browser that comes back from an
// app.
func sockets(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/ws/session/") }
func phones(r *http.Request) bool  { return r.URL.Path == "/ws/device" }
func events(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/events")
}

func returns(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/r/") }

// hold takes requests in from now on and never answers them, as a proxy does that
// waits for the end of a stream before it passes it on.
func (p *proxy) hold(which func(*http.Request) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holds = which
}

// allow ends all refusing.
func (p *proxy) allow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = nil
}

// to sends further requests to these nodes.
func (p *proxy) to(t testing.TB, bases ...string) {
	t.Helper()
	p.forward.To(t, bases...)
}

// offline takes the network away: nothing is accepted any more, and what is open
// breaks.
func (p *proxy) offline() { p.listener.down(true) }

// online gives the network back.
func (p *proxy) online() { p.listener.down(false) }

// cut breaks every connection there is; new ones are accepted.
func (p *proxy) cut() { p.listener.cut() }

// served counts the requests that were let through whose "METHOD path" matches a
// pattern, blocked those that were not.
func (p *proxy) served(pattern string) int  { return p.count(pattern, " passed") }
func (p *proxy) blocked(pattern string) int { return p.count(pattern, " refused") }

func (p *proxy) count(pattern, fate string) (n int) {
	is := regexp.MustCompile("^" + pattern + "$")
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.requests {
		if request, ok := strings.CutSuffix(line, fate); ok && is.MatchString(request) {
			n++
		}
	}
	return n
}

// tracked is a listener that knows its connections, web sockets too, which an
// http.Server forgets.
type tracked struct {
	net.Listener
	mu     sync.Mutex
	open   map[net.Conn]bool
	isDown bool
}

// Accept implements net.Listener.
func (l *tracked) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		down := l.isDown
		if !down {
			l.open[c] = true
		}
		l.mu.Unlock()
		if !down {
			return &trackedConn{Conn: c, l: l}, nil
		}
		c.Close()
	}
}

func (l *tracked) down(is bool) {
	l.mu.Lock()
	l.isDown = is
	l.mu.Unlock()
	if is {
		l.cut()
	}
}

// cut breaks every connection there is.
func (l *tracked) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		c.Close()
	}
	clear(l.open)
}

type trackedConn struct {
	net.Conn
	l *tracked
}

// Close implements net.Conn.
func (c *trackedConn) Close() error {
	c.l.mu.Lock()
	delete(c.l.open, c.Conn)
	c.l.mu.Unlock()
	return c.Conn.Close()
}
