package system

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"countersign/api"
	"countersign/device"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"
)

// scanOf is what a camera reads t seconds after the start.
func scanOf(t *testing.T, s api.StartResponse, at int64) string {
	t.Helper()
	key, err := base64.RawURLEncoding.DecodeString(s.QRKey)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d:%s", at, session.QRCode(key, session.ID(s.SessionID), at))
}

func TestClaimShowsWhatIsApproved(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(1)
	firefox := "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0"
	start := func() api.StartResponse {
		return started(t, r, r.Post(0, initiate, rig.JSON(map[string]any{"serviceId": rig.Service, "tokenId": p.Token,
			"scopes": []string{"identity:name", "identity:email", "identity:name"}}), "User-Agent", firefox))
	}
	s := start()
	a := r.Send(1, http.MethodPost, "/auth/claim", rig.JSON(rig.ClaimBody(p, s.SessionID, "", now())))
	var c api.ClaimResponse
	r.Into(a, &c)
	want := `{"issuer":"` + r.Issuer + `","service":{"id":"demo","name":"Acme Bank"},"origin":"https://bank.example",` +
		`"scopes":["identity:email","identity:name"],"mode":"enter","requester":{"ip":"127.0.0.1","userAgent":"Firefox on Linux","firstSeen":true}}`
	if c.Display != want || c.DisplayHash != session.DisplayHash(want) || c.ExpiresAt != s.ExpiresAt || a.Head.Get("Cache-Control") != "no-store" {
		t.Errorf("%s\nwant %s", a.Body, want)
	}
	first := api.Claimed{ClaimResponse: c, SessionID: s.SessionID, ServiceID: rig.Service}
	if again := r.Claim(p, s.SessionID, ""); again.Display != c.Display {
		t.Errorf("claimed again: %s", again.Display)
	}
	if _, err := p.Verify(rig.Ctx(t), first, session.Approve, s.AutoPassword, nil); err != nil {
		t.Fatal(err)
	}
	seen := func() bool {
		t.Helper()
		d, err := api.ParseDisplay(r.Claim(p, start().SessionID, "").Display)
		if err != nil || d.Requester == nil {
			t.Fatalf("%+v, %v", d, err)
		}
		return !d.Requester.FirstSeen
	}
	if !seen() {
		t.Error("a browser that was approved is shown as new")
	}
	firefox = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
	for range 2 { // claiming does not make it known
		if seen() {
			t.Error("another browser is shown as known")
		}
	}
}

func TestClaimByOthers(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p, stranger := r.Phone(0), r.Phone(1)
	second := r.NewPhone(1)
	code, _, err := r.Nodes[0].Server.Registry().NewCode(rig.Ctx(t), device.TokenID(p.Token))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Enrol(rig.Ctx(t), string(code), "Alice's other phone", "test"); err != nil {
		t.Fatal(err)
	}
	b := r.Browser(0).Start(p.Token)
	refused := func(what string, phone *api.Phone, want string) {
		t.Helper()
		if _, err := phone.Claim(rig.Ctx(t), b.Session.SessionID, ""); api.CodeOf(err) != want {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	refused("another identity", stranger, "unknown_device")
	c := r.Claim(p, b.Session.SessionID, "")
	refused("another phone of the identity", second, "already_claimed")
	refused("another identity", stranger, "unknown_device")
	if _, err := second.Verify(rig.Ctx(t), c, session.Approve, b.Session.AutoPassword, nil); api.CodeOf(err) != "already_claimed" {
		t.Errorf("verify by the other phone: %v", err)
	}
	b = r.Browser(0).Start("") // whoever scans first
	c = r.Claim(stranger, b.Session.SessionID, scanOf(t, b.Session, 0))
	if _, err := p.Claim(rig.Ctx(t), b.Session.SessionID, scanOf(t, b.Session, 0)); api.CodeOf(err) != "already_claimed" {
		t.Errorf("an anonymous session's second phone: %v", err)
	}
	if _, err := stranger.Verify(rig.Ctx(t), c, session.Approve, "qr:"+c.Scan, nil); err != nil {
		t.Error(err)
	}
}

func TestOnePhoneClaims(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	b := r.Browser(0).Start("")
	scan := scanOf(t, b.Session, 0)
	var mu sync.Mutex
	var wg sync.WaitGroup
	codes := map[string]int{}
	for i := range 10 {
		p := r.Phone(i % 2)
		wg.Go(func() {
			_, err := p.Claim(rig.Ctx(t), b.Session.SessionID, scan)
			mu.Lock()
			defer mu.Unlock()
			codes[api.CodeOf(err)]++
		})
	}
	wg.Wait()
	if codes[""] != 1 || codes["already_claimed"] != 9 {
		t.Errorf("answers %v, want one claim and 9 refusals", codes)
	}
}

// Claim is checked in the order of verify's table, then for another phone, then
// for the scan.
func TestClaimRefusals(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	p, stranger := r.Phone(0), r.Phone(0)
	b := r.Browser(0).Start(p.Token)
	id := b.Session.SessionID
	claim := func(m map[string]any) rig.Answer { return r.Send(0, http.MethodPost, "/auth/claim", rig.JSON(m)) }
	for what, change := range map[string]func(m map[string]any){
		"no session":      func(m map[string]any) { delete(m, "sessionId") },
		"no token":        func(m map[string]any) { delete(m, "tokenId") },
		"no device":       func(m map[string]any) { m["deviceId"] = "" },
		"no timestamp":    func(m map[string]any) { delete(m, "timestamp") },
		"half a second":   func(m map[string]any) { m["timestamp"] = 1.5 },
		"no nonce":        func(m map[string]any) { delete(m, "nonce") },
		"no signature":    func(m map[string]any) { delete(m, "signature") },
		"a break in scan": func(m map[string]any) { m["scan"] = "1:\n" },
		"a break in id":   func(m map[string]any) { m["sessionId"] = id + "\n" },
	} {
		m := rig.ClaimBody(p, id, "", now())
		change(m)
		r.Refused(what, claim(m), 400, "invalid_request")
	}
	stale := claim(rig.ClaimBody(p, "sess_x", "", now()-40))
	r.Refused("stale before unknown", stale, 401, "stale_timestamp")
	if at, err := time.Parse(time.RFC3339, stale.Problem.ServerTime); err != nil || time.Since(at).Abs() > 5*time.Second || !wholeSecond.MatchString(stale.Problem.ServerTime) {
		t.Errorf("serverTime %q", stale.Problem.ServerTime)
	}
	r.Refused("a session of another form", claim(rig.ClaimBody(p, "sess_x", "", now())), 404, "session_not_found")
	r.Refused("a session of nobody", claim(rig.ClaimBody(p, string(session.NewID()), "", now())), 404, "session_not_found")
	r.Refused("another identity", claim(rig.ClaimBody(stranger, id, "", now())), 401, "unknown_device")
	m := rig.ClaimBody(p, id, "", now())
	m["deviceId"] = stranger.Device
	r.Refused("another's device", claim(m), 401, "unknown_device")
	m = rig.ClaimBody(p, id, "", now())
	m["nonce"] = rig.NewNonce()
	r.Refused("another nonce than signed", claim(m), 401, "invalid_signature")
	r.Refused("a wrong scan where none is needed", claim(rig.ClaimBody(p, id, "0:AAAAAAAAAAAAAAAA", now())), 403, "invalid_scan")
	m = rig.ClaimBody(p, id, "", now())
	r.Into(claim(m), new(api.ClaimResponse))
	r.Refused("the same claim again", claim(m), 409, "replayed")
	r.Into(claim(rig.ClaimBody(p, id, "", now())), new(api.ClaimResponse))
	if _, err := b.Client.Cancel(rig.Ctx(t), b.Session, b.Verifier); err != nil {
		t.Fatal(err)
	}
	r.Refused("replayed before ended", claim(m), 409, "replayed")
	r.Refused("ended", claim(rig.ClaimBody(p, id, "0:AAAAAAAAAAAAAAAA", now())), 409, "session_resolved")
}

// elapsedOf is the session's age in whole seconds, as the page learns it.
func elapsedOf(t *testing.T, b *rig.Browser) int64 {
	t.Helper()
	p, err := b.Client.Poll(rig.Ctx(t), b.Session, b.Verifier, 0, 0)
	if err != nil || len(p.Messages) == 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	var m ws.Wire
	if err := json.Unmarshal(p.Messages[0], &m); err != nil || m.Elapsed == nil {
		t.Fatalf("%s, %v", p.Messages[0], err)
	}
	return *m.Elapsed
}

// The window of the moving code, here three seconds back and one ahead. A claim
// during which a second passed says nothing, and is made again.
func TestScanWindow(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) { c.QR.Back, c.QR.Ahead = 3*time.Second, time.Second }})
	p := r.Phone(0)
	b := r.Browser(0).Start("")
	offset := func(d int64) (code string) {
		r.Eventually("a claim within one second", func() bool {
			at := elapsedOf(t, b)
			_, err := p.Claim(rig.Ctx(t), b.Session.SessionID, scanOf(t, b.Session, at+d))
			code = api.CodeOf(err)
			return elapsedOf(t, b) == at
		})
		return code
	}
	if offset(2) != "invalid_scan" || offset(1) != "" || offset(0) != "" {
		t.Error("ahead of the server")
	}
	r.Eventually("the session is five seconds old", func() bool { return elapsedOf(t, b) >= 5 })
	if offset(-4) != "invalid_scan" || offset(-3) != "" || offset(2) != "invalid_scan" {
		t.Error("behind the server")
	}
}

func TestScanForms(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	p := r.Phone(0)
	b := r.Browser(0).Start("")
	old := scanOf(t, b.Session, 0)
	for what, scan := range map[string]string{"none": "", "padded t": "0" + old, "sign": "+" + old, "minus": "-" + old, "no t": old[1:], "c alone": old[2:],
		"another second's": "1" + old[1:], "short": old[:len(old)-1], "long": old + "A", "text": "x:y"} {
		if _, err := p.Claim(rig.Ctx(t), b.Session.SessionID, scan); api.CodeOf(err) != "invalid_scan" {
			t.Errorf("%s %q: %v", what, scan, err)
		}
	}
	other := r.Browser(0).Start("")
	if _, err := p.Claim(rig.Ctx(t), other.Session.SessionID, old); api.CodeOf(err) != "invalid_scan" {
		t.Errorf("another session's scan: %v", err)
	}
	r.Claim(p, b.Session.SessionID, old)
}
