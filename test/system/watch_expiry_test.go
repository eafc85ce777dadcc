package system

import (
	"testing"
	"time"

	"countersign/api"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"
)

func brief(c *server.Config) { c.Session.TTL = time.Second }

// until is the session's end as its start told it.
func until(t *testing.T, b *rig.Browser) time.Time {
	t.Helper()
	end, err := time.Parse(time.RFC3339, b.Session.ExpiresAt)
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// onTime wants now to be just after a session's end. The first bound leaves
// room for a clock that was read across a trip.
func onTime(t *testing.T, what string, end time.Time) {
	t.Helper()
	if late := time.Since(end); late < -50*time.Millisecond || late > rig.Soon {
		t.Errorf("%s %v after the end", what, late)
	}
}

// Every watcher is told within a second of the end, whether or not nodes hear
// each other.
func TestWatchExpires(t *testing.T) {
	t.Parallel()
	for name, drop := range map[string]func() bool{"with hints": nil, "without": func() bool { return true }} {
		r := rig.New(t, rig.Options{Configure: brief, DropHint: drop})
		phone := r.Phone(0)
		t.Run(name, func(t *testing.T) {
			r := r.In(t)
			pending, streamed := r.Browser(0).Start(phone.Token).Watch(), r.Browser(1).Start(phone.Token)
			pending.Expect(session.OTPReady)
			s := streamed.Stream("")
			s.Expect(session.OTPReady)
			claimed := r.Browser(1).Start(phone.Token).Watch()
			claimed.Expect(session.OTPReady)
			c := r.Claim(phone, claimed.Session.SessionID, "")
			claimed.Expect(session.ClaimedMessage)
			for _, b := range []*rig.Browser{pending, claimed} {
				b.Expect(session.ExpiredMessage)
				rig.ExpectClose(t, b.Socket, ws.CloseNormal, "expired")
				onTime(t, "closed", until(t, b))
			}
			s.Expect(session.ExpiredMessage)
			s.ExpectClose("1000")
			onTime(t, "stream ended", until(t, streamed))
			if _, err := phone.Verify(rig.Ctx(t), c, session.Approve, claimed.Session.AutoPassword, nil); api.CodeOf(err) != "session_expired" {
				t.Errorf("verify after the end: %v", err)
			}
		})
	}
}

// A session that nobody looked at until after its end has ended all the same.
func TestWatchExpiredUnwatched(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: brief})
	phone := r.Phone(0)
	watched, streamed, polled, cancelled := r.Browser(0).Start(phone.Token), r.Browser(0).Start(phone.Token),
		r.Browser(0).Start(phone.Token), r.Browser(0).Start(phone.Token)
	<-time.After(time.Until(until(t, cancelled)) + 100*time.Millisecond)
	if _, err := phone.Claim(rig.Ctx(t), watched.Session.SessionID, ""); api.CodeOf(err) != "session_expired" {
		t.Errorf("claim after the end: %v", err)
	}
	for n := range r.Nodes {
		x := watched.At(n).Watch()
		if m := x.Expect(session.ExpiredMessage); m.ID != 2 {
			t.Errorf("%+v", m)
		}
		rig.ExpectClose(t, x.Socket, ws.CloseNormal, "expired")
	}
	s := streamed.Stream("1")
	s.Expect(session.ExpiredMessage)
	s.ExpectClose("1000")
	p, err := polled.Client.Poll(rig.Ctx(t), polled.Session, polled.Verifier, 1, 10*time.Second)
	if err != nil || p.Status != "expired" || len(p.Messages) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := cancelled.Client.Cancel(rig.Ctx(t), cancelled.Session, cancelled.Verifier); api.CodeOf(err) != "session_resolved" {
		t.Errorf("cancel after the end: %v", err)
	}
}

// A long poll hears of the end too.
func TestPollExpires(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: brief})
	b := r.Browser(0).Start(r.Phone(0).Token)
	p, err := b.Client.Poll(rig.Ctx(t), b.Session, b.Verifier, 1, 20*time.Second)
	if err != nil || p.Status != "expired" || len(p.Messages) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	onTime(t, "poll answered", until(t, b))
}
