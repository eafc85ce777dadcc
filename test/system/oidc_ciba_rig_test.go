package system

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"countersign/api"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
)

const cibaGrant = "urn:openid:params:grant-type:ciba"

// A receiver is a back end that is told things.
type receiver struct {
	*httptest.Server
	got chan told
}

// told is what it was told.
type told struct {
	head http.Header
	body string
}

// newReceiver answers with the statuses given, the last for good.
func newReceiver(t *testing.T, statuses ...int) *receiver {
	t.Helper()
	x := &receiver{got: make(chan told, 32)}
	answers := make(chan int, len(statuses))
	for _, s := range statuses {
		answers <- s
	}
	x.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("receiver: %v", err)
		}
		status := http.StatusNoContent
		if len(answers) > 0 {
			status = <-answers
		}
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		x.got <- told{r.Header, string(b)}
	}))
	t.Cleanup(x.Close)
	return x
}

// next waits for what it is told.
func (x *receiver) next(t *testing.T) told {
	t.Helper()
	select {
	case m := <-x.got:
		return m
	case <-rig.Ctx(t).Done():
		t.Fatal("nobody told anything")
		return told{}
	}
}

// cibaRig is oidcRig with shop polling, and pair being pinged at the address given.
func cibaRig(t *testing.T, pinged string, change ...func(*server.Config, *server.Secrets)) *rig.Rig {
	t.Helper()
	change = append([]func(*server.Config, *server.Secrets){func(c *server.Config, _ *server.Secrets) {
		c.Services[1].CIBA.Delivery = "poll"
		c.Services[1].Modes = []string{"enter"}
		c.Services[2].CIBA = server.CIBAConfig{Delivery: "ping", NotificationURI: pinged}
		c.Outgoing.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}}, change...)
	return oidcRig(t, change...)
}

// asked is the answer to a CIBA request.
type asked struct {
	ID       string `json:"auth_req_id"`
	In       int    `json:"expires_in"`
	Interval int    `json:"interval"`
	Code     string `json:"autoPassword"`
}

// A caller is a client that makes CIBA requests.
type caller struct {
	t *testing.T
	r *rig.Rig
	n int
	// head authenticates it.
	head []string
}

func newCaller(t *testing.T, r *rig.Rig, n int, client string) *caller {
	return &caller{t, r, n, []string{"Authorization", rig.BasicAuth(client, rig.ShopSecret)}}
}

// try makes a request; pairs come after the usual ones.
func (c *caller) try(pairs ...string) reply {
	c.t.Helper()
	return post(c.t, c.r, c.n, "/oidc/bc-authorize", c.head, append([]string{"scope", "openid identity:name"}, pairs...)...)
}

// ask is try, of which nothing may go wrong.
func (c *caller) ask(pairs ...string) asked {
	c.t.Helper()
	var out asked
	a := c.try(pairs...)
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != http.StatusOK || out.ID == "" || len(out.Code) != 6 || out.In <= 0 || out.Interval != 5 {
		c.t.Fatalf("bc-authorize: %d %s", a.status, a.body)
	}
	if a.head.Get("Cache-Control") != "no-store" {
		c.t.Errorf("may be cached: %v", a.head)
	}
	return out
}

// poll asks for the tokens.
func (c *caller) poll(id string) reply {
	c.t.Helper()
	return post(c.t, c.r, c.n, "/oidc/token", c.head, "grant_type", cibaGrant, "auth_req_id", id)
}

// decide lets a phone claim the one session that waits for it, and decide. It
// gives what the phone showed.
func decide(t *testing.T, r *rig.Rig, p *api.Phone, d session.Decision, code string, scopes ...string) api.Display {
	t.Helper()
	c := waiting(t, r, p)
	if _, err := p.Verify(rig.Ctx(t), c, d, code, scopes); err != nil {
		t.Fatalf("verify: %v", err)
	}
	shown, err := api.ParseDisplay(c.Display)
	if err != nil {
		t.Fatal(err)
	}
	return shown
}

// waiting lets a phone claim the one session that waits for it.
func waiting(t *testing.T, r *rig.Rig, p *api.Phone) api.Claimed {
	t.Helper()
	list, err := p.Pending(rig.Ctx(t))
	if err != nil || len(list.Sessions) != 1 {
		t.Fatalf("%d sessions wait, %v", len(list.Sessions), err)
	}
	return r.Claim(p, list.Sessions[0].SessionID, "")
}
