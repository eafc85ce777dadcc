package notify

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"countersign/audit"
)

// memory is a store; each notice has the moment from which it may be claimed.
type memory struct {
	mu  sync.Mutex
	all map[string]Notice
	due map[string]time.Time
	err error
	// delays counts the notices that were put off.
	delays int
}

func (m *memory) PutNotice(_ context.Context, n Notice, due time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all[n.ID], m.due[n.ID] = n, due
	return m.err
}

func (m *memory) putOff() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.delays
}

func (m *memory) DelayNotice(_ context.Context, id string, due time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.due[id] = due
	m.delays++
	return m.err
}

func (m *memory) ClaimNotices(_ context.Context, most int, hold time.Duration) (out []Notice, more bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := slices.SortedFunc(maps.Keys(m.due), func(a, b string) int { return m.due[a].Compare(m.due[b]) })
	for _, id := range ids {
		if !m.due[id].After(time.Now()) && len(out) < most {
			out = append(out, m.all[id])
			m.due[id] = time.Now().Add(hold)
		}
	}
	return out, len(out) == most, m.err
}

func (m *memory) HastenNotice(_ context.Context, id string, due, to time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, there := m.due[id]; there && at.Equal(due) {
		m.due[id] = to
	}
	return m.err
}

func (m *memory) DropNotice(_ context.Context, n Notice) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, n.ID)
	delete(m.due, n.ID)
	return nil
}

func (m *memory) left() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.all)
}

type journal struct {
	mu    sync.Mutex
	kinds []audit.Kind
}

func (j *journal) Record(_ context.Context, e audit.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e.Service != "acme" || e.Detail != "ping" {
		e.Kind = "wrong"
	}
	j.kinds = append(j.kinds, e.Kind)
	return nil
}

// answers is a server that is not there: it answers with the statuses given, 0
// being none at all, and notes when it was asked.
type answers struct {
	mu       sync.Mutex
	statuses []int
	at       []time.Duration
	began    time.Time
}

func (a *answers) RoundTrip(*http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = append(a.at, time.Since(a.began).Round(time.Second))
	status := a.statuses[0]
	if len(a.statuses) > 1 {
		a.statuses = a.statuses[1:]
	}
	if status == 0 {
		return nil, errors.New("no route")
	}
	w := httptest.NewRecorder()
	w.WriteHeader(status)
	return w.Result(), nil
}

// run posts a notice and lets time pass.
func run(t *testing.T, courier Courier, statuses []int, life, pass time.Duration) (*memory, *journal, *answers, string) {
	t.Helper()
	m := &memory{all: map[string]Notice{}, due: map[string]time.Time{}}
	j, a, log := &journal{}, &answers{statuses: statuses, began: time.Now()}, &strings.Builder{}
	if courier == nil {
		courier = func(ctx context.Context, _ Notice) (*http.Request, error) {
			return http.NewRequestWithContext(ctx, http.MethodPost, "https://bank.example/?token=secret", nil)
		}
	}
	o := New(Outbox{Store: m, Couriers: map[Kind]Courier{"ping": courier}, HTTP: &http.Client{Transport: a}, Audit: j,
		Log: slog.New(slog.NewTextHandler(log, nil)), Now: time.Now})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { o.Run(ctx); close(done) }()
	if err := o.Post(ctx, Notice{Kind: "ping", Service: "acme", Body: []byte("body"), Until: time.Now().Add(life)}); err != nil {
		t.Fatal(err)
	}
	<-time.After(pass) // of the bubble: nobody waits
	cancel()
	<-done
	return m, j, a, log.String()
}

func TestOutbox(t *testing.T) {
	t.Parallel()
	sec := func(n ...int) (out []time.Duration) {
		for _, s := range n {
			out = append(out, time.Duration(s)*time.Second)
		}
		return out
	}
	for name, c := range map[string]struct {
		statuses []int
		life     time.Duration
		at       []time.Duration
		kinds    []audit.Kind
	}{
		"taken":             {[]int{204}, time.Hour, sec(0), []audit.Kind{audit.NoticeTaken}},
		"refused":           {[]int{400}, time.Hour, sec(0), []audit.Kind{audit.NoticeFailed}},
		"taken later":       {[]int{0, 503, 302, 200}, time.Hour, sec(0, 2, 10, 42), []audit.Kind{audit.NoticeTaken}},
		"given up in time":  {[]int{500}, time.Minute, sec(0, 2, 10, 42), []audit.Kind{audit.NoticeFailed}},
		"no time for more":  {[]int{500}, time.Second, sec(0), []audit.Kind{audit.NoticeFailed}},
		"not there at all":  {[]int{0}, 5 * time.Second, sec(0, 2), []audit.Kind{audit.NoticeFailed}},
		"answers for a day": {[]int{500}, 3 * time.Hour, sec(0, 2, 10, 42, 170, 682, 2482, 4282, 6082, 7882, 9682), []audit.Kind{audit.NoticeFailed}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, j, a, log := run(t, nil, c.statuses, c.life, 4*time.Hour)
				if !slices.Equal(a.at, c.at) || !slices.Equal(j.kinds, c.kinds) || m.left() != 0 {
					t.Errorf("at %v, put on record %v, left %d", a.at, j.kinds, m.left())
				}
				if strings.Contains(log, "secret") {
					t.Errorf("the log has the address: %s", log)
				}
			})
		})
	}
}

// A notice that cannot be made here is left to a node that can, until its end.
func TestOutboxCouriers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := func(context.Context, Notice) (*http.Request, error) { return nil, errors.New("no key") }
		m, j, a, log := run(t, broken, []int{200}, time.Hour, time.Minute)
		if len(a.at) != 0 || len(j.kinds) != 0 || m.left() != 1 || !strings.Contains(log, "no key") {
			t.Errorf("at %v, put on record %v, left %d: %s", a.at, j.kinds, m.left(), log)
		}
		m, j, _, _ = run(t, broken, []int{200}, time.Minute, time.Hour)
		if !slices.Equal(j.kinds, []audit.Kind{audit.NoticeFailed}) || m.left() != 0 {
			t.Errorf("put on record %v, left %d", j.kinds, m.left())
		}
	})
}

// A store that cannot be reached loses nothing that was kept, and says so to whoever
// posts.
func TestOutboxStoreGone(t *testing.T) {
	t.Parallel()
	m := &memory{all: map[string]Notice{}, due: map[string]time.Time{}, err: errors.New("gone")}
	o := New(Outbox{Store: m, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err := o.Post(t.Context(), Notice{Kind: "ping", Service: "acme"}); !errors.Is(err, m.err) {
		t.Errorf("%v", err)
	}
}

// What is for nobody is claimed like everything else, and forgotten without a trace.
func TestNoticeForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		courier := func(context.Context, Notice) (*http.Request, error) { return nil, ErrNobody }
		m, j, a, log := run(t, courier, []int{204}, time.Minute, 10*time.Second)
		if m.left() != 0 || len(j.kinds) != 0 || len(a.at) != 0 || log != "" {
			t.Errorf("%d left, on record %v, asked %v, logged %s", m.left(), j.kinds, a.at, log)
		}
	})
}
