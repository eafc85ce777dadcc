// Package server puts a node together: configuration, the rooms' parts, the two
// listeners, and the order in which all of it starts and stops.
//
// A [Node] is a value. [New] wires it and connects to nothing; [Node.Run] runs
// it until its context ends, and then drains: sockets are told to go elsewhere,
// requests in flight end, and what waits to be written is written. So a test
// starts the real thing on a port of its own.
//
// The public listener serves the login (package api); the ops listener
// /livez, /readyz and /metrics.
package server
