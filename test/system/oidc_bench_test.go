package system

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"countersign/server"
	"countersign/test/redistest"
	"countersign/test/rig"

	"github.com/redis/go-redis/v9"
)

// providerClients is how many clients ask at once.
const providerClients = 16

// BenchmarkProvider tells what the provider's endpoints cost, over loopback, on one node
// and a real Redis: a login by the browser login (authorize and token), a refresh, and
// userinfo. Sixteen clients with grants of their own ask at once; redis-trips is how often
// Redis is sent something for one of them, several that go out together counting as one.
func BenchmarkProvider(b *testing.B) {
	for _, c := range []struct {
		name string
		step func(x *providerBench, u *benchUser) error
	}{
		{"login", (*providerBench).login}, {"refresh", (*providerBench).refresh}, {"userinfo", (*providerBench).userinfo},
	} {
		b.Run(c.name, func(b *testing.B) {
			x := newProviderBench(b)
			trips := x.trips()
			b.ResetTimer()
			var next atomic.Int64
			var all sync.WaitGroup
			for i := range x.users {
				all.Go(func() {
					for next.Add(1) <= int64(b.N) {
						if err := c.step(x, x.users[i]); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.StopTimer()
			b.ReportMetric(float64(x.trips()-trips)/float64(b.N), "redis-trips/op")
		})
	}
}

// A benchUser is a user at a browser of their own, and the client that they log in at.
type benchUser struct {
	p       *party
	browser *http.Client
	access  string
	refresh string
}

type providerBench struct {
	b     *testing.B
	r     *rig.Rig
	db    *redis.Client
	users []*benchUser
}

func newProviderBench(b *testing.B) *providerBench {
	b.Helper()
	r := rig.New(b, rig.Options{Nodes: 1, Redis: redistest.Start(b), Configure: func(c *server.Config) {
		c.Services[0].RedirectURIs = []string{demoCallback}
	}})
	x := &providerBench{b: b, r: r, db: redis.NewClient(&redis.Options{Addr: r.Redis.Addr})}
	b.Cleanup(func() { _ = x.db.Close() })
	keep := &http.Transport{MaxIdleConnsPerHost: providerClients}
	for range providerClients {
		s, p := newSurfer(b, r, 0), newParty(b, r, 0, rig.Service, "", demoCallback, "profile", "offline_access")
		tokens := p.login(s, r.Phone(0))
		s.http.Transport = kept{straight{r, 0}, keep}
		x.users = append(x.users, &benchUser{p, s.http, tokens.AccessToken, tokens.RefreshToken})
	}
	return x
}

// kept is straight, over connections that are kept for as many as ask at once.
type kept struct {
	straight
	by *http.Transport
}

func (k kept) RoundTrip(q *http.Request) (*http.Response, error) {
	q = q.Clone(q.Context())
	q.URL.Host = strings.TrimPrefix(k.r.Nodes[k.n].Base, "http://")
	return k.by.RoundTrip(q)
}

// trips is how often Redis has been sent something.
func (x *providerBench) trips() int {
	x.b.Helper()
	info, err := x.db.Info(context.Background(), "stats").Result()
	_, rest, _ := strings.Cut(info, "total_reads_processed:")
	var n int
	if _, wrong := fmt.Sscan(rest, &n); err != nil || wrong != nil {
		x.b.Fatalf("%v in %s", err, info)
	}
	return n
}

func (x *providerBench) login(u *benchUser) error {
	q, err := http.NewRequestWithContext(context.Background(), http.MethodGet, u.p.url(), nil)
	if err != nil {
		return err
	}
	resp, err := u.browser.Do(q)
	if err != nil {
		return err
	}
	resp.Body.Close()
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil {
		return err
	}
	return x.token(u, "grant_type", "authorization_code", "code", to.Query().Get("code"), "redirect_uri", demoCallback, "code_verifier", u.p.verifier)
}

func (x *providerBench) refresh(u *benchUser) error {
	return x.token(u, "grant_type", "refresh_token", "refresh_token", u.refresh)
}

func (x *providerBench) userinfo(u *benchUser) error {
	q, err := http.NewRequestWithContext(context.Background(), http.MethodGet, x.r.Issuer+"/oidc/userinfo", nil)
	if err != nil {
		return err
	}
	q.Header.Set("Authorization", "Bearer "+u.access)
	var told struct{ Sub string }
	if err := u.ask(q, &told); err != nil || told.Sub == "" {
		return fmt.Errorf("userinfo: %q %w", told.Sub, err)
	}
	return nil
}

// token asks the token endpoint; pairs are names and values.
func (x *providerBench) token(u *benchUser, pairs ...string) error {
	form := url.Values{"client_id": {rig.Service}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	q, err := http.NewRequestWithContext(context.Background(), http.MethodPost, x.r.Issuer+"/oidc/token", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var got struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := u.ask(q, &got); err != nil {
		return err
	}
	u.access, u.refresh = got.Access, got.Refresh
	return nil
}

// ask sends a request that must succeed.
func (u *benchUser) ask(q *http.Request, answer any) error {
	resp, err := u.browser.Do(q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %d %s", q.URL.Path, resp.StatusCode, body)
	}
	return json.Unmarshal(body, answer)
}
