package inspector

import (
	"bufio"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"
)

// An exchange is a request and how it was answered.
type exchange struct {
	Method string `json:"method"`
	URL    string `json:"url"`  // with scheme and host
	Path   string `json:"path"` // with the query
	From   string `json:"from"` // the peer's address
	Status int    `json:"status"`
	Millis int64  `json:"millis"`
	// Static: a file of the page or of the authenticator, of which nothing else
	// is recorded. Open: it goes on, as a web socket or an event stream. Aborted:
	// the handler gave up.
	Static  bool `json:"static,omitempty"`
	Open    bool `json:"open,omitempty"`
	Aborted bool `json:"aborted,omitempty"`

	RequestHeaders  [][2]string `json:"requestHeaders,omitempty"`
	RequestBody     *text       `json:"requestBody,omitempty"`
	ResponseHeaders [][2]string `json:"responseHeaders,omitempty"`
	ResponseBody    *text       `json:"responseBody,omitempty"`
}

// A closedStream is the end of a web socket or of an event stream.
type closedStream struct {
	Path   string `json:"path"`
	Millis int64  `json:"millis"`         // since it was opened
	Code   int    `json:"code,omitempty"` // of the close frame; 0: there was none
	Reason string `json:"reason,omitempty"`
}

// Middleware records what passes through next. What next hijacks or streams is
// recorded when it begins, and again when it ends.
func (i *Inspector) Middleware(next http.Handler) http.Handler {
	if i == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &recorder{ResponseWriter: w, to: i, begun: i.now(), request: r}
		q := *r
		if r.Body != nil && r.Body != http.NoBody && isText(r.Header) {
			q.Body = &tap{ReadCloser: r.Body, copy: &x.asked}
		}
		whole := false
		defer func() { x.finish(whole) }() // a panic passes through
		next.ServeHTTP(x, &q)
		whole = true
	})
}

// isText says whether a body is of a kind that is shown: JSON, and what a client
// sent by mistake instead. Forms may hold a client's secret.
func isText(head http.Header) bool {
	kind, _, err := mime.ParseMediaType(head.Get("Content-Type"))
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json") || kind == "text/plain")
}

// A recorder is the response writer of one exchange.
type recorder struct {
	http.ResponseWriter
	to              *Inspector
	begun           time.Time
	request         *http.Request
	status          int // 0: nothing written yet
	keep            bool
	open            bool // recorded already; it goes on
	upgraded        bool
	asked, answered buffer
}

// Unwrap lets [http.ResponseController] find what this writer does not do.
func (x *recorder) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// WriteHeader implements [http.ResponseWriter].
func (x *recorder) WriteHeader(status int) {
	if x.status == 0 && (status >= http.StatusOK || status == http.StatusSwitchingProtocols) {
		x.status = status
		x.keep = isText(x.Header())
		if strings.HasPrefix(x.Header().Get("Content-Type"), "text/event-stream") {
			x.opened()
		}
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *recorder) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	if x.keep {
		x.answered.add(b)
	}
	return x.ResponseWriter.Write(b)
}

// Flush implements [http.Flusher].
func (x *recorder) Flush() {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	// Whoever flushes so has no way to learn of an error.
	_ = http.NewResponseController(x.ResponseWriter).Flush()
}

// Hijack implements [http.Hijacker]. The connection goes on being watched for
// its end.
func (x *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	line, rw, err := http.NewResponseController(x.ResponseWriter).Hijack()
	if err != nil {
		return line, rw, err
	}
	x.status, x.upgraded = http.StatusSwitchingProtocols, true
	x.opened()
	return &upgradedConn{Conn: line, ended: x.ended()}, rw, nil
}

// opened records what goes on for longer.
func (x *recorder) opened() {
	x.open = true
	x.record(false)
}

// finish records the exchange once next has returned; whole is false if it has
// panicked instead.
func (x *recorder) finish(whole bool) {
	switch {
	case x.upgraded: // the connection tells its end
	case x.open:
		x.ended()(0, "")
	default:
		if x.status == 0 && whole {
			x.status = http.StatusOK // as net/http answers
		}
		x.record(!whole)
	}
}

func (x *recorder) record(aborted bool) {
	r := x.request
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	path := r.URL.RequestURI()
	e := &exchange{Method: r.Method, URL: scheme + r.Host + path, Path: path, From: r.RemoteAddr, Status: x.status, Aborted: aborted,
		Millis: x.to.now().Sub(x.begun).Milliseconds(), Static: static(r), Open: x.open}
	if e.Static {
		x.to.add(x.begun, entry{Kind: kindRequest, Request: e})
		return
	}
	e.RequestHeaders, e.RequestBody = shown(r.Header, requestHeaders, r.URL.Path), x.asked.text()
	e.ResponseHeaders, e.ResponseBody = shown(x.Header(), responseHeaders, r.URL.Path), x.answered.text()
	x.to.add(x.begun, entry{Kind: kindRequest, Request: e, Sessions: sessionsIn([]byte(path), x.asked.bytes, x.answered.bytes)})
}

// ended gives what records the end of the exchange. It holds little of the
// request, which a web socket outlives.
func (x *recorder) ended() func(code int, reason string) {
	to, opened, path := x.to, x.begun, strings.Clone(x.request.URL.RequestURI())
	return func(code int, reason string) {
		now := to.now()
		to.add(now, entry{Kind: kindClosed, Sessions: sessionsIn([]byte(path)),
			Closed: &closedStream{Path: path, Millis: now.Sub(opened).Milliseconds(), Code: code, Reason: reason}})
	}
}

// static says whether a request is for a file that is the same for everybody.
func static(r *http.Request) bool {
	path := r.URL.Path
	return r.Method == http.MethodGet &&
		(strings.HasPrefix(path, "/assets/") || path == "/authenticator" || strings.HasPrefix(path, "/authenticator/") || path == "/favicon.ico")
}

// A buffer keeps the beginning of a body, up to bodyLength.
type buffer struct {
	bytes []byte
	cut   bool
}

func (b *buffer) add(p []byte) {
	room := bodyLength - len(b.bytes)
	if len(p) > room {
		p, b.cut = p[:room], true
	}
	b.bytes = append(b.bytes, p...)
}

func (b *buffer) text() *text {
	if len(b.bytes) == 0 {
		return nil
	}
	return &text{Text: string(b.bytes), Cut: b.cut}
}

// A tap copies what is read from a body.
type tap struct {
	io.ReadCloser
	copy *buffer
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.copy.add(p[:n])
	return n, err
}
