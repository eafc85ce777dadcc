// Package session owns the one state machine of Countersign: an out-of-band
// approval, from its start in a browser to its end on a phone.
//
// A [Session] is a value. [Session.Apply] is the only code that sets a state;
// it is pure, and decides from a table of every state and action (the golden
// file testdata/transitions.golden has all of them, and docs/design.md the
// diagram drawn from it):
//
//	pending ── claim ──> claimed ── approve ──> approved
//	   │                    ├── deny, report, third wrong code ──> rejected
//	   ├── cancel ──────────┴──> cancelled
//	   └── time ────────────────> expired
//
// [Service] is what the doors call (start, claim, verify, cancel): it reads a
// session, decides, and swaps the next version in if nobody else was quicker.
// Whatever storage does, it only compares, swaps, expires and publishes; it
// never names a state.
//
// The package knows neither HTTP nor Redis nor how records are written.
package session
