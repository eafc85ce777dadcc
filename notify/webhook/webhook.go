package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"countersign/notify"
	"countersign/operation"
	"countersign/session"
)

// The kinds of notices.
const (
	SessionKind   notify.Kind = "session"
	OperationKind notify.Kind = "operation"
)

const (
	tries = 24 * time.Hour // how long an event is tried, after its time was up at the latest
	late  = time.Second    // how long after that time it is looked for, so that whoever watches is first
	ended = "-ended"       // what a webhook-id has after the id of what has ended
)

// Until is how long it is tried to tell how something ended whose time is up then.
func Until(expires time.Time) time.Time { return expires.Add(tries) }

func due(expires time.Time) time.Time { return expires.Add(late) }

// A Hook is where a service is told.
type Hook struct {
	URL     string
	Secrets [][]byte // each signs; see [notify.SignAll]
}

// Outcomes keeps how sessions ended for longer than the sessions.
type Outcomes interface {
	// Outcome gives the event of an announced session that was ended, as
	// [SessionEvent] made it. session.ErrNotFound if it was not; notify.ErrNobody if the
	// notice of its end is not kept any more.
	Outcome(ctx context.Context, id session.ID) ([]byte, error)
}

// Sessions reads sessions.
type Sessions interface {
	// Get reads one. session.ErrNotFound.
	Get(ctx context.Context, id session.ID) (session.Session, error)
	// Tick ends one whose time is up. session.ErrNotFound.
	Tick(ctx context.Context, s session.Session) (session.Session, error)
}

// Operations reads the operations of back ends.
type Operations interface {
	// Ask gives one as it stands now. operation.ErrNotFound.
	Ask(ctx context.Context, service string, id operation.ID) (operation.Operation, error)
}

// Hooks are the webhooks of all services. All its members are set before it is used.
type Hooks struct {
	Of         map[string]Hook // by service
	Sessions   Sessions
	Outcomes   Outcomes
	Operations Operations
	Outbox     *notify.Outbox
	Log        *slog.Logger
	Now        func() time.Time
}

// Couriers are those of the notices that are posted here.
func (h *Hooks) Couriers() map[notify.Kind]notify.Courier {
	return map[notify.Kind]notify.Courier{
		SessionKind: func(ctx context.Context, n notify.Notice) (*http.Request, error) { return h.request(ctx, n, h.session) },
		OperationKind: func(ctx context.Context, n notify.Notice) (*http.Request, error) {
			return h.request(ctx, n, h.operation)
		},
	}
}

func sessionNotice(s session.Session) notify.Notice {
	return notify.Notice{ID: NoticeOf(s.ID), Kind: SessionKind, Service: s.Service, Until: Until(s.ExpiresAt)}
}

// NoticeOf is the id of the notice of a session's end.
func NoticeOf(id session.ID) string { return string(id) + ended }

// SessionOf is the session that a notice is about.
func SessionOf(n notify.Notice) session.ID { return session.ID(strings.TrimSuffix(n.ID, ended)) }

// ExpectSession implements session.Herald.
func (h *Hooks) ExpectSession(ctx context.Context, s session.Session) error {
	return h.Outbox.Expect(ctx, sessionNotice(s), due(s.ExpiresAt))
}

// ForgetSession implements session.Herald.
func (h *Hooks) ForgetSession(ctx context.Context, s session.Session) error {
	return h.Outbox.Forget(ctx, sessionNotice(s))
}

// SessionOver has the end of a session told now. If that fails it is told when the
// session's time is up.
func (h *Hooks) SessionOver(ctx context.Context, s session.Session) {
	if s.Announced {
		h.hasten(ctx, NoticeOf(s.ID), s.ExpiresAt)
	}
}

// ExpectOperation implements operation.Herald.
func (h *Hooks) ExpectOperation(ctx context.Context, o operation.Operation) error {
	if _, ok := h.Of[o.Service]; !ok {
		return nil
	}
	return h.Outbox.Expect(ctx, notify.Notice{ID: string(o.ID) + ended, Kind: OperationKind, Service: o.Service, Until: Until(o.ExpiresAt)}, due(o.ExpiresAt))
}

// OperationOver implements operation.Herald.
func (h *Hooks) OperationOver(ctx context.Context, o operation.Operation) {
	if _, ok := h.Of[o.Service]; ok {
		h.hasten(ctx, string(o.ID)+ended, o.ExpiresAt)
	}
}

func (h *Hooks) hasten(ctx context.Context, id string, expires time.Time) {
	// Whoever ended it may have gone.
	if err := h.Outbox.Hasten(context.WithoutCancel(ctx), id, due(expires)); err != nil {
		h.Log.WarnContext(ctx, "an end is told late", "id", id, "error", err)
	}
}

// What keeps an event from being made.
var (
	// errNoHook: this node's configuration has no webhook of the service. Another's
	// may, while a new one is rolled out.
	errNoHook = errors.New("webhook: the service has none")
	// errOpen: its time is up, and this node cannot say how it ended. Another may.
	errOpen = errors.New("webhook: it has not ended")
)

// request makes the request of a notice.
func (h *Hooks) request(ctx context.Context, n notify.Notice, find func(context.Context, notify.Notice) ([]byte, error)) (*http.Request, error) {
	hook, ok := h.Of[n.Service]
	if !ok {
		return nil, errNoHook
	}
	body, err := find(ctx, n)
	if err != nil {
		return nil, err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("webhook: its address is none")
	}
	q.Header = notify.SignAll(hook.Secrets, n.ID, h.Now(), body)
	q.Header.Set("Content-Type", "application/json")
	return q, nil
}

// session finds out how a session ended. One that is not there any more was looked
// for first: had somebody ended it, that was kept before it could go.
func (h *Hooks) session(ctx context.Context, n notify.Notice) ([]byte, error) {
	id := SessionOf(n)
	s, err := h.Sessions.Get(ctx, id)
	if err == nil {
		s, err = h.Sessions.Tick(ctx, s)
	}
	switch {
	case errors.Is(err, session.ErrNotFound):
		body, err := h.Outcomes.Outcome(ctx, id)
		if errors.Is(err, session.ErrNotFound) {
			return unended(id, n.Service, n.Until.Add(-tries))
		}
		return body, wrapped(err)
	case err != nil:
		return nil, wrapped(err)
	case s.State.Open():
		return nil, notify.EarlyError{Due: due(s.ExpiresAt)}
	}
	return SessionEvent(s)
}

// operation finds out how an operation ended.
func (h *Hooks) operation(ctx context.Context, n notify.Notice) ([]byte, error) {
	o, err := h.Operations.Ask(ctx, n.Service, operation.ID(strings.TrimSuffix(n.ID, ended)))
	switch {
	case errors.Is(err, operation.ErrNotFound):
		return nil, notify.ErrNobody // its back end was never told of it
	case err != nil:
		return nil, wrapped(err)
	case o.Result == operation.Continue && h.Now().Before(o.ExpiresAt):
		return nil, notify.EarlyError{Due: due(o.ExpiresAt)}
	case o.Result == operation.Continue:
		return nil, errOpen
	}
	return operationEvent(o)
}

func wrapped(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("webhook: %w", err)
}
