// Package ws lets browsers watch a session: over a WebSocket, over server-sent
// events, and by long poll, with the same messages under the same ids.
//
// The record in the store is the truth and what travels between nodes a hint.
// These invariants hold for every watcher:
//
//   - At most one connection per session is open in the whole cluster. Redis
//     counts takeovers; a connection with a lower number than another gives way
//     with 4009.
//   - A connection is known to its hub before it takes over, so a change that
//     happens meanwhile reaches it; what it hears too early waits.
//   - Whoever has not shown the wsToken and the verifier receives nothing and
//     replaces nobody.
//   - Nothing blocks the bus: hints go into bounded queues, and what does not
//     fit is found by the sweep, which compares what this node believes with
//     the records every 0.8 s.
//   - All that is ever written to one connection is a few kilobytes, which fits
//     its send buffer, so a reader that does not read blocks nobody.
//   - No connection has a timer or a goroutine besides the one that reads.
//
// Phones connect too, and are told what waits for their identity ([Phones]). For
// them the pending list is the truth: a call between nodes only makes a node read
// it, and every phone's is read every five seconds anyway.
//
// So do the pages of operations, by STOMP (package stomp), and are told that they
// should ask how their operation stands ([Notices]). For them the operation is the
// truth; what travels between nodes makes a node read it, and every one that has a
// page here is compared with its record as sessions are.
//
// The package is net/http and gorilla/websocket only.
package ws
