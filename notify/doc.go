// Package notify tells other people's servers what happened here: a client that
// a login is decided, or that a user has logged out; a gateway that a user is to get
// a message (package gateway); a back end how what it began ended (package webhook).
// What wakes phones (package push) is no notice, and shares the [Client] alone.
//
// An [Outbox] keeps each [Notice] in the [Store] until it was taken or its time
// is up, so that it outlives the node it was posted on. Any node delivers any
// notice; one that a node claimed and did not settle is claimed by another a
// little later. So a notice arrives at least once, and its receiver may see it
// twice.
//
//	Post ── claim ── Courier makes the request ── 2xx ───────────> taken
//	          ^                                 ├─ refused (400) ─> dropped, but for the patient kinds
//	          └── wait, longer each time ───────┴─ anything else
//
// What is sent is made by the [Courier] of its kind at the moment it is sent, so
// a token in it is never older than the try. Requests leave by [Client] alone,
// which reaches no address that the operator does not mean to be reached.
//
// What will be over at a known moment at the latest is expected ([Outbox.Expect]) when
// it begins, and hastened when it ends: so it is told however it ends, also if nobody
// is there to see it, and if the node dies that saw it. What there is to tell its
// courier finds out.
//
// An [Asker] asks another server something that a request waits for, in half a
// second at most. What it sends is signed by [Sign].
//
// The package knows neither Redis nor what its notices say.
package notify
