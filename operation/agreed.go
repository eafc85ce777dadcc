package operation

import (
	"slices"
	"time"
)

// A Consent is what a user has agreed to at a service, and how it came to that. The
// zero value is that of whoever never did.
type Consent struct {
	Service string
	Version string   // of the terms
	Options []string // those that were ticked, sorted
	// GrantedAt is when it was agreed to, Until when that ends: agreeing again before
	// then moves the end alone.
	GrantedAt time.Time
	Until     time.Time
	RevokedAt time.Time // zero: it was not
	History   []ConsentEntry
}

// A ConsentChange is what happened to a consent.
type ConsentChange string

// The changes.
const (
	Granted   ConsentChange = "GRANTED"
	Prolonged ConsentChange = "PROLONGED" // agreed to again before it had ended
	Revoked   ConsentChange = "REVOKED"
)

// A ConsentEntry is one thing that happened to a consent.
type ConsentEntry struct {
	At        time.Time
	Change    ConsentChange
	Version   string
	Options   []string
	Operation ID     // in which it was agreed to; empty: revoked
	By        string // who revoked it: service, admin; empty: the user agreed
}

// consentHistoryMost bounds what is kept of a consent; the oldest leave.
const consentHistoryMost = 32

// Given says whether anything was ever agreed to.
func (c Consent) Given() bool { return !c.GrantedAt.IsZero() }

// Holds says whether what was agreed to is of a version of the terms, and in force.
func (c Consent) Holds(version string, now time.Time) bool {
	return c.Version == version && c.InForce(now)
}

// InForce says whether a consent was neither revoked nor has it ended.
func (c Consent) InForce(now time.Time) bool {
	return c.Given() && c.RevokedAt.IsZero() && now.Before(c.Until)
}

// grant gives the consent that agreeing to terms leads to.
func (c Consent) grant(t Terms, options []string, in ID, now time.Time) Consent {
	now = now.Truncate(time.Millisecond)
	next, change := c, Prolonged
	if !c.Holds(t.Version, now) {
		change, next.GrantedAt = Granted, now
	}
	next.Version, next.Options, next.Until, next.RevokedAt = t.Version, options, now.Add(t.Validity).Truncate(time.Second), time.Time{}
	return next.note(ConsentEntry{At: now, Change: change, Version: t.Version, Options: options, Operation: in})
}

// revoke gives the consent without what was agreed to; one that is not in force is
// left as it is, which changed says.
func (c Consent) revoke(by string, now time.Time) (revoked Consent, changed bool) {
	if !c.InForce(now) {
		return c, false
	}
	c.RevokedAt = now.Truncate(time.Millisecond)
	return c.note(ConsentEntry{At: c.RevokedAt, Change: Revoked, Version: c.Version, Options: c.Options, By: by}), true
}

func (c Consent) note(e ConsentEntry) Consent {
	c.History = append(slices.Clone(c.History), e)
	if n := len(c.History); n > consentHistoryMost {
		c.History = c.History[n-consentHistoryMost:]
	}
	return c
}
