package inspector

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

// serve shows an inspector until the test ends.
func serve(t *testing.T, i *Inspector) string {
	t.Helper()
	s := httptest.NewServer(i.Handler())
	t.Cleanup(s.Close)
	return s.URL
}

// ask gets an address of the inspector; head is names and values in turn.
func ask(t *testing.T, address string, head ...string) *http.Response {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(head); n += 2 {
		q.Header.Set(head[n], head[n+1])
		if head[n] == "Host" {
			q.Host = head[n+1]
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func TestHost(t *testing.T) {
	base := serve(t, New())
	for host, want := range map[string]int{
		"localhost": 200, "localhost:9091": 200, "LOCALHOST:1": 200, "127.0.0.1:9091": 200, "[::1]:9091": 200, "[::1]": 200,
		"evil.example": 403, "evil.example:9091": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example:9091": 403, "127.0.0.2": 403,
		"0.0.0.0:9091": 403, "192.168.1.2:9091": 403, "localhost:9091@evil.example": 403,
	} {
		for _, path := range []string{"/", "/events"} {
			if got := ask(t, base+path, "Host", host); got.StatusCode != want && (want != 403 || got.StatusCode != http.StatusBadRequest) {
				t.Errorf("%s of %q: %d, want %d", path, host, got.StatusCode, want)
			}
		}
	}
}

// Nobody else's machine is answered, whatever it calls us.
func TestLoopbackOnly(t *testing.T) {
	for peer, want := range map[string]int{"127.0.0.1:1": 200, "[::1]:1": 200, "[::ffff:127.0.0.1]:1": 200, "192.168.1.2:1": 403, "nowhere": 403} {
		r := httptest.NewRequest(http.MethodGet, "http://localhost:9091/", http.NoBody)
		r.RemoteAddr = peer
		w := httptest.NewRecorder()
		New().Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d", peer, w.Code)
		}
	}
}

// The page is there, strict about what it runs, and keeps to what is allowed.
func TestPage(t *testing.T) {
	base := serve(t, New())
	index := ask(t, base+"/", "Origin", "https://evil.example")
	html, err := io.ReadAll(index.Body)
	if err != nil {
		t.Fatal(err)
	}
	head := index.Header
	if csp := head.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %s", csp)
	}
	if head.Get("Cache-Control") != "no-store" || head.Get("X-Content-Type-Options") != "nosniff" || head.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", head)
	}
	if !strings.Contains(string(html), "everything you see here is secret in production") {
		t.Error("the page does not warn")
	}
	if inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script(?:[^>]*)>[^<]`).FindString(string(html)); inline != "" {
		t.Errorf("the page has %q in it", inline)
	}
	for _, c := range []struct {
		path, kind string
		status     int
	}{
		{"/assets/inspector.js", "text/javascript; charset=utf-8", 200}, {"/assets/inspector.css", "text/css; charset=utf-8", 200},
		{"/assets/nothing.js", "", 404}, {"/assets/..%2finspector.go", "", 404}, {"/other", "", 404},
	} {
		resp := ask(t, base+c.path)
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != c.status || c.kind != "" && (resp.Header.Get("Content-Type") != c.kind || len(b) == 0) {
			t.Errorf("%s: %d %v, %v", c.path, resp.StatusCode, resp.Header, err)
		}
		if strings.Contains(string(b), ".innerHTML") || strings.Contains(string(b), "eval(") {
			t.Errorf("%s makes markup of texts", c.path)
		}
	}
	if resp, err := http.Post(base+"/events", "text/plain", nil); err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %v, %v", resp, err)
	}
}

// A frame is one event of a stream.
type frame struct{ event, id, data string }

// listen reads an event stream, and gives its frames in turn.
func listen(t *testing.T, base, lastEventID string) func() frame {
	t.Helper()
	var head []string
	if lastEventID != "" {
		head = []string{"Last-Event-ID", lastEventID}
	}
	resp := ask(t, base+"/events", head...)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	return func() (f frame) {
		t.Helper()
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "event":
				f.event = value
			case "id":
				f.id = value
			case "data":
				f.data = value
			case "":
				if f != (frame{}) {
					return f
				}
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return f
	}
}

// wantEntry checks that a frame is the message of that number.
func wantEntry(t *testing.T, f frame, i *Inspector, number int) {
	t.Helper()
	var e entry
	if err := json.Unmarshal([]byte(f.data), &e); err != nil || f.event != "" {
		t.Fatalf("%+v: %v", f, err)
	}
	if f.id != fmt.Sprintf("%s.%d", i.run, number) || e.Message.ID != number {
		t.Fatalf("%+v, want message %d", f, number)
	}
}

// A reader gets what is kept and then what comes; one that comes back gets what
// it has not seen.
func TestReplay(t *testing.T) {
	i := New()
	base := serve(t, i)
	for n := range 250 { // more than a batch
		i.Message(aSession, n+1, []byte("{}"))
	}
	next := listen(t, base, "")
	if f := next(); f.event != "begin" || f.data != `{"run":"`+i.run+`"}` {
		t.Fatalf("began with %+v", f)
	}
	for n := range 250 {
		wantEntry(t, next(), i, n+1)
	}
	i.Message(aSession, 251, []byte("{}"))
	wantEntry(t, next(), i, 251)

	for lastEventID, want := range map[string]int{i.run + ".249": 250, i.run + ".x": 1, i.run: 1, "other.249": 1, "249": 1} {
		again := listen(t, base, lastEventID)
		if f := again(); f.event != "begin" {
			t.Fatalf("%s: began with %+v", lastEventID, f)
		}
		wantEntry(t, again(), i, want)
	}
	again := listen(t, base, i.run+".99999") // never given: nothing was missed
	again()
	i.Message(aSession, 252, []byte("{}"))
	wantEntry(t, again(), i, 252)
}

// gate is a response that takes bytes only while it is open.
type gate struct {
	*httptest.ResponseRecorder
	open  chan struct{}
	wrote chan string
}

func (g *gate) Write(b []byte) (int, error) {
	g.wrote <- string(b)
	<-g.open
	return len(b), nil
}

func (g *gate) SetWriteDeadline(time.Time) error { return nil }

// A reader that does not read holds nobody up, and is told what it has missed.
func TestSlowReader(t *testing.T) {
	i := New()
	g := &gate{httptest.NewRecorder(), make(chan struct{}), make(chan string)}
	r := httptest.NewRequest(http.MethodGet, "http://localhost/events", http.NoBody)
	r.RemoteAddr = "127.0.0.1:1"
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		i.Handler().ServeHTTP(g, r.WithContext(ctx))
	}()
	if b := <-g.wrote; !strings.HasPrefix(b, "event: begin\n") {
		t.Fatalf("began with %q", b)
	}
	for n := range ringLength + 300 { // it is held up in its first write
		i.Message(aSession, n+1, []byte("{}"))
	}
	close(g.open)
	if b := <-g.wrote; b != "event: gap\ndata: {\"missed\":300}\n\n" {
		t.Errorf("told %q", b)
	}
	if b := <-g.wrote; !strings.HasPrefix(b, "id: "+i.run+".301\n") {
		t.Errorf("went on with %q", b)
	}
	for range ringLength - 1 {
		<-g.wrote
	}
	stop()
	<-done
}

// stuck is a response whose peer never takes a byte: its deadline passes.
type stuck struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (s *stuck) SetWriteDeadline(at time.Time) error {
	s.deadline = at
	return nil
}

func (s *stuck) Write([]byte) (int, error) {
	if within := time.Until(s.deadline); within <= 0 || within > writeWithin {
		return 0, nil
	}
	return 0, io.ErrShortWrite
}

// A reader that takes nothing in time is let go.
func TestStuckReader(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "http://localhost/events", http.NoBody)
	r.RemoteAddr = "127.0.0.1:1"
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	New().Handler().ServeHTTP(&stuck{ResponseRecorder: httptest.NewRecorder()}, r.WithContext(ctx))
	if ctx.Err() != nil {
		t.Error("it was waited for")
	}
}
