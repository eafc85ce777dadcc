package server

import (
	"strings"

	"countersign/audit"
	"countersign/notify"
	"countersign/notify/push"
)

// wake makes what phones are woken by.
func (n *Node) wake(recorder audit.Recorder) {
	n.pusher = push.New(push.Pusher{Issuer: n.cfg.Issuer, Sessions: n.sessions, Budget: n.store, Devices: n.devices, HTTP: notify.Client(n.cfg.Outgoing.Allow),
		Audit: recorder, Log: n.log, Now: n.store.Now})
	n.store.Wake = n.pusher.Wake
}

// pushTo says whether a push may be sent to a URL, as far as it shows.
func (n *Node) pushTo(endpoint string) bool {
	return (strings.HasPrefix(endpoint, "https:") || n.cfg.InsecureHTTP) && notify.MayReach(endpoint, n.cfg.Outgoing.Allow)
}
