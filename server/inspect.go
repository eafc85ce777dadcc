package server

import (
	"net/http"

	"countersign/audit"
	"countersign/session"
)

// An Inspector is shown what passes through a node, secrets included; for
// development only (package web/inspector). None of its methods block.
type Inspector interface {
	// Middleware goes around the whole public handler.
	Middleware(next http.Handler) http.Handler
	// Message is told of a message that a watcher of a session is about to get.
	Message(sessionID string, id int, frame []byte)
	// Device is told of a frame that a connected phone is about to get.
	Device(tokenID, deviceID string, frame []byte)
	// Signed is told of a text whose signature was checked.
	Signed(text []byte, good bool)
	// Record is told of every event.
	audit.Recorder
}

// recorder gives every event to all who want it.
func (n *Node) recorder() audit.Recorder {
	to := []audit.Recorder{logSink{n.log}, n.metrics, n.stream}
	if n.opts.Inspector != nil {
		to = append(to, n.opts.Inspector)
	}
	return audit.Attribute(audit.Tee(to...))
}

// inspect lets the inspector see what the handler does not: without one, nothing
// is called and nothing is made for it.
func (n *Node) inspect() {
	in := n.opts.Inspector
	if in == nil {
		return
	}
	n.sessions.Inspect, n.devices.Inspect = in.Signed, in.Signed
	n.phones.Sent = func(to session.Phone, frame []byte) { in.Device(string(to.Token), string(to.Device), frame) }
	n.hub.Sent = func(id session.ID, messageID int, frame []byte) { in.Message(string(id), messageID, frame) }
}

// inspected is a handler whose requests the inspector sees.
func (n *Node) inspected(h http.Handler) http.Handler {
	if n.opts.Inspector == nil {
		return h
	}
	return n.opts.Inspector.Middleware(h)
}
