package rig

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign/session"
	"countersign/ws"
)

// Soon is when at last a watcher must have heard what happened, a lost hint and
// a busy machine included.
const Soon = 2 * time.Second

// In is the same system for a subtest.
func (r *Rig) In(t testing.TB) *Rig {
	x := *r
	x.T = t
	return &x
}

// Timely runs f and fails the test if it took longer than [Soon].
func Timely(t testing.TB, what string, f func()) {
	t.Helper()
	begun := time.Now()
	f()
	if took := time.Since(begun); took > Soon {
		t.Errorf("%s took %v", what, took)
	}
}

// At is the same page with the same session, talking to node n. It has no
// socket yet.
func (b *Browser) At(n int) *Browser {
	c := *b.Client
	c.Base = b.rig.Nodes[n].Base
	x := *b
	x.Client, x.Socket = &c, nil
	return &x
}

// Knock opens a socket of the session just as o says, at the session's URL with
// its token replaced unless token is that of the session.
func (b *Browser) Knock(token string, o ws.DialOptions) *ws.Client {
	b.t.Helper()
	c, err := ws.Dial(Ctx(b.t), strings.Replace(b.URL(), b.Session.WSToken, token, 1), o)
	if err != nil {
		b.t.Fatalf("dial: %v", err)
	}
	b.t.Cleanup(func() { c.Close() })
	return c
}

// ExpectNothing checks that a socket is open and gets no message for a moment.
// It ends the socket, because a reader that gave up cannot read again.
func ExpectNothing(t testing.TB, c *ws.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if m, err := c.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %+v, %v, want nothing", m, err)
	}
}

// A Stream is an event stream being read.
type Stream struct {
	t     testing.TB
	lines *bufio.Scanner
	close func()
}

// A Frame is one frame of an event stream.
type Frame struct{ Event, ID, Data string }

// Stream opens the session's event stream; after is the Last-Event-ID, or empty.
func (b *Browser) Stream(after string) *Stream {
	b.t.Helper()
	q, err := http.NewRequestWithContext(Ctx(b.t), http.MethodGet, b.Client.Base+"/auth/session/"+b.Session.SessionID+"/events", http.NoBody)
	if err != nil {
		b.t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+b.Session.WSToken)
	for name, value := range map[string]string{"Countersign-Verifier": b.Verifier, "Last-Event-ID": after, "Origin": b.Client.Origin} {
		if value != "" {
			q.Header.Set(name, value)
		}
	}
	resp, err := b.Client.HTTP.Do(q)
	if err != nil {
		b.t.Fatalf("events: %v", err)
	}
	s := &Stream{b.t, bufio.NewScanner(resp.Body), func() { resp.Body.Close() }}
	b.t.Cleanup(s.close)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Cache-Control") != "no-store" {
		b.t.Fatalf("events answered %d %v", resp.StatusCode, resp.Header)
	}
	return s
}

// Close leaves.
func (s *Stream) Close() { s.close() }

// Next takes the next frame; ok is false at the stream's end.
func (s *Stream) Next() (f Frame, ok bool) {
	s.t.Helper()
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "event":
			f.Event = value
		case "id":
			f.ID = value
		case "data":
			f.Data = value
		case "":
			if f != (Frame{}) {
				return f, true
			}
		}
	}
	return f, false
}

// Expect takes the next message and checks its type.
func (s *Stream) Expect(want session.MessageType) ws.Wire {
	s.t.Helper()
	f, ok := s.Next()
	var m ws.Wire
	if !ok || f.Event != "" || json.Unmarshal([]byte(f.Data), &m) != nil || m.Type != want {
		s.t.Fatalf("got %+v, want %s", f, want)
	}
	CheckMessage(s.t, []byte(f.Data))
	if f.ID == "" || !strings.Contains(f.Data, `"id":`+f.ID+`,`) && !strings.Contains(f.Data, `"id":`+f.ID+`}`) {
		s.t.Fatalf("frame with id %q and data %s", f.ID, f.Data)
	}
	return m
}

// ExpectClose takes the last frame, and nothing comes after it.
func (s *Stream) ExpectClose(code string) {
	s.t.Helper()
	f, ok := s.Next()
	if want := (Frame{Event: "close", Data: `{"code":` + code + `}`}); !ok || f != want {
		s.t.Fatalf("got %+v, want %+v", f, want)
	}
	if f, ok := s.Next(); ok {
		s.t.Fatalf("after the close: %+v", f)
	}
}
