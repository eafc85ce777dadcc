package system

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign/api"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
)

// handover is what the link on the browser's own device brings the app: {h}.
func handover(t *testing.T, s api.StartResponse) string {
	t.Helper()
	key, err := base64.RawURLEncoding.DecodeString(s.QRKey)
	if err != nil {
		t.Fatal(err)
	}
	return "h:" + session.Handover(key, session.ID(s.SessionID))
}

// handOver claims by the link and approves; it gives the code of the returnUrl.
func handOver(t *testing.T, r *rig.Rig, p *api.Phone, b *rig.Browser) (api.Claimed, string) {
	t.Helper()
	c := r.Claim(p, b.Session.SessionID, handover(t, b.Session))
	v, err := p.Verify(rig.Ctx(t), c, session.Approve, "qr:"+c.Scan, []string{"identity:name"})
	if err != nil {
		t.Fatal(err)
	}
	code, ok := strings.CutPrefix(v.ReturnURL, r.Issuer+"/r/"+b.Session.SessionID+"#")
	if v.Status != "approved" || !ok || len(code) != 43 {
		t.Fatalf("%+v", v)
	}
	return c, code
}

func TestReturnFinishesTheLoginOfItsBrowserOnly(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(1)
	b := r.Browser(0).Start(p.Token).Watch()
	b.Expect(session.OTPReady)
	early := strings.Repeat("A", 43)
	if _, err := b.Client.Return(rig.Ctx(t), b.Session, b.Verifier, early); api.CodeOf(err) != "invalid_return" {
		t.Errorf("before anybody approved: %v", err)
	}
	c, code := handOver(t, r, p, b)
	b.Expect(session.ClaimedMessage)
	poll, err := b.Client.Poll(rig.Ctx(t), b.Session, b.Verifier, 0, 0)
	if err != nil || poll.Status != "claimed" || len(poll.Messages) != 2 {
		t.Errorf("approved is told before the browser is back: %+v, %v", poll, err)
	}
	if waiting, err := p.Pending(rig.Ctx(t)); err != nil || len(waiting.Sessions) != 0 {
		t.Errorf("a decided session is listed: %+v, %v", waiting, err)
	}
	for name, try := range map[string]struct{ token, verifier, code, want string }{
		"another code":        {b.Session.WSToken, b.Verifier, early, "invalid_return"},
		"another browser":     {b.Session.WSToken, rig.NewVerifier(), code, "invalid_ws_token"},
		"no verifier":         {b.Session.WSToken, "", code, "invalid_ws_token"},
		"no wsToken":          {"", b.Verifier, code, "invalid_ws_token"},
		"an empty code":       {b.Session.WSToken, b.Verifier, "", "invalid_request"},
		"the link's own code": {b.Session.WSToken, b.Verifier, c.Scan, "invalid_return"},
	} {
		s := b.Session
		s.WSToken = try.token
		if _, err := b.Client.Return(rig.Ctx(t), s, try.verifier, try.code); api.CodeOf(err) != try.want {
			t.Errorf("%s: %v, want %s", name, err, try.want)
		}
	}
	for _, n := range []int{1, 0} { // on another node than the socket's, and again
		b.Client.Base = r.Nodes[n].Base
		if a, err := b.Client.Return(rig.Ctx(t), b.Session, b.Verifier, code); err != nil || a.Status != "approved" {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	m := b.Expect(session.ApprovedMessage)
	claims := claimsOf(t, m.JWT)
	if claims["acr"] != "urn:countersign:same-device" || claims["sub"] != p.Token {
		t.Errorf("%v", claims)
	}
	rig.ExpectClose(t, b.Socket, 1000, "approved")
	if _, err := p.Verify(rig.Ctx(t), c, session.Deny, "", nil); api.CodeOf(err) != "session_resolved" {
		t.Errorf("after the end: %v", err)
	}
}

// What the phone decided stands, and the very request that decided it is
// answered alike as often as it comes.
func TestReturnKeepsTheDecision(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	b := r.Browser(0).Start(p.Token)
	c := r.Claim(p, b.Session.SessionID, handover(t, b.Session))
	body := rig.JSON(rig.VerifyBody(p, c, session.Approve, "qr:"+c.Scan, now(), "identity:name"))
	first := r.Send(0, http.MethodPost, "/auth/verify", body)
	if first.Status != http.StatusOK {
		t.Fatalf("%d %s", first.Status, first.Body)
	}
	for _, d := range []session.Decision{session.Deny, session.Report, session.Approve} {
		otp := ""
		if d == session.Approve {
			otp = b.Session.AutoPassword
		}
		if _, err := p.Verify(rig.Ctx(t), c, d, otp, nil); api.CodeOf(err) != "session_resolved" {
			t.Errorf("%s after the approval: %v", d, err)
		}
	}
	if again, err := p.Claim(rig.Ctx(t), b.Session.SessionID, c.Scan); api.CodeOf(err) != "session_resolved" {
		t.Errorf("claimed again: %+v, %v", again, err)
	}
	if again := r.Send(1, http.MethodPost, "/auth/verify", body); string(again.Body) != string(first.Body) {
		t.Errorf("the identical repeat: %s, first %s", again.Body, first.Body)
	}
	if a, err := b.Client.Cancel(rig.Ctx(t), b.Session, b.Verifier); err != nil || a.Status != "cancelled" {
		t.Fatalf("%+v, %v", a, err)
	}
	var v api.VerifyResponse
	r.Into(first, &v)
	_, code, _ := strings.Cut(v.ReturnURL, "#")
	if _, err := b.Client.Return(rig.Ctx(t), b.Session, b.Verifier, code); api.CodeOf(err) != "session_resolved" {
		t.Errorf("return after cancel: %v", err)
	}
	if again := r.Send(0, http.MethodPost, "/auth/verify", body); string(again.Body) != string(first.Body) {
		t.Errorf("the identical repeat after the end: %s, first %s", again.Body, first.Body)
	}
}

// A code of one session is none of another's, not even of the same browser.
func TestReturnCodesAreTheirSessions(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	one, two := r.Browser(0).Start(p.Token), r.Browser(0).Start(p.Token)
	_, codeOne := handOver(t, r, p, one)
	_, codeTwo := handOver(t, r, p, two)
	if codeOne == codeTwo {
		t.Fatal("one code for two sessions")
	}
	if _, err := two.Client.Return(rig.Ctx(t), two.Session, two.Verifier, codeOne); api.CodeOf(err) != "invalid_return" {
		t.Errorf("the other session's code: %v", err)
	}
	if _, err := p.Claim(rig.Ctx(t), r.Browser(0).Start(p.Token).Session.SessionID, handover(t, one.Session)); api.CodeOf(err) != "invalid_scan" {
		t.Errorf("the other session's link: %v", err)
	}
}

// The link counts as a scan in mode scan, where a typed code is a wrong one; a
// phone that claimed by the camera cannot use the link's form.
func TestReturnInModeScan(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	b := r.Browser(0).Start("")
	if _, code := handOver(t, r, p, b); code == "" {
		t.Fatal("no code")
	}
	b = r.Browser(0).Start("")
	c := r.Claim(p, b.Session.SessionID, scanOf(t, b.Session, 0))
	if _, err := p.Verify(rig.Ctx(t), c, session.Approve, "qr:"+handover(t, b.Session), nil); api.CodeOf(err) != "invalid_otp" {
		t.Errorf("the link's form after a scan: %v", err)
	}
	v, err := p.Verify(rig.Ctx(t), c, session.Approve, "qr:"+c.Scan, nil)
	if err != nil || v.ReturnURL != "" {
		t.Errorf("a scan brings a returnUrl: %+v, %v", v, err)
	}
}

// A browser that does not come back in time gets nothing.
func TestReturnTooLate(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: func(c *server.Config) { c.Session.TTL = 2 * time.Second }})
	p := r.Phone(0)
	b := r.Browser(0).Start(p.Token).Watch()
	b.Expect(session.OTPReady)
	_, code := handOver(t, r, p, b)
	b.Expect(session.ClaimedMessage)
	b.Expect(session.ExpiredMessage)
	rig.ExpectClose(t, b.Socket, 1000, "expired")
	if _, err := b.Client.Return(rig.Ctx(t), b.Session, b.Verifier, code); api.CodeOf(err) != "session_expired" {
		t.Errorf("%v", err)
	}
}
