package system

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"countersign/api"
	"countersign/device"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
)

// limited switches the limits on, and trusts this machine as a proxy.
func limited(c *server.Config) {
	c.Limits.Disabled = false
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
}

// rateLimited checks a 429, and that it says when to come back.
func rateLimited(t *testing.T, r *rig.Rig, what string, a rig.Answer, most int) {
	t.Helper()
	r.Refused(what, a, 429, "rate_limited")
	if after, err := strconv.Atoi(a.Head.Get("Retry-After")); err != nil || after < 1 || after > most {
		t.Errorf("%s: Retry-After %q", what, a.Head.Get("Retry-After"))
	}
}

func TestInitiatePerAddress(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: limited})
	start := func(n int, head ...string) rig.Answer { return r.Post(n, initiate, `{"serviceId":"demo"}`, head...) }
	for i := range 30 {
		started(t, r, start(i%2, "X-Forwarded-For", "203.0.113.1"))
	}
	for n := range 2 { // on every node, however often it is asked
		for range 2 {
			rateLimited(t, r, "the 31st", start(n, "X-Forwarded-For", "203.0.113.1"), 3)
		}
	}
	for what, head := range map[string][]string{
		"by Forwarded":                {"Forwarded", `for=203.0.113.1;proto=https`},
		"with a port":                 {"Forwarded", `for="203.0.113.1:4711"`},
		"mapped":                      {"X-Forwarded-For", "::ffff:203.0.113.1"},
		"through two proxies":         {"X-Forwarded-For", "203.0.113.1, 10.1.2.3"},
		"through two, Forwarded":      {"Forwarded", `for=203.0.113.1, for=10.1.2.3`},
		"two header lines":            {"X-Forwarded-For", "203.0.113.1", "X-Forwarded-For", "10.1.2.3"},
		"written by the client first": {"X-Forwarded-For", "198.51.100.7, 203.0.113.1"},
		"both, agreed":                {"X-Forwarded-For", "203.0.113.1", "Forwarded", "for=203.0.113.1"},
	} {
		rateLimited(t, r, what, start(0, head...), 3)
	}
	for _, other := range []string{"203.0.113.2", "2001:db8::1"} {
		started(t, r, start(0, "X-Forwarded-For", other))
	}
}

func TestIPv6IsCountedByNetwork(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) {
		limited(c)
		c.Limits.InitiatePerIP = server.Rate{N: 3, Per: time.Minute}
	}})
	start := func(addr string) rig.Answer {
		return r.Post(0, initiate, `{"serviceId":"demo"}`, "Forwarded", `for="[`+addr+`]"`)
	}
	for i := range 3 {
		started(t, r, start(fmt.Sprintf("2001:db8:0:7:%x::1", i)))
	}
	rateLimited(t, r, "the same /64", start("2001:db8:0:7:ffff:ffff:ffff:ffff"), 20)
	started(t, r, start("2001:db8:0:8::1"))
}

// A client's own headers never make it somebody else.
func TestSpoofedAddresses(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) {
		limited(c)
		c.TrustedProxies = nil
		c.Limits.InitiatePerIP = server.Rate{N: 3, Per: time.Minute}
	}})
	start := func(i int) rig.Answer {
		return r.Post(0, initiate, `{"serviceId":"demo"}`, "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i), "Forwarded", fmt.Sprintf("for=203.0.113.%d", i))
	}
	for i := range 3 {
		started(t, r, start(i))
	}
	rateLimited(t, r, "spoofed", start(3), 20)
}

// A proxy that writes one of the headers lets the other pass as the client sent it.
func TestTheOtherHeaderIsNotBelieved(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) {
		limited(c)
		c.Limits.InitiatePerIP = server.Rate{N: 3, Per: time.Minute}
	}})
	start := func(i int) rig.Answer {
		return r.Post(0, initiate, `{"serviceId":"demo"}`, "X-Forwarded-For", "203.0.113.9", "Forwarded", fmt.Sprintf("for=198.51.100.%d", i))
	}
	for i := range 3 {
		started(t, r, start(i))
	}
	rateLimited(t, r, "spoofed", start(3), 20)
}

func TestEnrolPerAddress(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: limited})
	for range 10 {
		r.Phone(0)
	}
	rateLimited(t, r, "the 11th", enrol(r, 0, enrolBody(r.NewPhone(0), "", now())), 361)
}

func TestPhonePerAddress(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) {
		limited(c)
		c.Limits.VerifyPerIP = server.Rate{N: 5, Per: time.Minute}
	}})
	p := r.Phone(0)
	b := r.Browser(0).Start(p.Token)
	// Unknown devices count too: claim, verify and pending apart.
	stranger := &api.Phone{Client: p.Client, Key: p.Key, Token: p.Token, Device: string(device.NewID())}
	c := api.Claimed{SessionID: b.Session.SessionID, ServiceID: rig.Service}
	routes := map[string]func() rig.Answer{
		"claim": func() rig.Answer {
			return r.Send(0, http.MethodPost, "/auth/claim", rig.JSON(rig.ClaimBody(stranger, c.SessionID, "", now())))
		},
		"verify": func() rig.Answer { return verify(r, 0, rig.VerifyBody(stranger, c, session.Approve, "123456", now())) },
		"pending": func() rig.Answer {
			return r.Send(0, http.MethodPost, "/auth/pending", rig.JSON(rig.PendingBody(stranger, now())))
		},
	}
	for name, ask := range routes {
		for range 5 {
			r.Refused(name, ask(), 401, "unknown_device")
		}
		rateLimited(t, r, name, ask(), 13)
	}
	if a := r.Send(0, http.MethodPost, "/auth/claim", rig.JSON(rig.ClaimBody(p, c.SessionID, "", now())), "X-Forwarded-For", "203.0.113.1"); a.Status != 200 {
		t.Errorf("from another address: %d %s", a.Status, a.Body)
	}
}

// guesses sends wrong codes, three a session, until an answer is not one of
// those to a wrong code.
func guesses(t *testing.T, r *rig.Rig, p *api.Phone) (wrong int, last rig.Answer) {
	t.Helper()
	for {
		b := r.Browser(wrong % 2).Start(p.Token)
		a := r.Send(1, http.MethodPost, "/auth/claim", rig.JSON(rig.ClaimBody(p, b.Session.SessionID, "", now())))
		if a.Status != http.StatusOK {
			return wrong, a
		}
		c := api.Claimed{SessionID: b.Session.SessionID, ServiceID: rig.Service}
		r.Into(a, &c.ClaimResponse)
		for range session.MaxAttempts {
			a := verify(r, 0, rig.VerifyBody(p, c, session.Approve, rig.WrongCode(b.Session.AutoPassword), now()))
			if a.Problem.Code != "invalid_otp" && a.Problem.Code != "too_many_attempts" {
				return wrong, a
			}
			wrong++
		}
	}
}

// The locks of wrong codes hold though the limits are disabled.
func TestWrongCodesLockTheDevice(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	wrong, a := guesses(t, r, p)
	r.Refused("locked", a, 429, "locked")
	if after, err := strconv.Atoi(a.Head.Get("Retry-After")); wrong != 10 || err != nil || after < 20 || after > 30 {
		t.Errorf("after %d wrong codes, Retry-After %q", wrong, a.Head.Get("Retry-After"))
	}
	second := r.NewPhone(0)
	code, _, err := r.Nodes[0].Server.Registry().NewCode(rig.Ctx(t), device.TokenID(p.Token))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Enrol(rig.Ctx(t), string(code), "Alice's other phone", "test"); err != nil {
		t.Fatal(err)
	}
	r.Approve(second, r.Browser(0).Start(p.Token)) // only the device is locked
	if _, err := p.Pending(rig.Ctx(t)); api.CodeOf(err) != "locked" {
		t.Errorf("pending: %v", err)
	}
}

func TestWrongCodesInARowLockTheIdentity(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: func(c *server.Config) { c.Limits.WrongCodesInARow = 4 }})
	p := r.Phone(0)
	for range 2 { // a success between begins anew
		b := r.Browser(0).Start(p.Token)
		c := r.Claim(p, b.Session.SessionID, "")
		for range 2 {
			r.Refused("wrong", verify(r, 0, rig.VerifyBody(p, c, session.Approve, rig.WrongCode(b.Session.AutoPassword), now())), 403, "invalid_otp")
		}
		approved(t, "right", verify(r, 1, rig.VerifyBody(p, c, session.Approve, b.Session.AutoPassword, now())))
	}
	wrong, a := guesses(t, r, p)
	r.Refused("locked", a, 429, "locked")
	if wrong != 4 || a.Head.Get("Retry-After") == "" {
		t.Errorf("after %d wrong codes, Retry-After %q", wrong, a.Head.Get("Retry-After"))
	}
	i, err := r.Nodes[0].Server.Registry().Store.Identity(rig.Ctx(t), device.TokenID(p.Token))
	if err != nil || i.Status != device.Locked {
		t.Errorf("%v, %v", i.Status, err)
	}
}

// One service may hold half of all sessions, one address a hundredth; ends and
// time give the room back. The limits being disabled changes nothing.
func TestOutstandingSessions(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: func(c *server.Config) {
		limited(c)
		c.Limits.Disabled, c.Limits.OutstandingSessions = true, 400
	}})
	from := func(n int, addr string) rig.Answer {
		return r.Post(n, initiate, `{"serviceId":"demo"}`, "X-Forwarded-For", addr)
	}
	for range 4 {
		started(t, r, from(0, "203.0.113.1"))
	}
	rateLimited(t, r, "an address's 5th", from(0, "203.0.113.1"), 1)
	r.Eventually("the other node knows", func() bool { return from(1, "203.0.113.1").Status == 429 })
	auth := rig.BasicAuth(rig.Shop, rig.ShopSecret)
	shop := func(n, i int) rig.Answer {
		return r.Send(n, http.MethodPost, initiate, ``, "Authorization", auth, "X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i))
	}
	cancel := func(a rig.Answer) {
		a = r.Send(0, http.MethodPost, "/auth/session/"+started(t, r, a).SessionID+"/cancel", "", "Authorization", auth)
		if a.Status != http.StatusOK {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	var last rig.Answer
	for i := range 200 {
		last = shop(0, i)
		started(t, r, last)
	}
	rateLimited(t, r, "a service's 201st", shop(0, 200), 1)
	started(t, r, from(0, "203.0.113.77")) // other services have room
	r.Eventually("the other node knows", func() bool {
		a := shop(1, 201)
		if a.Status == http.StatusOK {
			cancel(a)
		}
		return a.Status == http.StatusTooManyRequests
	})
	cancel(last)
	r.Eventually("an end leaves room", func() bool { return shop(0, 202).Status == http.StatusOK })
}

func TestOutstandingExpires(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) {
		c.Limits.OutstandingSessions, c.Session.TTL = 3, time.Second // one for a service, one for an address
	}})
	r.Browser(0).Start("")
	if err := r.Browser(0).TryStart(""); api.CodeOf(err) != "rate_limited" {
		t.Fatalf("%v", err)
	}
	r.Eventually("the first has expired", func() bool { return r.Browser(0).TryStart("") == nil })
}

// All being full is the server's trouble, not the caller's.
func TestOverloaded(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) {
		limited(c)
		c.Limits.Disabled, c.Limits.OutstandingSessions = true, 2
	}})
	started(t, r, r.Post(0, initiate, `{"serviceId":"demo"}`, "X-Forwarded-For", "203.0.113.1"))
	started(t, r, r.Send(0, http.MethodPost, initiate, ``, "Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret), "X-Forwarded-For", "203.0.113.2"))
	a := r.Post(0, initiate, `{"serviceId":"demo"}`, "X-Forwarded-For", "203.0.113.3")
	r.Refused("full", a, 503, "overloaded")
	if a.Head.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
