package system

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"countersign/api"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
)

func TestScanMode(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	scanMode := func(q *api.StartRequest) { mode := "scan"; q.Mode = &mode }
	b := r.Browser(0).Start(p.Token, scanMode)
	if _, err := p.Claim(rig.Ctx(t), b.Session.SessionID, ""); api.CodeOf(err) != "invalid_scan" {
		t.Errorf("claim without a scan: %v", err)
	}
	c := r.Claim(p, b.Session.SessionID, scanOf(t, b.Session, 0))
	again := r.Claim(p, b.Session.SessionID, scanOf(t, b.Session, 1))
	r.Refused("the typed code", verify(r, 1, rig.VerifyBody(p, c, session.Approve, b.Session.AutoPassword, now())), 403, "invalid_otp")
	r.Refused("another scan than the claim's", verify(r, 1, rig.VerifyBody(p, c, session.Approve, "qr:"+c.Scan, now())), 403, "invalid_otp")
	approved(t, "the scan", verify(r, 1, rig.VerifyBody(p, c, session.Approve, "qr:"+again.Scan, now())))
}

func TestScanInEnterMode(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	p := r.Phone(0)
	b := r.Browser(0).Start(p.Token)
	c := r.Claim(p, b.Session.SessionID, "")
	r.Refused("a scan that was not claimed with", verify(r, 0, rig.VerifyBody(p, c, session.Approve, "qr:"+scanOf(t, b.Session, 0), now())), 403, "invalid_otp")
	c = r.Claim(p, b.Session.SessionID, scanOf(t, b.Session, 0))
	approved(t, "scanned", verify(r, 0, rig.VerifyBody(p, c, session.Approve, "qr:"+c.Scan, now())))
}

func TestCompareMode(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	b := r.Shop(0).Start(p.Token, func(q *api.StartRequest) { mode := "compare"; q.Mode = &mode })
	waiting, err := p.Pending(rig.Ctx(t))
	if err != nil || len(waiting.Sessions) != 1 || waiting.Sessions[0].AutoPassword != b.Session.AutoPassword || waiting.Sessions[0].Mode != "compare" {
		t.Fatalf("%+v, %v", waiting, err)
	}
	c := r.Claim(p, b.Session.SessionID, "")
	approved(t, "compared", verify(r, 1, rig.VerifyBody(p, c, session.Approve, waiting.Sessions[0].AutoPassword, now())))
	if waiting, err = p.Pending(rig.Ctx(t)); err != nil || len(waiting.Sessions) != 0 {
		t.Errorf("still listed: %+v, %v", waiting, err)
	}
}

func TestCompareNeedsAuthentication(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) { c.Services[0].Modes = []string{"enter", "compare"} }})
	r.Refused("a page", r.Post(0, initiate, `{"serviceId":"demo","mode":"compare","tokenId":"bob"}`), 403, "service_auth_required")
	r.Refused("anonymous where nobody scans", r.Post(0, initiate, `{"serviceId":"demo"}`), 422, "mode_not_allowed")
}

func TestPending(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	p, stranger := r.Phone(0), r.Phone(0)
	r.Browser(0).Start(p.Token)
	pending := func(m map[string]any) rig.Answer { return r.Send(0, "POST", "/auth/pending", rig.JSON(m)) }
	m := rig.PendingBody(p, now())
	var out api.PendingResponse
	if r.Into(pending(m), &out); len(out.Sessions) != 1 {
		t.Errorf("%+v", out)
	}
	r.Refused("again", pending(m), 409, "replayed")
	m["nonce"] = "x"
	r.Refused("nonce", pending(m), 400, "invalid_request")
	r.Refused("stale", pending(rig.PendingBody(p, now()-31-1)), 401, "stale_timestamp")
	m = rig.PendingBody(p, now())
	m["deviceId"] = stranger.Device
	r.Refused("another's device", pending(m), 401, "unknown_device")
	m = rig.PendingBody(p, now())
	m["nonce"] = rig.NewNonce()
	r.Refused("another nonce than signed", pending(m), 401, "invalid_signature")
	a := pending(rig.PendingBody(stranger, now()))
	if string(a.Body) != "{\"sessions\":[]}\n" {
		t.Errorf("nothing waits for a stranger, but got %s", a.Body)
	}
}

// v0 is what a phone of the first generation sends.
func v0(p *api.Phone, s api.StartResponse, otp string, scopes ...string) map[string]any {
	at := now()
	lines := []string{s.SessionID, otp, strconv.FormatInt(at, 10)}
	m := map[string]any{"sessionId": s.SessionID, "tokenId": p.Token, "otp": otp, "timestamp": at}
	if scopes != nil {
		lines = append(lines, strings.Join(scopes, ","))
		m["grantedScopes"] = scopes
	}
	m["signatureBase64"] = p.Key.Sign([]byte(strings.Join(lines, "|"))).String()
	return m
}

func TestLegacyV0(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: func(c *server.Config) {
		c.Services[0].AcceptV0, c.Services[1].AcceptV0 = true, true
		plain := c.Services[0]
		plain.ID, plain.AcceptV0 = "plain", false
		c.Services = append(c.Services, plain)
	}})
	p := r.Phone(0)
	for _, scopes := range [][]string{nil, {"identity:name"}, {}} {
		b := r.Browser(0).Start(p.Token).Watch()
		b.Expect(session.OTPReady)
		r.Refused("wrong code", verify(r, 1, v0(p, b.Session, rig.WrongCode(b.Session.AutoPassword))), 403, "invalid_otp")
		b.Expect(session.RejectedMessage)
		approved(t, "v0", verify(r, 1, v0(p, b.Session, b.Session.AutoPassword, scopes...)))
		if m := b.Expect(session.ApprovedMessage); m.JWT == "" {
			t.Errorf("%+v", m)
		}
	}
	refused := func(what string, s api.StartResponse, status int, code string) {
		t.Helper()
		r.Refused(what, verify(r, 0, v0(p, s, s.AutoPassword)), status, code)
	}
	mode := func(name string) func(q *api.StartRequest) { return func(q *api.StartRequest) { q.Mode = &name } }
	refused("scan", r.Browser(0).Start(p.Token, mode("scan")).Session, 400, "invalid_request")
	refused("compare", r.Shop(0).Start(p.Token, mode("compare")).Session, 400, "invalid_request")
	refused("anonymous", r.Browser(0).Start("").Session, 400, "invalid_request")
	refused("operation", r.Shop(0).Start(p.Token, func(q *api.StartRequest) {
		q.Operation = &api.StartOperation{Name: "pay", Data: "A1*A1EUR"}
	}).Session, 400, "invalid_request")
	plain := "plain"
	refused("a service that does not take it", r.Browser(0).Start(p.Token, func(q *api.StartRequest) { q.ServiceID = &plain }).Session, 400, "invalid_request")
	b := r.Browser(0).Start(p.Token)
	m := v0(p, b.Session, b.Session.AutoPassword)
	m["signatureBase64"] = r.NewPhone(0).Key.Sign([]byte("x")).String()
	r.Refused("signature", verify(r, 0, m), 401, "invalid_signature")
	m = v0(r.Phone(0), b.Session, b.Session.AutoPassword)
	r.Refused("another identity", verify(r, 0, m), 401, "unknown_device")
	for _, name := range []string{"sessionId", "tokenId", "otp", "timestamp"} {
		m := v0(p, b.Session, b.Session.AutoPassword)
		delete(m, name)
		r.Refused("without "+name, verify(r, 0, m), 400, "invalid_request")
	}
	c := r.Claim(p, b.Session.SessionID, "")
	// The claim was a v1 request, so this device is never asked for less again.
	refused("claimed, and by a v1 device", b.Session, 401, "invalid_signature")
	refused("a v1 device", r.Browser(0).Start(p.Token).Session, 401, "invalid_signature")
	approved(t, "v1", verify(r, 0, rig.VerifyBody(p, c, session.Approve, b.Session.AutoPassword, now())))
}

func TestOperationAndRequester(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	p := r.Phone(0)
	auth := []string{"Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret)}
	start := func(rest string) rig.Answer {
		return r.Send(0, "POST", initiate, `{"tokenId":"`+p.Token+`",`+rest+`}`, auth...)
	}
	chrome := "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
	s := started(t, r, start(`"operation":{"name":"pay","data":"A1*A100EUR*NRent","form":{ "title": "<Payment> & more",`+
		` "attributes": [{"value":"a\nb", "type":"NOTE"}, {"type":"AMOUNT","amount":"100.00" , "currency":"EUR"}]}},`+
		`"requester":{"ip":"2001:db8::7","userAgent":"`+chrome+`"}`))
	c := r.Claim(p, s.SessionID, "")
	for _, part := range []string{`"operation":{"name":"pay","data":"A1*A100EUR*NRent","form":{"title":"<Payment> & more",` +
		`"attributes":[{"type":"NOTE","value":"a\nb"},{"type":"AMOUNT","amount":"100.00","currency":"EUR"}]}}`,
		`"requester":{"ip":"2001:db8::7","userAgent":"Chrome on Windows","firstSeen":true,"byService":true}`, `"service":{"id":"shop","name":"Acme Shop"}`} {
		if !strings.Contains(c.Display, part) {
			t.Errorf("%s\nis not in %s", part, c.Display)
		}
	}
	if strings.Contains(c.Display, "origin") {
		t.Errorf("a back end has no origin: %s", c.Display)
	}
	if quiet := r.Claim(p, started(t, r, start(`"mode":"enter"`)).SessionID, ""); strings.Contains(quiet.Display, "requester") {
		t.Errorf("nobody told of a requester: %s", quiet.Display)
	}
	hidden := []string{`\u202e`, `\u2066`, `\u0000`, `\u001b`, `\u007f`, `\u0085`, `\u200f`}
	for _, h := range hidden {
		for _, body := range []string{`"operation":{"name":"pay","data":"A1` + h + `"}`, `"operation":{"name":"pay` + h + `","data":"A1"}`,
			`"operation":{"name":"pay","data":"A1","form":{"attributes":[{"type":"NOTE","value":"` + h + `"}]}}`, `"operation":{"name":"pay","data":"A1","form":{"` + h + `":1}}`,
			`"requester":{"ip":"192.0.2.1","userAgent":"` + h + `"}`, `"requester":{"ip":"fe80::1%` + h + `","userAgent":"x"}`} {
			r.Refused(body, start(body), 400, "invalid_request")
		}
	}
	for _, body := range []string{`"operation":{}`, `"operation":{"name":"pay"}`, `"operation":{"data":"A1"}`, `"operation":{"name":"pay","data":"A1","form":[]}`,
		`"operation":{"name":"pay","data":"A1\n"}`, `"operation":{"name":"pay","data":"` + strings.Repeat("x", 9000) + `"}`, `"requester":{}`,
		`"requester":{"ip":"bank.example","userAgent":"x"}`, `"requester":{"ip":"192.0.2.1:80","userAgent":"x"}`, `"requester":{"ip":"fe80::1%eth0","userAgent":"x"}`,
		`"requester":{"ip":"192.0.2.1","userAgent":"` + strings.Repeat("x", 513) + `"}`} {
		r.Refused(body, start(body), 400, "invalid_request")
	}
}

// A pairwise service knows an identity by a name of its own.
func TestPairwise(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: func(c *server.Config) { c.Services[0].Subject = "pairwise" }})
	p := r.Phone(0)
	b := r.Browser(0).Start("").Watch()
	b.Expect(session.OTPReady)
	c := r.Claim(p, b.Session.SessionID, scanOf(t, b.Session, 0))
	approved(t, "scan", verify(r, 1, rig.VerifyBody(p, c, session.Approve, "qr:"+c.Scan, now())))
	b.Expect(session.ClaimedMessage)
	sub, ok := claimsOf(t, b.Expect(session.ApprovedMessage).JWT)["sub"].(string)
	if !ok || sub == p.Token || !strings.HasPrefix(sub, "tok_") || len(sub) != len(p.Token) {
		t.Fatalf("sub %q of %s", sub, p.Token)
	}
	known := r.Browser(1).Start(sub).Watch()
	known.Expect(session.OTPReady)
	waiting, err := p.Pending(rig.Ctx(t))
	if err != nil || len(waiting.Sessions) != 1 || waiting.Sessions[0].SessionID != known.Session.SessionID {
		t.Errorf("%+v, %v", waiting, err)
	}
	r.Approve(p, known)
	known.Expect(session.ClaimedMessage)
	if again := claimsOf(t, known.Expect(session.ApprovedMessage).JWT)["sub"]; again != sub {
		t.Errorf("sub %v, then %v", sub, again)
	}
	if _, err := p.Claim(rig.Ctx(t), r.Browser(0).Start(p.Token).Session.SessionID, ""); api.CodeOf(err) != "unknown_device" {
		t.Errorf("under the name that other services use: %v", err)
	}
	d, err := r.Browser(0).Client.Discovery(rig.Ctx(t))
	if err != nil || !slices.Equal(d.SubjectTypesSupported, []string{"public", "pairwise"}) {
		t.Errorf("%+v, %v", d, err)
	}
}
