package webhook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"countersign/notify"
	"countersign/operation"
	"countersign/session"

	"github.com/google/go-cmp/cmp"
)

func noon() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) }

// world is what there is to be asked, and a store that remembers what was put.
type world struct {
	sessions   map[session.ID]session.Session
	outcomes   map[session.ID][]byte
	operations map[operation.ID]operation.Operation
	ticks      int
	err        error
	now        time.Time

	notify.Store
	put, hastened []string
	due           []time.Time
}

func (w *world) Get(_ context.Context, id session.ID) (session.Session, error) {
	s, ok := w.sessions[id]
	if !ok {
		return s, session.ErrNotFound
	}
	return s, w.err
}

func (w *world) Tick(_ context.Context, s session.Session) (session.Session, error) {
	w.ticks++
	if s.Due(w.now) {
		s.State, s.EndedAt = session.Expired, w.now
	}
	return s, nil
}

func (w *world) Outcome(_ context.Context, id session.ID) ([]byte, error) {
	b, ok := w.outcomes[id]
	if !ok {
		return nil, session.ErrNotFound
	}
	return b, w.err
}

func (w *world) Ask(_ context.Context, service string, id operation.ID) (operation.Operation, error) {
	o, ok := w.operations[id]
	if !ok || o.Service != service {
		return o, operation.ErrNotFound
	}
	return o, nil
}

func (w *world) PutNotice(_ context.Context, n notify.Notice, due time.Time) error {
	w.put, w.due = append(w.put, n.ID), append(w.due, due)
	return w.err
}

func (w *world) HastenNotice(_ context.Context, id string, due, _ time.Time) error {
	w.hastened, w.due = append(w.hastened, id), append(w.due, due)
	return w.err
}

func newWorld() (*world, *Hooks) {
	w := &world{sessions: map[session.ID]session.Session{}, outcomes: map[session.ID][]byte{}, operations: map[operation.ID]operation.Operation{}, now: noon().Add(time.Hour)}
	now := func() time.Time { return w.now }
	log := slog.New(slog.DiscardHandler)
	return w, &Hooks{Of: map[string]Hook{"acme": {URL: "https://bank.example/hooks?key=secret", Secrets: [][]byte{[]byte("first"), []byte("second")}}},
		Sessions: w, Outcomes: w, Operations: w, Outbox: notify.New(notify.Outbox{Store: w, Log: log, Now: now}), Log: log, Now: now}
}

// asked gives the body of the request that tells a notice.
func asked(t *testing.T, h *Hooks, n notify.Notice) (string, error) {
	t.Helper()
	q, err := h.Couriers()[n.Kind](t.Context(), n)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(q.Body)
	if err != nil {
		t.Fatal(err)
	}
	signed := notify.SignAll([][]byte{[]byte("first"), []byte("second")}, n.ID, h.Now(), body)
	signed.Set("Content-Type", "application/json")
	if diff := cmp.Diff(signed, q.Header); diff != "" || q.Method != http.MethodPost || q.URL.String() != "https://bank.example/hooks?key=secret" {
		t.Errorf("%s %s: %s", q.Method, q.URL, diff)
	}
	return string(body), nil
}

func begun() session.Session {
	return session.Session{ID: "sess_1", Service: "acme", Asked: "tok_alice", Announced: true, CreatedAt: noon(), ExpiresAt: noon().Add(2 * time.Minute)}
}

func grant() *session.Grant {
	return &session.Grant{Subject: "sub_alice", TokenID: "jti_1", KeyID: "key"}
}

// The request of docs/protocol.md is one that is made here.
func TestDocumentedEvent(t *testing.T) {
	page, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	x := regexp.MustCompile(`(?s)webhook-id: (sess_\S+)\nwebhook-timestamp: (\d+)\nwebhook-signature: (\S+)\n\n(\S+)\n.*?(whsec_[^` + "`" + `]+)`).FindStringSubmatch(string(page))
	if x == nil {
		t.Fatal("the page has no event")
	}
	secret, err := notify.ParseSecret(x[5])
	if err != nil {
		t.Fatal(err)
	}
	seconds, err := strconv.ParseInt(x[2], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	s := session.Session{ID: "sess_AAECAwQFBgcICQoLDA0ODw", Service: "demo", State: session.Approved, EndedAt: time.Date(2026, 1, 1, 0, 0, 30, 0, time.UTC),
		Grant: &session.Grant{Subject: "tok_EBESExQVFhcYGRobHB0eHw", TokenID: "EBESExQVFhcYGRobHB0eHw"}}
	body, err := SessionEvent(s)
	if err != nil {
		t.Fatal(err)
	}
	if string(body) != x[4] || sessionNotice(s).ID != x[1] || notify.Sign(secret, x[1], time.Unix(seconds, 0), body).Get("webhook-signature") != x[3] {
		t.Errorf("the page has %q", x[1:])
	}
}

// What an event says, and above all what it does not.
func TestSessionEvents(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*session.Session)
		want   string
	}{
		"approved": {func(s *session.Session) { s.State, s.Grant = session.Approved, grant() },
			`{"type":"session.approved","timestamp":"2026-01-02T12:00:30Z","data":{"sessionId":"sess_1","serviceId":"acme","status":"approved","sub":"sub_alice","jti":"jti_1"}}`},
		"approved for an operation": {func(s *session.Session) { s.State, s.Silent, s.Grant = session.Approved, true, grant() },
			`{"type":"session.approved","timestamp":"2026-01-02T12:00:30Z","data":{"sessionId":"sess_1","serviceId":"acme","status":"approved"}}`},
		"rejected": {func(s *session.Session) {
			s.State, s.Claim = session.Rejected, &session.Claim{Token: "tok_alice"}
		},
			`{"type":"session.rejected","timestamp":"2026-01-02T12:00:30Z","data":{"sessionId":"sess_1","serviceId":"acme","status":"rejected"}}`},
		"expired on the way back": {func(s *session.Session) { s.State, s.Grant = session.Expired, grant() },
			`{"type":"session.expired","timestamp":"2026-01-02T12:00:30Z","data":{"sessionId":"sess_1","serviceId":"acme","status":"expired"}}`},
		"cancelled": {func(s *session.Session) { s.State = session.Cancelled },
			`{"type":"session.cancelled","timestamp":"2026-01-02T12:00:30Z","data":{"sessionId":"sess_1","serviceId":"acme","status":"cancelled"}}`},
	} {
		w, h := newWorld()
		s := begun()
		s.EndedAt = noon().Add(30*time.Second + 700*time.Millisecond)
		c.change(&s)
		w.sessions[s.ID] = s
		n := sessionNotice(s)
		first, err := asked(t, h, n)
		if err != nil || first != c.want {
			t.Errorf("%s: %s, %v", name, first, err)
		}
		// Later it is told of what was kept, in the same words.
		kept, err := SessionEvent(s)
		if err != nil {
			t.Fatal(err)
		}
		delete(w.sessions, s.ID)
		w.outcomes[s.ID] = kept
		if later, err := asked(t, h, n); err != nil || later != first {
			t.Errorf("%s, later: %s, %v", name, later, err)
		}
	}
}

// What was ended by nobody was ended by time, whether or not it is still there.
func TestUnended(t *testing.T) {
	w, h := newWorld()
	n := sessionNotice(begun())
	want := `{"type":"session.expired","timestamp":"2026-01-02T12:02:00Z","data":{"sessionId":"sess_1","serviceId":"acme","status":"expired"}}`
	if got, err := asked(t, h, n); err != nil || got != want {
		t.Errorf("%s, %v", got, err)
	}
	w.sessions["sess_1"], w.now = begun(), noon().Add(2*time.Minute)
	if got, err := asked(t, h, n); err != nil || got != want || w.ticks != 1 {
		t.Errorf("%s, %v, looked %d times", got, err, w.ticks)
	}
}

// What cannot be found out is asked again, and never taken for an end.
func TestNotNow(t *testing.T) {
	w, h := newWorld()
	s := begun()
	n := sessionNotice(s)
	w.sessions[s.ID], w.now = s, noon().Add(time.Minute)
	_, err := asked(t, h, n)
	if early, ok := errors.AsType[notify.EarlyError](err); !ok || !early.Due.Equal(s.ExpiresAt.Add(time.Second)) {
		t.Errorf("open: %v", err)
	}
	w.err = errors.New("redis is gone")
	if _, err := asked(t, h, n); !errors.Is(err, w.err) {
		t.Errorf("unread: %v", err)
	}
	delete(w.sessions, s.ID)
	w.outcomes[s.ID] = nil
	if _, err := asked(t, h, n); !errors.Is(err, w.err) {
		t.Errorf("unread outcome: %v", err)
	}
	n.Service = "shop"
	if _, err := asked(t, h, n); !errors.Is(err, errNoHook) {
		t.Errorf("without a webhook: %v", err)
	}
}

func TestOperationEvents(t *testing.T) {
	w, h := newWorld()
	o := operation.Operation{ID: "op_1", Name: "authorize_payment", Service: "acme", ByService: true, ExternalID: "order-1042", Data: "A1*A100EUR",
		Subject: "tok_alice", Result: operation.Continue, ExpiresAt: noon().Add(10 * time.Minute), Reason: "declined"}
	n := notify.Notice{ID: "op_1-ended", Kind: OperationKind, Service: "acme"}
	if _, err := asked(t, h, n); !errors.Is(err, notify.ErrNobody) {
		t.Errorf("unknown: %v", err)
	}
	w.operations[o.ID], w.now = o, noon()
	_, err := asked(t, h, n)
	if early, ok := errors.AsType[notify.EarlyError](err); !ok || !early.Due.Equal(o.ExpiresAt.Add(time.Second)) {
		t.Errorf("goes on: %v", err)
	}
	w.now = o.ExpiresAt
	if _, err := asked(t, h, n); !errors.Is(err, errOpen) {
		t.Errorf("its flow is not known here: %v", err)
	}
	for result, want := range map[operation.Result]string{
		operation.Done:   `{"type":"operation.done","timestamp":"2026-01-02T12:01:00Z","data":{"operationId":"op_1","serviceId":"acme","name":"authorize_payment","externalId":"order-1042","result":"DONE"}}`,
		operation.Failed: `{"type":"operation.failed","timestamp":"2026-01-02T12:01:00Z","data":{"operationId":"op_1","serviceId":"acme","name":"authorize_payment","externalId":"order-1042","result":"FAILED"}}`,
	} {
		o.Result, o.History = result, []operation.Entry{{At: noon()}, {At: noon().Add(time.Minute)}}
		w.operations[o.ID] = o
		if got, err := asked(t, h, n); err != nil || got != want {
			t.Errorf("%s, %v", got, err)
		}
	}
}

// Only who has a webhook costs anything.
func TestExpected(t *testing.T) {
	w, h := newWorld()
	s, plain := begun(), begun()
	plain.Announced = false
	o, other := operation.Operation{ID: "op_1", Service: "acme", ExpiresAt: noon()}, operation.Operation{ID: "op_2", Service: "shop"}
	if err := errors.Join(h.ExpectSession(t.Context(), s), h.ExpectOperation(t.Context(), o), h.ExpectOperation(t.Context(), other)); err != nil {
		t.Fatal(err)
	}
	h.SessionOver(t.Context(), s)
	h.SessionOver(t.Context(), plain)
	h.OperationOver(t.Context(), o)
	h.OperationOver(t.Context(), other)
	want := []string{"sess_1-ended", "op_1-ended"}
	at := []time.Time{s.ExpiresAt.Add(time.Second), o.ExpiresAt.Add(time.Second)}
	if !slices.Equal(w.put, want) || !slices.Equal(w.hastened, want) || !slices.Equal(w.due, append(at, at...)) {
		t.Errorf("put %v, hastened %v, due %v", w.put, w.hastened, w.due)
	}
	w.err = errors.New("redis is gone")
	if err := h.ExpectSession(t.Context(), s); !errors.Is(err, w.err) {
		t.Errorf("not kept: %v", err)
	}
	h.SessionOver(t.Context(), s) // which is late then, and no trouble of whoever ends it
}
