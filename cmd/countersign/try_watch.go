package main

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"countersign/session"
	"countersign/ws"
)

// A watcher follows one session over however many connections it takes.
type watcher struct {
	url, verifier, origin string
	tls                   *tls.Config // nil: as the system does
	until                 time.Time   // nothing comes after that
	seen                  int         // the highest message id
}

const (
	firstRetry   = 200 * time.Millisecond
	longestRetry = 5 * time.Second
	// lastWait is how long after the session's end its result may still come.
	lastWait = 30 * time.Second
)

// deadline is when to give a session up.
func deadline(expiresAt string) time.Time {
	end, err := time.Parse(time.RFC3339, expiresAt)
	if err != nil {
		end = time.Now() // whatever it is, it is no session of ours
	}
	return end.Add(lastWait)
}

// watch gives every message once, and otp_ready whenever it comes, because it
// tells the time. It connects again whenever that can help, and ends with nil
// after the final message.
func (w *watcher) watch(ctx context.Context, to chan<- ws.Wire) error {
	wait := firstRetry
	for {
		heard, err := w.connection(ctx, to)
		if err == nil || ctx.Err() != nil || hopeless(err) {
			return watchHint(err)
		}
		if heard {
			wait = firstRetry
		}
		if time.Now().After(w.until) {
			return errors.New("the session's time is up, and no node could tell how it ended")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, longestRetry)
	}
}

// connection follows one connection to its end; nil: the final message came.
func (w *watcher) connection(ctx context.Context, to chan<- ws.Wire) (heard bool, err error) {
	c, err := ws.Dial(ctx, w.url, ws.DialOptions{Verifier: w.verifier, Origin: w.origin, TLS: w.tls})
	if err != nil {
		return false, err
	}
	defer c.Close()
	for {
		m, err := c.Next(ctx)
		if err != nil {
			return heard, err
		}
		heard = true
		if m.ID <= w.seen && m.Type != session.OTPReady {
			continue
		}
		w.seen = max(w.seen, m.ID)
		select {
		case to <- m:
		case <-ctx.Done():
			return heard, ctx.Err()
		}
		if isFinal(m) {
			return heard, nil
		}
	}
}

// hopeless says whether connecting again cannot help: the server refused for
// good, the session has ended, or another window took over.
func hopeless(err error) bool {
	var closed ws.CloseError
	if !errors.As(err, &closed) {
		return false
	}
	switch closed.Code {
	case ws.CloseGoingAway, ws.CloseTryAgain, abnormalClosure:
		return false
	}
	return true
}

// abnormalClosure is what the library calls an end without a close frame
// (RFC 6455 §7.4.1).
const abnormalClosure = 1006

func watchHint(err error) error {
	var closed ws.CloseError
	if !errors.As(err, &closed) {
		return err
	}
	switch closed.Code {
	case ws.CloseRefused:
		return hint(failf("the server does not let us watch (4001)"), "see that the origin is one of the service's")
	case ws.CloseNotFound:
		return failf("the server has forgotten the session (4004)")
	case ws.CloseReplaced:
		return failf("another window watches this session now (4009)")
	}
	return failf("the server closed with %d %s", closed.Code, plain(closed.Reason))
}

// isFinal says whether a message ends its session.
func isFinal(m ws.Wire) bool {
	switch m.Type {
	case session.ApprovedMessage, session.ExpiredMessage, session.CancelledMessage:
		return true
	case session.RejectedMessage:
		return m.Final != nil && *m.Final
	case session.OTPReady, session.ClaimedMessage:
	}
	return false
}
