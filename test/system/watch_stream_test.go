package system

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/api"
	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"
)

// An event stream brings what a socket brings, under the same ids.
func TestStream(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(1)
	b := r.Browser(0).Start(phone.Token)
	s := b.Stream("")
	if m := s.Expect(session.OTPReady); m.ID != 1 || m.AutoPassword != b.Session.AutoPassword || m.Elapsed == nil {
		t.Errorf("%+v", m)
	}
	c := r.Claim(phone, b.Session.SessionID, "")
	if m := s.Expect(session.ClaimedMessage); m.ID != 2 {
		t.Errorf("%+v", m)
	}
	phone.Verify(rig.Ctx(t), c, session.Approve, rig.WrongCode(b.Session.AutoPassword), nil) //nolint:errcheck // the stream tells
	if m := s.Expect(session.RejectedMessage); m.ID != 3 || *m.Final || *m.AttemptsRemaining != 2 {
		t.Errorf("%+v", m)
	}
	// It begins with otp_ready however much was seen, and then what was not.
	begin := func(n int, after string, want ...session.MessageType) *rig.Stream {
		s := b.At(n).Stream(after)
		for _, w := range want {
			s.Expect(w)
		}
		return s
	}
	begin(0, "", session.OTPReady, session.ClaimedMessage, session.RejectedMessage)
	begin(1, "0", session.OTPReady, session.ClaimedMessage, session.RejectedMessage)
	begin(0, "1", session.OTPReady, session.ClaimedMessage, session.RejectedMessage)
	begin(1, "2", session.OTPReady, session.RejectedMessage)
	s = begin(0, "3", session.OTPReady)
	if _, err := phone.Verify(rig.Ctx(t), c, session.Approve, b.Session.AutoPassword, nil); err != nil {
		t.Fatal(err)
	}
	if m := s.Expect(session.ApprovedMessage); m.ID != 4 {
		t.Errorf("%+v", m)
	}
	s.ExpectClose("1000")
	begin(1, "3", session.ApprovedMessage).ExpectClose("1000")
	begin(0, "4").ExpectClose("1000")
	begin(1, "", session.ClaimedMessage, session.RejectedMessage, session.ApprovedMessage).ExpectClose("1000")
}

// A stream is a connection: it replaces, and is replaced, on every node.
func TestStreamReplaces(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(0)
	b := r.Browser(0).Start(phone.Token)
	for _, n := range []int{0, 1} {
		sock := b.Watch()
		sock.Expect(session.OTPReady)
		first, second := b.At(n).Stream(""), (*rig.Stream)(nil)
		first.Expect(session.OTPReady)
		rig.Timely(t, "a stream's taking over from a socket", func() { rig.ExpectClose(t, sock.Socket, ws.CloseReplaced, "") })
		second = b.At(1 - n).Stream("")
		second.Expect(session.OTPReady)
		rig.Timely(t, "a stream's taking over from a stream", func() { first.ExpectClose("4009") })
		third := b.At(n).Watch()
		third.Expect(session.OTPReady)
		rig.Timely(t, "a socket's taking over from a stream", func() { second.ExpectClose("4009") })
		if n == 0 {
			continue
		}
		r.Approve(phone, b)
		third.Expect(session.ClaimedMessage)
		third.Expect(session.ApprovedMessage)
	}
}

// A stream that its reader leaves is gone for the node too.
func TestStreamLeft(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	b := r.Browser(0).Start(r.Phone(0).Token)
	s := b.Stream("")
	s.Expect(session.OTPReady)
	r.Eventually("one watcher", func() bool { return watchers(t, r) == "1" })
	s.Close()
	r.Eventually("no watcher", func() bool { return watchers(t, r) == "0" })
}

// watchers is what the first node's metrics count.
func watchers(t *testing.T, r *rig.Rig) string {
	t.Helper()
	x := *r
	x.Nodes = []*rig.Node{{Base: r.Nodes[0].Ops}}
	a := x.Send(0, http.MethodGet, "/metrics", "")
	_, rest, _ := strings.Cut(string(a.Body), "\ncountersign_watchers ")
	n, _, _ := strings.Cut(rest, "\n")
	return n
}

// Who may not watch by HTTP may not in any way, and learns nothing.
func TestStreamAndPollRefuse(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(0)
	b, other := r.Browser(0).Start(phone.Token).Watch(), r.Browser(0).Start(phone.Token)
	b.Expect(session.OTPReady)
	good := "Bearer " + b.Session.WSToken
	unknown := string(session.NewID())
	its := "Bearer " + r.Secrets.Master.WSToken(r.Secrets.Master.First(), unknown)
	for _, way := range []struct{ method, path string }{{http.MethodGet, ""}, {http.MethodGet, "/events"}, {http.MethodPost, "/cancel"}} {
		for _, c := range []struct {
			what, id, token, verifier string
			status                    int
			code                      string
		}{
			{"no token", b.Session.SessionID, "", b.Verifier, 401, "invalid_ws_token"},
			{"a wrong token", b.Session.SessionID, "Bearer wrong", b.Verifier, 401, "invalid_ws_token"},
			{"another session's token", b.Session.SessionID, "Bearer " + other.Session.WSToken, b.Verifier, 401, "invalid_ws_token"},
			{"another scheme", b.Session.SessionID, "Token " + b.Session.WSToken, b.Verifier, 401, "invalid_ws_token"},
			{"no verifier", b.Session.SessionID, good, "", 401, "invalid_ws_token"},
			{"a wrong verifier", b.Session.SessionID, good, other.Verifier, 401, "invalid_ws_token"},
			{"an unknown session", unknown, good, b.Verifier, 401, "invalid_ws_token"},
			{"an unknown session and its token", unknown, its, b.Verifier, 404, "session_not_found"},
		} {
			a := r.Send(1, way.method, "/auth/session/"+c.id+way.path, "", "Authorization", c.token, "Countersign-Verifier", c.verifier)
			r.Refused(way.path+" with "+c.what, a, c.status, c.code)
		}
	}
	// Their watcher was not replaced, nor the session cancelled.
	r.Approve(phone, b)
	b.Expect(session.ClaimedMessage)
	b.Expect(session.ApprovedMessage)
}

// The numbers of a poll and a stream are whole, and a poll waits 25 s at most.
func TestPollNumbers(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	b := r.Browser(0).Start(r.Phone(0).Token)
	path := "/auth/session/" + b.Session.SessionID
	head := []string{"Authorization", "Bearer " + b.Session.WSToken, "Countersign-Verifier", b.Verifier}
	for _, query := range []string{"wait=26", "wait=-1", "wait=1.5", "wait=x", "after=-1", "after=x", "after=1x"} {
		r.Refused(query, r.Send(0, http.MethodGet, path+"?"+query, "", head...), http.StatusBadRequest, "invalid_request")
	}
	for _, id := range []string{"-1", "x", "1.0"} {
		a := r.Send(0, http.MethodGet, path+"/events", "", append([]string{"Last-Event-ID", id}, head...)...)
		r.Refused("Last-Event-ID "+id, a, http.StatusBadRequest, "invalid_request")
	}
	// With something to tell, the longest wait is none.
	rig.Timely(t, "a poll with news", func() {
		if a := r.Send(0, http.MethodGet, path+"?wait=25", "", head...); a.Status != http.StatusOK || !strings.Contains(string(a.Body), `"otp_ready"`) {
			t.Errorf("%+v", a)
		}
	})
}

// A poll answers as soon as there is news, from whichever node, says how the
// session stands, and takes nothing over.
func TestPoll(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(0)
	b := r.Browser(0).Start(phone.Token).Watch()
	b.Expect(session.OTPReady)
	seen := 0
	poll := func(wait time.Duration) (api.PollResponse, error) {
		return b.At(1).Client.Poll(rig.Ctx(t), b.Session, b.Verifier, seen, wait)
	}
	want := func(status string, types ...session.MessageType) {
		t.Helper()
		p, err := poll(0)
		if err != nil || p.Status != status || len(p.Messages) != len(types) {
			t.Fatalf("polled %+v, %v, want %s %v", p, err, status, types)
		}
		for i, m := range p.Messages {
			seen++
			rig.CheckMessage(t, m)
			if !strings.Contains(string(m), `{"type":"`+string(types[i])+`","id":`+strconv.Itoa(seen)) {
				t.Errorf("message %d: %s", seen, m)
			}
		}
	}
	want("pending", session.OTPReady)
	want("pending")
	p, err := poll(time.Second) // nothing happens
	if err != nil || p.Status != "pending" || len(p.Messages) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	// news waits for what act brings about, and says when it heard.
	news := func(act func()) {
		t.Helper()
		heard := make(chan error, 1)
		go func() {
			p, err := poll(25 * time.Second)
			if err == nil && len(p.Messages) != 1 {
				err = context.DeadlineExceeded
			}
			heard <- err
		}()
		act()
		rig.Timely(t, "news of a poll", func() {
			if err := <-heard; err != nil {
				t.Errorf("waiting poll: %v", err)
			}
		})
	}
	var c api.Claimed
	news(func() { c = r.Claim(phone, b.Session.SessionID, "") })
	want("claimed", session.ClaimedMessage)
	news(func() {
		phone.Verify(rig.Ctx(t), c, session.Approve, rig.WrongCode(b.Session.AutoPassword), nil) //nolint:errcheck // the poll tells
	})
	want("claimed", session.RejectedMessage)
	news(func() {
		if _, err := phone.Verify(rig.Ctx(t), c, session.Approve, b.Session.AutoPassword, nil); err != nil {
			t.Error(err)
		}
	})
	want("approved", session.ApprovedMessage)
	rig.Timely(t, "a poll after the end", func() {
		if p, err := poll(25 * time.Second); err != nil || p.Status != "approved" || len(p.Messages) != 0 {
			t.Errorf("%+v, %v", p, err)
		}
	})
	for _, m := range []session.MessageType{session.ClaimedMessage, session.RejectedMessage, session.ApprovedMessage} {
		b.Expect(m)
	}
	rejected := r.Browser(0).Start(phone.Token)
	if _, err := phone.Verify(rig.Ctx(t), r.Claim(phone, rejected.Session.SessionID, ""), session.Deny, "", nil); err != nil {
		t.Fatal(err)
	}
	if p, err := rejected.Client.Poll(rig.Ctx(t), rejected.Session, rejected.Verifier, 0, 0); err != nil || p.Status != "rejected" || len(p.Messages) != 2 {
		t.Errorf("%+v, %v", p, err)
	}
}

// The page or the service may cancel, as often as they like, but not what has
// ended otherwise; nobody else may.
func TestCancel(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(0)
	page, shop := r.Browser(0).Start(phone.Token).Watch(), r.Shop(0).Start(phone.Token).Watch()
	page.Expect(session.OTPReady)
	shop.Expect(session.OTPReady)
	for range 2 {
		s, err := page.At(1).Client.Cancel(rig.Ctx(t), page.Session, page.Verifier)
		if err != nil || s.Status != "cancelled" {
			t.Errorf("%+v, %v", s, err)
		}
	}
	if m := page.Expect(session.CancelledMessage); m.By != session.ByPage || m.ID != 2 {
		t.Errorf("%+v", m)
	}
	rig.ExpectClose(t, page.Socket, ws.CloseNormal, "cancelled")
	r.Claim(phone, shop.Session.SessionID, "")
	shop.Expect(session.ClaimedMessage)
	for range 2 {
		s, err := shop.At(1).Client.CancelAsService(rig.Ctx(t), shop.Session.SessionID)
		if err != nil || s.Status != "cancelled" {
			t.Errorf("%+v, %v", s, err)
		}
	}
	if m := shop.Expect(session.CancelledMessage); m.By != session.ByService {
		t.Errorf("%+v", m)
	}
	rig.ExpectClose(t, shop.Socket, ws.CloseNormal, "cancelled")

	approved := r.Browser(0).Start(phone.Token)
	r.Approve(phone, approved)
	if _, err := approved.Client.Cancel(rig.Ctx(t), approved.Session, approved.Verifier); api.CodeOf(err) != "session_resolved" {
		t.Errorf("cancelled what was approved: %v", err)
	}
	// Another service's session does not exist for a service.
	if _, err := shop.Client.CancelAsService(rig.Ctx(t), approved.Session.SessionID); api.CodeOf(err) != "session_not_found" {
		t.Errorf("cancelled another service's session: %v", err)
	}
	a := r.Send(0, http.MethodPost, "/auth/session/"+shop.Session.SessionID+"/cancel", "", "Authorization", rig.BasicAuth(rig.Shop, "wrong"))
	r.Refused("a wrong secret", a, http.StatusUnauthorized, "service_auth_failed")
	if _, err := phone.Claim(rig.Ctx(t), page.Session.SessionID, ""); api.CodeOf(err) != "session_resolved" {
		t.Errorf("claimed what was cancelled: %v", err)
	}
}
