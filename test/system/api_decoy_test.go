package system

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/api"
	"countersign/device"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"
)

// setStatus revokes or locks an identity as an operator does.
func setStatus(t *testing.T, r *rig.Rig, token string, s device.Status) {
	t.Helper()
	_, err := r.Nodes[0].Server.Registry().Change(rig.Ctx(t), device.TokenID(token), func(i device.Identity) (device.Identity, error) {
		return i.SetStatus(s), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// shape is what an answer shows of itself to somebody who compares two: all but
// the values that differ from session to session, of which it keeps the length.
func shape(a rig.Answer) string {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(a.Head)), func(n string) bool { return n == "Date" })
	var body any
	if err := json.Unmarshal(a.Body, &body); err != nil {
		return fmt.Sprint(a.Status, names, string(a.Body), a.Err)
	}
	return fmt.Sprint(a.Status, names, a.Head["Content-Length"], outline(body))
}

func outline(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			if name != "status" && name != "code" && name != "mode" && name != "type" {
				v[name] = outline(x)
			}
		}
	case []any:
		for i := range v {
			v[i] = outline(v[i])
		}
	case string:
		return len(v)
	}
	return v
}

func TestDecoysLookLikeGoodSessions(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	good, revoked, locked, other := r.Phone(0), r.Phone(0), r.Phone(0), r.Phone(1)
	setStatus(t, r, revoked.Token, device.Revoked)
	setStatus(t, r, locked.Token, device.Locked)
	verifier := rig.NewVerifier()
	want := ""
	for _, x := range []struct{ name, token string }{{"good", good.Token}, {"unknown", string(device.NewTokenID())},
		{"revoked", revoked.Token}, {"locked", locked.Token}} {
		a := r.Post(0, initiate, rig.JSON(map[string]any{"serviceId": rig.Service, "tokenId": x.token, "challenge": session.ChallengeOf(verifier)}))
		var s api.StartResponse
		r.Into(a, &s)
		bearer := []string{"Authorization", "Bearer " + s.WSToken, "Countersign-Verifier", verifier, "Origin", rig.Origin}
		path := "/auth/session/" + s.SessionID
		seen := []string{shape(a), shape(r.Send(1, http.MethodGet, path, "", bearer...))}
		seen = append(seen, shape(r.Send(1, http.MethodPost, "/auth/claim", rig.JSON(rig.ClaimBody(other, s.SessionID, "", now())))))
		c, err := ws.Dial(rig.Ctx(t), "ws"+strings.TrimPrefix(r.Nodes[1].Base, "http")+"/ws/session/"+s.SessionID+"?token="+s.WSToken,
			ws.DialOptions{Verifier: verifier, Origin: rig.Origin})
		if err != nil {
			t.Fatal(err)
		}
		if m := rig.Expect(t, c, session.OTPReady); m.AutoPassword != s.AutoPassword || m.ExpiresAt != s.ExpiresAt {
			t.Errorf("%s: %+v", x.name, m)
		}
		seen = append(seen, shape(r.Send(0, http.MethodPost, path+"/cancel", "", bearer...)))
		if m := rig.Expect(t, c, session.CancelledMessage); m.By != session.ByPage {
			t.Errorf("%s: %+v", x.name, m)
		}
		rig.ExpectClose(t, c, ws.CloseNormal, "cancelled")
		seen = append(seen, shape(r.Send(0, http.MethodGet, path, "", bearer...)))
		all := strings.Join(seen, "\n")
		if want == "" {
			want = all
		}
		if all != want {
			t.Errorf("%s is told apart:\n%s\nand a good one:\n%s", x.name, all, want)
		}
	}
}

// The phone of a revoked identity is unknown, that of a locked one is told so;
// neither opens the session.
func TestNobodyApprovesADecoy(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	revoked, locked := r.Phone(0), r.Phone(0)
	setStatus(t, r, revoked.Token, device.Revoked)
	setStatus(t, r, locked.Token, device.Locked)
	for p, want := range map[*api.Phone]string{revoked: "unknown_device", locked: "locked"} {
		b := r.Browser(0).Start(p.Token)
		if _, err := p.Claim(rig.Ctx(t), b.Session.SessionID, ""); api.CodeOf(err) != want {
			t.Errorf("claim: %v, want %s", err, want)
		}
		c := api.Claimed{SessionID: b.Session.SessionID, ServiceID: rig.Service}
		if _, err := p.Verify(rig.Ctx(t), c, session.Approve, b.Session.AutoPassword, nil); api.CodeOf(err) != want {
			t.Errorf("verify: %v, want %s", err, want)
		}
		if _, err := p.Pending(rig.Ctx(t)); api.CodeOf(err) != want {
			t.Errorf("pending: %v, want %s", err, want)
		}
	}
}

func TestRevealUnknown(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) { c.Services[1].RevealUnknown = true }})
	p := r.Phone(0)
	revoked := r.Phone(0)
	setStatus(t, r, revoked.Token, device.Revoked)
	start := func(token string) error { return r.Shop(0).TryStart(token) }
	if err := start(p.Token); err != nil {
		t.Error(err)
	}
	for token, want := range map[string]string{string(device.NewTokenID()): "not_enrolled", "bob": "not_enrolled", revoked.Token: "revoked"} {
		if err := start(token); api.CodeOf(err) != want {
			t.Errorf("%s: %v, want %s", token, err, want)
		}
	}
	if err := start(""); err != nil {
		t.Error(err)
	}
	r.Browser(0).Start(revoked.Token) // whoever does not authenticate learns nothing
}

func TestReportFreezes(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	b := r.Browser(0).Start(p.Token).Watch()
	b.Expect(session.OTPReady)
	before := r.Browser(1).Start(p.Token)
	c := r.Claim(p, b.Session.SessionID, "")
	if out, err := p.Verify(rig.Ctx(t), c, session.Report, "", nil); err != nil || out.Status != "reported" {
		t.Fatalf("%+v, %v", out, err)
	}
	b.Expect(session.ClaimedMessage)
	if m := b.Expect(session.RejectedMessage); m.Reason != session.Reported || m.Final == nil || !*m.Final {
		t.Errorf("%+v", m)
	}
	rig.ExpectClose(t, b.Socket, ws.CloseNormal, "rejected")
	later := r.Browser(1).Start(p.Token)
	if _, err := p.Claim(rig.Ctx(t), later.Session.SessionID, ""); api.CodeOf(err) != "unknown_device" {
		t.Errorf("a start after the report: %v", err)
	}
	waiting, err := p.Pending(rig.Ctx(t))
	if err != nil || len(waiting.Sessions) != 1 || waiting.Sessions[0].SessionID != before.Session.SessionID {
		t.Errorf("listed: %+v, %v", waiting, err)
	}
	r.Approve(p, before)                   // began before the report
	r.Approve(p, r.Shop(1).Start(p.Token)) // another service is not frozen
}

func now() int64 { return time.Now().Unix() }
