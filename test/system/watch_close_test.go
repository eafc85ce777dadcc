package system

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"
)

// The token is judged before anything else, and nobody is replaced by a
// connection that does not show it.
func TestWatchToken(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(0)
	b, other := r.Browser(0).Start(phone.Token).Watch(), r.Browser(0).Start(phone.Token)
	b.Expect(session.OTPReady)
	good := ws.DialOptions{Verifier: b.Verifier, Origin: rig.Origin}
	for name, token := range map[string]string{
		"missing": "", "of another session": other.Session.WSToken, "wrong": strings.Repeat("A", 43),
		"with more": b.Session.WSToken + "A", "with less": b.Session.WSToken[:42], "in another case": swapCase(b.Session.WSToken),
	} {
		t.Run(name, func(t *testing.T) { rig.ExpectClose(t, b.Knock(token, good), ws.CloseRefused, "") })
	}
	unknown := *b
	unknown.Session.SessionID = string(session.NewID())
	unknown.Session.WSURL = strings.Replace(b.Session.WSURL, b.Session.SessionID, unknown.Session.SessionID, 1)
	// Whoever may not know does not learn that there is no such session.
	rig.ExpectClose(t, unknown.Knock(b.Session.WSToken, good), ws.CloseRefused, "")
	b.Client.Cancel(rig.Ctx(t), b.Session, b.Verifier) //nolint:errcheck // the socket tells
	b.Expect(session.CancelledMessage)
	rig.ExpectClose(t, b.Socket, ws.CloseNormal, "cancelled")
}

func swapCase(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z':
			return c - 32
		case 'A' <= c && c <= 'Z':
			return c + 32
		}
		return c
	}, s)
}

// Without Redis a wrong token is still a wrong token, and a right one must try
// again later.
func TestWatchTokenWithoutRedis(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	b := r.Browser(0).Start(r.Phone(0).Token)
	r.Redis.Stop()
	o := ws.DialOptions{Verifier: b.Verifier, Origin: rig.Origin}
	rig.ExpectClose(t, b.Knock("", o), ws.CloseRefused, "")
	rig.ExpectClose(t, b.Knock(strings.Repeat("A", 43), o), ws.CloseRefused, "")
	begun := time.Now()
	rig.ExpectClose(t, b.Knock(b.Session.WSToken, o), ws.CloseTryAgain, "")
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("1013 after %v", took)
	}
}

func TestWatchUnknownSession(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) { c.Session.ResultTTL = time.Second }})
	phone := r.Phone(0)
	b := r.Browser(0).Start(phone.Token)
	o := ws.DialOptions{Verifier: b.Verifier, Origin: rig.Origin}
	for name, id := range map[string]string{
		"never begun": string(session.NewID()), "of another form": "sess_short", "of no form": "x", "long": strings.Repeat("y", 64),
	} {
		t.Run(name, func(t *testing.T) {
			x := *b
			x.Session.WSURL = strings.Replace(b.Session.WSURL, b.Session.SessionID, id, 1)
			token := r.Secrets.Master.WSToken(r.Secrets.Master.First(), id)
			rig.ExpectClose(t, x.Knock(token, o), ws.CloseNotFound, "")
		})
	}
	if _, err := b.Client.Cancel(rig.Ctx(t), b.Session, b.Verifier); err != nil {
		t.Fatal(err)
	}
	again := b.Watch().Expect(session.CancelledMessage)
	rig.ExpectClose(t, b.Socket, ws.CloseNormal, "cancelled")
	if again.By != session.ByPage {
		t.Errorf("cancelled by %q", again.By)
	}
	r.Eventually("the result is forgotten", func() bool {
		_, err := b.Knock(b.Session.WSToken, o).Next(rig.Ctx(t))
		end, _ := errors.AsType[ws.CloseError](err)
		return end == ws.CloseError{Code: ws.CloseNotFound}
	})
}

// The session's end is told, and then its name is the reason of the close.
func TestWatchEnds(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	phone := r.Phone(0)
	claimed := func(t *testing.T) (*rig.Browser, func(session.Decision, string)) {
		x := r.In(t)
		b := x.Browser(0).Start(phone.Token).Watch()
		b.Expect(session.OTPReady)
		c := x.Claim(phone, b.Session.SessionID, "")
		b.Expect(session.ClaimedMessage)
		return b, func(d session.Decision, code string) {
			phone.Verify(rig.Ctx(t), c, d, code, nil) //nolint:errcheck // the socket tells
		}
	}
	for decision, want := range map[session.Decision]session.Reason{session.Deny: session.Declined} {
		t.Run(string(decision), func(t *testing.T) {
			b, verify := claimed(t)
			verify(decision, "")
			if m := b.Expect(session.RejectedMessage); m.Reason != want || !*m.Final || m.ID != 3 {
				t.Errorf("%+v", m)
			}
			rig.ExpectClose(t, b.Socket, ws.CloseNormal, "rejected")
		})
	}
	t.Run("wrong codes", func(t *testing.T) {
		b, verify := claimed(t)
		for left := 2; left >= 0; left-- {
			verify(session.Approve, rig.WrongCode(b.Session.AutoPassword))
			m := b.Expect(session.RejectedMessage)
			want := map[bool]session.Reason{true: session.InvalidOTP, false: session.TooManyAttempts}[left > 0]
			if m.Reason != want || *m.Final != (left == 0) || *m.AttemptsRemaining != left {
				t.Errorf("%+v, %d left", m, left)
			}
		}
		rig.ExpectClose(t, b.Socket, ws.CloseNormal, "rejected")
	})
	t.Run("approve", func(t *testing.T) {
		b, verify := claimed(t)
		verify(session.Approve, b.Session.AutoPassword)
		b.Expect(session.ApprovedMessage)
		rig.ExpectClose(t, b.Socket, ws.CloseNormal, "approved")
	})
	t.Run("report", func(t *testing.T) { // last: it freezes the service's requests
		b, verify := claimed(t)
		verify(session.Report, "")
		if m := b.Expect(session.RejectedMessage); m.Reason != session.Reported || !*m.Final {
			t.Errorf("%+v", m)
		}
		rig.ExpectClose(t, b.Socket, ws.CloseNormal, "rejected")
	})
}

// Bad signatures are told three times and end nothing.
func TestWatchBadSignatures(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	phone := r.Phone(0)
	b := r.Browser(0).Start(phone.Token).Watch()
	b.Expect(session.OTPReady)
	c := r.Claim(phone, b.Session.SessionID, "")
	b.Expect(session.ClaimedMessage)
	thief := *phone
	thief.Key = r.NewPhone(0).Key
	for i := range 5 {
		thief.Verify(rig.Ctx(t), c, session.Approve, b.Session.AutoPassword, nil) //nolint:errcheck // refused, as it must be
		if i >= session.MaxBadSignatures {
			continue
		}
		if m := b.Expect(session.RejectedMessage); m.Reason != session.InvalidSignature || *m.Final || *m.AttemptsRemaining != 3 || m.ID != 3+i {
			t.Errorf("%+v", m)
		}
	}
	if _, err := phone.Verify(rig.Ctx(t), c, session.Approve, b.Session.AutoPassword, nil); err != nil {
		t.Fatal(err)
	}
	b.Expect(session.ApprovedMessage)
}

// What clients say is ignored up to 512 bytes, and closes above.
func TestWatchClientMessages(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	phone := r.Phone(0)
	b := r.Browser(0).Start(phone.Token).Watch()
	b.Expect(session.OTPReady)
	for _, text := range []string{"", "hello", `{"type":"bind","verifier":"x"}`, `{"type":"approved"}`, strings.Repeat("z", 512)} {
		if err := b.Socket.Send(text); err != nil {
			t.Fatal(err)
		}
	}
	r.Approve(phone, b)
	b.Expect(session.ClaimedMessage)
	b.Expect(session.ApprovedMessage)
	rig.ExpectClose(t, b.Socket, ws.CloseNormal, "approved")
	for _, size := range []int{513, 4 << 10, 200 << 10} {
		long := r.Browser(0).Start(phone.Token).Watch()
		long.Expect(session.OTPReady)
		if err := long.Socket.Send(strings.Repeat("z", size)); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		rig.ExpectClose(t, long.Socket, ws.CloseTooBig, "")
		rig.ExpectClose(t, long.Knock(long.Session.WSToken, ws.DialOptions{Verifier: "wrong"}), ws.CloseRefused, "")
	}
}

// Above the bound a node turns watchers away, and has room again when one goes.
func TestWatchNodeFull(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) { c.Limits.SocketsPerNode = 2 }})
	phone := r.Phone(0)
	first, second, third := r.Browser(0).Start(phone.Token).Watch(), r.Browser(0).Start(phone.Token).Watch(), r.Browser(0).Start(phone.Token)
	first.Expect(session.OTPReady)
	second.Expect(session.OTPReady)
	rig.ExpectClose(t, third.Dial(), ws.CloseTryAgain, "")
	a := r.Send(0, http.MethodGet, "/auth/session/"+third.Session.SessionID+"/events", "",
		"Authorization", "Bearer "+third.Session.WSToken, "Countersign-Verifier", third.Verifier)
	r.Refused("an event stream", a, http.StatusServiceUnavailable, "overloaded")
	if a.Head.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	// A wrong token learns nothing about the node.
	rig.ExpectClose(t, third.Knock("wrong", ws.DialOptions{}), ws.CloseRefused, "")
	first.Socket.Close()
	r.Eventually("there is room again", func() bool {
		m, err := third.Dial().Next(rig.Ctx(t))
		return err == nil && m.Type == session.OTPReady
	})
	// Those who were there before were left alone.
	r.Approve(phone, second)
	second.Expect(session.ClaimedMessage)
	second.Expect(session.ApprovedMessage)
}
