package browser

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"countersign/server"
	"countersign/test/rig"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// A party is a relying party on an origin of its own, as one is written with
// common libraries: it sends the browser to the provider with PKCE, state and
// nonce, and takes the tokens from server to server.
type party struct {
	*World
	origin   string
	oauth    oauth2.Config
	provider *oidc.Provider
	logins   *template.Template
	sends    string // where it sends browsers instead of to the provider, with the same query

	mu    sync.Mutex
	begun map[string]attempt // by state
}

// attempt is what the party keeps of a login that it began.
type attempt struct{ verifier, nonce string }

// outcome is what the party knows once somebody is logged in, and shows.
type outcome struct {
	IDToken  map[string]any `json:"idToken"`
	Userinfo map[string]any `json:"userinfo"`
	Scope    string         `json:"scope"`
	Raw      string         `json:"raw"` // the id_token as it came
}

// outcomePage is where every login ends, well or not.
const outcomePage = `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Party</title>
<h1>{{.Title}}</h1><pre data-testid="{{.Kind}}">{{.Text}}</pre></html>`

// newParties gives a public client, the hosted service, and one with a secret,
// the bank.
func newParties(t *testing.T, configure ...func(*server.Config)) (public, confidential *party) {
	t.Helper()
	first, second := listen(t), listen(t)
	w := newWorld(t, append([]func(*server.Config){func(c *server.Config) {
		c.Services[0].RedirectURIs = []string{origin(first) + "/callback"}
		c.Services[1].RedirectURIs = []string{origin(second) + "/callback"}
	}}, configure...)...)
	public, confidential = w.party(origin(first), hostedID, ""), w.party(origin(second), bankID, bankSecret)
	serve(t, first, public)
	serve(t, second, confidential)
	return public, confidential
}

func newParty(t *testing.T, configure ...func(*server.Config)) *party {
	t.Helper()
	p, _ := newParties(t, configure...)
	return p
}

func (w *World) party(at, id, secret string) *party {
	w.t.Helper()
	provider, err := oidc.NewProvider(rig.Ctx(w.t), w.proxy.url)
	if err != nil {
		w.t.Fatal(err)
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if secret == "" {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &party{World: w, origin: at, provider: provider, begun: map[string]attempt{}, logins: template.Must(template.New("").Parse(outcomePage)),
		oauth: oauth2.Config{ClientID: id, ClientSecret: secret, Endpoint: endpoint, RedirectURL: at + "/callback", Scopes: []string{oidc.ScopeOpenID, "identity:name"}}}
}

// ServeHTTP implements http.Handler.
func (p *party) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/begin":
		p.begin(w, r)
	case "/callback":
		page := struct{ Title, Kind, Text string }{"Logged in", "outcome", ""}
		o, err := p.callback(w, r)
		if err == nil {
			var text []byte
			text, err = json.Marshal(o)
			page.Text = string(text)
		}
		if err != nil {
			page.Title, page.Kind, page.Text = "Not logged in", "refused", err.Error()
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = p.logins.Execute(w, page) // the browser may have gone
	default:
		http.NotFound(w, r)
	}
}

// stateCookie binds a login to the browser that began it. Browsers share cookies
// between the ports of a host: hence the id in its name.
func (p *party) stateCookie() string { return "party-" + p.oauth.ClientID }

// begin sends the browser to the provider; the query is added to the request's.
func (p *party) begin(w http.ResponseWriter, r *http.Request) {
	state, made := rand.Text(), attempt{verifier: oauth2.GenerateVerifier(), nonce: rand.Text()}
	p.mu.Lock()
	p.begun[state] = made
	p.mu.Unlock()
	options := []oauth2.AuthCodeOption{oidc.Nonce(made.nonce), oauth2.S256ChallengeOption(made.verifier)}
	for name, values := range r.URL.Query() {
		options = append(options, oauth2.SetAuthURLParam(name, values[0]))
	}
	http.SetCookie(w, &http.Cookie{Name: p.stateCookie(), Value: state, Path: "/callback", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	to := p.oauth.AuthCodeURL(state, options...)
	if p.sends != "" {
		_, query, _ := strings.Cut(to, "?")
		to = p.sends + "?" + query
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// callback finishes a login; its error is what the provider said, or what is
// wrong with what it said.
func (p *party) callback(w http.ResponseWriter, r *http.Request) (o outcome, err error) {
	query := r.URL.Query()
	kept, err := r.Cookie(p.stateCookie())
	if err != nil || kept.Value != query.Get("state") {
		return o, errors.New("this browser began no such login")
	}
	http.SetCookie(w, &http.Cookie{Name: p.stateCookie(), Path: "/callback", MaxAge: -1})
	p.mu.Lock()
	made, ok := p.begun[kept.Value]
	delete(p.begun, kept.Value)
	p.mu.Unlock()
	switch {
	case !ok:
		return o, errors.New("this login came back before")
	case query.Get("iss") != p.proxy.url:
		return o, fmt.Errorf("the answer is of %q", query.Get("iss"))
	case query.Has("error"):
		return o, errors.New(query.Get("error"))
	}
	return p.tokens(r.Context(), query.Get("code"), made)
}

// tokens redeems a code, verifies the id_token and asks for the claims.
func (p *party) tokens(ctx context.Context, code string, made attempt) (o outcome, err error) {
	token, err := p.oauth.Exchange(ctx, code, oauth2.VerifierOption(made.verifier))
	if err != nil {
		return o, err
	}
	o.Raw, _ = token.Extra("id_token").(string)
	o.Scope, _ = token.Extra("scope").(string)
	idToken, err := p.provider.VerifierContext(ctx, &oidc.Config{ClientID: p.oauth.ClientID}).Verify(ctx, o.Raw)
	if err != nil {
		return o, err
	}
	if idToken.Nonce != made.nonce {
		return o, errors.New("the id_token is of another login")
	}
	info, err := p.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return o, err
	}
	return o, errors.Join(idToken.Claims(&o.IDToken), info.Claims(&o.Userinfo))
}

// address begins a login with further parameters of the request.
func (p *party) address(extra ...string) string {
	query := url.Values{}
	for i := 0; i < len(extra); i += 2 {
		query.Set(extra[i], extra[i+1])
	}
	return p.origin + "/begin?" + query.Encode()
}

// visit opens a new tab of a browser that logs in at the party.
func (p *party) visit(b *profile, extra ...string) *loginPage {
	p.t.Helper()
	return &loginPage{b.open(p.address(extra...))}
}

// loggedIn waits until the party says who is logged in.
func (p *party) loggedIn(l *loginPage) (o outcome) {
	p.t.Helper()
	text := l.seeElement(testid("outcome"))
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		p.t.Fatalf("the party says %s", text)
	}
	if o.IDToken["iss"] != p.proxy.url || o.Userinfo["sub"] != o.IDToken["sub"] {
		p.t.Errorf("the party knows %v", o)
	}
	p.carriesNoToken(l)
	return o
}

// refused waits until the party says that nobody is logged in, and why.
func (p *party) refused(l *loginPage, why string) {
	p.t.Helper()
	if got := l.seeElement(testid("refused")); got != why {
		p.t.Errorf("the party heard %q, want %q", got, why)
	}
	p.carriesNoToken(l)
}

// carriesNoToken looks at the address that the browser came back by: tokens leave
// by the token endpoint alone.
func (p *party) carriesNoToken(l *loginPage) {
	p.t.Helper()
	at, err := url.Parse(eval[string](l.tab, "location.href"))
	if err != nil {
		p.t.Fatal(err)
	}
	known := []string{"code", "error", "error_description", "iss", "state"}
	for _, name := range slices.Sorted(maps.Keys(at.Query())) {
		if !slices.Contains(known, name) {
			p.t.Errorf("the answer has %q", name)
		}
	}
	if at.Fragment != "" || !strings.HasPrefix(at.String(), p.oauth.RedirectURL) {
		p.t.Errorf("the browser came back as %s", at)
	}
}

// has compares some claims of the id_token.
func (p *party) has(o outcome, want map[string]any) {
	p.t.Helper()
	for name, value := range want {
		if o.IDToken[name] != value {
			p.t.Errorf("%s is %v, want %v", name, o.IDToken[name], value)
		}
	}
}
