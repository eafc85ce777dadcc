package browser

import (
	"testing"
)

// What the page asks the server with, as the proxy sees it.
const (
	bySocket = `GET /ws/session/sess_[\w-]+`
	byEvents = `GET /auth/session/sess_[\w-]+/events`
	byPoll   = `GET /auth/session/sess_[\w-]+`
)

// connected waits until the page hears of its session in a way.
func (l *loginPage) connected(way string) {
	l.t.Helper()
	await(l.tab, "connected by "+way, `document.querySelector('countersign-login').state.connection ?? ''`, func(now string) bool { return now == way })
}

// finish approves the login that waits on a page, and waits until the bank lets in.
func (l *loginPage) finish(ph *phone) {
	l.t.Helper()
	code := l.code()
	ph.take()
	ph.approve(code)
	ph.result("approved")
	l.seeElement(testid("login-approved"))
}

// With nothing in its way the page uses the socket and nothing else.
func TestBySocket(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	page := w.login(newProfile(t), alice)
	page.connected("websocket")
	page.finish(alice)
	if n := w.proxy.served(bySocket); n != 1 {
		t.Errorf("%d sockets", n)
	}
	if n := w.proxy.served(byEvents); n > 0 {
		t.Errorf("%d streams", n)
	}
	// A page whose back end started the session asks once, to learn the server's clock.
	if n := w.proxy.served(byPoll); n > 1 {
		t.Errorf("%d polls", n)
	}
}

// Where sockets are refused on the way, a stream brings the approval.
func TestByEvents(t *testing.T) {
	w := newWorld(t)
	w.proxy.refuse(sockets)
	alice := w.enrol(newProfile(t))
	page := w.login(newProfile(t), alice)
	page.excuse("WebSocket connection to")
	page.connected("events")
	page.finish(alice)
	if w.proxy.blocked(bySocket) == 0 || w.proxy.served(bySocket) > 0 || w.proxy.served(byEvents) == 0 {
		t.Errorf("%d sockets refused, %d served, %d streams", w.proxy.blocked(bySocket), w.proxy.served(bySocket), w.proxy.served(byEvents))
	}
}

// Where streams are held back too, the page polls.
func TestByPoll(t *testing.T) {
	w := newWorld(t)
	w.proxy.refuse(sockets)
	w.proxy.hold(events)
	alice := w.enrol(newProfile(t))
	page := w.login(newProfile(t), alice)
	page.excuse("WebSocket connection to")
	page.connected("poll")
	page.finish(alice)
	if w.proxy.served(bySocket) > 0 || w.proxy.served(byEvents) == 0 || w.proxy.served(byPoll) == 0 {
		t.Errorf("%d sockets served, %d streams, %d polls", w.proxy.served(bySocket), w.proxy.served(byEvents), w.proxy.served(byPoll))
	}
}

// A phone whose sockets are refused asks by itself.
func TestPhoneWithoutSocket(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	alice.excuse("WebSocket connection to")
	w.proxy.refuse(phones)
	w.proxy.cut()
	page := w.login(newProfile(t), alice)
	alice.see("Looking for new requests every few seconds.")
	page.finish(alice)
	if w.proxy.served("POST /auth/pending") == 0 {
		t.Error("the phone did not ask")
	}
}

// The node that a page is connected to goes away, and a fresh one comes in its
// place: the login goes on with the other.
func TestNodeRestarted(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	w.proxy.to(t, w.Nodes[0].Base)
	page := w.login(newProfile(t), alice)
	page.connected("websocket")
	code := page.code()
	w.proxy.to(t, w.Nodes[1].Base)
	if err := w.Nodes[0].Stop(); err != nil {
		t.Fatal(err)
	}
	alice.take()
	page.see("Continue on your phone")
	page.connected("websocket")
	fresh := w.Add(nil)
	w.proxy.to(t, fresh.Base, w.Nodes[1].Base)
	if now := page.code(); now != code {
		t.Errorf("the code was %s and is %s", code, now)
	}
	alice.approve(code)
	page.seeElement(testid("login-approved"))
	if n := w.proxy.served(bySocket); n != 2 {
		t.Errorf("%d sockets, want one on each node", n)
	}
}
