// Package webhook tells the back ends of services how their sessions and operations
// ended: a short event, signed as Standard Webhooks 1.0.0 has it, which the outbox of
// package notify delivers.
//
// That something will end is expected when it begins, a moment after its time will be
// up, and hastened by the node that ends it:
//
//	begin ── Expect ──> Outbox … Hasten (the end) ──> event: approved, rejected, cancelled
//	                       └──── its time is up ────> event: expired, or what it missed
//
// So no end is missed: not one by time that nobody watched, nor one whose node died
// before it could tell. What the event says is found out when it is sent: from the
// session; from what was kept of its end, in the same step that ended it, if the
// session is forgotten already; and if nothing was kept, nobody has ended it in time.
// An operation is its own memory.
//
// An event says that something has ended, and never a token: see [SessionEvent].
package webhook
