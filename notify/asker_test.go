package notify

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// transport takes requests by a function.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(status int, body string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// hangs answers when its caller has gone.
func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func newAsker(f transport) *Asker {
	return &Asker{URL: "https://risk.bank.example/", Secret: []byte("secret"), HTTP: &http.Client{Transport: f}, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Check: func(b []byte) error {
			if !bytes.HasPrefix(b, []byte("good")) {
				return errors.New("not good")
			}
			return nil
		}}
}

// Whatever is no good answer in half a second is a failure.
func TestAskerFails(t *testing.T) {
	for what, x := range map[string]struct {
		f  transport
		ok bool
	}{
		"good":          {func(*http.Request) (*http.Response, error) { return reply(200, "good") }, true},
		"another":       {func(*http.Request) (*http.Response, error) { return reply(200, "bad") }, false},
		"a status":      {func(*http.Request) (*http.Response, error) { return reply(201, "good") }, false},
		"a redirect":    {func(*http.Request) (*http.Response, error) { return reply(307, "good") }, false},
		"too long":      {func(*http.Request) (*http.Response, error) { return reply(200, "good"+strings.Repeat(" ", answerMost)) }, false},
		"no connection": {func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, false},
		"nothing":       {hangs, false},
		"slow": {func(r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(askWithin - time.Millisecond):
				return reply(200, "good")
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}, true},
		"slow to the end": {func(r *http.Request) (*http.Response, error) {
			resp, err := reply(200, "")
			in, out := io.Pipe()
			go func() { <-r.Context().Done(); out.CloseWithError(r.Context().Err()) }()
			resp.Body = in
			return resp, err
		}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			answer, err := newAsker(x.f).Ask("id", []byte("body"))
			if ok := err == nil && string(answer) == "good"; ok != x.ok {
				t.Errorf("%s: %q, %v", what, answer, err)
			}
			if took := time.Since(began); took > askWithin {
				t.Errorf("%s: took %s", what, took)
			}
		})
	}
}

// However many ask at once, and whatever the other side does, all are answered in
// half a second, and few questions are under way.
func TestAskerDoesNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most, all atomic.Int32
		a := newAsker(func(r *http.Request) (*http.Response, error) {
			all.Add(1)
			n := now.Add(1)
			defer now.Add(-1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			return hangs(r)
		})
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 500 {
			wg.Go(func() {
				if _, err := a.Ask(strconv.Itoa(i), nil); err == nil {
					t.Error("answered")
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took > askWithin || most.Load() != askedAtOnce || all.Load() != askedAtOnce {
			t.Errorf("took %s, %d at once, %d in all", took, most.Load(), all.Load())
		}
	})
}

// Who asks the same while it is asked shares the answer; afterwards it is asked anew.
func TestAskerAsksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		a := newAsker(func(*http.Request) (*http.Response, error) {
			<-time.After(100 * time.Millisecond)
			return reply(200, "good"+strconv.Itoa(int(asked.Add(1))))
		})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got, err := a.Ask("one", nil); err != nil || string(got) != "good1" {
					t.Errorf("%q, %v", got, err)
				}
			})
		}
		wg.Wait()
		if got, err := a.Ask("one", nil); err != nil || string(got) != "good2" {
			t.Errorf("again: %q, %v", got, err)
		}
	})
}

// After five failures in a row nothing is asked for ten seconds; then one question
// tries, and a good answer ends it.
func TestAskerPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		var good atomic.Bool
		a := newAsker(func(*http.Request) (*http.Response, error) {
			asked.Add(1)
			if good.Load() {
				return reply(200, "good")
			}
			return reply(503, "")
		})
		want := func(what string, n int32, fails bool) {
			t.Helper()
			before := asked.Load()
			for i := range 20 {
				if _, err := a.Ask(strconv.Itoa(i), nil); (err != nil) != fails {
					t.Errorf("%s: %v", what, err)
				}
			}
			if got := asked.Load() - before; got != n {
				t.Errorf("%s: asked %d times", what, got)
			}
		}
		want("failing", failedMost, true)
		<-time.After(askPause)
		want("after the pause", 1, true)
		good.Store(true)
		want("in the next pause", 0, true)
		<-time.After(askPause)
		want("good again", 20, false)
		good.Store(false)
		want("failing again", failedMost, true)
	})
}

// It goes out as everything does: to public addresses, and signed.
func TestAskerGoesOut(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body []byte
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, "good")
	}))
	defer s.Close()
	a := newAsker(nil)
	a.URL, a.HTTP, a.Now = s.URL, Client(nil), func() time.Time { return time.Unix(1731705121, 5) }
	if _, err := a.Ask("id", []byte("body")); !errors.Is(err, errAddress) || got != nil {
		t.Errorf("a private address: %v", err)
	}
	a.HTTP = Client([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	if _, err := a.Ask("id", []byte("body")); err != nil {
		t.Fatal(err)
	}
	if got.Method != http.MethodPost || got.Header.Get("Content-Type") != "application/json" || string(body) != "body" {
		t.Errorf("%s %v %s", got.Method, got.Header, body)
	}
	for name, values := range Sign(a.Secret, "id", a.Now(), body) {
		if got.Header.Get(name) != values[0] {
			t.Errorf("%s: %q", name, got.Header.Get(name))
		}
	}
}
