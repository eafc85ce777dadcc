package inspector

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// inspected serves a handler behind the middleware until the test ends.
func inspected(t *testing.T, h http.HandlerFunc) (*Inspector, string) {
	t.Helper()
	i := New()
	s := httptest.NewServer(i.Middleware(h))
	t.Cleanup(s.Close)
	return i, s.URL
}

// eventually waits for a number of entries.
func eventually(t *testing.T, i *Inspector, number int) []entry {
	t.Helper()
	within := time.After(10 * time.Second)
	for {
		all, _, changed := i.after(0, ringLength)
		if len(all) >= number {
			return entries(t, i)
		}
		select {
		case <-changed:
		case <-within:
			t.Fatalf("%d entries, want %d", len(all), number)
		}
	}
}

func TestExchange(t *testing.T) {
	i, base := inspected(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		w.Write(b)
	})
	q, err := http.NewRequest(http.MethodPost, base+"/auth/initiate?a=b", strings.NewReader(`{"sessionId":"`+aSession+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/json; charset=utf-8")
	q.Header.Set("Origin", "https://bank.example")
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	e := eventually(t, i, 1)[0]
	x := e.Request
	if x.Method != http.MethodPost || x.URL != base+"/auth/initiate?a=b" || x.Path != "/auth/initiate?a=b" || x.Status != 429 || x.Static || x.Open || x.Aborted {
		t.Errorf("%+v", x)
	}
	if x.RequestBody.Text != x.ResponseBody.Text || x.RequestBody.Text != `{"sessionId":"`+aSession+`"}` || x.RequestBody.Cut {
		t.Errorf("bodies %+v, %+v", x.RequestBody, x.ResponseBody)
	}
	if got := fmt.Sprint(x.ResponseHeaders); got != "[[Content-Type application/problem+json] [Retry-After 7]]" {
		t.Errorf("answered with %s", got)
	}
	if got := fmt.Sprint(x.RequestHeaders); !strings.Contains(got, "[Origin https://bank.example]") || strings.Contains(got, "Accept-Encoding") {
		t.Errorf("asked with %s", got)
	}
	if fmt.Sprint(e.Sessions) != "["+aSession+"]" {
		t.Errorf("sessions %v", e.Sessions)
	}
}

// Bodies are kept to a length, and pass through whole.
func TestBodyCut(t *testing.T) {
	var heard int64
	i, base := inspected(t, func(w http.ResponseWriter, r *http.Request) {
		heard, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		for range 5 {
			_, _ = io.WriteString(w, strings.Repeat("b", bodyLength/4))
		}
	})
	resp, err := http.Post(base, "application/json", strings.NewReader(strings.Repeat("a", 2*bodyLength)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.Copy(io.Discard, resp.Body)
	if err != nil || got != 5*bodyLength/4 || heard != 2*bodyLength {
		t.Errorf("%d bytes there, %d back, %v", heard, got, err)
	}
	x := eventually(t, i, 1)[0].Request
	if !x.RequestBody.Cut || x.RequestBody.Text != strings.Repeat("a", bodyLength) {
		t.Errorf("kept %d of the request", len(x.RequestBody.Text))
	}
	if !x.ResponseBody.Cut || x.ResponseBody.Text != strings.Repeat("b", bodyLength) || x.Status != 200 {
		t.Errorf("kept %d of the answer", len(x.ResponseBody.Text))
	}
}

// Pages and files are noted, not copied.
func TestStatic(t *testing.T) {
	for path, static := range map[string]bool{"/assets/login/login.js": true, "/authenticator": true, "/authenticator/app.js": true, "/authenticators": false, "/login": false} {
		i := New()
		h := i.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, "{}")
		}))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
		x := only(t, i).Request
		if x.Static != static || (x.ResponseBody == nil) != static || (x.ResponseHeaders == nil) != static || x.Status != 200 {
			t.Errorf("%s: %+v", path, x)
		}
	}
}

// A web socket goes through; its beginning and its close code are recorded.
func TestWebSocket(t *testing.T) {
	u := websocket.Upgrader{}
	i, base := inspected(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		if r.URL.Path != "/rude" {
			_ = c.WriteMessage(websocket.TextMessage, []byte(`{"type":"otp_ready"}`))
			_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4009, "taken"), time.Now().Add(time.Second))
		}
	})
	for n, path := range []string{"/ws/session/" + aSession, "/rude"} {
		c, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(base, "http")+path+"?token=x", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if n == 0 {
			if _, b, err := c.ReadMessage(); err != nil || string(b) != `{"type":"otp_ready"}` {
				t.Errorf("got %s, %v", b, err)
			}
			if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, 4009) {
				t.Errorf("ended with %v", err)
			}
		}
		all := eventually(t, i, 2*n+2)
		c.Close()
		begun, ended := all[2*n], all[2*n+1]
		if x := begun.Request; x == nil || x.Status != 101 || !x.Open || x.Path != path+"?token=x" {
			t.Errorf("begun as %+v", x)
		}
		want := []closedStream{{Path: path + "?token=x", Code: 4009, Reason: "taken"}, {Path: path + "?token=x"}}[n]
		if x := ended.Closed; x == nil || x.Path != want.Path || x.Code != want.Code || x.Reason != want.Reason {
			t.Errorf("ended as %+v, want %+v", x, want)
		}
		if n == 0 && (fmt.Sprint(begun.Sessions) != "["+aSession+"]" || fmt.Sprint(ended.Sessions) != "["+aSession+"]") {
			t.Errorf("sessions %v, %v", begun.Sessions, ended.Sessions)
		}
	}
}

func TestCloseFrame(t *testing.T) {
	for _, c := range []struct {
		in     string
		code   int
		reason string
		ok     bool
	}{
		{"\x88\x00", 1005, "", true}, {"\x88\x02\x03\xe8", 1000, "", true}, {"\x88\x04\x0f\xa1no", 4001, "no", true},
		{"\x88\x01\x03", 0, "", false}, {"\x88\x03\x03\xe8", 0, "", false}, {"\x88", 0, "", false}, {"", 0, "", false},
		{"\x81\x02\x03\xe8", 0, "", false}, {"\x88\x7e\x00", 0, "", false},
	} {
		if code, reason, ok := closeFrame([]byte(c.in)); code != c.code || reason != c.reason || ok != c.ok {
			t.Errorf("%x: %d %q %v", c.in, code, reason, ok)
		}
	}
}

// An event stream is not kept back, may set deadlines, and is recorded when it
// begins and when it ends.
func TestEventStream(t *testing.T) {
	next := make(chan bool)
	i, base := inspected(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		rc := http.NewResponseController(w)
		if err := rc.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, "data: 1\n\n")
		if err := rc.Flush(); err != nil {
			t.Error(err)
		}
		<-next
		_, _ = io.WriteString(w, "data: 2\n\n")
		w.(http.Flusher).Flush()
		<-next
	})
	resp, err := http.Get(base + "/auth/session/" + aSession + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for _, want := range []string{"data: 1\n\n", "data: 2\n\n"} {
		got := make([]byte, len(want))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != want {
			t.Fatalf("got %q, %v", got, err)
		}
		if all := entries(t, i); len(all) != 1 || !all[0].Request.Open || all[0].Request.Status != 200 || all[0].Request.ResponseBody != nil {
			t.Fatalf("%+v", all)
		}
		next <- true
	}
	if e := eventually(t, i, 2)[1]; e.Closed == nil || e.Closed.Code != 0 || fmt.Sprint(e.Sessions) != "["+aSession+"]" {
		t.Errorf("ended as %+v", e)
	}
}

// A panic passes through, and its request is recorded as given up.
func TestPanic(t *testing.T) {
	i := New()
	h := i.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	func() {
		defer func() {
			if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
				t.Errorf("panicked with %v", err)
			}
		}()
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	}()
	if x := only(t, i).Request; !x.Aborted || x.Status != 0 {
		t.Errorf("%+v", x)
	}
}

// What cannot be hijacked says so, and is recorded as what it answered.
func TestHijackRefused(t *testing.T) {
	i := New()
	h := i.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
			t.Errorf("hijacked %v", c.RemoteAddr())
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if x := only(t, i).Request; x.Status != http.StatusTeapot || x.Open {
		t.Errorf("%+v", x)
	}
}
