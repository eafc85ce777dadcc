package system

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"countersign/session"
	"countersign/test/rig"
	"countersign/web/inspector"
	"countersign/ws"
)

// shown is an entry of the inspector, as far as it matters here.
type shown struct {
	raw      string
	Kind     string
	Sessions []string
	Request  struct {
		Method, Path              string
		Status                    int
		RequestBody, ResponseBody struct{ Text string }
	}
	Message struct {
		ID    int
		Frame struct{ Text string }
	}
	Device struct {
		Token, Device string
		Frame         struct{ Text string }
	}
	Event  struct{ Kind, Service string }
	Signed struct {
		Bytes []byte
		Good  bool
	}
	Closed struct {
		Code   int
		Reason string
	}
}

// entries reads the inspector's entries until one is the last that is wanted.
func entries(t *testing.T, in *inspector.Inspector, last func(shown) bool) (all []shown) {
	t.Helper()
	s := httptest.NewServer(in.Handler())
	defer s.Close()
	q, err := http.NewRequestWithContext(rig.Ctx(t), http.MethodGet, s.URL+"/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		data, is := strings.CutPrefix(lines.Text(), "data: ")
		if !is || strings.HasPrefix(data, `{"run"`) {
			continue
		}
		var e shown
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		e.raw = data
		all = append(all, e)
		if last(e) {
			return all
		}
	}
	t.Fatalf("the end is not shown: %+v", all)
	return nil
}

// A whole login is seen: what was asked and answered, signed, told and recorded,
// all of it under its session.
func TestInspectorShowsLogin(t *testing.T) {
	in := inspector.New()
	r := rig.New(t, rig.Options{Embedded: true, Inspector: in})
	p := r.Phone(0)
	called, err := p.Listen(rig.Ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	defer called.Close()
	if f, err := called.Next(rig.Ctx(t)); err != nil || f.Type != ws.ReadyFrame {
		t.Fatalf("%+v, %v", f, err)
	}
	b := r.Browser(0).Start(p.Token).Watch()
	if f, err := called.Next(rig.Ctx(t)); err != nil || string(f.SessionID) != b.Session.SessionID {
		t.Fatalf("%+v, %v", f, err)
	}
	b.Expect(session.OTPReady)
	r.Approve(p, b)
	b.Expect(session.ClaimedMessage)
	approved := b.Expect(session.ApprovedMessage)
	rig.ExpectClose(t, b.Socket, ws.CloseNormal, "approved")

	closed, verified := false, false // in either order
	all := entries(t, in, func(e shown) bool {
		closed = closed || e.Kind == "closed" && e.Closed.Code == ws.CloseNormal && e.Closed.Reason == "approved"
		verified = verified || e.Request.Path == "/auth/verify"
		return closed && verified
	})
	of := slices.DeleteFunc(slices.Clone(all), func(e shown) bool { return !slices.Contains(e.Sessions, b.Session.SessionID) })
	want := func(what string, in []shown, is func(shown) bool) {
		t.Helper()
		if !slices.ContainsFunc(in, is) {
			t.Errorf("%s is not shown", what)
		}
	}
	request := func(path, asked, answered string) func(shown) bool {
		return func(e shown) bool {
			return e.Request.Method == http.MethodPost && e.Request.Path == path && e.Request.Status == 200 &&
				strings.Contains(e.Request.RequestBody.Text, asked) && strings.Contains(e.Request.ResponseBody.Text, answered)
		}
	}
	want("initiate", of, request("/auth/initiate", p.Token, `"autoPassword":"`+b.Session.AutoPassword+`"`))
	want("claim", of, request("/auth/claim", p.Device, `"displayHash"`))
	want("verify", of, request("/auth/verify", `"approve"`, `"status":"approved"`))
	want("the upgrade", of, func(e shown) bool {
		return e.Request.Status == 101 && strings.Contains(e.Request.Path, "/ws/session/"+b.Session.SessionID)
	})
	message := func(id int, text string) func(shown) bool {
		return func(e shown) bool { return e.Message.ID == id && strings.Contains(e.Message.Frame.Text, text) }
	}
	want("otp_ready", of, message(1, `"autoPassword":"`+b.Session.AutoPassword+`"`))
	want("claimed", of, message(2, `"claimed"`))
	want("approved", of, message(3, `"jwt":"`+approved.JWT+`"`))
	signed := func(begin string, parts ...string) func(shown) bool {
		return func(e shown) bool {
			lines := strings.Split(string(e.Signed.Bytes), "\n")
			good := e.Signed.Good && strings.HasPrefix(string(e.Signed.Bytes), begin+"\n"+r.Issuer+"\n")
			return good && !slices.ContainsFunc(parts, func(p string) bool { return !slices.Contains(lines, p) })
		}
	}
	want("the signed claim", of, signed("countersign-claim-v1", b.Session.SessionID, p.Token, p.Device))
	want("the signed verification", of, signed("countersign-verify-v1", b.Session.SessionID, "approve", b.Session.AutoPassword, "identity:name"))
	want("the signed enrolment", all, signed("countersign-enroll-v1", p.Key.Public().Thumbprint()))
	want("the signed greeting of the phone's socket", all, signed("countersign-device-ws-v1", p.Token, p.Device))
	want("the phone's frame", of, func(e shown) bool {
		return e.Device.Token == p.Token && e.Device.Device == p.Device && strings.Contains(e.Device.Frame.Text, `"type":"session"`)
	})
	for _, kind := range []string{"session.started", "session.claimed", "session.approved"} {
		want(kind, of, func(e shown) bool { return e.Event.Kind == kind && e.Event.Service == rig.Service })
	}
	want("the close of the socket", of, func(e shown) bool { return e.Closed.Code == ws.CloseNormal && e.Closed.Reason == "approved" })
}

// A signature that is not good is shown with what should have been signed, and a
// service's password is not shown.
func TestInspectorShowsWhatWasWrong(t *testing.T) {
	in := inspector.New()
	r := rig.New(t, rig.Options{Embedded: true, Inspector: in})
	p := r.Phone(0)
	b := r.Shop(0).Start(p.Token)
	body := rig.ClaimBody(p, b.Session.SessionID, "", now())
	body["scan"] = "1:other"
	r.Refused("another scan than was signed", r.Post(0, "/auth/claim", rig.JSON(body)), http.StatusUnauthorized, "invalid_signature")
	all := entries(t, in, func(e shown) bool { return e.Request.Path == "/auth/claim" })
	if !slices.ContainsFunc(all, func(e shown) bool {
		return e.Kind == "signed" && !e.Signed.Good && strings.HasPrefix(string(e.Signed.Bytes), "countersign-claim-v1\n") &&
			strings.Contains(string(e.Signed.Bytes), "\n1:other\n") && slices.Contains(e.Sessions, b.Session.SessionID)
	}) {
		t.Errorf("what should have been signed is not shown: %+v", all)
	}
	named := false
	for _, e := range all {
		if strings.Contains(e.raw, rig.ShopSecret) || strings.Contains(e.raw, strings.TrimPrefix(rig.BasicAuth(rig.Shop, rig.ShopSecret), "Basic ")) {
			t.Errorf("the password is shown: %s", e.raw)
		}
		named = named || strings.Contains(e.raw, `["Authorization","Basic `+rig.Shop+`:`)
	}
	if !named {
		t.Error("it is not shown who authenticated")
	}
}
