package push

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"countersign/audit"
	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"
	"countersign/test/pushtest"
)

const issuer = "https://login.example.com"

// A world is everything around a pusher: who is woken, a push service that answers
// with the statuses given (0 being none at all), and what was noted.
type world struct {
	t        *testing.T
	app      pushtest.App
	statuses []int
	after    string // Retry-After of all that is refused
	over     bool   // the budget
	from     int    // how often somebody is to be woken before nobody is; 0: always

	mu      sync.Mutex
	asked   int // how often who is to be woken
	counted int
	began   time.Time
	at      []time.Duration
	pushes  []pushtest.Push
	notes   []string
	log     strings.Builder
}

func (w *world) device() device.Device {
	return device.Device{ID: "dev_alice", Push: device.Subscription{Endpoint: w.app.Endpoint, P256DH: w.app.P256DH(), Auth: w.app.Secret()}}
}

func (w *world) Wakes(context.Context, session.Session) ([]device.Device, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked++; w.from > 0 && w.asked > w.from {
		return nil, nil
	}
	return []device.Device{w.device()}, nil
}

func (w *world) CountPush(context.Context, device.TokenID) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.counted++; w.over {
		return device.LimitedError{After: time.Minute}
	}
	return nil
}

func (w *world) Unsubscribe(_ context.Context, id device.TokenID, d device.ID, s device.Subscription) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, fmt.Sprintf("forgotten %s %s %v", id, d, s == w.device().Push))
	return nil
}

func (w *world) Record(_ context.Context, e audit.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, strings.Join([]string{string(e.Kind), e.Token, e.Device, e.Service, e.Detail}, " "))
	return nil
}

func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, err := w.app.Open(r)
	if err != nil {
		w.t.Error(err)
	}
	w.at, w.pushes = append(w.at, time.Since(w.began).Round(time.Second)), append(w.pushes, p)
	status := w.statuses[0]
	if len(w.statuses) > 1 {
		w.statuses = w.statuses[1:]
	}
	if status == 0 {
		return nil, errors.New("no route to https://push.example/secret")
	}
	answer := httptest.NewRecorder()
	if w.after != "" {
		answer.Header().Set("Retry-After", w.after)
	}
	answer.WriteHeader(status)
	return answer.Result(), nil
}

// run wakes for one session of that lifetime, and lets time pass.
func (w *world) run(t *testing.T, life time.Duration) {
	t.Helper()
	key, err := p256.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	w.t, w.app, w.began = t, pushtest.NewApp(t, "https://push.example/secret"), time.Now()
	p := New(Pusher{Issuer: issuer, Key: key, Sessions: w, Budget: w, Devices: w, HTTP: &http.Client{Transport: w}, Audit: w,
		Log: slog.New(slog.NewTextHandler(&w.log, nil)), Now: time.Now})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	p.Wake(session.Session{ID: "sess_one", Asked: "tok_alice", Service: "acme", ExpiresAt: time.Now().Add(life)})
	<-time.After(time.Hour) // of the bubble: nobody waits
	cancel()
	<-done
	if w.log.String() != "" && strings.Contains(w.log.String(), "secret") {
		t.Errorf("the log has the address: %s", w.log.String())
	}
	for _, x := range w.pushes {
		if x.Key != p.PublicKey() || x.Claims.Audience != "https://push.example" || x.Claims.Subject != issuer {
			t.Errorf("%+v", x)
		}
	}
}

func TestPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{statuses: []int{201}}
		w.run(t, 2*time.Minute)
		if len(w.pushes) != 1 || w.counted != 1 || !slices.Equal(w.notes, []string{"notice.taken tok_alice dev_alice acme push"}) {
			t.Fatalf("%+v, %d, %v", w.pushes, w.counted, w.notes)
		}
		x := w.pushes[0]
		if x.TTL != "120" || x.Head.Get("Urgency") != "high" || x.Head.Get("Topic") != "countersign" || x.Length != size {
			t.Errorf("%+v", x)
		}
		// Nothing but this: no name, no code, no identity.
		want := `{"type":"pending","deviceId":"dev_alice","sessionId":"sess_one","expiresAt":"` + w.began.Add(2*time.Minute).UTC().Format(time.RFC3339) + `"}`
		if x.Message != want {
			t.Errorf("%s, want %s", x.Message, want)
		}
	})
}

// What became of a push, and when it was tried.
func TestPushTries(t *testing.T) {
	const took, failed, forgot = "notice.taken tok_alice dev_alice acme push", "notice.failed tok_alice dev_alice acme push", "forgotten tok_alice dev_alice true"
	for name, c := range map[string]struct {
		world *world
		life  time.Duration
		at    []int // seconds
		notes []string
	}{
		"taken the third time":        {&world{statuses: []int{0, 503, 201}}, time.Minute, []int{0, 2, 10}, []string{took}},
		"never taken":                 {&world{statuses: []int{500}}, time.Minute, []int{0, 2, 10}, []string{failed}},
		"refused":                     {&world{statuses: []int{403}}, time.Minute, []int{0}, []string{failed}},
		"sent elsewhere":              {&world{statuses: []int{307}}, time.Minute, []int{0}, []string{failed}},
		"gone":                        {&world{statuses: []int{410}}, time.Minute, []int{0}, []string{forgot, failed}},
		"not found":                   {&world{statuses: []int{404}}, time.Minute, []int{0}, []string{forgot, failed}},
		"gone the second time":        {&world{statuses: []int{500, 410}}, time.Minute, []int{0, 2}, []string{forgot, failed}},
		"too many, later":             {&world{statuses: []int{429, 201}, after: "30"}, time.Minute, []int{0, 30}, []string{took}},
		"too many, too late":          {&world{statuses: []int{429}, after: "60"}, time.Minute, []int{0}, []string{failed}},
		"too many, at once":           {&world{statuses: []int{429, 201}, after: "0"}, time.Minute, []int{0, 2}, []string{took}},
		"too many, nonsense":          {&world{statuses: []int{429, 201}, after: "soon"}, time.Minute, []int{0, 2}, []string{took}},
		"not past the session's end":  {&world{statuses: []int{500}}, 5 * time.Second, []int{0, 2}, []string{failed}},
		"not for a decided session":   {&world{statuses: []int{500}, from: 1}, time.Minute, []int{0}, []string{failed}},
		"no time for any":             {&world{statuses: []int{201}}, 500 * time.Millisecond, nil, []string{failed}},
		"over the budget, in silence": {&world{statuses: []int{201}, over: true}, time.Minute, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := c.world
				w.run(t, c.life)
				var at []int
				for _, d := range w.at {
					at = append(at, int(d/time.Second))
				}
				if !slices.Equal(at, c.at) || !slices.Equal(w.notes, c.notes) {
					t.Errorf("at %v, noted %v: %s", at, w.notes, w.log.String())
				}
			})
		})
	}
}

// crowd has a phone at a push service of its own for whoever is asked.
type crowd struct{ world }

func (c *crowd) Wakes(_ context.Context, s session.Session) ([]device.Device, error) {
	d := c.device()
	d.Push.Endpoint = "https://" + string(s.Asked) + ".example/secret"
	return []device.Device{d}, nil
}

// RoundTrip says when bob is woken; the push service of alice says "later".
func (c *crowd) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	if r.URL.Host == "bob.example" {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.at = append(c.at, time.Since(c.began))
		answer.WriteHeader(http.StatusCreated)
		return answer.Result(), nil
	}
	answer.Header().Set("Retry-After", "100")
	answer.WriteHeader(http.StatusServiceUnavailable)
	return answer.Result(), nil
}

// A push service that is away holds up nobody whose phone is at another.
func TestPushServiceAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, err := p256.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		c := &crowd{world{t: t, app: pushtest.NewApp(t, "https://push.example/secret"), began: time.Now()}}
		p := New(Pusher{Issuer: issuer, Key: key, Sessions: c, Budget: c, Devices: c, HTTP: &http.Client{Transport: c}, Audit: c,
			Log: slog.New(slog.DiscardHandler), Now: time.Now})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { p.Run(ctx); close(done) }()
		for range 2 * atOnce {
			p.Wake(session.Session{Asked: "alice", ExpiresAt: time.Now().Add(2 * time.Minute)})
		}
		p.Wake(session.Session{Asked: "bob", ExpiresAt: time.Now().Add(2 * time.Minute)})
		<-time.After(time.Hour) // of the bubble
		cancel()
		<-done
		if len(c.at) != 1 || c.at[0] > time.Second {
			t.Errorf("bob was woken after %v", c.at)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{"": 0, "7": 7 * time.Second, "-7": 0, "x": 0, "99999999999999999999": 0,
		"Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Fri, 02 Jan 2026 03:03:05 GMT": 0} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// Nobody who starts a session waits, however many do.
func TestWakeNeverBlocks(t *testing.T) {
	log := &strings.Builder{}
	p := New(Pusher{Log: slog.New(slog.NewTextHandler(log, nil))})
	for range waiting {
		p.Wake(session.Session{})
	}
	if log.Len() != 0 {
		t.Errorf("logged %s", log)
	}
	p.Wake(session.Session{ID: "sess_last"})
	if !strings.Contains(log.String(), "sess_last") {
		t.Errorf("logged %s", log)
	}
}
