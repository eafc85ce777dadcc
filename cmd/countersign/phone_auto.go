package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"countersign/api"
	"countersign/session"
)

// lookEvery is how often an automatic phone asks what waits.
const lookEvery = time.Second

// auto approves whatever comes until the context ends. What cannot be approved
// is said and left alone.
func (a *approval) auto(ctx context.Context) error {
	a.yes, a.code = true, "-"
	fmt.Fprintln(a.env.Stdout, "approving whatever comes, until Ctrl-C")
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	seen := map[string]bool{}
	last := ""
	for {
		err := a.look(ctx, seen)
		if ctx.Err() != nil {
			return nil
		}
		switch api.CodeOf(err) {
		case "unknown_device", "invalid_signature":
			return phoneHint(err) // no waiting mends that
		}
		if text := complaint(err); text != last {
			if last = text; text != "" {
				a.env.line("warning", text)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// complaint is an error worth telling; being told to ask less often is none.
func complaint(err error) string {
	if err == nil || api.CodeOf(err) == "rate_limited" {
		return ""
	}
	return errorText(err)
}

// look approves what waits now and was not seen before.
func (a *approval) look(ctx context.Context, seen map[string]bool) error {
	pending, err := a.phone.Pending(ctx)
	if err != nil {
		return err
	}
	for _, s := range pending.Sessions {
		if seen[s.SessionID] || ctx.Err() != nil {
			continue
		}
		seen[s.SessionID] = true
		if err := a.approveListed(ctx, s); err != nil && ctx.Err() == nil {
			a.env.line("warning", plain(s.SessionID)+": "+errorText(err))
		}
	}
	return nil
}

func (a *approval) approveListed(ctx context.Context, s api.PendingSession) error {
	if s.Mode == string(session.Enter) {
		fmt.Fprintf(a.env.Stdout, "%s waits for its code\n", plain(s.SessionID))
	}
	err := a.one(ctx, targetOf(s))
	if errors.Is(err, errNotApproved) {
		return failf("no code came on the input")
	}
	return err
}
