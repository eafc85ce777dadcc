package system

import (
	"crypto/sha256"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/api/rp"
	"countersign/audit"
	"countersign/device"
	"countersign/server"
	"countersign/session"
	"countersign/test/redistest"
	"countersign/test/rig"

	"github.com/google/go-cmp/cmp"
)

// hookSecrets are what events are signed with; back ends know the second.
func hookSecrets() [][]byte {
	one, two := sha256.Sum256([]byte("one")), sha256.Sum256([]byte("two"))
	return [][]byte{one[:], two[:]}
}

// webhookRig is two nodes whose services demo and shop are told at the address given.
func webhookRig(t *testing.T, url string, change ...func(*server.Config)) *rig.Rig {
	t.Helper()
	return rig.New(t, rig.Options{
		Configure: func(c *server.Config) {
			c.Outgoing.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			for i := range c.Services {
				c.Services[i].Webhook.URL = url
			}
			for _, f := range change {
				f(c)
			}
		},
		Secrets: func(s *server.Secrets) {
			for _, id := range []string{rig.Service, rig.Shop} {
				x := s.Services[id]
				x.WebhookSecrets = hookSecrets()
				s.Services[id] = x
			}
		},
	})
}

// event reads what a back end was told, as it does.
func (m told) event(t *testing.T) rp.Event {
	t.Helper()
	hook := &rp.Webhook{Secrets: []string{string(hookSecrets()[1])}}
	e, err := hook.Parse(m.head, []byte(m.body))
	if err != nil || m.head.Get("Content-Type") != "application/json" {
		t.Fatalf("%v: %v %s", err, m.head, m.body)
	}
	rig.CheckNotice(t, "EndEvent", []byte(m.body))
	return e
}

// session is the end of a session that the next request tells.
func (x *receiver) session(t *testing.T) rp.SessionEnd {
	t.Helper()
	e := x.next(t).event(t)
	if e.Session == nil || e.ID != e.Session.ID+"-ended" || e.Type != "session."+e.Session.Status {
		t.Fatalf("told %+v", e)
	}
	return *e.Session
}

// quiet says that nothing more comes before what the next round of every node brings.
func (x *receiver) quiet(t *testing.T, r *rig.Rig) {
	t.Helper()
	last := r.Browser(0).Start("")
	cancel(t, last)
	if s := x.session(t); s.ID != last.Session.SessionID {
		t.Errorf("told of %+v", s)
	}
}

func cancel(t *testing.T, b *rig.Browser) {
	t.Helper()
	if _, err := b.Client.Cancel(rig.Ctx(t), b.Session, b.Verifier); err != nil {
		t.Fatal(err)
	}
}

// Every end that somebody makes is told once, on whichever node.
func TestWebhook(t *testing.T) {
	t.Parallel()
	back := newReceiver(t)
	r := webhookRig(t, back.URL+"/hooks")
	phone := r.Phone(1)
	approved := r.Browser(0).Start(phone.Token).Watch()
	approved.Expect(session.OTPReady)
	r.Approve(phone, approved)
	approved.Expect(session.ClaimedMessage)
	token, err := (&rp.Verifier{Issuer: r.Issuer, Audience: rig.Service}).Verify(rig.Ctx(t), approved.Expect(session.ApprovedMessage).JWT)
	if err != nil {
		t.Fatal(err)
	}
	want := rp.SessionEnd{ID: approved.Session.SessionID, Service: rig.Service, Status: "approved", Subject: phone.Token, TokenID: token.ID}
	if got := back.session(t); got != want {
		t.Errorf("approved: %s", cmp.Diff(want, got))
	}
	declined := r.Browser(0).Start(phone.Token)
	if _, err := phone.Verify(rig.Ctx(t), r.Claim(phone, declined.Session.SessionID, ""), session.Deny, "", nil); err != nil {
		t.Fatal(err)
	}
	if got, want := back.session(t), (rp.SessionEnd{ID: declined.Session.SessionID, Service: rig.Service, Status: "rejected"}); got != want {
		t.Errorf("rejected: %+v", got)
	}
	given := r.Browser(1).Start(phone.Token)
	cancel(t, given)
	if got, want := back.session(t), (rp.SessionEnd{ID: given.Session.SessionID, Service: rig.Service, Status: "cancelled"}); got != want {
		t.Errorf("cancelled: %+v", got)
	}
	back.quiet(t, r)
	if strings.Contains(r.Log.String(), token.ID) {
		t.Error("the log has the jti")
	}
}

// A session that nobody watches ends by time, and that is told; with nobody to ask just
// as with somebody.
func TestWebhookByTime(t *testing.T) {
	t.Parallel()
	back := newReceiver(t)
	r := webhookRig(t, back.URL, func(c *server.Config) { c.Session.TTL = 2 * time.Second })
	phone := r.Phone(0)
	ids := []string{r.Browser(0).Start(phone.Token).Session.SessionID, r.Browser(1).Start(string(device.NewTokenID())).Session.SessionID}
	bodies := map[string]string{}
	for range ids {
		m := back.next(t)
		e := m.event(t)
		bodies[e.Session.ID] = regexp.MustCompile(`"timestamp":"[^"]*"`).ReplaceAllString(strings.ReplaceAll(m.body, e.Session.ID, "sess"), "")
	}
	good, decoy := bodies[ids[0]], bodies[ids[1]]
	if good != decoy || !strings.Contains(good, `"session.expired"`) {
		t.Errorf("told %q of a session, and %q of a decoy", good, decoy)
	}
	back.quiet(t, r)
	// It is put on record too, which nobody has looked after.
	if !r.Log.Contains(string(audit.SessionExpired)) {
		t.Error("no audit event")
	}
}

// On Redis Cluster the list, the notices and the sessions lie in slots of their own.
func TestWebhookOnCluster(t *testing.T) {
	t.Parallel()
	back := newReceiver(t)
	nodes := redistest.Cluster(t)
	r := webhookRig(t, back.URL, func(c *server.Config) {
		c.Redis.Mode, c.Redis.Addrs, c.Session.TTL = "cluster", redistest.Addrs(nodes...), 3*time.Second
	})
	phone := r.Phone(1)
	var want []string
	for i := range 6 { // so that some are in each
		b := r.Browser(i % 2).Start(phone.Token)
		want = append(want, b.Session.SessionID)
		if i%2 == 0 {
			cancel(t, b)
		}
	}
	var got []string
	for range want {
		got = append(got, back.session(t).ID)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("told of %v, want %v", got, want)
	}
	back.quiet(t, r)
}

// The node that ended the session died before it could tell: how it ended is told
// when its time is up, also if the session itself is forgotten by then.
func TestWebhookOfDeadNode(t *testing.T) {
	t.Parallel()
	back := newReceiver(t)
	r := webhookRig(t, back.URL, func(c *server.Config) { c.Session.TTL, c.Session.ResultTTL = 4*time.Second, time.Second })
	b := r.Browser(0).Start(r.Phone(0).Token)
	st := r.Store(t)
	old, err := st.Session(rig.Ctx(t), session.ID(b.Session.SessionID))
	if err != nil {
		t.Fatal(err)
	}
	next, _, err := old.Apply(session.Action{Verb: session.DoCancel, By: session.ByPage}, st.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Swap(rig.Ctx(t), old, next, session.Effects{}); err != nil {
		t.Fatal(err)
	}
	r.Eventually("the session is forgotten", func() bool {
		_, err := st.Session(rig.Ctx(t), old.ID)
		return err != nil && len(back.got) == 0
	})
	if got, want := back.session(t), (rp.SessionEnd{ID: b.Session.SessionID, Service: rig.Service, Status: "cancelled"}); got != want {
		t.Errorf("told %+v", got)
	}
	back.quiet(t, r)
}

// All nodes stop while the back end is away. What was not told waits for the next node,
// and comes under the same id and in the same words; also 400 is tried again, for the
// secrets may have changed.
func TestWebhookAway(t *testing.T) {
	t.Parallel()
	back := newReceiver(t, http.StatusServiceUnavailable, http.StatusBadRequest)
	r := webhookRig(t, back.URL)
	b := r.Browser(0).Start("")
	cancel(t, b)
	first := back.next(t)
	for _, n := range r.Nodes {
		if err := n.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	r.Nodes = nil
	r.Add(nil)
	second, third := back.next(t), back.next(t)
	for _, m := range []told{second, third} {
		if diff := cmp.Diff(first.event(t), m.event(t)); diff != "" || m.body != first.body {
			t.Errorf("told otherwise: %s", diff)
		}
	}
	if first.head.Get("webhook-timestamp") == third.head.Get("webhook-timestamp") {
		t.Error("the third try says that it was sent at the time of the first")
	}
	back.quiet(t, r)
}

// The end of an operation is told with its number, and without anything about its user;
// of a repeated order once.
func TestWebhookOfOperations(t *testing.T) {
	t.Parallel()
	back := newReceiver(t)
	r := webhookRig(t, back.URL)
	phone := r.Phone(1)
	key := []string{"Idempotency-Key", "order-1042"}
	given := r.Desk(0).Order(rig.Payment(phone, "externalId", "order-1042"), key...)
	if again := r.Desk(1).Order(rig.Payment(phone, "externalId", "order-1042"), key...); again.OperationID != given.OperationID {
		t.Fatal("not the same order")
	}
	r.Desk(1).Cancel(given.OperationID)
	want := rp.OperationEnd{ID: given.OperationID, Service: rig.Shop, Name: "authorize_payment", ExternalID: "order-1042", Result: rp.Failed}
	if e := back.next(t).event(t); e.Type != "operation.failed" || e.Operation == nil || *e.Operation != want {
		t.Errorf("cancelled: %+v", e)
	}
	r.Desk(0).Order(rig.Payment(phone, "externalId", "order-1042"), key...)
	paid := r.Desk(0).Order(rig.Payment(phone))
	page := r.Open(0, paid.OperationID)
	page.Send("choose", "method", "device")
	r.Approve(phone, page.Start(false))
	var types []string
	for range 2 {
		m := back.next(t)
		e := m.event(t)
		types = append(types, e.Type)
		if strings.Contains(m.body, phone.Token) || strings.Contains(m.body, "100EUR") || e.Operation != nil && e.Operation.ID != paid.OperationID {
			t.Errorf("told %s", m.body)
		}
	}
	slices.Sort(types) // the session's end and the operation's are two notices
	if !slices.Equal(types, []string{"operation.done", "session.approved"}) {
		t.Errorf("told %v", types)
	}
	back.quiet(t, r)
}

// An operation that no page has shown ends by time, and that is told.
func TestWebhookOfOperationByTime(t *testing.T) {
	t.Parallel()
	back := newReceiver(t)
	r := webhookRig(t, back.URL)
	for _, n := range r.Nodes {
		flows := n.Server.Operations().Flows
		short := flows["authorize_payment"]
		short.Expiry = 2 * time.Second
		flows["authorize_payment"] = short
	}
	o := r.Desk(0).Order(rig.Payment(r.Phone(0)))
	if e := back.next(t).event(t); e.Type != "operation.failed" || e.Operation == nil || e.Operation.ID != o.OperationID || e.ID != o.OperationID+"-ended" {
		t.Errorf("told %+v", e)
	}
}
