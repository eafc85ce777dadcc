package system

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"countersign/audit"
	"countersign/test/rig"

	"golang.org/x/oauth2"
)

// What is carried to another browser gets nothing, and is used once.
func TestOIDCBoundToTheBrowser(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	alice, s, thief := r.Phone(0), newSurfer(t, r, 0), newSurfer(t, r, 1)
	p := newParty(t, r, 0, rig.Service, "", demoCallback)
	begun := s.get(p.url())
	back := s.approve(begun, alice)
	operationOf(t, r, thief.get(p.url())) // it has cookies, but not this one's
	if a := thief.get(back); a.status != http.StatusForbidden || a.location != nil || !strings.Contains(a.body, "another browser") {
		t.Errorf("another browser: %d %v %s", a.status, a.location, a.body)
	}
	if a := thief.authn(operationOf(t, r, begun), `{"type":"status"}`); a.Success || a.Data.Location != "" {
		t.Errorf("another browser: %+v", a)
	}
	done := s.get(back)
	code := p.code(done)
	if a := s.get(back); a.status != http.StatusBadRequest || a.location != nil {
		t.Errorf("again: %d %v", a.status, a.location)
	}
	stolen := *p
	stolen.verifier = oauth2.GenerateVerifier()
	_, err := stolen.redeem(code)
	wantRefusal(t, "a stolen code without its verifier", err, "invalid_grant")
	wantError(t, "no verifier", post(t, r, 0, "/oidc/token", nil, "grant_type", "authorization_code", "code", code, "client_id", rig.Service, "redirect_uri", demoCallback), http.StatusBadRequest, "invalid_grant")
	_, err = p.redeem(code)
	wantRefusal(t, "the code after that", err, "invalid_grant")
	again := p.code(s.get(p.url()))
	wantError(t, "another client's code", post(t, r, 0, "/oidc/token", shopAuth(), "grant_type", "authorization_code", "code", again, "redirect_uri", demoCallback,
		"code_verifier", p.verifier), http.StatusBadRequest, "invalid_grant")
	again = p.code(s.get(p.url()))
	wantError(t, "another redirect_uri", post(t, r, 0, "/oidc/token", nil, "grant_type", "authorization_code", "code", again, "client_id", rig.Service, "redirect_uri", "https://bank.example/other",
		"code_verifier", p.verifier), http.StatusBadRequest, "invalid_grant")
}

// A browser that is sent to the operation's address before the phone approved
// goes back to the page.
func TestOIDCTooEarly(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	s, p := newSurfer(t, r, 0), newParty(t, r, 0, rig.Service, "", demoCallback)
	begun := s.get(p.url("ui_locales", "cs"))
	if begun.location.Query().Get("ui_locales") != "cs" {
		t.Errorf("%v", begun.location)
	}
	id := operationOf(t, r, begun)
	alice := r.Phone(0)
	early := s.authn(id, `{"type":"status"}`)
	if early.Type != "status" || early.Data.Location != "" {
		t.Errorf("%+v", early)
	}
	back := s.approve(begun, alice)
	if code := p.code(s.get(back)); code == "" {
		t.Error("no code")
	}
}

// What must not be redirected, is not; what may, says why.
func TestOIDCRefusals(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	s := newSurfer(t, r, 0)
	p := newParty(t, r, 0, rig.Service, "", demoCallback)
	good, err := url.Parse(p.url())
	if err != nil {
		t.Fatal(err)
	}
	with := func(pairs ...string) string {
		q := good.Query()
		for i := 0; i < len(pairs); i += 2 {
			if q.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
				q.Del(pairs[i])
			}
		}
		return r.Issuer + "/oidc/authorize?" + q.Encode()
	}
	for what, address := range map[string]string{
		"another redirect_uri": with("redirect_uri", "https://evil.example/callback?secret=hunter2"),
		"longer redirect_uri":  with("redirect_uri", demoCallback+"/../x"),
		"no redirect_uri":      with("redirect_uri", ""),
		"script":               with("redirect_uri", `javascript:alert(1)//<script>`),
		"unknown client":       with("client_id", "<script>"),
		"no client":            with("client_id", ""),
		"no pushed request":    with("request_uri", "urn:ietf:params:oauth:request_uri:x"),
		"a foreign request":    with("request_uri", "https://evil.example/request", "redirect_uri", ""),
		"twice":                with() + "&redirect_uri=https://evil.example/",
		"max_age":              with("max_age", "soon"),
	} {
		a := s.get(address)
		if a.status != http.StatusBadRequest || a.location != nil || strings.Contains(a.body, "<script>") ||
			!strings.HasPrefix(a.head.Get("Content-Security-Policy"), "default-src 'none'") || a.head.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %d %v %s", what, a.status, a.head, a.body)
		}
	}
	if log := r.Log.String(); !strings.Contains(log, "https://evil.example/callback") || !strings.Contains(log, demoCallback) || strings.Contains(log, "hunter2") {
		t.Error("the log does not tell what came and what is registered, or tells more")
	}
	for what, x := range map[string]struct{ address, code string }{
		"plain":             {with("code_challenge_method", "plain"), "invalid_request"},
		"no challenge":      {with("code_challenge", "", "code_challenge_method", ""), "invalid_request"},
		"unknown type":      {with("response_type", "money"), "unsupported_response_type"},
		"not openid":        {with("scope", "identity:name"), "invalid_request"},
		"unknown scope":     {with("scope", "openid admin"), "invalid_scope"},
		"request object":    {with("request", "e30.e30."), "request_not_supported"},
		"a foreign request": {with("request_uri", "https://evil.example/request"), "request_uri_not_supported"},
	} {
		if q := p.back(s.get(x.address)); q.Get("error") != x.code || q.Get("code") != "" {
			t.Errorf("%s: %v, want %s", what, q, x.code)
		}
	}
	for _, kind := range []string{"token", "id_token token", "code id_token"} { // answered in the fragment, as those would be
		a := s.get(with("response_type", kind))
		if a.location == nil || a.location.Host != "bank.example" || !strings.Contains(a.location.Fragment, "error=unsupported_response_type") || !strings.Contains(a.location.Fragment, "state=state-1") || strings.Contains(a.location.String(), "code=") {
			t.Errorf("%s: %d %v", kind, a.status, a.location)
		}
	}
	for what, address := range map[string]string{"acr_values": with("acr_values", "gold urn:countersign:typed"), "display": with("display", "hologram"),
		"login_hint of no form of ours": with("login_hint", "alice@bank.example")} {
		if a := s.get(address); a.status != http.StatusSeeOther || !strings.HasPrefix(a.location.String(), r.Issuer+"/login?") {
			t.Errorf("%s: %d %v", what, a.status, a.location)
		}
	}
}

// race calls f fifty times at once, on either node, and counts what went well.
func race(f func(n int) error) (good, refused int, other []error) {
	var wg sync.WaitGroup
	var ok, no atomic.Int32
	errs := make(chan error, 50)
	gate := make(chan struct{})
	for i := range 50 {
		wg.Go(func() {
			<-gate
			err := f(i % 2)
			refusal, _ := err.(*oauth2.RetrieveError) //nolint:errorlint // the library wraps it in nothing
			switch {
			case err == nil:
				ok.Add(1)
			case refusal != nil && refusal.ErrorCode == "invalid_grant":
				no.Add(1)
			default:
				errs <- err
			}
		})
	}
	close(gate)
	wg.Wait()
	close(errs)
	for err := range errs {
		other = append(other, err)
	}
	return int(ok.Load()), int(no.Load()), other
}

// Fifty redeem one code, and one refresh token, at once on two nodes: one gets
// tokens, and what they are worth ends, because nobody knows who it was.
func TestOIDCRaces(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	alice, s := r.Phone(0), newSurfer(t, r, 0)
	p := newParty(t, r, 0, rig.Service, "", demoCallback, "offline_access")
	code := p.code(s.get(s.approve(s.get(p.url()), alice)))
	good, refused, other := race(func(n int) error { _, err := p.at(n).redeem(code); return err })
	if good != 1 || refused != 49 || len(other) != 0 {
		t.Errorf("codes: %d good, %d refused, %v", good, refused, other)
	}
	token := p.tokens(s.get(p.url())).RefreshToken
	good, refused, other = race(func(n int) error { _, err := p.at(n).refresh(token); return err })
	if good != 1 || refused != 49 || len(other) != 0 {
		t.Errorf("refresh tokens: %d good, %d refused, %v", good, refused, other)
	}
}

// A refresh token that comes again ends all that came of the login.
func TestOIDCRefreshReuse(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p := newParty(t, r, 0, rig.Service, "", demoCallback, "offline_access")
	first := p.login(newSurfer(t, r, 0), r.Phone(0))
	second, err := p.refresh(first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if a := userinfo(t, r, 0, "Bearer "+second.AccessToken); a.status != http.StatusOK {
		t.Fatalf("userinfo: %d %s", a.status, a.body)
	}
	_, err = p.at(1).refresh(first.RefreshToken)
	wantRefusal(t, "the old token", err, "invalid_grant")
	_, err = p.refresh(second.RefreshToken)
	wantRefusal(t, "the new token after that", err, "invalid_grant")
	for i, x := range []*oauth2.Token{first, second} {
		if a := userinfo(t, r, i, "Bearer "+x.AccessToken); a.status != http.StatusUnauthorized {
			t.Errorf("userinfo: %d %s", a.status, a.body)
		}
	}
	if want := fmt.Sprintf("%q:%q", "event", audit.TokenReused); !r.Log.Contains(want) {
		t.Errorf("not told: %s", want)
	}
}

// A code that comes again ends what it gave.
func TestOIDCCodeReuse(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p, s := newParty(t, r, 0, rig.Service, "", demoCallback, "offline_access"), newSurfer(t, r, 0)
	code := p.code(s.get(s.approve(s.get(p.url()), r.Phone(0))))
	tokens, err := p.redeem(code)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.at(1).redeem(code)
	wantRefusal(t, "again", err, "invalid_grant")
	if a := userinfo(t, r, 0, "Bearer "+tokens.AccessToken); a.status != http.StatusUnauthorized {
		t.Errorf("userinfo: %d %s", a.status, a.body)
	}
	_, err = p.refresh(tokens.RefreshToken)
	wantRefusal(t, "its refresh token", err, "invalid_grant")
}
