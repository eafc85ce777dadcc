package system

import (
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"countersign/api"
	"countersign/crypto/p256"
	"countersign/device"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"
)

const verifyPath = "/auth/verify"

func verify(r *rig.Rig, n int, m map[string]any) rig.Answer {
	return r.Send(n, http.MethodPost, verifyPath, rig.JSON(m))
}

// approved checks an answer that approves.
func approved(t *testing.T, what string, a rig.Answer) {
	t.Helper()
	if a.Status != http.StatusOK || a.Head.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: %d %s", what, a.Status, a.Body)
	}
}

func TestVerifyForm(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	p := r.Phone(0)
	b := r.Browser(0).Start(p.Token)
	c := r.Claim(p, b.Session.SessionID, "")
	for what, change := range map[string]func(m map[string]any){
		"no session":          func(m map[string]any) { delete(m, "sessionId") },
		"no decision":         func(m map[string]any) { delete(m, "decision") },
		"another decision":    func(m map[string]any) { m["decision"] = "Approve" },
		"no code":             func(m map[string]any) { delete(m, "otp") },
		"empty code":          func(m map[string]any) { m["otp"] = "" },
		"five digits":         func(m map[string]any) { m["otp"] = "12345" },
		"seven digits":        func(m map[string]any) { m["otp"] = "1234567" },
		"other digits":        func(m map[string]any) { m["otp"] = "١٢٣٤٥٦" },
		"space":               func(m map[string]any) { m["otp"] = "12345 " },
		"number":              func(m map[string]any) { m["otp"] = 123456 },
		"qr without c":        func(m map[string]any) { m["otp"] = "qr:1:" },
		"qr padded":           func(m map[string]any) { m["otp"] = "qr:01:AAAAAAAAAAAAAAAA" },
		"no display":          func(m map[string]any) { delete(m, "displayHash") },
		"scopes null":         func(m map[string]any) { m["grantedScopes"] = nil },
		"scopes a text":       func(m map[string]any) { m["grantedScopes"] = "identity:name" },
		"scope twice":         func(m map[string]any) { m["grantedScopes"] = []string{"identity:name", "identity:name"} },
		"scope with a break":  func(m map[string]any) { m["grantedScopes"] = []string{"identity:name\nx"} },
		"deny with scopes":    func(m map[string]any) { m["decision"] = "deny"; m["grantedScopes"] = []string{"identity:name"} },
		"report with scopes":  func(m map[string]any) { m["decision"] = "report"; m["grantedScopes"] = []string{"identity:name"} },
		"deny with half code": func(m map[string]any) { m["decision"], m["otp"] = "deny", "123" },
		"negative timestamp":  func(m map[string]any) { m["timestamp"] = -1 },
	} {
		m := rig.VerifyBody(p, c, session.Approve, b.Session.AutoPassword, now())
		change(m)
		r.Refused(what, verify(r, 0, m), 400, "invalid_request")
	}
	approved(t, "and nothing was spent", verify(r, 0, rig.VerifyBody(p, c, session.Approve, b.Session.AutoPassword, now())))
}

// Every row of the table, in its order: what is wrong later is wrong too, so
// each answer shows that its row is checked first.
func TestVerifyOrder(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: func(c *server.Config) { c.Services[0].Scopes.Required = []string{"identity:name"} }})
	p, stranger := r.Phone(0), r.Phone(0)
	second := r.NewPhone(1)
	code, _, err := r.Nodes[0].Server.Registry().NewCode(rig.Ctx(t), device.TokenID(p.Token))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Enrol(rig.Ctx(t), string(code), "Alice's other phone", "test"); err != nil {
		t.Fatal(err)
	}
	b := r.Browser(0).Start(p.Token).Watch()
	b.Expect(session.OTPReady)
	wrong := rig.WrongCode(b.Session.AutoPassword)
	blind := api.Claimed{SessionID: b.Session.SessionID, ServiceID: rig.Service}
	sign := func(q *api.Phone, c api.Claimed, otp string, scopes ...string) map[string]any {
		return rig.VerifyBody(q, c, session.Approve, otp, now(), scopes...)
	}
	with := func(m map[string]any, name string, v any) map[string]any { m[name] = v; return m }
	refused := func(what string, m map[string]any, status int, code string) rig.Answer {
		t.Helper()
		a := verify(r, 1, m)
		r.Refused(what, a, status, code)
		return a
	}
	a := refused("stale", with(rig.VerifyBody(p, blind, session.Approve, wrong, now()-32), "sessionId", "sess_x"), 401, "stale_timestamp")
	if !wholeSecond.MatchString(a.Problem.ServerTime) {
		t.Errorf("serverTime %q", a.Problem.ServerTime)
	}
	refused("ahead", rig.VerifyBody(p, blind, session.Approve, wrong, now()+32), 401, "stale_timestamp")
	refused("no session", with(sign(stranger, blind, wrong), "sessionId", "sess_x"), 404, "session_not_found")
	refused("another identity", with(sign(stranger, blind, wrong), "nonce", rig.NewNonce()), 401, "unknown_device")
	refused("another's device", with(sign(p, blind, wrong), "deviceId", stranger.Device), 401, "unknown_device")
	refused("signature", with(sign(p, blind, wrong), "nonce", rig.NewNonce()), 401, "invalid_signature")
	if m := b.Expect(session.RejectedMessage); m.Reason != session.InvalidSignature || *m.Final || *m.AttemptsRemaining != 3 {
		t.Errorf("%+v", m)
	}
	refused("not claimed", sign(p, blind, wrong), 409, "not_claimed")
	c := r.Claim(p, b.Session.SessionID, "")
	b.Expect(session.ClaimedMessage)
	refused("other phone", sign(second, c, wrong), 409, "already_claimed")
	other := c
	other.Display += " "
	refused("display", sign(p, other, wrong), 409, "display_changed")
	refused("scope not asked", sign(p, c, wrong, "identity:email", "identity:name"), 403, "scope_not_allowed")
	refused("required scope missing", sign(p, c, wrong), 403, "scope_not_allowed")
	guess := sign(p, c, wrong, "identity:name")
	for remaining := 2; remaining > 0; remaining-- {
		a = refused("wrong code", guess, 403, "invalid_otp")
		if a.Problem.AttemptsRemaining == nil || *a.Problem.AttemptsRemaining != remaining {
			t.Errorf("%s, want %d remaining", a.Body, remaining)
		}
		if m := b.Expect(session.RejectedMessage); m.Reason != session.InvalidOTP || *m.Final || *m.AttemptsRemaining != remaining {
			t.Errorf("%+v", m)
		}
		refused("the same guess", guess, 409, "replayed")
		guess = sign(p, c, wrong, "identity:name")
	}
	for range 3 { // the third, and its identical repeats
		a = refused("third wrong code", guess, 429, "too_many_attempts")
		if a.Head.Get("Retry-After") != "" {
			t.Error("a session that has ended says when to retry")
		}
	}
	if m := b.Expect(session.RejectedMessage); m.Reason != session.TooManyAttempts || !*m.Final || *m.AttemptsRemaining != 0 {
		t.Errorf("%+v", m)
	}
	rig.ExpectClose(t, b.Socket, ws.CloseNormal, "rejected")
	refused("the right code now", sign(p, c, b.Session.AutoPassword, "identity:name"), 429, "too_many_attempts")
	refused("other phone now", sign(second, c, wrong, "identity:name"), 429, "too_many_attempts")
}

func TestVerifyDecides(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	for _, x := range []struct {
		decision session.Decision
		want     string
	}{{session.Approve, "approved"}, {session.Deny, "denied"}, {session.Report, "reported"}} { // a report freezes, so it is last
		decision, want := x.decision, x.want
		b := r.Shop(0).Start(p.Token).Watch()
		b.Expect(session.OTPReady)
		c := r.Claim(p, b.Session.SessionID, "")
		code := b.Session.AutoPassword
		if decision != session.Approve {
			code = ""
		}
		m := rig.VerifyBody(p, c, decision, code, now())
		first := verify(r, 0, m)
		var out api.VerifyResponse
		r.Into(first, &out)
		if out.Status != want || out.SessionID != b.Session.SessionID {
			t.Errorf("%s: %s", decision, first.Body)
		}
		for n := range 4 { // the identical request, wherever it arrives
			if again := verify(r, n%2, m); string(again.Body) != string(first.Body) {
				t.Errorf("%s: repeated: %s", decision, again.Body)
			}
		}
		r.Refused("another request", verify(r, 1, rig.VerifyBody(p, c, decision, code, now())), 409, "session_resolved")
		if _, err := b.Client.CancelAsService(rig.Ctx(t), b.Session.SessionID); api.CodeOf(err) != "session_resolved" {
			t.Errorf("cancel: %v", err)
		}
		if m := b.Expect(session.ClaimedMessage); m.Platform != "test" || m.DeviceName != "Alice's phone" { // it authenticated
			t.Errorf("%+v", m)
		}
		if decision == session.Approve {
			b.Expect(session.ApprovedMessage)
			continue
		}
		b.Expect(session.RejectedMessage)
	}
}

func TestVerifyAfterOtherEnds(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: func(c *server.Config) { c.Session.TTL = time.Second }})
	p := r.Phone(0)
	b := r.Browser(0).Start(p.Token)
	c := r.Claim(p, b.Session.SessionID, "")
	if _, err := b.Client.Cancel(rig.Ctx(t), b.Session, b.Verifier); err != nil {
		t.Fatal(err)
	}
	r.Refused("cancelled", verify(r, 0, rig.VerifyBody(p, c, session.Approve, b.Session.AutoPassword, now())), 409, "session_resolved")
	b = r.Browser(0).Start(p.Token)
	c = r.Claim(p, b.Session.SessionID, "")
	end, err := time.Parse(time.RFC3339, b.Session.ExpiresAt)
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(time.Until(end) + 20*time.Millisecond) // both clocks are this machine's
	r.Refused("expired", verify(r, 0, rig.VerifyBody(p, c, session.Approve, b.Session.AutoPassword, now())), 410, "session_expired")
	r.Refused("expired, claim", r.Send(1, http.MethodPost, "/auth/claim", rig.JSON(rig.ClaimBody(p, b.Session.SessionID, "", now()))), 410, "session_expired")
	if _, err := b.Client.Cancel(rig.Ctx(t), b.Session, b.Verifier); api.CodeOf(err) != "session_resolved" {
		t.Errorf("cancel after the time: %v", err)
	}
}

// The request that decided is answered as before, also when it is stale by now.
func TestStaleRepeat(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	p := r.Phone(0)
	b := r.Browser(0).Start(p.Token)
	c := r.Claim(p, b.Session.SessionID, "")
	at := now() - 29 // soon stale
	m := rig.VerifyBody(p, c, session.Approve, b.Session.AutoPassword, at)
	first := verify(r, 0, m)
	approved(t, "nearly stale", first)
	r.Eventually("requests of that time are stale", func() bool {
		return verify(r, 0, rig.VerifyBody(p, c, session.Deny, "", at)).Problem.Code == "stale_timestamp"
	})
	if again := verify(r, 0, m); string(again.Body) != string(first.Body) || again.Status != first.Status {
		t.Errorf("a stale repeat: %d %s", again.Status, again.Body)
	}
	m["nonce"] = rig.NewNonce()
	r.Refused("stale and not the same", verify(r, 0, m), 401, "stale_timestamp")
}

// encodings are the forms in which a signature may come.
func encodings(sig p256.Signature) map[string]string {
	der := sig.DER()
	return map[string]string{
		"raw":                    base64.RawURLEncoding.EncodeToString(sig[:]),
		"raw, padded":            base64.URLEncoding.EncodeToString(sig[:]),
		"raw, standard":          base64.StdEncoding.EncodeToString(sig[:]),
		"raw, standard unpadded": base64.RawStdEncoding.EncodeToString(sig[:]),
		"DER":                    base64.RawURLEncoding.EncodeToString(der),
		"DER, padded":            base64.URLEncoding.EncodeToString(der),
		"DER, standard":          base64.StdEncoding.EncodeToString(der),
	}
}

func TestSignatureForms(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	p := r.Phone(0)
	for form := range encodings(p256.Signature{}) {
		b := r.Browser(0).Start(p.Token)
		c := r.Claim(p, b.Session.SessionID, "")
		m := rig.VerifyBody(p, c, session.Approve, b.Session.AutoPassword, now())
		text, ok := m["signature"].(string)
		sig, err := p256.DecodeSignature(text)
		if err != nil || !ok {
			t.Fatal(err)
		}
		m["signature"] = encodings(sig)[form]
		approved(t, form, verify(r, 0, m))
	}
	b := r.Browser(0).Start(p.Token)
	c := r.Claim(p, b.Session.SessionID, "")
	m := rig.VerifyBody(p, c, session.Approve, b.Session.AutoPassword, now())
	for _, bad := range []string{"", "x", "AAAA", base64.RawURLEncoding.EncodeToString(make([]byte, 64)), base64.RawURLEncoding.EncodeToString(make([]byte, 70))} {
		m["signature"] = bad
		r.Refused("signature "+bad, verify(r, 0, m), 401, "invalid_signature")
	}
}
