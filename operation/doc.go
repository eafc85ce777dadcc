// Package operation runs what is being approved (a login, a payment) as a
// sequence of steps, for the browser that it was begun in.
//
// An [Operation] is a value, and so is the [Flow] that it goes through: steps,
// the methods that take each, and where their results lead. Each method is a file
// of its own (identify.go, review.go, phone.go, sent.go, offline.go, consent.go, passkey.go,
// passkeyadd.go), and knows none of the others. One
// dispatcher, [Service.Handle], reads the operation and the session of its device
// step, brings the operation up to the present, lets the method that the message is
// for answer it, and swaps the outcome in if nobody else was quicker. What an answer in
// the page gives the service, where no phone has shown it, is in scopes.go. A login, for
// one:
//
//	identify ── identify {user} ──> device ── approved on a phone ──> DONE
//	   └── device {scan} ────────────┘ │
//	              declined, expired ───┘ (may be started again)
//	cancel, reported, too many wrong codes, too many starts, time ──> FAILED
//
// An operation is begun in a browser ([Service.Begin]), or by a back end
// ([Service.Create]), which asks how it ends, and which the first browser that
// opens its page runs it for ([Service.Open]).
//
// So that a page need not ask again and again, [Service.Present] brings an
// operation up to the present for whoever tells the page to ask.
//
// Of an operation that has ended, what was approved is given out once, by
// [Service.Take], and only to whoever has the secret of the browser it was
// begun in; of a back end's to that, with the proof. To every other an operation is
// not there.
//
// The package knows neither HTTP nor Redis, nor how messages and records are
// written.
package operation
