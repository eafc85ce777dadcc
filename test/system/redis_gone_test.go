package system

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"countersign/api"
	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"
)

// status is what an ops address answers.
func status(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(rig.Ctx(t), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req) // what it answers is not of the contract
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// routes asks every way in that needs Redis.
func routes(r *rig.Rig, n int, p *api.Phone, b *rig.Browser, c api.Claimed) map[string]func() rig.Answer {
	path := "/auth/session/" + b.Session.SessionID
	bearer := []string{"Authorization", "Bearer " + b.Session.WSToken, "Countersign-Verifier", b.Verifier, "Origin", rig.Origin}
	post := func(path string, m map[string]any) rig.Answer { return r.Send(n, http.MethodPost, path, rig.JSON(m)) }
	page := r.Page(n, "op_AAAAAAAAAAAAAAAAAAAAAA", "countersign-op_AAAAAAAAAAAAAAAAAAAAAA=secret")
	return map[string]func() rig.Answer{
		"an operation": func() rig.Answer { return page.Put(`{"type":"init"}`) },
		"an operation's page": func() rig.Answer {
			return r.Send(n, http.MethodGet, "/login?operation="+page.ID, "", "Cookie", page.Cookie)
		},
		"initiate": func() rig.Answer { return r.Post(n, initiate, `{"serviceId":"demo"}`) },
		"initiate, idempotent": func() rig.Answer {
			return r.Post(n, initiate, `{"serviceId":"demo","challenge":"`+session.ChallengeOf(rig.NewVerifier())+`"}`, "Idempotency-Key", "k")
		},
		"poll":   func() rig.Answer { return r.Send(n, http.MethodGet, path+"?wait=5", "", bearer...) },
		"events": func() rig.Answer { return r.Send(n, http.MethodGet, path+"/events", "", bearer...) },
		"cancel": func() rig.Answer { return r.Send(n, http.MethodPost, path+"/cancel", "", bearer...) },
		"cancel by the service": func() rig.Answer {
			return r.Send(n, http.MethodPost, path+"/cancel", "", "Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret))
		},
		"enroll":  func() rig.Answer { return enrol(r, n, enrolBody(r.NewPhone(n), "", now())) },
		"pending": func() rig.Answer { return post("/auth/pending", rig.PendingBody(p, now())) },
		"claim":   func() rig.Answer { return post("/auth/claim", rig.ClaimBody(p, b.Session.SessionID, "", now())) },
		"verify": func() rig.Answer {
			return post(verifyPath, rig.VerifyBody(p, c, session.Approve, b.Session.AutoPassword, now()))
		},
	}
}

// unavailable checks that every route says so, soon, and that nothing else does.
func unavailable(t *testing.T, r *rig.Rig, ask map[string]func() rig.Answer) {
	t.Helper()
	for name, f := range ask {
		begun := time.Now()
		a := f()
		r.Refused(name, a, 503, "unavailable")
		if after, err := strconv.Atoi(a.Head.Get("Retry-After")); err != nil || after < 1 {
			t.Errorf("%s: Retry-After %q", name, a.Head.Get("Retry-After"))
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
	for n := range r.Nodes {
		if s := status(t, r.Nodes[n].Ops+"/livez"); s != http.StatusOK {
			t.Errorf("livez %d", s)
		}
		if s := status(t, r.Nodes[n].Ops+"/readyz"); s != http.StatusServiceUnavailable {
			t.Errorf("readyz %d", s)
		}
	}
	r.Refused("what needs no Redis", r.Send(0, http.MethodGet, "/nothing", ""), 404, "not_found")
	if a := r.Send(0, http.MethodGet, "/.well-known/jwks.json", ""); a.Status != http.StatusOK {
		t.Errorf("keys: %d", a.Status)
	}
}

func TestRedisKilled(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	before := login(t, r, p, r.Browser(0).Start(p.Token), "identity:name")
	b := r.Browser(0).Start(p.Token).Watch()
	b.Expect(session.OTPReady)
	c := r.Claim(p, b.Session.SessionID, "")
	b.Expect(session.ClaimedMessage)
	r.Redis.Stop()
	unavailable(t, r, routes(r, 0, p, b, c))
	unavailable(t, r, routes(r, 1, p, b, c))
	if late, err := ws.Dial(rig.Ctx(t), b.URL(), ws.DialOptions{Verifier: b.Verifier, Origin: rig.Origin}); err != nil {
		t.Error(err)
	} else {
		rig.ExpectClose(t, late, ws.CloseTryAgain, "")
	}
	r.Redis.Restart(t)
	for _, n := range r.Nodes {
		r.Eventually("ready again", func() bool { return status(t, n.Ops+"/readyz") == http.StatusOK })
	}
	// What Redis forgot nobody approves.
	r.Refused("the old session", verify(r, 1, rig.VerifyBody(p, c, session.Approve, b.Session.AutoPassword, now())), 404, "session_not_found")
	if m, err := b.Socket.Next(rig.Ctx(t)); err == nil {
		t.Errorf("a session that nobody could approve: %+v", m)
	}
	for i := range 6 {
		q := r.Phone(i % 2)
		m := login(t, r, q, r.Browser((i+1)%2).Start(q.Token), "identity:name")
		for n := range r.Nodes {
			check(t, r, n, rig.Service, m.JWT)
		}
	}
	for n := range r.Nodes { // tokens issued before live on
		check(t, r, n, rig.Service, before.JWT)
	}
}

// A Redis that hangs is no better than none.
func TestRedisHangs(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	p := r.Phone(0)
	b := r.Browser(0).Start(p.Token)
	c := r.Claim(p, b.Session.SessionID, "")
	x := newInfo(t, r.Redis.Addr)
	if _, err := x.c.Write([]byte("CLIENT PAUSE 600000 ALL\r\n")); err != nil {
		t.Fatal(err)
	}
	if line, err := x.r.ReadString('\n'); err != nil || line != "+OK\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	r.Eventually("not ready", func() bool { return status(t, r.Nodes[0].Ops+"/readyz") == http.StatusServiceUnavailable })
	unavailable(t, r, routes(r, 0, p, b, c))
}

// A node that comes before its Redis waits for it, and says so.
func TestNodeBeforeRedis(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	if err := r.Nodes[0].Stop(); err != nil {
		t.Fatal(err)
	}
	r.Redis.Stop()
	n, ready := r.Launch(nil)
	r.Eventually("it is alive", func() bool { return status(t, n.Ops+"/livez") == http.StatusOK })
	if s := status(t, n.Ops+"/readyz"); s != http.StatusServiceUnavailable {
		t.Errorf("readyz %d", s)
	}
	r.Eventually("it says what it waits for", func() bool { return r.Log.Contains("redis is not reachable, trying again") })
	r.Redis.Restart(t)
	<-ready
	r.Eventually("it is ready", func() bool { return status(t, n.Ops+"/readyz") == http.StatusOK })
	p := r.Phone(1)
	login(t, r, p, r.Browser(1).Start(p.Token))
}
