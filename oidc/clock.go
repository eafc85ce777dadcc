package oidc

import (
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// The library tells the time by the clock of the machine that it runs on. All else
// goes by that of Redis, which is one for every node. So moments are kept as Redis
// has them, and given to the library as this machine would have them: nodes whose
// clocks differ agree on when a code has expired.

// ahead is by how many seconds Redis' clock is before this machine's.
func (p *Provider) ahead() int {
	return int(p.Now().Sub(time.Now().Round(0)).Round(time.Second) / time.Second)
}

// here is a moment of Redis' as a timestamp of this machine's.
func (p *Provider) here(t time.Time) int { return int(t.Unix()) - p.ahead() }

// there is a timestamp of this machine's as a moment of Redis'.
func (p *Provider) there(stamp int) time.Time { return time.Unix(int64(stamp+p.ahead()), 0) }

// shiftRequest moves the timestamps of a request.
func shiftRequest(as *goidc.AuthnSession, by int) { shift(by, &as.CreatedAt, &as.ExpiresAt) }

// shiftGrant moves the timestamps of a grant.
func shiftGrant(g *goidc.Grant, by int) {
	shift(by, &g.CreatedAt, &g.RevokedAt, &g.RefreshTokenExpiresAt, &g.AuthCodeExpiresAt, &g.AuthCodeConsumedAt,
		&g.AuthReqIDExpiresAt, &g.AuthReqIDConsumedAt)
}

// shift moves those that are set.
func shift(by int, stamps ...*int) {
	for _, s := range stamps {
		if *s != 0 {
			*s += by
		}
	}
}
