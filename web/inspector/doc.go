// Package inspector shows what passes through a development server while it
// passes: requests with their answers, messages to watchers, frames to phones,
// audit events, and the exact bytes whose signatures were checked.
//
// A server is given an [Inspector] and calls it: [Inspector.Middleware] goes
// around the public handler, the other methods are told of what is not seen
// there. Everything goes into one ring of the newest entries (numbered, encoded
// once), from which any number of readers are served at their own pace, so
// recording never waits for anybody: a reader that falls behind the ring is told
// how many entries it missed, and one that takes no bytes is let go.
//
// [Inspector.Handler] serves the page, for a loopback listener of its own:
//
//	GET /               the page
//	GET /assets/{file}  its script and style
//	GET /events         entries as server-sent events: those kept, then live
//
// What it shows opens sessions, so it is for development only. Passwords of
// services and cookies are masked all the same, because they outlive the run.
//
// The page's sources are in page, what they are built to in dist.
package inspector
