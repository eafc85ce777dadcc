package browser

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"countersign/api"
	"countersign/device"
	"countersign/server"
	"countersign/session"
)

// appPage is every page of the application.
const appPage = `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>App</title>
<h1>App</h1><script src="/oidc-client-ts.js"></script><script src="/app.js" data-issuer="%s"></script></html>`

// appScript is all that is not the library's: one client below /plain, and one with
// tokens bound to a key below /bound. Tokens are in memory alone, as the documents
// tell applications, and revoked at a logout; the pages for frames have the library
// answer their parent.
const appScript = `const { issuer } = document.currentScript.dataset;
const [, client, place] = location.pathname.split('/');
const here = location.origin + '/' + client;
globalThis.manager = new oidc.UserManager({
  authority: issuer, client_id: client, scope: 'openid profile offline_access', loadUserInfo: client === 'plain',
  redirect_uri: here + '/callback', silent_redirect_uri: here + '/silent', automaticSilentRenew: false,
  post_logout_redirect_uri: here + '/goodbye', popup_post_logout_redirect_uri: here + '/gone', includeIdTokenInSilentSignout: true, revokeTokensOnSignout: true,
  userStore: new oidc.WebStorageStateStore({ store: new oidc.InMemoryWebStorage() }),
  stateStore: new oidc.WebStorageStateStore({ store: sessionStorage }),
  dpop: client === 'bound' ? { bind_authorization_code: true, store: new oidc.IndexedDbDPoPStore() } : undefined,
});
if (place === 'silent') manager.signinSilentCallback();
if (place === 'gone') manager.signoutSilentCallback();
`

// An app is a single-page application on an origin of its own: a client without a
// secret and without a server, written with oidc-client-ts. The test calls the
// library's methods, as the buttons of such an application do.
type app struct {
	*World
	origin string
}

// newApp serves the application at a host: to a browser, localhost, where the
// issuer is, is one site and 127.0.0.1 another.
func newApp(t *testing.T, host string) *app {
	t.Helper()
	library, err := os.ReadFile(filepath.Join("..", "peers", "node_modules", "oidc-client-ts", "dist", "browser", "oidc-client-ts.js"))
	if err != nil {
		t.Fatalf("oidc-client-ts is needed: npm ci in test/peers, or run make test, which does: %v", err)
	}
	l := listen(t)
	_, port, _ := net.SplitHostPort(l.Addr().String()) // a listener's address always has a port
	a := &app{origin: "http://" + net.JoinHostPort(host, port)}
	a.World = newWorld(t, func(c *server.Config) {
		for _, id := range []string{"plain", "bound"} {
			s := c.Services[0]
			s.ID, s.Name, s.RequireDPoP = id, "Acme App", id == "bound"
			here := a.origin + "/" + id
			s.Origins, s.RedirectURIs = []string{a.origin}, []string{here + "/callback", here + "/silent"}
			s.PostLogoutRedirectURIs = []string{here + "/goodbye", here + "/gone"}
			c.Services = append(c.Services, s)
		}
	})
	policy := fmt.Sprintf("default-src 'none'; script-src 'self'; img-src data:; connect-src %[1]s; frame-src 'self' %[1]s; base-uri 'none'", a.proxy.url)
	serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, text := "text/javascript", string(library)
		switch r.URL.Path {
		case "/oidc-client-ts.js":
		case "/app.js":
			text = appScript
		default:
			kind, text = "text/html; charset=utf-8", fmt.Sprintf(appPage, a.proxy.url)
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Security-Policy", policy)
		fmt.Fprint(w, text)
	}))
	return a
}

// visit opens a new tab of a browser at one of the application's two clients.
func (a *app) visit(b *profile, client string) *loginPage {
	a.t.Helper()
	return &loginPage{b.open(a.origin + "/" + client + "/")}
}

// appUser is what the library knows of who is logged in.
type appUser struct {
	Access  string         `json:"access_token"`
	Refresh string         `json:"refresh_token"`
	Type    string         `json:"token_type"`
	Scope   string         `json:"scope"`
	Profile map[string]any `json:"profile"`
}

// call calls a method of the library that gives a user, or none.
func (a *app) call(page *loginPage, method string) (u *appUser) {
	a.t.Helper()
	text := eval[string](page.tab, "manager."+method+".then((user) => JSON.stringify(user ?? null))")
	if err := json.Unmarshal([]byte(text), &u); err != nil {
		a.t.Fatalf("%s: %v", method, err)
	}
	return u
}

// fails calls a method that must fail, as want says.
func (a *app) fails(page *loginPage, method, want string) {
	a.t.Helper()
	got := eval[string](page.tab, "manager."+method+".then((user) => 'no error, but ' + JSON.stringify(user), (e) => e.name + ': ' + (e.error ?? e.message))")
	if !strings.Contains(got, want) {
		a.t.Errorf("%s: %s, want %s", method, got, want)
	}
}

// redirect sends the browser to the provider, with arguments of the library.
func (a *app) redirect(page *loginPage, arguments string) {
	a.t.Helper()
	page.do("manager.signinRedirect(" + arguments + ")")
}

// back waits until the browser has come back to the application.
func (a *app) back(page *loginPage) {
	a.t.Helper()
	a.at(page, "callback")
}

// at waits until the browser is at a place of the application.
func (a *app) at(page *loginPage, place string) {
	a.t.Helper()
	await(page.tab, "the "+place, "location.origin === "+quote(a.origin)+" && location.pathname.endsWith("+quote("/"+place)+") && 'manager' in globalThis", isTrue)
}

// login logs a phone's user in, from the button to the library's callback.
func (a *app) login(page *loginPage, who *api.Phone) *appUser {
	a.t.Helper()
	a.redirect(page, "")
	page.see("Log in to Acme App")
	page.identify(who.Token)
	a.decide(who, session.Approve, page.code(), "identity:name")
	a.back(page)
	return a.call(page, "signinCallback()")
}

// userinfo asks what a token is still good for, from the page. The library asks by
// itself, but for tokens bound to a key it has only the proof.
func (a *app) userinfo(page *loginPage, scheme, token string) int {
	a.t.Helper()
	return eval[int](page.tab, fmt.Sprintf(`(async (at, authorization) => {
		const user = await manager.getUser();
		const proof = await manager.dpopProof(at, user);
		return (await fetch(at, { headers: proof ? { authorization, dpop: proof } : { authorization } })).status;
	})(%s, %s)`, quote(a.proxy.url+"/oidc/userinfo"), quote(scheme+" "+token)))
}

// alice is a phone of somebody with a name.
func (a *app) alice() *api.Phone {
	a.t.Helper()
	return a.PhoneOf(0, device.Claims{"name": json.RawMessage(`"Alice Doe"`)})
}

// A single-page application logs alice in, renews and revokes, all across origins
// and by the library's own methods.
func TestOIDCSinglePage(t *testing.T) {
	a := newApp(t, "localhost")
	alice, page := a.alice(), a.visit(newProfile(t), "plain")
	first := a.login(page, alice)
	if first.Profile["sub"] != alice.Token || first.Profile["name"] != "Alice Doe" || first.Type != "Bearer" || first.Scope != "openid profile offline_access" || first.Refresh == "" {
		t.Errorf("logged in: %+v", first)
	}
	if n := a.proxy.served("OPTIONS /oidc/userinfo"); n == 0 {
		t.Error("the browser never asked whether the page may send a token to userinfo")
	}
	if now := a.call(page, "getUser()"); now == nil || now.Access != first.Access {
		t.Errorf("then the library knows %+v", now)
	}
	if left := eval[string](page.tab, "JSON.stringify({...localStorage, ...sessionStorage})"); left != "{}" {
		t.Errorf("the login left %s", left)
	}

	second := a.call(page, "signinSilent()")
	if second == nil || second.Access == first.Access || second.Refresh == first.Refresh || second.Profile["sub"] != alice.Token || second.Profile["sid"] != first.Profile["sid"] {
		t.Errorf("renewed: %+v", second)
	}
	if n := a.proxy.served("GET /oidc/authorize"); n != 1 {
		t.Errorf("%d authorization requests: it is renewed by the refresh token", n)
	}

	page.excuse("401")
	if now := a.userinfo(page, "Bearer", second.Access); now != http.StatusOK {
		t.Errorf("userinfo before it is revoked: %d", now)
	}
	if !eval[bool](page.tab, "manager.revokeTokens().then(() => manager.getUser()).then((user) => !user.refresh_token)") {
		t.Error("the library keeps a refresh token that is revoked")
	}
	if n := a.proxy.served("POST /oidc/revoke"); n != 2 {
		t.Errorf("%d revocations, want those of an access and a refresh token", n)
	}
	for _, token := range []string{first.Access, second.Access} {
		if now := a.userinfo(page, "Bearer", token); now != http.StatusUnauthorized {
			t.Errorf("userinfo after it is revoked: %d", now)
		}
	}
}

// An application whose tokens are bound to a key that cannot leave the browser:
// DPoP from the authorization request on.
func TestOIDCSinglePageDPoP(t *testing.T) {
	a := newApp(t, "localhost")
	alice, page := a.alice(), a.visit(newProfile(t), "bound")
	first := a.login(page, alice)
	second := a.call(page, "signinSilent()")
	if first.Type != "DPoP" || second == nil || second.Type != "DPoP" || second.Access == first.Access || second.Profile["sub"] != alice.Token {
		t.Errorf("logged in: %+v, renewed: %+v", first, second)
	}
	page.excuse("401")
	if now := a.userinfo(page, "DPoP", second.Access); now != http.StatusOK {
		t.Errorf("userinfo with a proof: %d", now)
	}
	if now := a.userinfo(page, "Bearer", second.Access); now != http.StatusUnauthorized {
		t.Errorf("userinfo as if it were bound to nothing: %d", now)
	}
}

// What the provider refuses, and that the user gives up, comes back to the
// application as an error that the library knows.
func TestOIDCSinglePageErrors(t *testing.T) {
	a := newApp(t, "localhost")
	page := a.visit(newProfile(t), "plain")
	a.redirect(page, "{prompt: 'none'}")
	a.back(page)
	a.fails(page, "signinCallback()", "ErrorResponse: login_required")
	a.redirect(page, "")
	page.see("Log in to Acme App")
	page.click(action("cancel"))
	a.back(page)
	a.fails(page, "signinCallback()", "ErrorResponse: access_denied")
	a.fails(page, "signinCallback()", "No matching state found in storage") // an answer counts once
}

// After a reload tokens in memory are gone, and the application asks in a hidden
// frame with prompt=none. One on the issuer's site is answered without a step. To
// one on another site the browser sends no cookie from a frame, so it hears
// login_required, and asks again by a redirect of the whole page. The login page
// itself shows in no frame: the library gives up after the time it was given.
func TestOIDCSinglePageInAFrame(t *testing.T) {
	for host, sameSite := range map[string]bool{"localhost": true, "127.0.0.1": false} {
		t.Run(host, func(t *testing.T) {
			a := newApp(t, host)
			alice, page := a.alice(), a.visit(newProfile(t), "plain")
			a.fails(page, "signinSilent()", "ErrorResponse: login_required")
			first := a.login(page, alice)

			page.visit(a.origin + "/plain/")
			if sameSite {
				if again := a.call(page, "signinSilent()"); again == nil || again.Profile["sid"] != first.Profile["sid"] {
					t.Errorf("in a frame: %+v", again)
				}
			} else {
				a.fails(page, "signinSilent()", "ErrorResponse: login_required")
			}
			a.redirect(page, "{prompt: 'none'}")
			a.back(page)
			if again := a.call(page, "signinCallback()"); again == nil || again.Profile["sid"] != first.Profile["sid"] {
				t.Errorf("by a redirect: %+v", again)
			}

			page.excuse("frame-ancestors 'none'")
			a.fails(page, "signinSilent({prompt: 'login', forceIframeAuth: true, silentRequestTimeoutInSeconds: 1})", "ErrorTimeout: IFrame timed out without a response")
			if !slices.ContainsFunc(page.heard(), func(trouble string) bool { return strings.Contains(trouble, "frame-ancestors 'none'") }) {
				t.Error("the browser shows the login page in a frame")
			}
		})
	}
}

// heard gives what the page got into so far.
func (b *tab) heard() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.troubles)
}
