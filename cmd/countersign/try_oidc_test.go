package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign/crypto/keyring"
	"countersign/session"
)

// pretendedProvider is an OpenID Provider at which everybody is logged in
// already. Its fields are the ways in which it can be a bad one.
type pretendedProvider struct {
	*httptest.Server
	key                        keyring.Key
	iss                        string                    // in discovery
	answer                     func(url.Values)          // changes what goes back to the client
	idToken, access            func(keyring.Claims)      // change the tokens
	userinfo                   string                    // sub
	seen, redeemed, wasRevoked url.Values                // of authorize, token, revoke
	basic                      string                    // client and secret that came
	token                      func(http.ResponseWriter) // answers in the place of the token endpoint
}

func pretendProvider(t *testing.T) *pretendedProvider {
	t.Helper()
	p := &pretendedProvider{key: newKey(t), answer: func(url.Values) {}, idToken: func(keyring.Claims) {}, access: func(keyring.Claims) {}, userinfo: "tok_alice"}
	mux := http.NewServeMux()
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	p.iss = p.URL
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{"issuer": p.iss, "authorization_endpoint": p.URL + "/a?x=1", "token_endpoint": p.URL + "/t", "userinfo_endpoint": p.URL + "/u",
			"revocation_endpoint": p.URL + "/r", "jwks_uri": p.URL + "/k", "code_challenge_methods_supported": []string{"S256"}, "authorization_response_iss_parameter_supported": true})
	})
	mux.HandleFunc("GET /k", func(w http.ResponseWriter, _ *http.Request) { w.Write(keyring.NewRing(p.key).JWKS(time.Now())) })
	mux.HandleFunc("GET /a", p.authorize)
	mux.HandleFunc("POST /t", p.give(t))
	mux.HandleFunc("GET /u", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		reply(w, map[string]any{"sub": p.userinfo, "name": "Alice"})
	})
	mux.HandleFunc("POST /r", func(_ http.ResponseWriter, r *http.Request) { p.wasRevoked = posted(r) })
	return p
}

func reply(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

func posted(r *http.Request) url.Values {
	_ = r.ParseForm()
	return r.PostForm
}

func (p *pretendedProvider) authorize(w http.ResponseWriter, r *http.Request) {
	p.seen = r.URL.Query()
	q := url.Values{"code": {"the-code"}, "state": p.seen["state"], "iss": {p.URL}}
	p.answer(q)
	http.Redirect(w, r, p.seen.Get("redirect_uri")+"?"+q.Encode(), http.StatusSeeOther)
}

// give is the token endpoint.
func (p *pretendedProvider) give(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f := posted(r)
		id, secret, _ := r.BasicAuth()
		p.basic = id + ":" + secret
		if p.token != nil {
			p.token(w)
			return
		}
		if f.Get("grant_type") == "refresh_token" {
			reply(w, map[string]any{"access_token": "opaque", "token_type": "bearer", "refresh_token": f.Get("refresh_token") + "2"})
			return
		}
		p.redeemed = f
		now := time.Now()
		about := keyring.Claims{"iss": p.URL, "sub": "tok_alice", "aud": p.URL + "/u", "client_id": "acme-app", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
		p.access(about)
		access := signed(t, p.key, "at+jwt", about)
		who := keyring.Claims{"iss": p.URL, "sub": "tok_alice", "aud": "acme-app", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
			"nonce": p.seen.Get("nonce"), "at_hash": atHash(access)}
		p.idToken(who)
		out := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3600, "id_token": signed(t, p.key, "JWT", who), "scope": p.seen.Get("scope")}
		if strings.Contains(p.seen.Get("scope"), "offline_access") {
			out["refresh_token"] = "the-refresh-token"
		}
		reply(w, out)
	}
}

// tryOIDC runs the command, with a browser that opens what it prints.
func tryOIDC(t *testing.T, p *pretendedProvider, browse func(t *testing.T, address string), args ...string) (out, errs string, good bool) {
	t.Helper()
	var stdout, stderr output
	env := &environment{Args: append([]string{"try", "oidc", "--issuer", p.URL, "--client-id", "acme-app"}, args...), Stdout: &stdout, Stderr: &stderr}
	ended := make(chan int, 1)
	go func() { ended <- run(env) }()
	late := time.After(patience)
	open := regexp.MustCompile(`(?m)^  (http\S+)$`)
	for opened := false; ; {
		text, news := stdout.read()
		if found := open.FindStringSubmatch(text); found != nil && !opened {
			opened = true
			browse(t, found[1])
		}
		select {
		case <-news:
		case code := <-ended:
			out, _ = stdout.read()
			errs, _ = stderr.read()
			return out, errs, code == 0
		case <-late:
			t.Fatalf("it does not end:\n%s", text)
		}
	}
}

// visit is a browser that follows where it is sent.
func visit(t *testing.T, address string) { t.Helper(); get(t, address, http.StatusOK) }

func get(t *testing.T, address string, want int) string {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		t.Errorf("GET %s: %d, want %d: %s, %v", address, resp.StatusCode, want, body, err)
	}
	return string(body)
}

func matches(t *testing.T, text, pattern string) {
	t.Helper()
	if !regexp.MustCompile(pattern).MatchString(text) {
		t.Errorf("%s does not match:\n%s", pattern, text)
	}
}

func TestTryOIDC(t *testing.T) {
	p := pretendProvider(t)
	out, errs, good := tryOIDC(t, p, visit, "--scope", "openid offline_access", "--login-hint", "tok_alice", "--prompt", "login")
	if !good {
		t.Fatalf("%s%s", out, errs)
	}
	for _, pattern := range []string{`id_token: signature, issuer, audience, time and nonce are good`, `access token: signature`, `"typ": "at\+jwt"`,
		`userinfo\n\{\n  "name": "Alice"`, `refreshed: a new access token, and the refresh token was rotated`, `revoked the refresh token`} {
		matches(t, out, pattern)
	}
	if strings.Contains(out, "the-refresh-token") || strings.Contains(out, "the-code") {
		t.Errorf("a secret is printed:\n%s", out)
	}
	q := p.seen
	back := regexp.MustCompile(`^http://127\.0\.0\.1:\d+/callback$`)
	if q.Get("x") != "1" || q.Get("response_type") != "code" || q.Get("client_id") != "acme-app" || !back.MatchString(q.Get("redirect_uri")) ||
		q.Get("login_hint") != "tok_alice" || q.Get("prompt") != "login" || q.Get("code_challenge_method") != "S256" || len(q.Get("nonce")) != 43 {
		t.Errorf("authorize was sent %v", q)
	}
	if f := p.redeemed; session.ChallengeOf(f.Get("code_verifier")) != q.Get("code_challenge") || f.Get("redirect_uri") != q.Get("redirect_uri") ||
		f.Get("client_id") != "acme-app" || f.Get("code") != "the-code" || p.basic != ":" {
		t.Errorf("the token endpoint was sent %v", f)
	}
	if p.wasRevoked.Get("token") != "the-refresh-token2" {
		t.Errorf("revoked was %v", p.wasRevoked)
	}
}

// TestTryOIDCSecret: a client with a secret shows it in the one way RFC 6749
// §2.3.1 has for it, and nobody else sees it.
func TestTryOIDCSecret(t *testing.T) {
	p := pretendProvider(t)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("pa:ss wörd\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, good := tryOIDC(t, p, visit, "--secret-file", file)
	if !good || p.basic != "acme-app:pa%3Ass+w%C3%B6rd" || p.redeemed.Has("client_id") || strings.Contains(out+errs, "pa:ss") {
		t.Errorf("%t, %s, %v:\n%s%s", good, p.basic, p.redeemed, out, errs)
	}
	if strings.Contains(out, "refreshed") || p.wasRevoked != nil {
		t.Errorf("refreshed what was not asked for:\n%s", out)
	}
}

// TestTryOIDCRefuses: a bad provider, or one that is another, is found out.
func TestTryOIDCRefuses(t *testing.T) {
	set := func(name string, value any) func(keyring.Claims) { return func(c keyring.Claims) { c[name] = value } }
	for name, c := range map[string]struct {
		spoil func(*pretendedProvider)
		want  string
	}{
		"discovery of another": {func(p *pretendedProvider) { p.iss = "https://evil.example" }, `discovery names another issuer`},
		"another's answer":     {func(p *pretendedProvider) { p.answer = func(q url.Values) { q.Set("iss", "https://evil.example") } }, `another issuer's`},
		"nobody's answer":      {func(p *pretendedProvider) { p.answer = func(q url.Values) { q.Del("iss") } }, `another issuer's`},
		"refused": {func(p *pretendedProvider) {
			p.answer = func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }
		}, `the provider refused: access_denied`},
		"no code":             {func(p *pretendedProvider) { p.answer = func(q url.Values) { q.Del("code") } }, `neither a code nor an error`},
		"nonce":               {func(p *pretendedProvider) { p.idToken = set("nonce", "x") }, `nonce is not the one`},
		"at_hash":             {func(p *pretendedProvider) { p.idToken = set("at_hash", "x") }, `at_hash does not fit`},
		"audience":            {func(p *pretendedProvider) { p.idToken = set("aud", "x") }, `the id_token does not hold: audience`},
		"expired":             {func(p *pretendedProvider) { p.idToken = set("exp", 1) }, `the id_token does not hold: expiry`},
		"another client's":    {func(p *pretendedProvider) { p.access = set("client_id", "x") }, `access token is another client's`},
		"access of another":   {func(p *pretendedProvider) { p.access = set("iss", "x") }, `the access token does not hold: issuer`},
		"userinfo of another": {func(p *pretendedProvider) { p.userinfo = "tok_bob" }, `userinfo is about somebody else`},
		"DPoP": {func(p *pretendedProvider) {
			p.token = func(w http.ResponseWriter) { reply(w, map[string]string{"access_token": "x", "token_type": "DPoP"}) }
		}, `of type "DPoP"`},
		"client": {func(p *pretendedProvider) {
			p.token = func(w http.ResponseWriter) {
				w.WriteHeader(http.StatusUnauthorized)
				reply(w, oauthError{"invalid_client", ""})
			}
		}, `invalid_client\n.*hint: a client with a secret needs --secret-file`},
	} {
		t.Run(name, func(t *testing.T) {
			p := pretendProvider(t)
			c.spoil(p)
			out, errs, good := tryOIDC(t, p, visit)
			if good {
				t.Errorf("accepted:\n%s", out)
			}
			matches(t, errs, c.want)
		})
	}
}

// TestTryOIDCState: what does not know the state is not the answer, and does not
// keep the answer from coming.
func TestTryOIDCState(t *testing.T) {
	p := pretendProvider(t)
	out, errs, good := tryOIDC(t, p, func(t *testing.T, address string) {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		back := u.Query().Get("redirect_uri")
		get(t, back+"?code=stolen&state=guess", http.StatusBadRequest)
		get(t, back+"?code=stolen", http.StatusBadRequest)
		get(t, back+"/x?code=stolen&state="+u.Query().Get("state"), http.StatusNotFound)
		if body := get(t, address, http.StatusOK); !strings.Contains(body, "You can close this tab") {
			t.Errorf("the browser is shown %q", body)
		}
	})
	if !good || p.redeemed.Get("code") != "the-code" {
		t.Errorf("%s%s", out, errs)
	}
}

// TestTryOIDCUsage: what can be wrong before anything is opened.
func TestTryOIDCUsage(t *testing.T) {
	p := pretendProvider(t)
	for want, args := range map[string][]string{
		`--client-id is required`:                        {"--issuer", p.URL},
		`--redirect-uri must be http on a loopback host`: {"--issuer", p.URL, "--client-id", "a", "--redirect-uri", "https://bank.example/cb"},
		`no browser came back in 1ms`:                    {"--issuer", p.URL, "--client-id", "a", "--wait", "1ms", "--redirect-uri", "http://localhost/cb"},
		`no such file`:                                   {"--issuer", p.URL, "--client-id", "a", "--secret-file", "none"},
	} {
		_, errs, code := command(t, "", append([]string{"try", "oidc"}, args...)...)
		if matches(t, errs, want); code == 0 {
			t.Errorf("%v is accepted", args)
		}
	}
}
