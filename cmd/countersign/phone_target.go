package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"countersign/api"
)

// A target is a session that a phone command is about.
type target struct {
	session string
	scan    string // {t}:{c} of its QR code, or empty
	mode    string // as the list of what waits said, or empty
	code    string // mode compare: told by the server
}

// chooseTarget finds the session that text names: its id, the text of its QR
// code, or nothing, which means the one that waits.
func chooseTarget(ctx context.Context, phone *api.Phone, a *asker, text string) (target, error) {
	if strings.Contains(text, "/") {
		id, scan, err := parseQR(phone.Client.Issuer, text)
		return target{session: id, scan: scan}, err
	}
	pending, err := phone.Pending(ctx)
	if err != nil {
		return target{}, phoneHint(err)
	}
	waiting := pending.Sessions
	if text != "" {
		for _, s := range waiting {
			if s.SessionID == text {
				return targetOf(s), nil
			}
		}
		return target{session: text}, nil
	}
	switch len(waiting) {
	case 0:
		return target{}, hint(failf("nothing waits for this phone"), "a login that names nobody is scanned: give the text of its QR code")
	case 1:
		return targetOf(waiting[0]), nil
	}
	return chooseOf(ctx, a, waiting)
}

func targetOf(s api.PendingSession) target {
	return target{session: s.SessionID, mode: s.Mode, code: s.AutoPassword}
}

// chooseOf asks which of several sessions is meant.
func chooseOf(ctx context.Context, a *asker, waiting []api.PendingSession) (target, error) {
	for i, s := range waiting {
		fmt.Fprintf(a.out, "%d  %s  %s, until %s\n", i+1, plain(s.SessionID), plain(s.ServiceName), plain(s.ExpiresAt))
	}
	answer, err := a.ask(ctx, "which one? ")
	if err != nil {
		return target{}, hint(failf("%d sessions wait for this phone", len(waiting)), "name one of them")
	}
	n, err := strconv.Atoi(answer)
	if err != nil || n < 1 || n > len(waiting) {
		return target{}, failf("there is no session %q", answer)
	}
	return targetOf(waiting[n-1]), nil
}

// claim opens the session on the phone and shows it. What comes from another
// issuer than the phone's own is not shown, let alone signed.
func (env *environment) claim(ctx context.Context, phone *api.Phone, t target) (api.Claimed, api.Display, error) {
	claimed, err := phone.Claim(ctx, t.session, t.scan)
	if err != nil {
		return claimed, api.Display{}, phoneHint(err)
	}
	d, err := api.ParseDisplay(claimed.Display)
	if err != nil {
		return claimed, d, err
	}
	if d.Issuer != phone.Client.Issuer {
		return claimed, d, failf("%s shows a request of another issuer, %q", phone.Client.Issuer, plain(d.Issuer))
	}
	return claimed, d, env.showDisplay(d)
}
