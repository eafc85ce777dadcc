package ws

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign/operation"
	"countersign/ws/stomp"
)

// From the registration to the end, on another node than where things happen.
func TestNotices(t *testing.T) {
	o := newOffice(t)
	n, url := o.node(nil)
	o.registry.blind = true
	id := o.login()
	c := o.listen(url, id)
	o.registry.swap(id, begun) // a step, and a session
	o.told(c, id, "CONTINUE")
	o.registry.swap(id, tried(operation.Canceled))
	o.told(c, id, "CONTINUE")
	o.registry.swap(id, func(st *operation.Standing) { st.Operation.How, st.Session = "", 1 }) // another session
	o.told(c, id, "CONTINUE")
	o.registry.swap(id, func(*operation.Standing) {}) // nothing that a page can see
	o.registry.swap(id, tried(operation.Canceled))
	o.told(c, id, "CONTINUE")
	o.registry.change(func() { o.registry.lost = true })
	o.registry.swap(id, func(st *operation.Standing) { st.Operation.How, st.Session = "", 1 })
	o.registry.change(func() { o.registry.lost = false })
	o.registry.swap(id, tried(operation.Canceled)) // the same as before, but of another session
	o.told(c, id, "CONTINUE")
	o.registry.swap(id, finished(operation.Done))
	o.told(c, id, "DONE")
	o.closed(c, CloseNormal, "DONE")
	o.nobody(n)
	again := o.listen(url, id) // after the end
	o.told(again, id, "DONE")
	o.closed(again, CloseNormal, "DONE")
	o.nobody(n)
}

// Time ends an operation without anybody's saying so.
func TestNoticeByTime(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, url := o.node(nil)
	o.registry.blind = true
	id := o.login(func(st *operation.Standing) { st.Next = time.Now().Add(400 * time.Millisecond) })
	c := o.listen(url, id)
	o.registry.change(func() {
		st := o.registry.standing[id]
		finished(operation.Failed)(&st)
		o.registry.standing[id] = st
	})
	o.told(c, id, "FAILED")
	o.closed(c, CloseNormal, "FAILED")
}

// What happened before the registration is told at once: nothing is lost to
// timing. An operation to which nothing has happened is told nothing.
func TestNoticeOfThePast(t *testing.T) {
	o := newOffice(t)
	_, url := o.node(nil)
	for _, want := range []operation.Result{operation.Failed, operation.Done} {
		id := o.login(begun, finished(want))
		c := o.listen(url, id)
		o.told(c, id, string(want))
		o.closed(c, CloseNormal, string(want))
	}
	moved := o.login(begun)
	o.told(o.listen(url, moved), moved, "CONTINUE")
	legacy := o.login(begun, finished(operation.Done), func(st *operation.Standing) { st.Operation.Service = "legacy" })
	c := o.listen(url, legacy)
	o.told(c, legacy, "CONFIRMED")
	o.closed(c, CloseNormal, "CONFIRMED")
}

// Lost between nodes, the sweep finds it: a change, the end of a session, and a
// newer page.
func TestNoticesLost(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	a, base := o.node(nil)
	_, other := o.node(nil)
	o.registry.lost = true
	id := o.login(begun)
	c := o.listen(base, id)
	o.told(c, id, "CONTINUE")
	o.registry.change(func() { // a session ended, and the node that ended it died
		st := o.registry.standing[id]
		tried(operation.Canceled)(&st)
		o.registry.standing[id] = st
	})
	o.told(c, id, "CONTINUE")
	o.registry.swap(id, func(st *operation.Standing) { st.Operation.How = "" })
	o.told(c, id, "CONTINUE")
	newer := o.listen(other, id)
	o.closed(c, CloseReplaced, "")
	o.nobody(a)
	o.told(newer, id, "CONTINUE")
	a.Missed()
	o.registry.change(func() { delete(o.registry.standing, id) })
	o.closed(newer, CloseNotFound, "")
}

func TestNewestPage(t *testing.T) {
	o := newOffice(t)
	a, base := o.node(nil)
	b, other := o.node(nil)
	o.registry.blind = true
	id := o.login()
	first := o.listen(base, id)
	second := o.listen(base, id) // the same node
	o.closed(first, CloseReplaced, "")
	third := o.listen(other, id)
	o.closed(second, CloseReplaced, "")
	a.Replaced(handleOf(id), 99, good) // nobody is here
	b.Replaced(handleOf(id), 99, func() bool { return false })
	b.Replaced(handleOf(id), 2, good) // heard late
	o.registry.swap(id, finished(operation.Done))
	o.told(third, id, "DONE")
	o.nobody(a)
}

// A page of one service is not told of another's operation, and replaces nobody.
func TestNoticeOrigin(t *testing.T) {
	o := newOffice(t)
	n, url := o.node(nil)
	id := o.login(func(st *operation.Standing) { st.Operation.Service = "legacy" })
	mine := o.login()
	c := o.listen(url, id)
	foreign := o.dial(url, DialOptions{Origin: "https://bank.example"})
	o.ask(foreign, id)
	o.closed(foreign, CloseRefused, "")
	o.registry.swap(id, begun)
	o.told(c, id, "CONTINUE")
	for origin, good := range map[string]bool{"https://login.example": true, "https://bank.example": true, "https://evil.example": false, "null": false} {
		x, err := DialNotices(t.Context(), url, DialOptions{Origin: origin})
		if (err == nil) != good {
			t.Errorf("%s: %v", origin, err)
		}
		if err == nil {
			o.ask(x, mine)
			o.registered(x, mine, true)
			x.Close()
		}
	}
	resp, err := http.Get("http" + strings.TrimPrefix(url, "ws"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusTeapot {
		t.Errorf("no upgrade: %d", resp.StatusCode)
	}
	x, err := DialPhone(t.Context(), url, nil, DialOptions{}) // another subprotocol
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if _, err := x.Next(t.Context()); !errors.Is(err, CloseError{Code: closeProtocol}) {
		t.Errorf("another subprotocol: %v", err)
	}
	o.eventually("only one is left", func() bool { return n.Hub.Count() == 1 })
}

// A page that does not know its operation may try again, but not for ever.
func TestUnknownWebSocketID(t *testing.T) {
	o := newOffice(t)
	n, url := o.node(nil)
	id, none := o.login(), operation.NewID()
	good, bad := o.dial(url), o.dial(url)
	o.ask(good, none)
	o.registered(good, none, false)
	o.say(good, registering(id))
	o.registered(good, id, true)
	o.frame(good, stomp.Receipt)
	o.say(good, registering(none)) // one connection, one operation
	o.registered(good, none, false)
	o.frame(good, stomp.Receipt)
	o.registry.swap(id, begun)
	o.told(good, id, "CONTINUE")

	o.ask(bad, none)
	o.registered(bad, none, false)
	for range triesMost - 1 {
		o.say(bad, registering(none))
		o.registered(bad, none, false)
		o.frame(bad, stomp.Receipt)
	}
	o.say(bad, registering(id))
	if f := o.frame(bad, stomp.Error); f.Get("message") != "too many registrations" || f.Get("receipt-id") != "r" {
		t.Errorf("%+v", f)
	}
	o.closed(bad, closeProtocol, "")
	o.eventually("one is left", func() bool { return n.Hub.Count() == 1 })
}

// registering is the frame by which a page registers.
func registering(id operation.ID) stomp.Frame {
	f := stomp.New(stomp.Send, "destination", RegistrationDestination, "receipt", "r")
	f.Body = []byte(`{"webSocketId":"` + webSocketID + string(id) + `"}`)
	return f
}

// Whatever a page says in which order, it is told all once it has subscribed.
func TestSubscribedLate(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	n, url := o.node(func(n *Notices) { n.RegisterWithin = 2 * time.Second })
	id := o.login()
	early, never := o.dial(url), o.dial(url)
	o.connect(early)
	o.say(early, registering(id))
	o.frame(early, stomp.Receipt)
	o.eventually("it is registered", func() bool {
		p := n.shard(handleOf(id)).of(handleOf(id))
		return len(p) == 1 && p[0].registered()
	})
	o.registry.swap(id, begun)
	o.registry.swap(id, finished(operation.Done))
	o.say(early, stomp.New(stomp.Subscribe, "id", "a:1", "destination", RegistrationTopic))
	o.registered(early, id, true)
	o.say(early, stomp.New(stomp.Subscribe, "id", "b", "destination", AuthorizationTopic))
	o.told(early, id, "DONE")
	o.closed(early, CloseNormal, "DONE")

	o.connect(never)
	o.say(never, registering(id))
	o.frame(never, stomp.Receipt)
	begun := time.Now()
	o.closed(never, CloseNormal, "DONE") // it never wanted to know
	if waited := time.Since(begun); waited < time.Second {
		t.Errorf("closed after %v", waited)
	}
	o.nobody(n)
}

func TestRegisteredLate(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	n, url := o.node(func(n *Notices) { n.RegisterWithin = 300 * time.Millisecond })
	id, none := o.login(), operation.NewID()
	c := o.listen(url, id)
	silent, connected, unknown := o.dial(url), o.dial(url), o.dial(url)
	o.connect(connected)
	o.ask(unknown, none)
	o.registered(unknown, none, false)
	for _, x := range []*NoticeClient{silent, connected, unknown} {
		o.closed(x, CloseRefused, "")
	}
	o.eventually("one is left", func() bool { return n.Hub.Count() == 1 })
	o.registry.swap(id, begun) // of one that registered long ago
	o.told(c, id, "CONTINUE")
}

// What is no STOMP, or not of this server, is answered with ERROR and ends the
// connection.
func TestNoticesRefuse(t *testing.T) {
	o := newOffice(t)
	n, url := o.node(nil)
	id := o.login()
	frame := func(c stomp.Command, headers ...string) string { return string(stomp.New(c, headers...).Append(nil)) }
	connect := frame(stomp.Connect, "accept-version", "1.2")
	subscribe := frame(stomp.Subscribe, "id", "0", "destination", RegistrationTopic)
	long := strings.Repeat("x", nameMost+1)
	for text, message := range map[string]string{
		"GET / HTTP/1.1\r\n\r\n":                          "malformed frame: unknown command",
		connect + "SEND\n\n":                              "malformed frame: no end of frame",
		subscribe:                                         "CONNECT comes first, and once",
		string(registering(id).Append(nil)):               "CONNECT comes first, and once",
		connect + frame(stomp.Stomp):                      "CONNECT comes first, and once",
		frame(stomp.Connect):                              "version not supported",
		frame(stomp.Connect, "accept-version", "1.0,1.1"): "version not supported",
		frame(stomp.Stomp, "accept-version", "1.2", "heart-beat", "a,b"):                                "malformed frame: a heart-beat that is not two numbers",
		connect + frame(stomp.Subscribe, "destination", RegistrationTopic):                              "a subscription needs an id, of at most 64 octets",
		connect + frame(stomp.Subscribe, "id", long, "destination", RegistrationTopic):                  "a subscription needs an id, of at most 64 octets",
		connect + frame(stomp.Subscribe, "id", "0", "destination", "/topic/all"):                        "no such destination",
		connect + frame(stomp.Subscribe, "id", "0", "destination", AuthorizationTopic, "ack", "client"): "nothing here is acknowledged",
		connect + subscribe + subscribe:                                                                 "a subscription has this id already",
		connect + frame(stomp.Unsubscribe, "id", "0"):                                                   "no such subscription",
		connect + frame(stomp.Send, "destination", AuthorizationTopic):                                  "no such destination",
		connect + frame(stomp.Send, "destination", RegistrationDestination, "transaction", "1"):         "there are no transactions here",
		connect + frame(stomp.Send, "destination", RegistrationDestination):                             "malformed registration",
		connect + frame(stomp.Begin, "transaction", "1"):                                                "BEGIN is not taken here",
		connect + frame(stomp.Ack, "id", "1"):                                                           "ACK is not taken here",
		connect + frame(stomp.Message):                                                                  "MESSAGE is not taken here",
		connect + frame(stomp.Disconnect, "receipt", long):                                              "receipt too long",
		connect + strings.Repeat(frame(stomp.Send, "destination", ""), 1):                               "no such destination",
	} {
		c := o.dial(url)
		if err := c.SendText(text); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(text, connect) {
			o.frame(c, stomp.Connected)
		}
		if f := o.frame(c, stomp.Error); f.Get("message") != message {
			t.Errorf("%q: %+v", text, f)
		} else if message == "version not supported" && (f.Get("version") != "1.2" || string(f.Body) != "Supported protocol versions are 1.2") {
			t.Errorf("%q: %+v %s", text, f, f.Body)
		}
		o.closed(c, closeProtocol, "")
	}
	o.nobody(n)
}

// What a page may say is bounded, so that all that it is answered fits a buffer.
func TestNoticesAreBounded(t *testing.T) {
	o := newOffice(t)
	n, url := o.node(func(n *Notices) { n.Hub.Most = 2 })
	id := o.login()
	c := o.dial(url)
	o.connect(c)
	for k := range framesMost - 1 {
		f := stomp.New(stomp.Subscribe, "id", "x", "destination", RegistrationTopic, "receipt", strings.Repeat("r:", nameMost/2))
		if k%2 == 1 {
			f = stomp.New(stomp.Unsubscribe, "id", "x", "receipt", "r")
		}
		o.say(c, f)
		if got, want := o.frame(c, stomp.Receipt).Get("receipt-id"), f.Get("receipt"); got != want {
			t.Errorf("receipt %s, want %s", got, want)
		}
	}
	o.say(c, stomp.New(stomp.Unsubscribe, "id", "x"))
	if f := o.frame(c, stomp.Error); f.Get("message") != "too many frames" {
		t.Errorf("%+v", f)
	}
	o.closed(c, closeProtocol, "")

	c = o.listen(url, id)
	if err := c.SendText(strings.Repeat(stomp.EOL, 1024)); err != nil { // the most that there may be
		t.Fatal(err)
	}
	other := o.dial(url)
	o.eventually("two are here", func() bool { return n.Hub.Count() == 2 })
	o.closed(o.dial(url), CloseTryAgain, "")
	if err := other.SendText(strings.Repeat(stomp.EOL, 1025)); err != nil {
		t.Fatal(err)
	}
	o.closed(other, CloseTooBig, "")
	o.registry.swap(id, begun)
	o.told(c, id, "CONTINUE")
	for k := range subscriptionsMost - 2 {
		o.say(c, stomp.New(stomp.Subscribe, "id", strings.Repeat("y", k+1), "destination", AuthorizationTopic))
	}
	o.say(c, stomp.New(stomp.Subscribe, "id", "z", "destination", AuthorizationTopic))
	if f := o.frame(c, stomp.Error); f.Get("message") != "too many subscriptions" {
		t.Errorf("%+v", f)
	}
	o.nobody(n)
	n, url = o.node(nil)
	for range strangersPerAddress {
		o.dial(url + "?from=198.51.100.1")
	}
	o.eventually("they are counted", func() bool { return n.Hub.Count() == strangersPerAddress })
	o.closed(o.dial(url+"?from=198.51.100.1"), CloseTryAgain, "")
	o.listen(url+"?from=198.51.100.2", id)
}

// A page says goodbye, and hears that it was heard.
func TestNoticesDisconnect(t *testing.T) {
	o := newOffice(t)
	n, url := o.node(nil)
	id := o.login()
	c := o.listen(url, id)
	o.say(c, stomp.New(stomp.Unsubscribe, "id", "1"), stomp.New(stomp.Disconnect, "receipt", "bye"))
	if f := o.frame(c, stomp.Receipt); f.Get("receipt-id") != "bye" {
		t.Errorf("%+v", f)
	}
	o.closed(c, CloseNormal, "")
	o.nobody(n)
	o.listen(url, id).Close() // without a word
	o.nobody(n)
}

func TestNoticesDrain(t *testing.T) {
	o := newOffice(t)
	n, url := o.node(nil)
	c, stranger := o.listen(url, o.login(begun)), o.dial(url)
	o.told(c, o.known(n), "CONTINUE")
	o.eventually("both are counted", func() bool { return n.Hub.Count() == 2 })
	n.Hub.Drain(t.Context(), 0)
	o.closed(o.dial(url), CloseGoingAway, "")
	n.Drain(t.Context(), 20*time.Millisecond)
	o.closed(c, CloseGoingAway, "")
	o.closed(stranger, CloseGoingAway, "")
	o.nobody(n)
}

// known is the operation of the node's one page.
func (o *office) known(n *Notices) operation.ID {
	for _, sh := range n.shards {
		for _, p := range sh.all(nil) {
			return p.operation()
		}
	}
	o.t.Fatal("no page")
	return ""
}

// Who comes while the store is away is told to come again; who is there stays.
func TestNoticesWithoutStore(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, url := o.node(nil)
	id := o.login()
	c := o.listen(url, id)
	o.registry.change(func() { o.registry.fails = errDown })
	late := o.dial(url)
	o.ask(late, id)
	o.closed(late, CloseTryAgain, "")
	reads := 0
	o.registry.change(func() { reads = o.registry.reads })
	o.registry.swap(id, begun)
	o.eventually("a look failed", func() bool {
		o.registry.mu.Lock()
		defer o.registry.mu.Unlock()
		return o.registry.reads > reads
	})
	o.registry.change(func() { o.registry.fails = nil })
	o.told(c, id, "CONTINUE")
}

// Each side hears something as often as was agreed; who falls silent is let go.
func TestNoticesHeartBeat(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, url := o.node(func(n *Notices) { n.HeartBeat = 500 * time.Millisecond })
	connect := func(beat string) *NoticeClient {
		c := o.dial(url)
		o.say(c, stomp.New(stomp.Connect, "accept-version", "1.2", "heart-beat", beat))
		if f := o.frame(c, stomp.Connected); f.Get("heart-beat") != "500,500" {
			t.Errorf("offered %s", f.Get("heart-beat"))
		}
		id := o.login()
		o.say(c, stomp.New(stomp.Subscribe, "id", "0", "destination", RegistrationTopic), registering(id))
		o.registered(c, id, true)
		o.frame(c, stomp.Receipt)
		return c
	}
	silent, neither := connect("100,0"), connect("0,0")
	c := connect("100,100")
	for range 4 {
		begun := time.Now()
		b, err := receive(t.Context(), c.conn)
		if took := time.Since(begun); err != nil || string(b) != "\n" || took > 900*time.Millisecond {
			t.Fatalf("%q, %v, after %v", b, err, took)
		}
		if err := c.SendText("\n"); err != nil {
			t.Fatal(err)
		}
	}
	o.closed(silent, CloseGoingAway, "")
	o.say(neither, stomp.New(stomp.Disconnect, "receipt", "r"))
	o.frame(neither, stomp.Receipt)
}

// A page that answers no ping is gone.
func TestNoticesPing(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	n, url := o.node(func(n *Notices) { quick(n.Hub) })
	o.listen(url, o.login()) // and reads no more
	o.nobody(n)
}
