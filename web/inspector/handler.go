package inspector

import (
	"embed"
	"net"
	"net/http"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"
)

// dist is the page as it is built by web/build.mjs.
//
//go:embed dist
var dist embed.FS

const (
	batch       = 100 // entries written at once
	writeWithin = 5 * time.Second
	pingEvery   = 15 * time.Second
	policy      = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; " +
		"manifest-src 'self'; worker-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// Handler serves the page. It answers only callers of this machine that name
// it so: a page elsewhere whose host name was made to point here (DNS rebinding)
// says another name. Event streams end with their request's context, so a server
// of it is ended with Close, or by its BaseContext.
func (i *Inspector) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { file(w, r, "index.html") })
	mux.HandleFunc("GET /assets/{file}", func(w http.ResponseWriter, r *http.Request) { file(w, r, r.PathValue("file")) })
	mux.HandleFunc("GET /events", i.events)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", policy)
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		head.Set("Cache-Control", "no-store")
		if !local(r) {
			http.Error(w, "the inspector is shown on this machine only, as localhost or 127.0.0.1", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// local says whether the caller is on this machine and calls it by a name that
// only this machine has.
func local(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	switch strings.ToLower(strings.Trim(host, "[]")) {
	case "localhost", "127.0.0.1", "::1":
		return true
	}
	return false
}

func file(w http.ResponseWriter, r *http.Request, name string) {
	b, err := dist.ReadFile(path.Join("dist", path.Base(name)))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	kinds := map[string]string{".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
	w.Header().Set("Content-Type", kinds[path.Ext(name)]+"; charset=utf-8")
	// The peer may have gone; there is nobody else to tell.
	_, _ = w.Write(b) //nolint:gosec // one of our own embedded files
}

// events streams entries. It begins with "begin", which names the run, and says
// in a "gap" how many entries the reader has missed for good.
func (i *Inspector) events(w http.ResponseWriter, r *http.Request) {
	at := i.resume(r.Header.Get("Last-Event-ID"))
	w.Header().Set("Content-Type", "text/event-stream")
	out := &stream{w: w, rc: http.NewResponseController(w)}
	out.event("begin", `{"run":"`+i.run+`"}`)
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for out.err == nil {
		entries, missed, changed := i.after(at, batch)
		if missed > 0 {
			out.event("gap", `{"missed":`+strconv.FormatUint(missed, 10)+`}`)
			at += missed
		}
		for _, e := range entries {
			out.write("id: " + i.run + "." + strconv.FormatUint(e.number, 10) + "\ndata: " + string(e.json) + "\n\n")
			at = e.number
		}
		out.flush()
		if len(entries) == batch {
			continue
		}
		select {
		case <-r.Context().Done():
			return
		case <-ping.C:
			out.write(": ping\n\n")
		case <-changed:
		}
	}
}

// resume gives the number that a reader has seen last. One of another run has
// seen nothing of this one.
func (i *Inspector) resume(lastEventID string) uint64 {
	run, number, _ := strings.Cut(lastEventID, ".")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil || run != i.run {
		return 0
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return min(n, i.last)
}

// A stream writes events until one cannot be written in time.
type stream struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	err error
}

func (s *stream) event(name, data string) { s.write("event: " + name + "\ndata: " + data + "\n\n") }

func (s *stream) write(text string) {
	if s.err == nil {
		s.err = s.rc.SetWriteDeadline(time.Now().Add(writeWithin))
	}
	if s.err == nil {
		_, s.err = s.w.Write([]byte(text))
	}
}

func (s *stream) flush() {
	if s.err == nil {
		s.err = s.rc.Flush()
	}
}
