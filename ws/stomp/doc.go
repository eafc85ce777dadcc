// Package stomp reads and writes frames of STOMP 1.2, as far as a server that
// sends notices needs them: all commands, escaped headers, content-length,
// heart-beats.
//
// It knows the form of frames and nothing of what they are for: which commands
// are taken in which order is the business of whoever holds the connection. A
// message of a WebSocket holds whole frames ([Parse]); none goes on in the next.
// How long a message may be is bounded by who reads it.
//
// Sections are those of the specification, https://stomp.github.io/stomp-specification-1.2.html.
package stomp
