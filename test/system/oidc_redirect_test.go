package system

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"countersign/test/rig"
)

// asked are the parameters of the authorization request; extra are names and
// values.
func (p *party) asked(extra ...string) url.Values {
	p.t.Helper()
	u, err := url.Parse(p.url(extra...))
	if err != nil {
		p.t.Fatal(err)
	}
	return u.Query()
}

// pairs are names and values, as post takes them.
func pairs(v url.Values) (out []string) {
	for name, values := range v {
		out = append(out, name, values[0])
	}
	return out
}

// submit posts a form as a page does, and goes nowhere.
func (s *surfer) submit(address string, v url.Values) reply {
	s.t.Helper()
	return s.do(request(s.t, http.MethodPost, address, strings.NewReader(v.Encode()), "Content-Type", "application/x-www-form-urlencoded"))
}

// lures are addresses that look like those of demo and shop, or that some parser
// takes for them. The key is the client's own.
func lures() map[string][]string {
	return map[string][]string{
		demoCallback: {
			// another place
			"https://evil.example/callback", "https://bank.example.evil.example/callback", "https://evilbank.example/callback", "https://bank.example./callback",
			"https://b\u0430nk.example/callback", "http://bank.example/callback", "https://bank.example:8443/callback", "//bank.example/callback", "/callback",
			"https:bank.example/callback", "https:///bank.example/callback", "javascript:alert(1)//https://bank.example/callback", "data:text/html,bank.example/callback",
			// below it, above it and beside it
			demoCallback + "/evil", demoCallback + "/", demoCallback + "evil", "https://bank.example/", "https://bank.example", demoCallback + "/../evil", demoCallback + "/%2e%2e/evil",
			demoCallback + "?next=https://evil.example", demoCallback + "?", demoCallback + "#evil", demoCallback + ";evil", demoCallback + ",https://evil.example/",
			// the same in another spelling
			"HTTPS://bank.example/callback", "https://Bank.Example/callback", "https://bank.example/Callback", "https://bank.example/call%62ack", "https://bank.example/call%2562ack",
			"https://bank%2Eexample/callback", "https://bank.example//callback", demoCallback + " ", " " + demoCallback, demoCallback + "\x00", "https://bank.example/call\nback",
			// who the user is, and where the host begins
			"https://bank.example@evil.example/callback", `https://bank.example\@evil.example/callback`, "https://bank.example%40evil.example/callback",
			"https://evil.example#@bank.example/callback", "https://evil.example?@bank.example/callback", "https://evil@bank.example/callback", `https://evil.example\.bank.example/callback`,
			// what looks like this device
			"http://127.0.0.1.evil.example/callback", "http://localhost.evil/callback", "http://localhost.evil.example:7777/callback", "http://localhost/callback",
			"http://127.0.0.1:80@evil.example/callback", "http://evil.example:80@127.0.0.1/callback", "http://127.1/callback", "http://2130706433/callback",
			"http://0x7f000001/callback", "http://0.0.0.0/callback", "http://[::1]/callback", "http://[::ffff:127.0.0.1]/callback", "https://127.0.0.1/callback",
			"http://127.0.0.1:7777/callback/evil", "http://127.0.0.1:7777/callback?x=1", "http://127.0.0.1:7777/Callback", "http://127.0.0.1:evil/callback",
		},
		shopCallback: {"https://shop.example/callback", "https://shop.example/callback?tenant=2", shopCallback + "&x=y", shopCallback + "&tenant=2", "https://shop.example/callback?Tenant=1",
			"https://shop.example/callback?tenant=%31", demoCallback, pairCallback},
	}
}

// The server sends no browser to where no client is registered, whichever way it
// is asked to, and shows nobody the address.
func TestOIDCOpenRedirects(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	s := newSurfer(t, r, 0)
	for callback, all := range lures() {
		p := newParty(t, r, 0, rig.Service, "", callback)
		var head []string
		if callback == shopCallback {
			p, head = newParty(t, r, 0, rig.Shop, rig.ShopSecret, callback), shopAuth()
		}
		for _, lure := range all {
			p.config.RedirectURL = lure
			answers := map[string]reply{
				"a link":      s.get(p.url()),
				"an error":    s.get(p.url("prompt", "none", "scope", "openid admin")),
				"a form back": s.get(p.url("prompt", "none", "response_mode", "form_post")),
				"a form":      s.submit(r.Issuer+"/oidc/authorize", p.asked("prompt", "none")),
			}
			q := p.asked("prompt", "none")
			q.Set("redirect_uri", callback)
			answers["two addresses"] = s.submit(r.Issuer+"/oidc/authorize?"+q.Encode(), url.Values{"redirect_uri": {lure}})
			for what, a := range answers {
				if a.status != http.StatusBadRequest || a.location != nil || strings.Contains(a.body, "evil") || strings.Contains(a.body, "<form") {
					t.Errorf("%s to %q: %d %v %s", what, lure, a.status, a.location, a.body)
				}
			}
			wantError(t, "pushed "+lure, post(t, r, 0, "/oidc/par", head, pairs(p.asked())...), http.StatusBadRequest, "invalid_request")
		}
	}
}

// A browser is sent on by 303 and nothing else: after 307 it would post again,
// elsewhere, what it has just posted here (RFC 9700 §4.12).
func TestOIDCRedirectsBy303Alone(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p, s := newParty(t, r, 0, rig.Service, "", demoCallback), newSurfer(t, r, 0)
	sent := 0
	check := func(what string, a reply) reply {
		t.Helper()
		if sees := a.location != nil; a.status/100 == 3 || sees {
			if sent++; a.status != http.StatusSeeOther || !sees {
				t.Errorf("%s: %d %v", what, a.status, a.location)
			}
		}
		return a
	}
	for _, extra := range [][]string{nil, {"prompt", "none"}, {"scope", "openid admin"}, {"response_type", "token"}, {"response_mode", "form_post", "prompt", "none"}, {"client_id", "x"}} {
		check("a link", s.get(p.url(extra...)))
		check("a form", s.submit(r.Issuer+"/oidc/authorize", p.asked(extra...)))
	}
	check("back", s.get(s.approve(s.get(p.url()), r.Phone(0))))
	if sent < 8 {
		t.Fatalf("only %d answers send the browser on", sent)
	}
	for _, path := range []string{"/oidc", "/oidc/", "/oidc//authorize", "/oidc/authorize/", "/oidc/authorize/.", "/oidc/authorize/..", "/oidc/authorize/%2e%2e", "/oidc/authorize/%2e%2e%2f..%2f%2fevil.example",
		"/oidc/authorize/x", "/oidc/authorize/%2f%2fevil.example", "/oidc/authorize//evil.example", "/oidc/token/", "/oidc/token", "/oidc/userinfo", "/oidc/introspect", "/oidc/revoke", "/oidc/par",
		"/oidc/bc-authorize", "/oidc/end-session", "/oidc/end-session/.."} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodOptions} {
			if a := check(method+" "+path, s.do(request(t, method, r.Issuer+path, strings.NewReader("x=y"), "Content-Type", "application/x-www-form-urlencoded"))); a.location != nil {
				t.Errorf("%s %s: %v", method, path, a.location)
			}
		}
	}
}

// Every answer says whose it is (RFC 9207): what was approved and what was not, in
// the query and in a form, by the name that discovery has.
func TestOIDCNamesTheIssuer(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p, s := newParty(t, r, 0, rig.Service, "", demoCallback), newSurfer(t, r, 1)
	var tells struct {
		Issuer string
		Names  bool `json:"authorization_response_iss_parameter_supported"`
	}
	if err := json.Unmarshal([]byte(s.get(r.Issuer+"/.well-known/openid-configuration").body), &tells); err != nil || tells.Issuer != r.Issuer || !tells.Names {
		t.Errorf("discovery: %+v, %v", tells, err)
	}
	form := regexp.MustCompile(`name="([a-z_]+)" value="([^"]*)"`)
	answer := func(a reply) url.Values {
		t.Helper()
		if a.location != nil {
			q := a.location.Query()
			part, err := url.ParseQuery(a.location.Fragment)
			if err != nil {
				t.Fatal(err)
			}
			maps.Copy(q, part)
			return q
		}
		q := url.Values{}
		for _, m := range form.FindAllStringSubmatch(a.body, -1) {
			q.Set(m[1], m[2])
		}
		return q
	}
	p.login(s, r.Phone(0))
	for what, x := range map[string]struct {
		extra []string
		part  string // that the answer must have
	}{
		"a code":                       {nil, "code"},
		"a code by a form":             {[]string{"response_mode", "form_post"}, "code"},
		"consent required":             {[]string{"scope", "openid identity:email", "prompt", "none"}, "error"},
		"consent required, by a form":  {[]string{"scope", "openid identity:email", "prompt", "none", "response_mode", "form_post"}, "error"},
		"a scope that there is not":    {[]string{"scope", "openid admin"}, "error"},
		"a response that there is not": {[]string{"response_type", "id_token token"}, "error"},
		"no PKCE":                      {[]string{"code_challenge", ""}, "error"},
	} {
		q := answer(s.get(p.url(x.extra...)))
		if len(q["iss"]) != 1 || q.Get("iss") != r.Issuer || q.Get("state") != "state-1" || q.Get(x.part) == "" {
			t.Errorf("%s: %v", what, q)
		}
	}
}

// What a browser is shown on its way is framed by nobody, kept by nobody, tells
// nobody where it was and loads nothing from elsewhere; no page of others may read
// it (RFC 9700 §2.6, §4.2.4, §4.16).
func TestOIDCPagesAreAlone(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p, s, other := newParty(t, r, 0, rig.Service, "", demoCallback), newSurfer(t, r, 0), newSurfer(t, r, 0)
	get := func(s *surfer, address string) reply {
		return s.do(request(t, http.MethodGet, address, nil, "Origin", rig.Origin))
	}
	begun := get(s, p.url())
	page := get(s, begun.location.String())
	refused := get(other, begun.location.String())
	back := s.approve(begun, r.Phone(0))
	answers := map[string]reply{
		"to the login page":       begun,
		"the login page":          page,
		"another's login page":    refused,
		"the way back, another's": get(other, back),
		"to the client":           get(s, back),
		"the way back, again":     get(s, back),
		"an error to the client":  get(s, p.url("scope", "openid admin")),
		"an error":                get(s, p.url("client_id", "x")),
		"a foreign address":       get(s, p.url("redirect_uri", "https://evil.example/")),
		"a bad form":              get(s, r.Issuer+"/oidc/authorize?%zz"),
		"a form back":             get(s, p.url("response_mode", "form_post")),
	}
	elsewhere := regexp.MustCompile(`(src|href)="?(https?:)?//`)
	shown := 0
	for what, a := range answers {
		h := a.head
		if h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", what, h)
		}
		for name := range h {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: %s: %s", what, name, h.Get(name))
			}
		}
		if a.location != nil {
			continue
		}
		shown++
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") || h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %d %v", what, a.status, h)
		}
		if found := elsewhere.FindString(a.body); found != "" {
			t.Errorf("%s: %s", what, found)
		}
	}
	if shown != 8 {
		t.Errorf("%d pages are shown", shown)
	}
}
