package system

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"countersign/api"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	demoCallback = "https://bank.example/callback"
	shopCallback = "https://shop.example/callback?tenant=1"
	pairCallback = "https://pair.example/callback"
)

// oidcRig is two nodes with clients: demo (public), shop (secret), pair (secret,
// subjects of its own).
func oidcRig(t testing.TB, change ...func(*server.Config, *server.Secrets)) *rig.Rig {
	t.Helper()
	return oidcRigAt(t, "", change...)
}

// oidcRigAt is oidcRig with an issuer of another address than a node's.
func oidcRigAt(t testing.TB, issuer string, change ...func(*server.Config, *server.Secrets)) *rig.Rig {
	t.Helper()
	var secrets server.Secrets
	return rig.New(t, rig.Options{
		Issuer: issuer,
		Configure: func(c *server.Config) {
			pair := c.Services[1]
			pair.ID, pair.Name, pair.Subject, pair.RedirectURIs = "pair", "Pair", "pairwise", []string{pairCallback}
			c.Services[0].RedirectURIs = []string{demoCallback, "http://127.0.0.1/callback"}
			c.Services[1].RedirectURIs = []string{shopCallback}
			c.Services = append(c.Services, pair)
			secrets.Services = map[string]server.ServiceSecrets{}
			for _, f := range change {
				f(c, &secrets)
			}
		},
		Secrets: func(s *server.Secrets) {
			s.Message = secrets.Message
			s.Services["pair"] = server.ServiceSecrets{Secret: []byte(rig.ShopSecret)}
			for id, x := range secrets.Services {
				s.Services[id] = x
			}
		},
	})
}

// straight sends what is meant for the issuer to one node, past the contract of
// the direct API.
type straight struct {
	r *rig.Rig
	n int
}

func (x straight) RoundTrip(q *http.Request) (*http.Response, error) {
	q = q.Clone(q.Context())
	q.URL.Host = strings.TrimPrefix(x.r.Nodes[x.n].Base, "http://")
	return http.DefaultTransport.RoundTrip(q)
}

// surfer is a user's browser.
type surfer struct {
	t    testing.TB
	r    *rig.Rig
	http *http.Client
}

func newSurfer(t testing.TB, r *rig.Rig, n int) *surfer {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &surfer{t, r, &http.Client{Transport: straight{r, n}, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// reply is what a browser or client got.
type reply struct {
	status   int
	head     http.Header
	body     string
	location *url.URL
}

func (s *surfer) do(q *http.Request) reply {
	s.t.Helper()
	return fetch(s.t, s.http, q)
}

func fetch(t testing.TB, c *http.Client, q *http.Request) reply {
	t.Helper()
	resp, err := c.Do(q.WithContext(rig.Ctx(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := reply{status: resp.StatusCode, head: resp.Header, body: string(b)}
	if l := resp.Header.Get("Location"); l != "" {
		if out.location, err = url.Parse(l); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func request(t testing.TB, method, address string, body io.Reader, head ...string) *http.Request {
	t.Helper()
	q, err := http.NewRequestWithContext(context.Background(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(head); i += 2 {
		q.Header.Set(head[i], head[i+1])
	}
	return q
}

func (s *surfer) get(address string) reply {
	s.t.Helper()
	return s.do(request(s.t, http.MethodGet, address, nil))
}

// authn speaks to the interface of the login page.
func (s *surfer) authn(id, body string) api.AuthnResponse {
	s.t.Helper()
	a := s.do(request(s.t, http.MethodPut, s.r.Issuer+"/authn/"+id, strings.NewReader(body), "Content-Type", "application/json", "Origin", s.r.Issuer))
	var out api.AuthnResponse
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != http.StatusOK {
		s.t.Fatalf("authn: %d %s", a.status, a.body)
	}
	return out
}

// approve runs the login page for an authorize answer: the phone approves, and
// the location that the page goes to is given.
func (s *surfer) approve(begun reply, p *api.Phone, scopes ...string) string {
	s.t.Helper()
	id, to := operationOf(s.t, s.r, begun), straight{}
	if x, ok := s.http.Transport.(straight); ok {
		to = x
	}
	location := s.r.Page(to.n, id, s.cookies()).Decide(p, session.Approve, scopes...)
	if !strings.HasPrefix(location, s.r.Issuer+"/oidc/authorize/") {
		s.t.Fatalf("the page goes to %s", location)
	}
	return location
}

// cookies are what the browser sends to the issuer, as a header.
func (s *surfer) cookies() string {
	s.t.Helper()
	q := request(s.t, http.MethodGet, s.r.Issuer, nil)
	for _, c := range s.http.Jar.Cookies(q.URL) {
		q.AddCookie(c)
	}
	return q.Header.Get("Cookie")
}

func operationOf(t testing.TB, r *rig.Rig, begun reply) string {
	t.Helper()
	if begun.status != http.StatusSeeOther || begun.location == nil || !strings.HasPrefix(begun.location.String(), r.Issuer+"/login?") {
		t.Fatalf("authorize answered %d %v %s", begun.status, begun.location, begun.body)
	}
	return begun.location.Query().Get("operation")
}

// party is a relying party, made of libraries that know nothing of us.
type party struct {
	t        testing.TB
	r        *rig.Rig
	ctx      context.Context
	config   oauth2.Config
	provider *oidc.Provider
	verifier string
}

func newParty(t testing.TB, r *rig.Rig, n int, id, secret, callback string, scopes ...string) *party {
	t.Helper()
	ctx := oidc.ClientContext(context.Background(), &http.Client{Transport: straight{r, n}})
	provider, err := oidc.NewProvider(ctx, r.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	style := oauth2.AuthStyleInHeader
	if secret == "" {
		style = oauth2.AuthStyleInParams
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = style
	return &party{t: t, r: r, ctx: ctx, provider: provider, verifier: oauth2.GenerateVerifier(),
		config: oauth2.Config{ClientID: id, ClientSecret: secret, Endpoint: endpoint, RedirectURL: callback, Scopes: append([]string{"openid"}, scopes...)}}
}

// at is the same party, talking to node n.
func (p *party) at(n int) *party {
	x := *p
	x.ctx = oidc.ClientContext(context.Background(), &http.Client{Transport: straight{p.r, n}})
	return &x
}

// url is the address of the authorization request; extra are names and values.
func (p *party) url(extra ...string) string {
	o := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(p.verifier), oidc.Nonce("n-1")}
	for i := 0; i < len(extra); i += 2 {
		o = append(o, oauth2.SetAuthURLParam(extra[i], extra[i+1]))
	}
	return p.config.AuthCodeURL("state-1", o...)
}

// code takes the code from the redirect to the client.
func (p *party) code(a reply) string {
	p.t.Helper()
	q := p.back(a)
	if q.Get("code") == "" {
		p.t.Fatalf("no code: %v", q)
	}
	return q.Get("code")
}

// back gives the parameters of the redirect to the client.
func (p *party) back(a reply) url.Values {
	p.t.Helper()
	want, err := url.Parse(p.config.RedirectURL)
	if err != nil {
		p.t.Fatal(err)
	}
	if a.status != http.StatusSeeOther || a.location == nil || a.location.Host != want.Host || a.location.Path != want.Path {
		p.t.Fatalf("not sent back to the client: %d %v %s", a.status, a.location, a.body)
	}
	q := a.location.Query()
	if q.Get("iss") != p.r.Issuer || q.Get("state") != "state-1" {
		p.t.Errorf("iss %q, state %q", q.Get("iss"), q.Get("state"))
	}
	for name, values := range want.Query() {
		if q.Get(name) != values[0] {
			p.t.Errorf("the redirect_uri's own %s is lost: %v", name, q)
		}
	}
	return q
}

func (p *party) redeem(code string) (*oauth2.Token, error) {
	return p.config.Exchange(p.ctx, code, oauth2.VerifierOption(p.verifier))
}

func (p *party) refresh(token string) (*oauth2.Token, error) {
	return p.config.TokenSource(p.ctx, &oauth2.Token{RefreshToken: token}).Token()
}

// login is a whole login on a phone.
func (p *party) login(s *surfer, phone *api.Phone, scopes ...string) *oauth2.Token {
	p.t.Helper()
	return p.tokens(s.get(s.approve(s.get(p.url()), phone, scopes...)))
}

// tokens redeems the code of a redirect to the client.
func (p *party) tokens(a reply) *oauth2.Token {
	p.t.Helper()
	tokens, err := p.redeem(p.code(a))
	if err != nil {
		p.t.Fatal(err)
	}
	return tokens
}

// idToken verifies the id_token.
func (p *party) idToken(tokens *oauth2.Token) (*oidc.IDToken, map[string]any) {
	p.t.Helper()
	raw, ok := tokens.Extra("id_token").(string)
	if !ok {
		p.t.Fatal("no id_token")
	}
	return p.verified(raw)
}

// verified verifies an id_token.
func (p *party) verified(raw string) (*oidc.IDToken, map[string]any) {
	p.t.Helper()
	token, err := p.provider.VerifierContext(p.ctx, &oidc.Config{ClientID: p.config.ClientID}).Verify(p.ctx, raw)
	if err != nil {
		p.t.Fatal(err)
	}
	return token, claimsOf(p.t, raw)
}

// post sends a form to an endpoint of node n; pairs are names and values.
func post(t testing.TB, r *rig.Rig, n int, path string, head []string, pairs ...string) reply {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	head = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, head...)
	return fetch(t, &http.Client{Transport: straight{r, n}}, request(t, http.MethodPost, r.Issuer+path, strings.NewReader(form.Encode()), head...))
}

// shopAuth is shop's Authorization header.
func shopAuth() []string { return []string{"Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret)} }

// wantError checks an error of RFC 6749.
func wantError(t testing.TB, what string, a reply, status int, code string) {
	t.Helper()
	var got struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != status || got.Error != code {
		t.Errorf("%s: %d %s, want %d %s", what, a.status, a.body, status, code)
	}
	if a.head.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: may be cached: %v", what, a.head)
	}
}

// wantRefusal checks the error of a library's token request.
func wantRefusal(t testing.TB, what string, err error, code string) {
	t.Helper()
	refusal, ok := err.(*oauth2.RetrieveError) //nolint:errorlint // the library wraps it in nothing
	if !ok || refusal.ErrorCode != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}
