// Package push wakes phones whose app is closed, by Web Push: RFC 8030, encrypted for
// the app (RFC 8291) and signed for the push service (RFC 8292). UnifiedPush speaks the
// same.
//
//	session listed ── Wake ── who is to be woken ── budget ── push service ── phone
//
// A push says no more than that something waits: ids, and until when. The app asks for
// the rest as it does when it is open. The push service learns the issuer, and that it
// is to be quick; all pushes have one length.
//
// A push is a hint, as is everything between nodes here: it is tried a few times while
// the session lasts, by the node that started it, from memory. What is lost costs that
// the user opens the app unasked. So no start of a session waits for it, and Redis keeps
// nothing of it.
package push
