package notify

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign/audit"
)

// expecting is an outbox in which something is expected to be over after two minutes.
func expecting(t *testing.T, a *answers, courier Courier) (*Outbox, *memory, *journal, func()) {
	t.Helper()
	m, j := &memory{all: map[string]Notice{}, due: map[string]time.Time{}}, &journal{}
	o := New(Outbox{Store: m, Couriers: map[Kind]Courier{"ping": courier}, Patient: []Kind{"ping"}, HTTP: &http.Client{Transport: a}, Audit: j,
		Log: slog.New(slog.DiscardHandler), Now: time.Now})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { o.Run(ctx); close(done) }()
	if err := o.Expect(ctx, expected(), time.Now().Add(2*time.Minute)); err != nil {
		t.Fatal(err)
	}
	return o, m, j, func() { cancel(); <-done }
}

func expected() Notice {
	return Notice{ID: "n1", Kind: "ping", Service: "acme", Until: time.Now().Add(time.Hour)}
}

func request(ctx context.Context, _ Notice) (*http.Request, error) {
	return http.NewRequestWithContext(ctx, http.MethodPost, "https://bank.example/", nil)
}

// What is expected is told when its time is up, or when it is hastened, and once.
func TestExpect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hasten bool
		due    time.Duration // when the one who hastens thinks that it is due
		at     []time.Duration
	}{
		"nobody hastens":          {false, 0, []time.Duration{2 * time.Minute}},
		"hastened":                {true, 2 * time.Minute, []time.Duration{30 * time.Second}},
		"hastened for what it is": {true, time.Minute, []time.Duration{2 * time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &answers{statuses: []int{204}, began: time.Now()}
				o, m, j, stop := expecting(t, a, request)
				began := time.Now()
				if err := o.Expect(t.Context(), expected(), began.Add(2*time.Minute)); err != nil {
					t.Fatal(err) // again, as by whoever was not sure
				}
				<-time.After(30 * time.Second)
				if c.hasten {
					if err := o.Hasten(t.Context(), "n1", began.Add(c.due)); err != nil {
						t.Fatal(err)
					}
				}
				<-time.After(10 * time.Minute)
				stop()
				if !slices.Equal(a.at, c.at) || !slices.Equal(j.kinds, []audit.Kind{audit.NoticeTaken}) || m.left() != 0 {
					t.Errorf("at %v, put on record %v, left %d", a.at, j.kinds, m.left())
				}
			})
		})
	}
}

// Who is refused with 400 tries again if its kind is patient: the other side may have
// another secret just now.
func TestPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &answers{statuses: []int{400, 400, 204}, began: time.Now()}
		_, m, j, stop := expecting(t, a, request)
		<-time.After(10 * time.Minute)
		stop()
		if want := []time.Duration{120 * time.Second, 122 * time.Second, 130 * time.Second}; !slices.Equal(a.at, want) || m.left() != 0 ||
			!slices.Equal(j.kinds, []audit.Kind{audit.NoticeTaken}) {
			t.Errorf("at %v, put on record %v, left %d", a.at, j.kinds, m.left())
		}
	})
}

// What has nothing to tell yet comes again when it has, and that was no try.
func TestEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var versions []uint64
		courier := func(ctx context.Context, n Notice) (*http.Request, error) {
			versions = append(versions, n.Version)
			if at := began.Add(3 * time.Minute); time.Now().Before(at) {
				return nil, EarlyError{at}
			}
			return request(ctx, n)
		}
		a := &answers{statuses: []int{204}, began: began}
		_, m, j, stop := expecting(t, a, courier)
		<-time.After(10 * time.Minute)
		stop()
		if !slices.Equal(a.at, []time.Duration{3 * time.Minute}) || !slices.Equal(versions, []uint64{1, 1}) || m.left() != 0 || !slices.Equal(j.kinds, []audit.Kind{audit.NoticeTaken}) {
			t.Errorf("at %v, versions %v, put on record %v, left %d", a.at, versions, j.kinds, m.left())
		}
	})
}

// What was forgotten is not told.
func TestForget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &answers{statuses: []int{204}, began: time.Now()}
		o, m, j, stop := expecting(t, a, request)
		if err := o.Forget(t.Context(), expected()); err != nil {
			t.Fatal(err)
		}
		<-time.After(10 * time.Minute)
		stop()
		if len(a.at) != 0 || len(j.kinds) != 0 || m.left() != 0 {
			t.Errorf("at %v, put on record %v, left %d", a.at, j.kinds, m.left())
		}
	})
}

// A receiver that knows any of the secrets is content.
func TestSignAll(t *testing.T) {
	t.Parallel()
	at, body := time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)
	first, second := []byte("the first of the secrets"), []byte("the second of the secrets")
	got := SignAll([][]byte{first, second}, "msg_1", at, body)
	want := strings.Join([]string{Sign(first, "msg_1", at, body).Get("webhook-signature"), Sign(second, "msg_1", at, body).Get("webhook-signature")}, " ")
	if got.Get("webhook-signature") != want || got.Get("webhook-id") != "msg_1" || got.Get("webhook-timestamp") != "1614265330" {
		t.Errorf("%v", got)
	}
}
