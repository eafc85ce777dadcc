package ws

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/operation"
	"countersign/session"
	"countersign/ws/stomp"
)

// A registry keeps operations in memory as the store and the room of operations
// do, for the nodes of one test.
type registry struct {
	mu       sync.Mutex
	standing map[operation.ID]operation.Standing
	numbers  map[string]uint64 // by handle
	nodes    []*Notices
	lost     bool  // what nodes tell each other
	blind    bool  // the sweep finds nothing
	fails    error // what every trip ends with
	reads    int
}

const webSocketID = "websocket-of-" // and an operation's id, as the handle is handle- and that

func (x *registry) Present(_ context.Context, id operation.ID) (operation.Standing, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.reads++
	st, ok := x.standing[id]
	if !ok && x.fails == nil {
		return st, operation.ErrNotFound
	}
	return st, x.fails
}

func (x *registry) Named(_ context.Context, name string) (operation.ID, string, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	id := operation.ID(strings.TrimPrefix(name, webSocketID))
	if _, ok := x.standing[id]; !ok && x.fails == nil {
		return "", "", operation.ErrNotFound
	}
	return id, handleOf(id), x.fails
}

func handleOf(id operation.ID) string { return "handle-" + string(id) }

func good() bool { return true }

func (x *registry) Register(_ context.Context, handle string, _ operation.Operation) (uint64, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.fails != nil {
		return 0, x.fails
	}
	x.numbers[handle]++
	number := x.numbers[handle]
	if !x.lost {
		for _, n := range x.nodes {
			go n.Replaced(handle, number, good) // as the bus does, not from here
		}
	}
	return number, nil
}

func (x *registry) Outdated(_ context.Context, all []Registration, visit func(int, uint64)) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, r := range all {
		st := x.standing[r.Operation]
		if !x.blind && (st.Operation.Version != r.Version || st.Session != r.SessionVersion || x.numbers[r.Handle] != r.Number) {
			visit(i, x.numbers[r.Handle])
		}
	}
	return x.fails
}

// change changes something that is no operation.
func (x *registry) change(f func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f()
}

// swap changes an operation, and tells every node.
func (x *registry) swap(id operation.ID, f func(*operation.Standing)) {
	x.mu.Lock()
	st := x.standing[id]
	f(&st)
	st.Operation.Version++
	x.standing[id] = st
	lost, nodes, version := x.lost, x.nodes, st.Operation.Version
	x.mu.Unlock()
	for _, n := range nodes {
		if !lost {
			n.Moved(handleOf(id), version, good)
		}
	}
}

// tried is a step that ended without success.
func tried(how operation.StepResult) func(*operation.Standing) {
	return func(st *operation.Standing) {
		st.Session, st.Operation.Session, st.Operation.How = 0, "", how
		st.Operation.History = append(st.Operation.History, operation.Entry{At: time.Now(), How: how})
	}
}

func finished(r operation.Result) func(*operation.Standing) {
	return func(st *operation.Standing) {
		st.Operation.Result, st.Next = r, time.Time{}
		st.Operation.History = append(st.Operation.History, operation.Entry{At: time.Now(), Result: r})
	}
}

// An office is nodes with pages.
type office struct {
	*house
	registry *registry
}

func newOffice(t *testing.T) *office {
	t.Helper()
	return &office{newHouse(t), &registry{standing: map[operation.ID]operation.Standing{}, numbers: map[string]uint64{}}}
}

// node runs a node until the test ends, and gives the address of its server.
func (o *office) node(change func(*Notices)) (*Notices, string) {
	o.t.Helper()
	n := &Notices{Hub: &Hub{Sessions: o.svc, Watches: o.shelf, Issuer: o.svc.Issuer, Log: slog.New(slog.DiscardHandler)},
		Operations: o.registry, Registrations: o.registry}
	if change != nil {
		change(n)
	}
	o.registry.change(func() { o.registry.nodes = append(o.registry.nodes, n) })
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := n.Socket(w, r, r.URL.Query().Get("from"), readRegistration); err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
		}
	}))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.Run(ctx)
	}()
	o.t.Cleanup(func() {
		n.Hub.Drain(ctx, 0)
		n.Drain(ctx, 0)
		stop()
		<-done
		s.Close()
	})
	return n, "ws" + strings.TrimPrefix(s.URL, "http")
}

func readRegistration(body []byte) (string, error) {
	var q struct {
		ID string `json:"webSocketId"`
	}
	return q.ID, json.Unmarshal(body, &q)
}

// login is an operation that has just begun.
func (o *office) login(change ...func(*operation.Standing)) operation.ID {
	id := operation.NewID()
	st := operation.Standing{Operation: operation.Operation{ID: id, Version: 1, Service: "demo", Result: operation.Continue, Step: operation.Identify}}
	for _, f := range change {
		f(&st)
	}
	o.registry.change(func() { o.registry.standing[id] = st })
	return id
}

// begun is an operation whose session is open.
func begun(st *operation.Standing) {
	st.Operation.Step, st.Operation.Session, st.Session = operation.Device, session.NewID(), 1
	st.Operation.History = append(st.Operation.History, operation.Entry{At: time.Now(), How: operation.Confirmed})
}

func (o *office) dial(url string, d ...DialOptions) *NoticeClient {
	o.t.Helper()
	c, err := DialNotices(o.t.Context(), url, append(d, DialOptions{})[0])
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { c.Close() })
	return c
}

// listen is a page that is registered for an operation.
func (o *office) listen(url string, id operation.ID) *NoticeClient {
	o.t.Helper()
	c := o.dial(url)
	o.ask(c, id)
	o.registered(c, id, true)
	return c
}

// ask says all that has to be said, and takes CONNECTED.
func (o *office) ask(c *NoticeClient, id operation.ID) {
	o.t.Helper()
	if err := c.Register(webSocketID + string(id)); err != nil {
		o.t.Fatal(err)
	}
	o.frame(c, stomp.Connected)
}

func (o *office) say(c *NoticeClient, frames ...stomp.Frame) {
	o.t.Helper()
	if err := c.Send(frames...); err != nil {
		o.t.Fatal(err)
	}
}

// connect says CONNECT.
func (o *office) connect(c *NoticeClient) {
	o.t.Helper()
	o.say(c, stomp.New(stomp.Connect, "accept-version", "1.1,1.2"))
	o.frame(c, stomp.Connected)
}

// frame takes the next frame.
func (o *office) frame(c *NoticeClient, want stomp.Command) stomp.Frame {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), 10*time.Second)
	defer cancel()
	f, err := c.Next(ctx)
	if err != nil || f.Command != want {
		o.t.Fatalf("got %+v %s, %v, want %s", f, f.Body, err, want)
	}
	return f
}

// message takes a MESSAGE on a topic.
func (o *office) message(c *NoticeClient, topic string, into any) {
	o.t.Helper()
	f := o.frame(c, stomp.Message)
	if f.Get("destination") != topic || f.Get("message-id") == "" || f.Get("subscription") == "" || f.Get("content-type") != "application/json" {
		o.t.Fatalf("%+v on %s", f, topic)
	}
	if err := json.Unmarshal(f.Body, into); err != nil {
		o.t.Fatal(err)
	}
}

// registered takes the answer to a registration.
func (o *office) registered(c *NoticeClient, id operation.ID, want bool) {
	o.t.Helper()
	var w RegistrationWire
	if o.message(c, RegistrationTopic, &w); w != (RegistrationWire{webSocketID + string(id), want}) {
		o.t.Fatalf("answered %+v, want %v", w, want)
	}
}

// told takes a notice.
func (o *office) told(c *NoticeClient, id operation.ID, want string) {
	o.t.Helper()
	var w NoticeWire
	if o.message(c, AuthorizationTopic, &w); w != (NoticeWire{webSocketID + string(id), want}) {
		o.t.Fatalf("told %+v, want %s", w, want)
	}
}

// closed takes the end.
func (o *office) closed(c *NoticeClient, code int, reason string) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), 10*time.Second)
	defer cancel()
	f, err := c.Next(ctx)
	if end, _ := errors.AsType[CloseError](err); end != (CloseError{Code: code, Reason: reason}) {
		o.t.Fatalf("got %+v %s, %v, want close %d %q", f, f.Body, err, code, reason)
	}
}

// nobody waits until a node has no page any more.
func (o *office) nobody(n *Notices) {
	o.t.Helper()
	o.eventually("nobody is left", func() bool { return n.Hub.Count() == 0 && len(n.ends()) == 0 })
}
