package system

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign/api"
	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"

	"github.com/gorilla/websocket"
)

func bind(verifier string) string {
	return fmt.Sprintf(`{"type":"bind","verifier":%q}`, verifier)
}

// shut wants a socket refused while the watcher that is there stays.
func shut(t *testing.T, r *rig.Rig, c *ws.Client) {
	t.Helper()
	rig.ExpectClose(t, c, ws.CloseRefused, "")
}

// Whoever cannot show the verifier receives nothing and replaces nobody.
func TestWatchVerifier(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(0)
	b := r.Browser(0).Start(phone.Token).Watch()
	b.Expect(session.OTPReady)
	token := b.Session.WSToken
	for n := range r.Nodes { // where the watcher is, and where it is not
		x := b.At(n)
		shut(t, r, x.Knock(token, ws.DialOptions{Verifier: rig.NewVerifier()}))
		shut(t, r, x.Knock(token, ws.DialOptions{Verifier: b.Verifier + "A"}))
		for _, first := range []string{
			bind(rig.NewVerifier()), bind(""), `{"type":"bind"}`, `{"verifier":"` + b.Verifier + `"}`,
			`{"type":"hello","verifier":"` + b.Verifier + `"}`, "hello", "", "[]", "null", b.Verifier,
		} {
			c := x.Knock(token, ws.DialOptions{})
			if err := c.Send(first); err != nil {
				t.Fatal(err)
			}
			shut(t, r, c)
		}
		long := x.Knock(token, ws.DialOptions{})
		if err := long.Send(bind(strings.Repeat("A", 600))); err != nil {
			t.Fatal(err)
		}
		rig.ExpectClose(t, long, ws.CloseTooBig, "")
	}
	r.Approve(phone, b)
	b.Expect(session.ClaimedMessage)
	b.Expect(session.ApprovedMessage)
	rig.ExpectClose(t, b.Socket, ws.CloseNormal, "approved")
	// The result is bound too.
	shut(t, r, b.Knock(token, ws.DialOptions{Verifier: rig.NewVerifier()}))
}

// A first message that never comes is waited for five seconds.
func TestWatchVerifierNeverComes(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	phone := r.Phone(0)
	b := r.Browser(0).Start(phone.Token).Watch()
	b.Expect(session.OTPReady)
	begun := time.Now()
	shut(t, r, b.Knock(b.Session.WSToken, ws.DialOptions{}))
	if took := time.Since(begun); took < 4*time.Second || took > 8*time.Second {
		t.Errorf("closed after %v", took)
	}
	r.Approve(phone, b)
	b.Expect(session.ClaimedMessage)
	b.Expect(session.ApprovedMessage)
}

// The first message may bring the verifier; nothing comes before it, whatever
// happens to the session, and from then on all is as with the subprotocol.
func TestWatchBindMessage(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(0)
	b := r.Browser(0).Start(phone.Token).Watch()
	b.Expect(session.OTPReady)
	late := []*ws.Client{b.Knock(b.Session.WSToken, ws.DialOptions{}), b.At(1).Knock(b.Session.WSToken, ws.DialOptions{})}
	r.Claim(phone, b.Session.SessionID, "")
	b.Expect(session.ClaimedMessage)
	before := b.Socket
	for _, c := range late {
		if err := c.Send(bind(b.Verifier)); err != nil {
			t.Fatal(err)
		}
		if m := rig.Expect(t, c, session.OTPReady); m.ID != 1 {
			t.Errorf("first got %+v", m)
		}
		rig.Expect(t, c, session.ClaimedMessage)
		rig.Timely(t, "4009", func() { rig.ExpectClose(t, before, ws.CloseReplaced, "") })
		before = c
	}
	rig.ExpectNothing(t, b.Knock(b.Session.WSToken, ws.DialOptions{}))
	r.Approve(phone, b)
	rig.Expect(t, before, session.ApprovedMessage)
	after := b.Knock(b.Session.WSToken, ws.DialOptions{})
	if err := after.Send(bind(b.Verifier)); err != nil {
		t.Fatal(err)
	}
	rig.Expect(t, after, session.ApprovedMessage)
	rig.ExpectClose(t, after, ws.CloseNormal, "approved")
}

// Pages of other services may open a socket, and are then refused without
// replacing the watcher; pages of nobody are refused before the upgrade.
func TestWatchOrigin(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(0)
	b := r.Browser(0).Start(phone.Token).Watch()
	free := r.Browser(0).Start(phone.Token, func(q *api.StartRequest) { q.Challenge = nil }).Watch()
	b.Expect(session.OTPReady)
	free.Expect(session.OTPReady)
	for n := range r.Nodes {
		foreign := ws.DialOptions{Verifier: b.Verifier, Origin: "https://shop.example"}
		shut(t, r, b.At(n).Knock(b.Session.WSToken, foreign))
		shut(t, r, free.At(n).Knock(free.Session.WSToken, ws.DialOptions{Origin: "https://shop.example"}))
		path := "/ws/session/" + b.Session.SessionID + "?token=" + b.Session.WSToken
		for _, origin := range []string{"null", "https://evil.example", rig.Origin + "/", rig.Origin + ":443", "http://bank.example", "HTTPS://BANK.EXAMPLE"} {
			a := r.Send(n, http.MethodGet, path, "", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
				"Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==", "Origin", origin)
			r.Refused("origin "+origin, a, http.StatusForbidden, "origin_not_allowed")
		}
	}
	// They are still there.
	for _, x := range []*rig.Browser{b, free} {
		r.Approve(phone, x)
		x.Expect(session.ClaimedMessage)
		x.Expect(session.ApprovedMessage)
	}
	// The issuer's own pages, and programs that are no browser, may watch all.
	for _, origin := range []string{r.Issuer, ""} {
		c := b.Knock(b.Session.WSToken, ws.DialOptions{Verifier: b.Verifier, Origin: origin})
		rig.Expect(t, c, session.ApprovedMessage)
	}
}

// Whatever is no WebSocket upgrade is told what is wanted.
func TestWatchUpgradeRequired(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	b := r.Browser(0).Start(r.Phone(0).Token)
	path := "/ws/session/" + b.Session.SessionID + "?token=" + b.Session.WSToken
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="}
	for name, head := range map[string][]string{
		"plain": nil, "another protocol": {"Connection", "Upgrade", "Upgrade", "h2c"}, "an old version": append(upgrade[:4:4], "Sec-WebSocket-Version", "8"),
		"no key": upgrade[:6], "a bad key": append(upgrade[:6:6], "Sec-WebSocket-Key", "short"),
	} {
		a := r.Send(0, http.MethodGet, path, "", head...)
		r.Refused(name, a, http.StatusUpgradeRequired, "upgrade_required")
		if a.Head.Get("Upgrade") != "websocket" {
			t.Errorf("%s: Upgrade %q", name, a.Head.Get("Upgrade"))
		}
	}
}

// Token and verifier may come as subprotocols; the one selected is ours, and
// none is if ours was not offered.
func TestWatchSubprotocols(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	b := r.Browser(0).Start(r.Phone(0).Token)
	bare, _, _ := strings.Cut(b.URL(), "?")
	token, verifier := "token."+b.Session.WSToken, "verifier."+b.Verifier
	for _, c := range []struct {
		url      string
		offered  []string
		selected string
		good     bool
	}{
		{bare, []string{ws.Subprotocol, token, verifier}, ws.Subprotocol, true},
		{bare, []string{verifier, token, ws.Subprotocol}, ws.Subprotocol, true},
		{b.URL(), []string{verifier}, "", true},
		{b.URL(), []string{"chat", verifier}, "", true},
		{bare, []string{ws.Subprotocol, "token.wrong", verifier}, ws.Subprotocol, false},
		{bare, []string{ws.Subprotocol, verifier}, ws.Subprotocol, false},
	} {
		d := websocket.Dialer{Subprotocols: c.offered}
		sock, resp, err := d.DialContext(rig.Ctx(t), c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if sock.Subprotocol() != c.selected {
			t.Errorf("offered %q: selected %q", c.offered, sock.Subprotocol())
		}
		_, frame, err := sock.ReadMessage()
		if c.good != strings.Contains(string(frame), `"otp_ready"`) || !c.good && !websocket.IsCloseError(err, ws.CloseRefused) {
			t.Errorf("offered %q: got %s, %v", c.offered, frame, err)
		}
		sock.Close()
	}
}
