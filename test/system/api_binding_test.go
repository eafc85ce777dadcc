package system

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"countersign/api"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
)

func TestRequireBinding(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) { c.Services[0].RequireBinding = true }})
	none := func(q *api.StartRequest) { q.Challenge = nil }
	if err := r.Browser(0).TryStart("", none); api.CodeOf(err) != "challenge_required" {
		t.Errorf("without a challenge: %v", err)
	}
	r.Browser(0).Start("")
	r.Shop(0).Start("", none)
}

// The wsToken alone opens nothing of a session with a challenge.
func TestVerifierIsNeeded(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	b, other := r.Browser(0).Start(""), r.Browser(0).Start("")
	path := "/auth/session/" + b.Session.SessionID
	for what, head := range map[string][]string{
		"no verifier":             {"Authorization", "Bearer " + b.Session.WSToken},
		"another verifier":        {"Authorization", "Bearer " + b.Session.WSToken, "Countersign-Verifier", other.Verifier},
		"the challenge":           {"Authorization", "Bearer " + b.Session.WSToken, "Countersign-Verifier", session.ChallengeOf(b.Verifier)},
		"another session's token": {"Authorization", "Bearer " + other.Session.WSToken, "Countersign-Verifier", b.Verifier},
		"no token":                {"Countersign-Verifier", b.Verifier},
		"the token as Basic":      {"Authorization", "Token " + b.Session.WSToken, "Countersign-Verifier", b.Verifier},
	} {
		r.Refused("poll, "+what, r.Send(0, http.MethodGet, path, "", head...), 401, "invalid_ws_token")
		r.Refused("events, "+what, r.Send(0, http.MethodGet, path+"/events", "", head...), 401, "invalid_ws_token")
		r.Refused("cancel, "+what, r.Send(0, http.MethodPost, path+"/cancel", "", head...), 401, "invalid_ws_token")
	}
	if p, err := b.Client.Poll(rig.Ctx(t), b.Session, b.Verifier, 0, 0); err != nil || p.Status != "pending" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestCancelByService(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	b, theirs := r.Shop(0).Start(""), r.Browser(0).Start("")
	if _, err := b.Client.CancelAsService(rig.Ctx(t), theirs.Session.SessionID); api.CodeOf(err) != "session_not_found" {
		t.Errorf("another service's session: %v", err)
	}
	if _, err := b.Client.CancelAsService(rig.Ctx(t), "sess_x"); api.CodeOf(err) != "session_not_found" {
		t.Errorf("no session: %v", err)
	}
	r.Refused("wrong secret", r.Send(0, http.MethodPost, "/auth/session/"+b.Session.SessionID+"/cancel", "",
		"Authorization", rig.BasicAuth(rig.Shop, "x")), 401, "service_auth_failed")
	for range 2 {
		if out, err := b.Client.CancelAsService(rig.Ctx(t), b.Session.SessionID); err != nil || out.Status != "cancelled" {
			t.Errorf("%+v, %v", out, err)
		}
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	challenge, other := session.ChallengeOf(rig.NewVerifier()), session.ChallengeOf(rig.NewVerifier())
	body := `{"serviceId":"demo","challenge":"` + challenge + `"}`
	first := r.Post(0, initiate, body, "Idempotency-Key", "k1")
	s := started(t, r, first)
	if again := r.Post(1, initiate, body, "Idempotency-Key", "k1"); string(again.Body) != string(first.Body) {
		t.Errorf("the same request got another answer: %s and %s", first.Body, again.Body)
	}
	differ := func(what string, a rig.Answer) {
		t.Helper()
		if x := started(t, r, a); x.SessionID == s.SessionID {
			t.Errorf("%s: the same session", what)
		}
	}
	r.Refused("another body", r.Post(0, initiate, body+" ", "Idempotency-Key", "k1"), 409, "idempotency_conflict")
	differ("another key", r.Post(0, initiate, body, "Idempotency-Key", "k2"))
	differ("no key", r.Post(0, initiate, body))
	differ("another challenge", r.Post(0, initiate, `{"serviceId":"demo","challenge":"`+other+`"}`, "Idempotency-Key", "k1"))
	for what, key := range map[string]string{"spaces": "a b", "long": string(make([]byte, 65)), "umlaut": "ä"} {
		if what == "long" {
			key = "0123456789012345678901234567890123456789012345678901234567890123x"
		}
		r.Refused(what, r.Post(0, initiate, body, "Idempotency-Key", key), 400, "invalid_request")
	}
	open := `{"serviceId":"demo"}`
	if a, b := started(t, r, r.Post(0, initiate, open, "Idempotency-Key", "k3")), started(t, r, r.Post(0, initiate, open, "Idempotency-Key", "k3")); a.SessionID == b.SessionID {
		t.Error("a key that anybody can guess was honoured")
	}
	auth := []string{"Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret), "Idempotency-Key", "k1"}
	a, b := r.Send(0, http.MethodPost, initiate, ``, auth...), r.Send(1, http.MethodPost, initiate, ``, auth...)
	if string(a.Body) != string(b.Body) {
		t.Errorf("an authenticated service: %s and %s", a.Body, b.Body)
	}
	differ("another service", a)
}

// A key stands for a session as long as that is kept, and not longer.
func TestIdempotencyKeyOutlivesItsSession(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) { c.Session.ResultTTL = 50 * time.Millisecond }})
	verifier := rig.NewVerifier()
	body := `{"serviceId":"demo","challenge":"` + session.ChallengeOf(verifier) + `"}`
	s := started(t, r, r.Post(0, initiate, body, "Idempotency-Key", "k"))
	b := r.Browser(0)
	if _, err := b.Client.Cancel(rig.Ctx(t), s, verifier); err != nil {
		t.Fatal(err)
	}
	r.Eventually("the session is forgotten", func() bool {
		_, err := b.Client.Poll(rig.Ctx(t), s, verifier, 0, 0)
		return api.CodeOf(err) == "session_not_found"
	})
	if again := started(t, r, r.Post(0, initiate, body, "Idempotency-Key", "k")); again.SessionID == s.SessionID {
		t.Error("a session that is forgotten was given again")
	}
}

func TestIdempotencyInParallel(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: func(c *server.Config) {
		c.Limits.Disabled = false
		c.Limits.InitiatePerIP = server.Rate{N: 1000, Per: time.Minute}
	}})
	p := r.Phone(0)
	body := rig.JSON(map[string]any{"serviceId": rig.Service, "tokenId": p.Token, "challenge": session.ChallengeOf(rig.NewVerifier())})
	answers := make([]rig.Answer, 20)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = r.Post(i%2, initiate, body, "Idempotency-Key", "k") })
	}
	wg.Wait()
	id := started(t, r, answers[0]).SessionID
	for _, a := range answers {
		if string(a.Body) != string(answers[0].Body) {
			t.Errorf("%s and %s", a.Body, answers[0].Body)
		}
	}
	waiting, err := p.Pending(rig.Ctx(t))
	if err != nil || len(waiting.Sessions) != 1 || waiting.Sessions[0].SessionID != id {
		t.Errorf("%d sessions wait, want the one: %v", len(waiting.Sessions), err)
	}
}

func TestPendingPerUser(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: func(c *server.Config) { c.Limits.Disabled = false }})
	p := r.Phone(0)
	listed := map[string]bool{}
	var last *rig.Browser
	for i := range 4 {
		last = r.Browser(i % 2).Start(p.Token)
		listed[last.Session.SessionID] = i < 3
	}
	check := func(want int) {
		t.Helper()
		waiting, err := p.Pending(rig.Ctx(t))
		if err != nil || len(waiting.Sessions) != want {
			t.Fatalf("%+v, %v, want %d", waiting, err, want)
		}
		for _, s := range waiting.Sessions {
			if !listed[s.SessionID] || s.ServiceName != "Acme Bank" || s.Mode != "enter" || s.AutoPassword != "" || !wholeSecond.MatchString(s.ExpiresAt) {
				t.Errorf("listed: %+v", s)
			}
		}
	}
	check(3)
	c := r.Claim(p, last.Session.SessionID, scanOf(t, last.Session, 0))
	if _, err := p.Verify(rig.Ctx(t), c, session.Approve, "qr:"+c.Scan, []string{"identity:name"}); err != nil {
		t.Errorf("the unlisted session: %v", err)
	}
	check(3)
}
