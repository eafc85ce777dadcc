package system

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/device"
	"countersign/server"
	"countersign/test/rig"
)

// One approval logs a browser in at every client, until it may not.
func TestOIDCSingleSignOn(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	alice, s := r.Phone(0), newSurfer(t, r, 0)
	demo := newParty(t, r, 0, rig.Service, "", demoCallback, "identity:name")
	shop := newParty(t, r, 1, rig.Shop, rig.ShopSecret, shopCallback)
	if q := demo.back(s.get(demo.url("prompt", "none"))); q.Get("error") != "login_required" {
		t.Errorf("prompt none without a login: %v", q)
	}
	_, first := demo.idToken(demo.login(s, alice, "identity:name"))
	s.http.Transport = straight{r, 1}
	for _, prompt := range []string{"", "none"} {
		tokens, err := shop.redeem(shop.code(s.get(shop.url("prompt", prompt))))
		if err != nil {
			t.Fatal(err)
		}
		_, second := shop.idToken(tokens)
		for _, name := range []string{"sid", "sub", "auth_time", "acr"} {
			if first[name] != second[name] || first[name] == nil {
				t.Errorf("prompt %q: %s is %v, was %v", prompt, name, second[name], first[name])
			}
		}
	}
	if q := demo.back(s.get(demo.url("prompt", "none", "login_hint", alice.Token, "max_age", "600"))); q.Get("code") == "" {
		t.Errorf("again at the same client: %v", q)
	}
	// No phone has shown that shop wants the name: a login alone gives nothing away.
	wants := newParty(t, r, 0, rig.Shop, rig.ShopSecret, shopCallback, "identity:name")
	if q := wants.back(s.get(wants.url("prompt", "none"))); q.Get("error") != "consent_required" {
		t.Errorf("more than was granted: %v", q)
	}
	for what, extra := range map[string][]string{
		"prompt login":          {"prompt", "login"},
		"prompt consent":        {"prompt", "consent"},
		"prompt select_account": {"prompt", "login select_account"},
		"max_age 0":             {"max_age", "0"},
		"login_hint of another": {"login_hint", string(device.NewTokenID())},
	} {
		operationOf(t, r, s.get(demo.url(extra...)))
		if what != "login_hint of another" {
			continue
		}
		if q := demo.back(s.get(demo.url(append(extra, "prompt", "none")...))); q.Get("error") != "login_required" {
			t.Errorf("%s: %v", what, q)
		}
	}
	for _, extra := range [][]string{{"prompt", "none login"}, {"prompt", "sometimes"}} {
		if q := demo.back(s.get(demo.url(extra...))); q.Get("error") != "invalid_request" {
			t.Errorf("%v: %v", extra, q)
		}
	}
}

// Another site makes a browser begin many logins by forms, which come without cookies:
// the next login page that it shows leaves it with no more than anybody needs.
func TestOIDCManyLoginsBegun(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	s, p := newSurfer(t, r, 0), newParty(t, r, 0, rig.Service, "", demoCallback)
	issuer := request(t, http.MethodGet, r.Issuer, nil).URL
	var begun reply
	for range 12 {
		form := newSurfer(t, r, 0)
		begun = form.get(p.url())
		s.http.Jar.SetCookies(issuer, form.http.Jar.Cookies(issuer))
	}
	if a := s.get(begun.location.String()); a.status != http.StatusOK || strings.Contains(a.body, "Not for this browser") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if left := s.http.Jar.Cookies(issuer); len(left) != 8 || !strings.Contains(s.cookies(), operationOf(t, r, begun)) {
		t.Errorf("left are %v", left)
	}
}

// A cookie that was changed, or is another's, logs nobody in.
func TestOIDCLoginCookie(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	alice, s := r.Phone(0), newSurfer(t, r, 0)
	p := newParty(t, r, 0, rig.Service, "", demoCallback)
	p.login(s, alice)
	issuer, err := url.Parse(r.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(s.http.Jar.Cookies(issuer), func(c *http.Cookie) bool { return c.Name == "countersign-login" })
	if i < 0 {
		t.Fatalf("no login cookie: %v", s.http.Jar.Cookies(issuer))
	}
	good := s.http.Jar.Cookies(issuer)[i].Value
	id, secret, _ := strings.Cut(good, ".")
	flip := "A" + secret[1:]
	if flip == secret {
		flip = "B" + secret[1:]
	}
	for what, value := range map[string]string{"secret changed": id + "." + flip, "no secret": id + ".", "id alone": id, "another id": "x." + secret, "none": ""} {
		a := newSurfer(t, r, 1).do(request(t, http.MethodGet, p.url("prompt", "none"), nil, "Cookie", "countersign-login="+value))
		if q := p.back(a); q.Get("error") != "login_required" {
			t.Errorf("%s: %v", what, q)
		}
	}
	used := func() url.Values {
		return p.back(newSurfer(t, r, 1).do(request(t, http.MethodGet, p.url("prompt", "none"), nil, "Cookie", "countersign-login="+good)))
	}
	if q := used(); q.Get("code") == "" {
		t.Fatalf("the cookie itself: %v", q)
	}
	// Logging in again changes the secret: whoever knew the old one is out.
	_, again := p.idToken(p.tokens(s.get(s.approve(s.get(p.url("prompt", "login")), alice))))
	if again["sid"] != id {
		t.Errorf("sid %v, was %s", again["sid"], id)
	}
	if q := used(); q.Get("error") != "login_required" {
		t.Errorf("the old cookie: %v", q)
	}
	// Another user in the same browser is another login.
	_, bob := p.idToken(p.tokens(s.get(s.approve(s.get(p.url("prompt", "login")), r.Phone(0)))))
	if bob["sid"] == id || bob["sub"] == alice.Token {
		t.Errorf("%v", bob)
	}
}

// A browser login ends by time: some after its last use, and some after its approval,
// however it is used.
func TestOIDCLoginEnds(t *testing.T) {
	t.Parallel()
	for what, limits := range map[string][2]time.Duration{"idle": {2 * time.Second, time.Hour}, "absolute": {time.Hour, 2 * time.Second}} {
		r := oidcRig(t, func(c *server.Config, _ *server.Secrets) {
			c.BrowserLogin.Idle, c.BrowserLogin.Absolute = limits[0], limits[1]
		})
		s, p := newSurfer(t, r, 0), newParty(t, r, 0, rig.Service, "", demoCallback)
		p.login(s, r.Phone(0))
		if q := p.back(s.get(p.url("prompt", "none"))); q.Get("code") == "" {
			t.Errorf("%s: %v", what, q)
		}
		r.Eventually(what+": the login ends", func() bool { return p.back(s.get(p.url("prompt", "none"))).Get("error") == "login_required" })
	}
}

// An identity that is revoked has no logins, no refreshed tokens and no userinfo.
func TestOIDCRevokedIdentity(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	alice, s := r.Phone(0), newSurfer(t, r, 0)
	p := newParty(t, r, 0, rig.Service, "", demoCallback, "offline_access")
	tokens := p.login(s, alice)
	_, err := r.Nodes[1].Server.Registry().Change(rig.Ctx(t), device.TokenID(alice.Token), func(i device.Identity) (device.Identity, error) {
		return i.SetStatus(device.Revoked), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if q := p.back(s.get(p.url("prompt", "none"))); q.Get("error") != "login_required" {
		t.Errorf("%v", q)
	}
	_, err = p.refresh(tokens.RefreshToken)
	wantRefusal(t, "refresh", err, "invalid_grant")
	if a := userinfo(t, r, 1, "Bearer "+tokens.AccessToken); a.status != http.StatusUnauthorized || !strings.Contains(a.head.Get("WWW-Authenticate"), `Bearer error="invalid_token"`) {
		t.Errorf("userinfo: %d %s %v", a.status, a.body, a.head)
	}
}

func userinfo(t *testing.T, r *rig.Rig, n int, authorization string, head ...string) reply {
	t.Helper()
	return fetch(t, &http.Client{Transport: straight{r, n}}, request(t, http.MethodGet, r.Issuer+"/oidc/userinfo", nil, append([]string{"Authorization", authorization}, head...)...))
}
