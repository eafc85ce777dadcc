package browser

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// asks sends the browser from the application's first page to the provider with
// prompt=none, and back.
func (a *app) asks(page *loginPage, client string) {
	a.t.Helper()
	page.visit(a.origin + "/" + client + "/")
	a.redirect(page, "{prompt: 'none', scope: 'openid'}")
	a.back(page)
}

// loggedIn says that the provider still has the login of an id_token.
func (a *app) loggedIn(page *loginPage, client string, first *appUser) {
	a.t.Helper()
	a.asks(page, client)
	if again := a.call(page, "signinCallback()"); again == nil || again.Profile["sid"] != first.Profile["sid"] {
		a.t.Errorf("the login is now %+v", again)
	}
}

// loggedOut says that the provider knows nobody in the application's browser.
func (a *app) loggedOut(page *loginPage, client string) {
	a.t.Helper()
	a.asks(page, client)
	a.fails(page, "signinCallback()", "ErrorResponse: login_required")
}

// goodbye waits for the end of a logout, and has the library read it: the state
// that the application gave is what it must find again.
func (a *app) goodbye(page *loginPage, state string) {
	a.t.Helper()
	a.at(page, "goodbye")
	if got := eval[string](page.tab, "manager.signoutCallback().then(({ userState, error }) => userState + (error ?? ''))"); got != state {
		a.t.Errorf("the logout came back with %q, want %q", got, state)
	}
}

// Alice logs out of an application: its tokens are revoked, and no other application
// finds her logged in at the provider. One without a server is told by nobody, so
// it has to ask.
func TestOIDCSinglePageLogout(t *testing.T) {
	a := newApp(t, "localhost")
	b := newProfile(t)
	page, other := a.visit(b, "plain"), a.visit(b, "bound")
	page.front()
	first := a.login(page, a.alice())
	other.front()
	a.loggedIn(other, "bound", first)

	page.front()
	page.do("manager.signoutRedirect({ state: 'settings' })")
	a.goodbye(page, "settings")
	if now := a.call(page, "getUser()"); now != nil {
		t.Errorf("the library still knows %+v", now)
	}
	if n := a.proxy.served("POST /oidc/revoke"); n != 2 {
		t.Errorf("%d revocations, want those of an access and a refresh token", n)
	}
	page.excuse("401")
	if status := a.userinfo(page, "Bearer", first.Access); status != http.StatusUnauthorized {
		t.Errorf("userinfo after the logout: %d", status)
	}
	a.loggedOut(page, "plain")
	other.front()
	a.loggedOut(other, "bound")
}

// After a reload the application has no id_token any more. Then the provider asks
// its user, who may also stay.
func TestOIDCSinglePageLogoutAsks(t *testing.T) {
	a := newApp(t, "127.0.0.1")
	page := a.visit(newProfile(t), "plain")
	first := a.login(page, a.alice())
	page.visit(a.origin + "/plain/")
	page.do("manager.signoutRedirect()")
	page.see("Log out?")
	page.see("Acme App")
	page.click(`button[value="no"]`)
	page.see("You are still logged in")
	a.loggedIn(page, "plain", first)

	page.visit(a.origin + "/plain/")
	page.do("manager.signoutRedirect({ state: 'menu' })")
	page.see("Log out?")
	page.click(`button[value="yes"]`)
	a.goodbye(page, "menu")
	a.loggedOut(page, "plain")
}

// In a hidden frame an application logs its user out only if it is on the issuer's
// site and still has the id_token: the page that asks shows in no frame, and from a
// frame of another site, where the browser sends no cookie, the provider takes none.
func TestOIDCSinglePageLogoutInAFrame(t *testing.T) {
	for host, sameSite := range map[string]bool{"localhost": true, "127.0.0.1": false} {
		t.Run(host, func(t *testing.T) {
			a := newApp(t, host)
			alice, page := a.alice(), a.visit(newProfile(t), "plain")
			first := a.login(page, alice)
			if sameSite {
				a.call(page, "signoutSilent({ state: {} })")
				if now := a.call(page, "getUser()"); now != nil {
					t.Errorf("the library still knows %+v", now)
				}
				a.loggedOut(page, "plain")
				page.visit(a.origin + "/plain/")
				first = a.login(page, alice)
				page.visit(a.origin + "/plain/") // and with it goes the id_token
			} else {
				page.excuse("status of 400")
			}
			page.excuse("frame-ancestors 'none'")
			a.fails(page, "signoutSilent({ state: {}, silentRequestTimeoutInSeconds: 1 })", "ErrorTimeout: IFrame timed out without a response")
			if !slices.ContainsFunc(page.heard(), func(trouble string) bool { return strings.Contains(trouble, "frame-ancestors 'none'") }) {
				t.Error("the browser shows in a frame the page that asks")
			}
			a.loggedIn(page, "plain", first)
		})
	}
}
