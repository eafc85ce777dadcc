package system

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"countersign/api"
	"countersign/device"
	"countersign/operation"
	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"
)

// Nothing that a stranger, an unsigned or a replayed request does costs the
// session anything: afterwards the right code still approves.
func TestStrangersCostNothing(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p, stranger := r.Phone(0), r.Phone(1)
	b := r.Browser(0).Start(p.Token).Watch()
	b.Expect(session.OTPReady)
	claim := rig.ClaimBody(p, b.Session.SessionID, "", now())
	var c api.Claimed
	r.Into(r.Send(0, http.MethodPost, "/auth/claim", rig.JSON(claim)), &c.ClaimResponse)
	c.SessionID, c.ServiceID = b.Session.SessionID, rig.Service
	b.Expect(session.ClaimedMessage)
	wrong := rig.WrongCode(b.Session.AutoPassword)
	spent := rig.VerifyBody(p, c, session.Approve, wrong, now())
	r.Refused("one wrong code", verify(r, 0, spent), 403, "invalid_otp")
	b.Expect(session.RejectedMessage)
	foreign := *p // signs with another key
	foreign.Key = stranger.Key
	tries := []struct {
		what   string
		body   func() map[string]any
		status int
		code   string
	}{
		{"another identity", func() map[string]any { return rig.VerifyBody(stranger, c, session.Approve, wrong, now()) }, 401, "unknown_device"},
		{"an unknown device", func() map[string]any {
			m := rig.VerifyBody(p, c, session.Deny, "", now())
			m["deviceId"] = string(device.NewID())
			return m
		}, 401, "unknown_device"},
		{"another key", func() map[string]any { return rig.VerifyBody(&foreign, c, session.Deny, "", now()) }, 401, "invalid_signature"},
		{"another decision than signed", func() map[string]any {
			m := rig.VerifyBody(p, c, session.Approve, wrong, now())
			m["decision"], m["otp"] = "deny", ""
			return m
		}, 401, "invalid_signature"},
		{"a replay", func() map[string]any { return spent }, 409, "replayed"},
		{"a replayed claim's nonce", func() map[string]any { return resigned(p, c, claim["nonce"]) }, 409, "replayed"},
		{"no signature", func() map[string]any {
			m := rig.VerifyBody(p, c, session.Deny, "", now())
			delete(m, "signature")
			return m
		}, 400, "invalid_request"},
		{"a stale one", func() map[string]any { return rig.VerifyBody(p, c, session.Approve, wrong, now()-90) }, 401, "stale_timestamp"},
	}
	var wg sync.WaitGroup
	for i := range 104 {
		x := tries[i%len(tries)]
		wg.Go(func() { r.Refused(x.what, verify(r, i%2, x.body()), x.status, x.code) })
	}
	wg.Wait()
	for i := range session.MaxBadSignatures { // told of at most three bad signatures
		if m := b.Expect(session.RejectedMessage); m.Reason != session.InvalidSignature || *m.Final || *m.AttemptsRemaining != 2 {
			t.Errorf("%d: %+v", i, m)
		}
	}
	approved(t, "the right code", verify(r, 1, rig.VerifyBody(p, c, session.Approve, b.Session.AutoPassword, now())))
	b.Expect(session.ApprovedMessage)
	rig.ExpectClose(t, b.Socket, ws.CloseNormal, "approved")
}

// resigned is a wrong guess, well signed, with a nonce of our choice.
func resigned(p *api.Phone, c api.Claimed, nonce any) map[string]any {
	at, hash := now(), session.DisplayHash(c.Display)
	text := device.SignedText(device.VerifyPurpose, p.Client.Issuer, c.SessionID, p.Token, p.Device, c.ServiceID, "deny", "", "", hash,
		fmt.Sprint(at), fmt.Sprint(nonce))
	return map[string]any{"sessionId": c.SessionID, "tokenId": p.Token, "deviceId": p.Device, "decision": "deny", "otp": "", "grantedScopes": []string{},
		"displayHash": hash, "timestamp": at, "nonce": nonce, "signature": p.Key.Sign(text).String()}
}

func TestGuessesInParallel(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	b := r.Browser(0).Start(p.Token)
	c := r.Claim(p, b.Session.SessionID, "")
	codes := parallel(100, func(i int) rig.Answer {
		return verify(r, i%2, rig.VerifyBody(p, c, session.Approve, rig.WrongCode(b.Session.AutoPassword), now()))
	})
	if codes["invalid_otp"] != 2 || codes["too_many_attempts"] != 98 {
		t.Errorf("100 guesses: %v", codes)
	}
	r.Refused("the right code", verify(r, 0, rig.VerifyBody(p, c, session.Approve, b.Session.AutoPassword, now())), 429, "too_many_attempts")
}

func TestRightAnswersInParallel(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	b := r.Browser(0).Start(p.Token)
	c := r.Claim(p, b.Session.SessionID, "")
	codes := parallel(40, func(i int) rig.Answer {
		return verify(r, i%2, rig.VerifyBody(p, c, session.Approve, b.Session.AutoPassword, now()))
	})
	if codes[""] != 1 || codes["session_resolved"] != 39 {
		t.Errorf("40 right answers: %v", codes)
	}
}

// parallel counts the codes of n answers.
func parallel(n int, ask func(i int) rig.Answer) map[string]int {
	answers := make([]rig.Answer, n)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = ask(i) })
	}
	wg.Wait()
	codes := map[string]int{}
	for _, a := range answers {
		if a.Err != nil {
			codes[a.Err.Error()]++
			continue
		}
		codes[a.Problem.Code]++
	}
	return codes
}

// Nothing secret is written to the log, even when it is as talkative as it can be.
func TestNoSecretInTheLog(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	secret := map[string]string{"service secret": rig.ShopSecret, "Basic": strings.TrimPrefix(rig.BasicAuth(rig.Shop, rig.ShopSecret), "Basic ")}
	_, code := newCode(t, r, nil)
	secret["enrolment code"] = code
	p := r.NewPhone(0)
	if _, err := p.Enrol(rig.Ctx(t), code, "Alice's phone", "test"); err != nil {
		t.Fatal(err)
	}
	for i, b := range []*rig.Browser{r.Browser(0), r.Browser(1), r.Shop(0), r.Browser(0), r.Browser(1)} {
		b.Start(p.Token).Watch().Expect(session.OTPReady)
		note := func(what, value string) { secret[fmt.Sprint(what, " of login ", i)] = value }
		note("code", b.Session.AutoPassword)
		note("wsToken", b.Session.WSToken)
		note("random", b.Session.Random)
		note("qrKey", b.Session.QRKey)
		note("verifier", b.Verifier)
		c := r.Claim(p, b.Session.SessionID, scanOf(t, b.Session, 0))
		note("scan", strings.TrimPrefix(c.Scan, "0:"))
		decision, otp := session.Approve, b.Session.AutoPassword
		switch i {
		case 3:
			decision, otp = session.Deny, ""
		case 4:
			otp = rig.WrongCode(otp)
			note("wrong code", otp)
		}
		m := rig.VerifyBody(p, c, decision, otp, now())
		note("signature", fmt.Sprint(m["signature"]))
		note("nonce", fmt.Sprint(m["nonce"]))
		verify(r, 1, m)
		verify(r, 0, m)
		b.Expect(session.ClaimedMessage)
		if next, err := b.Socket.Next(rig.Ctx(t)); err == nil && next.JWT != "" {
			note("JWT", next.JWT)
			note("JWT's signature", strings.Split(next.JWT, ".")[2])
			note("hash", next.Hash)
		}
		// What goes wrong is logged too.
		r.Send(0, http.MethodGet, "/auth/session/"+b.Session.SessionID+"?after=x", "", "Authorization", "Bearer "+b.Session.WSToken)
		r.Send(0, http.MethodPost, initiate, `{"serviceId":"`+b.Session.WSToken, "Authorization", rig.BasicAuth("x", b.Session.QRKey))
		r.Send(0, http.MethodPost, "/auth/session/x/cancel", ``, "Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret))
	}
	page := r.Login(0)
	_, secret["secret of a browser's operation"], _ = strings.Cut(page.Cookie, "=")
	secret["wsToken of an operation's session"] = page.Start(true).Session.WSToken
	page.Put(`{`)
	page.Send(operation.Cancel)
	r.Redis.Stop() // and causes most of all
	page.Put(`{"type":"status"}`)
	r.Send(0, http.MethodGet, "/auth/session/sess_AAAAAAAAAAAAAAAAAAAAAA", "", "Authorization", "Bearer x")
	enrol(r, 0, enrolBody(r.NewPhone(0), code, now()))
	verify(r, 0, rig.VerifyBody(p, api.Claimed{SessionID: string(session.NewID())}, session.Approve, "123456", now()))
	for _, n := range r.Nodes {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	}
	log := r.Log.String()
	if !strings.Contains(log, `"refused"`) || !strings.Contains(log, `"audit"`) || !strings.Contains(log, `"failed"`) {
		t.Errorf("the log says too little to judge it:\n%s", log)
	}
	for what, value := range secret {
		if value == "" {
			t.Errorf("no %s", what)
		}
		pattern := regexp.QuoteMeta(value)
		if len(value) == 6 {
			pattern = `\b` + value + `\b` // six digits may be part of a time
		}
		if line := regexp.MustCompile(".*" + pattern + ".*").FindString(log); line != "" {
			t.Errorf("%s is in the log: %s", what, line)
		}
	}
}
