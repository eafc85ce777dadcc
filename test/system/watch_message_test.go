package system

import (
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/api"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"

	"github.com/google/go-cmp/cmp"
)

// A new connection of an open session gets otp_ready under the id it had, with
// the time that has passed since, then claimed, and no rejection again.
func TestWatchReconnect(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(0)
	b := r.Browser(0).Start(phone.Token).Watch()
	first := b.Expect(session.OTPReady)
	if first.ID != 1 || *first.Elapsed != 0 || first.AutoPassword != b.Session.AutoPassword || first.ExpiresAt != b.Session.ExpiresAt || first.Mode != session.Enter {
		t.Errorf("first %+v", first)
	}
	r.Eventually("time passes", func() bool {
		again := b.Watch().Expect(session.OTPReady)
		passed := *again.Elapsed > 0
		again.Elapsed = first.Elapsed
		if d := cmp.Diff(first, again); d != "" {
			t.Error(d)
		}
		return passed
	})
	c := r.Claim(phone, b.Session.SessionID, "")
	if m := b.Expect(session.ClaimedMessage); m.ID != 2 || m.Platform != "test" {
		t.Errorf("%+v", m)
	}
	phone.Verify(rig.Ctx(t), c, session.Approve, rig.WrongCode(b.Session.AutoPassword), nil) //nolint:errcheck // the socket tells
	if m := b.Expect(session.RejectedMessage); m.ID != 3 || *m.Final {
		t.Errorf("%+v", m)
	}
	r.Claim(phone, b.Session.SessionID, "") // again: no news
	for n := range r.Nodes {
		x := b.At(n).Watch()
		x.Expect(session.OTPReady)
		if m := x.Expect(session.ClaimedMessage); m.ID != 2 {
			t.Errorf("%+v", m)
		}
		if n < len(r.Nodes)-1 {
			continue
		}
		if _, err := phone.Verify(rig.Ctx(t), c, session.Approve, b.Session.AutoPassword, nil); err != nil {
			t.Fatal(err)
		}
		if m := x.Expect(session.ApprovedMessage); m.ID != 4 {
			t.Errorf("%+v", m)
		}
	}
}

// After the end every connection, of any kind on any node, gets the same final
// message, to the byte.
func TestWatchAfterTheEnd(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(0)
	b := r.Browser(0).Start(phone.Token).Watch()
	b.Expect(session.OTPReady)
	c := r.Claim(phone, b.Session.SessionID, "")
	phone.Verify(rig.Ctx(t), c, session.Approve, rig.WrongCode(b.Session.AutoPassword), nil) //nolint:errcheck // a rejected message to be left out
	if _, err := phone.Verify(rig.Ctx(t), c, session.Approve, b.Session.AutoPassword, []string{"identity:name"}); err != nil {
		t.Fatal(err)
	}
	b.Expect(session.ClaimedMessage)
	b.Expect(session.RejectedMessage)
	want := b.Expect(session.ApprovedMessage)
	rig.ExpectClose(t, b.Socket, ws.CloseNormal, "approved")
	if want.ID != 4 || strings.Count(want.JWT, ".") != 2 || want.Random != b.Session.Random {
		t.Errorf("%+v", want)
	}
	frames := []string{}
	for n := range r.Nodes {
		for range 2 {
			x := b.At(n).Watch()
			if d := cmp.Diff(want, x.Expect(session.ApprovedMessage)); d != "" {
				t.Error(d)
			}
			rig.ExpectClose(t, x.Socket, ws.CloseNormal, "approved")
		}
		s := b.At(n).Stream("3")
		f, _ := s.Next()
		s.ExpectClose("1000")
		p, err := b.At(n).Client.Poll(rig.Ctx(t), b.Session, b.Verifier, 3, 0)
		if err != nil || p.Status != "approved" || len(p.Messages) != 1 {
			t.Fatalf("%+v, %v", p, err)
		}
		frames = append(frames, f.Data, string(p.Messages[0]))
	}
	if slices.Sort(frames); frames[0] != frames[len(frames)-1] || !strings.Contains(frames[0], want.JWT) {
		t.Errorf("frames differ: %q", frames)
	}
}

// The newest connection wins, on whichever node, and the older is told within a
// second.
func TestWatchReplaced(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(0)
	b := r.Browser(0).Start(phone.Token).Watch()
	b.Expect(session.OTPReady)
	old := b.Socket
	for _, n := range []int{0, 1, 1, 0} {
		x := b.At(n).Watch()
		x.Expect(session.OTPReady)
		rig.Timely(t, "4009", func() { rig.ExpectClose(t, old, ws.CloseReplaced, "") })
		old = x.Socket
	}
	r.Approve(phone, b)
	rig.Expect(t, old, session.ClaimedMessage)
	rig.Expect(t, old, session.ApprovedMessage)
	rig.ExpectClose(t, old, ws.CloseNormal, "approved")
}

func masked(c *server.Config) {
	for i := range c.Services {
		c.Services[i].Mask = "last2"
	}
}

// The last two digits are hidden where the page need not show them.
func TestWatchMask(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: masked})
	phone := r.Phone(0)
	mode := func(m string) func(*api.StartRequest) { return func(q *api.StartRequest) { q.Mode = &m } }
	for _, c := range []struct {
		b      *rig.Browser
		hidden bool
	}{
		{r.Browser(0).Start(phone.Token, mode("enter")), false},
		{r.Browser(0).Start(phone.Token, mode("scan")), true},
		{r.Browser(0).Start(""), true},
		{r.Shop(0).Start(phone.Token, mode("enter")), false},
		{r.Shop(0).Start(phone.Token, mode("scan")), true},
		{r.Shop(0).Start(phone.Token, mode("compare")), true},
	} {
		want := c.b.Session.AutoPassword
		if c.hidden {
			want = want[:4] + "**"
		}
		p, err := c.b.Client.Poll(rig.Ctx(t), c.b.Session, c.b.Verifier, 0, 0)
		if err != nil || len(p.Messages) != 1 || !strings.Contains(string(p.Messages[0]), `"autoPassword":"`+want+`"`) {
			t.Errorf("mode %s by %q: polled %s, %v, want %s", c.b.Session.Mode, c.b.Client.ServiceID, p.Messages, err, want)
		}
		if got := c.b.Stream("").Expect(session.OTPReady); got.AutoPassword != want {
			t.Errorf("mode %s by %q: streamed %s, want %s", c.b.Session.Mode, c.b.Client.ServiceID, got.AutoPassword, want)
		}
		if got := c.b.Watch().Expect(session.OTPReady); got.AutoPassword != want || string(got.Mode) != c.b.Session.Mode {
			t.Errorf("mode %s by %q: %+v, want %s", c.b.Session.Mode, c.b.Client.ServiceID, got, want)
		}
	}
}

// A page learns the phone's name only where the service proved who it is.
func TestWatchDeviceName(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	phone := r.Phone(0)
	for want, b := range map[string]*rig.Browser{"": r.Browser(0), "Alice's phone": r.Shop(0)} {
		b.Start(phone.Token).Watch().Expect(session.OTPReady)
		r.Claim(phone, b.Session.SessionID, "")
		if m := b.Expect(session.ClaimedMessage); m.DeviceName != want || m.Platform != "test" {
			t.Errorf("%+v, want name %q", m, want)
		}
		p, err := b.Client.Poll(rig.Ctx(t), b.Session, b.Verifier, 1, 0)
		if err != nil || len(p.Messages) != 1 || strings.Contains(string(p.Messages[0]), "deviceName") != (want != "") {
			t.Errorf("polled %s, %v, want name %q", p.Messages, err, want)
		}
	}
}

// period is long enough to use a code before the next comes.
const period = 2 * time.Second

func rotating(c *server.Config) { c.OTP.Period, c.OTP.Tolerance = period, 1 }

// With rotation on, each period has its code under a new id; that of the
// period before still counts, older ones do not.
func TestWatchRotation(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: rotating})
	phone := r.Phone(1)
	b := r.Browser(0).Start(phone.Token).Watch()
	codes := []string{b.Expect(session.OTPReady).AutoPassword}
	c := r.Claim(phone, b.Session.SessionID, "")
	b.Expect(session.ClaimedMessage)
	for i := range 2 {
		m := b.Expect(session.OTPReady)
		if m.ID != 3+i || slices.Contains(codes, m.AutoPassword) || *m.Elapsed < int64(i+1)*2 {
			t.Errorf("period %d: %+v after %q", i+1, m, codes)
		}
		codes = append(codes, m.AutoPassword)
	}
	if codes[0] != b.Session.AutoPassword {
		t.Errorf("first %s, started with %s", codes[0], b.Session.AutoPassword)
	}
	_, err := phone.Verify(rig.Ctx(t), c, session.Approve, codes[0], nil)
	if api.CodeOf(err) != "invalid_otp" {
		t.Errorf("the code of two periods ago: %v", err)
	}
	if _, err := phone.Verify(rig.Ctx(t), c, session.Approve, codes[1], nil); err != nil {
		t.Errorf("the code of the period before: %v", err)
	}
	if m := b.Expect(session.RejectedMessage); m.ID != 5 {
		t.Errorf("%+v", m)
	}
	if m := b.Expect(session.ApprovedMessage); m.ID != 6 {
		t.Errorf("%+v", m)
	}
	// What is asked for later has no code that no longer counts.
	p, err := b.Client.Poll(rig.Ctx(t), b.Session, b.Verifier, 0, 0)
	if err != nil || len(p.Messages) != 3 || strings.Contains(string(p.Messages[0]), "otp_ready") {
		t.Errorf("polled %s, %v", p.Messages, err)
	}
}

// The new code comes over the stream and the long poll too, and a connection
// made after it gets it with its id and without the one before.
func TestWatchRotationElsewhere(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: rotating})
	phone := r.Phone(1)
	streamed, polled, quiet := r.Browser(0).Start(phone.Token), r.Browser(1).Start(phone.Token), r.Browser(0).Start(phone.Token)
	s := streamed.Stream("")
	s.Expect(session.OTPReady)
	p, err := polled.Client.Poll(rig.Ctx(t), polled.Session, polled.Verifier, 1, 10*time.Second)
	if err != nil || p.Status != "pending" || len(p.Messages) != 1 || !strings.Contains(string(p.Messages[0]), `"otp_ready","id":2,`) ||
		strings.Contains(string(p.Messages[0]), polled.Session.AutoPassword) {
		t.Errorf("polled %s, %v", p.Messages, err)
	}
	if m := s.Expect(session.OTPReady); m.ID != 2 || m.AutoPassword == streamed.Session.AutoPassword {
		t.Errorf("streamed %+v", m)
	}
	// Nobody looked at this one since its start.
	if m := quiet.Watch().Expect(session.OTPReady); m.ID != 2 || m.AutoPassword == quiet.Session.AutoPassword || *m.Elapsed < 2 {
		t.Errorf("%+v", m)
	}
}
