// Package operation runs what is being approved (a login, a payment) as a
// sequence of steps, for the browser that it was begun in.
//
// An [Operation] is a value. The methods that take its steps are in files of their
// own (method.go); they never call each other. One dispatcher, [Service.Handle],
// reads the operation and the session of its device step, brings the operation
// up to the present, lets the step that is due answer the page's message, and
// swaps the outcome in if nobody else was quicker:
//
//	identify ── identify {user} ──> device ── approved on a phone ──> DONE
//	   └── device {scan} ────────────┘ │
//	              declined, expired ───┘ (may be started again)
//	cancel, reported, too many wrong codes, too many starts, time ──> FAILED
//
// So that a page need not ask again and again, [Service.Present] brings an
// operation up to the present for whoever tells the page to ask.
//
// Of an operation that has ended, what was approved is given out once, by
// [Service.Take], and only to whoever has the secret of the browser it was
// begun in. To every other an operation is not there.
//
// The package knows neither HTTP nor Redis, nor how messages and records are
// written.
package operation
