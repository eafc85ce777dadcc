package ws

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign/operation"
	"countersign/ws/stomp"
)

// The destinations of STOMP frames that there are.
const (
	RegistrationDestination = "/app/registration"         // to which a page registers
	RegistrationTopic       = "/user/topic/registration"  // on which it is answered
	AuthorizationTopic      = "/user/topic/authorization" // on which it is told
)

// A RegistrationWire answers a registration.
type RegistrationWire struct {
	WebSocketID string `json:"webSocketId"`
	Succeeded   bool   `json:"registrationSucceeded"`
}

// A NoticeWire says how the operation of a webSocketId stands: CONTINUE, FAILED,
// and DONE or, for a service that wants so, CONFIRMED.
type NoticeWire struct {
	WebSocketID string `json:"webSocketId"`
	AuthResult  string `json:"authResult"`
}

func registered(webSocketID string, good bool) []byte {
	b, _ := json.Marshal(RegistrationWire{webSocketID, good}) // texts always have JSON
	return b
}

// A talk is what a page and this server have said to each other in STOMP.
type talk struct {
	frames     int // of the page
	tries      int // to register
	messages   int // to the page
	connected  bool
	subscribed []subscription
}

type subscription struct{ id, topic string }

// What a page may say. It needs six frames; the bounds keep what it is answered
// within what a connection's buffer holds.
const (
	framesMost        = 32
	triesMost         = 3
	subscriptionsMost = 4
	nameMost          = 64 // octets of what is said back: an id, a receipt
)

// A refusal is why a frame is not taken. It ends the connection (ERROR).
type refusal struct {
	message string
	headers []string // names and values in turn
	body    string
}

// Error implements error.
func (r refusal) Error() string { return r.message }

// take takes a frame of the page's.
func (p *page) take(f stomp.Frame) {
	err := p.obey(f)
	if why, refused := errors.AsType[refusal](err); refused {
		p.refuse(f, why)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if receipt, wanted := f.Lookup("receipt"); wanted && !p.closed && f.Command != stomp.Connect && f.Command != stomp.Stomp {
		p.write(stomp.New(stomp.Receipt, "receipt-id", receipt))
	}
	if f.Command == stomp.Disconnect {
		p.close(CloseNormal, "")
	}
}

// obey does what a frame says. The error is a refusal.
func (p *page) obey(f stomp.Frame) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.talk.frames++
	first := f.Command == stomp.Connect || f.Command == stomp.Stomp
	switch {
	case p.talk.frames > framesMost:
		return refusal{message: "too many frames"}
	case len(f.Get("receipt")) > nameMost:
		return refusal{message: "receipt too long"}
	case first == p.talk.connected:
		return refusal{message: "CONNECT comes first, and once"}
	case first:
		return p.connect(f)
	}
	switch f.Command {
	case stomp.Subscribe:
		return p.subscribe(f)
	case stomp.Unsubscribe:
		return p.unsubscribe(f)
	case stomp.Send:
		return p.sent(f)
	case stomp.Disconnect:
		return nil
	default:
		return refusal{message: string(f.Command) + " is not taken here"}
	}
}

// connect agrees on a version and on heart-beats. Host and login are nothing to
// this server. p.mu is held.
func (p *page) connect(f stomp.Frame) error {
	if !slices.Contains(strings.Split(f.Get("accept-version"), ","), "1.2") {
		return refusal{message: "version not supported", headers: []string{"version", "1.2"}, body: "Supported protocol versions are 1.2"}
	}
	theirs, err := stomp.ParseHeartBeat(f.Lookup(stomp.HeartBeatHeader))
	if err != nil {
		return refusal{message: err.Error()}
	}
	every := p.notices.HeartBeat
	ours := stomp.HeartBeat{Send: every, Want: every}
	send, hear := ours.Agree(theirs)
	p.talk.connected = true
	p.beat = send - send/10 // early enough to arrive in time
	p.beatAt = time.Now().Add(p.beat).UnixMilli()
	p.silence = 2 * hear
	p.write(stomp.New(stomp.Connected, "version", "1.2", stomp.HeartBeatHeader, ours.String()))
	return nil
}

// subscribe lets the page hear of one of the two topics; what it has yet to be
// told there comes at once. p.mu is held.
func (p *page) subscribe(f stomp.Frame) error {
	id, topic := f.Get("id"), f.Get("destination")
	ack, given := f.Lookup("ack")
	switch {
	case id == "" || len(id) > nameMost:
		return refusal{message: "a subscription needs an id, of at most 64 octets"}
	case topic != RegistrationTopic && topic != AuthorizationTopic:
		return refusal{message: "no such destination"}
	case given && ack != "auto":
		return refusal{message: "nothing here is acknowledged"}
	case p.subscription(id) >= 0:
		return refusal{message: "a subscription has this id already"}
	case len(p.talk.subscribed) >= subscriptionsMost:
		return refusal{message: "too many subscriptions"}
	}
	p.talk.subscribed = append(p.talk.subscribed, subscription{id, topic})
	p.settle()
	return nil
}

// unsubscribe undoes subscribe. p.mu is held.
func (p *page) unsubscribe(f stomp.Frame) error {
	i := p.subscription(f.Get("id"))
	if i < 0 {
		return refusal{message: "no such subscription"}
	}
	p.talk.subscribed = slices.Delete(p.talk.subscribed, i, i+1)
	return nil
}

// subscription finds a subscription; -1: there is none of that id.
func (p *page) subscription(id string) int {
	return slices.IndexFunc(p.talk.subscribed, func(s subscription) bool { return s.id == id })
}

// sent takes a registration. p.mu is held, but not while the store is asked.
func (p *page) sent(f stomp.Frame) error {
	_, transaction := f.Lookup("transaction")
	switch {
	case f.Get("destination") != RegistrationDestination:
		return refusal{message: "no such destination"}
	case transaction:
		return refusal{message: "there are no transactions here"}
	}
	webSocketID, err := p.read(f.Body)
	if err != nil {
		return refusal{message: "malformed registration"}
	}
	if p.number != 0 { // one connection, one operation
		p.reply(webSocketID)
		return nil
	}
	if p.talk.tries++; p.talk.tries > triesMost {
		return refusal{message: "too many registrations"}
	}
	p.mu.Unlock()
	err = p.register(webSocketID)
	p.mu.Lock()
	switch {
	case errors.Is(err, operation.ErrNotFound):
		p.reply(webSocketID)
	case errors.Is(err, ErrRefused):
		p.close(CloseRefused, "")
	case err != nil:
		p.notices.Hub.Log.Warn("a page could not register", "error", err)
		p.close(CloseTryAgain, "")
	}
	return nil
}

func (p *page) register(webSocketID string) error {
	ctx, cancel := context.WithTimeout(context.Background(), takeWithin)
	defer cancel()
	return p.join(ctx, webSocketID)
}

// reply says that a registration came to nothing. p.mu is held.
func (p *page) reply(webSocketID string) {
	if !p.closed {
		p.answer = registered(webSocketID, false)
		p.settle()
	}
}

// pay sends what is owed on a topic, if the page has subscribed to it. p.mu is
// held.
func (p *page) pay(topic string, owed *[]byte) {
	body := *owed
	if body == nil {
		return
	}
	for _, s := range p.talk.subscribed {
		if s.topic == topic {
			*owed = nil
			p.talk.messages++
			f := stomp.New(stomp.Message, "subscription", s.id, "message-id", strconv.Itoa(p.talk.messages), "destination", topic,
				stomp.ContentType, "application/json")
			f.Body = body
			p.write(f)
		}
	}
}

// write sends a frame. p.mu is held.
func (p *page) write(f stomp.Frame) {
	if p.closed {
		return
	}
	if err := p.out.send(0, f.Append(nil)); err != nil {
		p.close(CloseGoingAway, "")
	}
}

// refuse says why a frame is not taken, and ends the connection.
func (p *page) refuse(f stomp.Frame, why refusal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	headers := append([]string{"message", why.message}, why.headers...)
	if receipt, wanted := f.Lookup("receipt"); wanted && len(receipt) <= nameMost {
		headers = append(headers, "receipt-id", receipt)
	}
	if why.body != "" {
		headers = append(headers, stomp.ContentType, "text/plain")
	}
	x := stomp.New(stomp.Error, headers...)
	x.Body = []byte(why.body)
	p.write(x)
	p.close(closeProtocol, "")
}
