package browser

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"countersign/api"
	"countersign/audit"
	"countersign/test/rig"
)

// The module takes logouts where it takes answers: of a browser, with the page to
// end on, and of the provider.
const (
	logoutBy      = callbackPath + "?logout="
	byBackchannel = "backchannel"
)

// backchannel is where the provider tells the site of logouts. Names below localhost
// are for browsers: what is no browser may not know them.
func (s *site) backchannel() string {
	return strings.Replace(s.front.url, "localhost", "127.0.0.1", 1) + logoutBy + byBackchannel
}

// notices are the requests that the site is told of a logout by.
func notices(r *http.Request) bool {
	return r.URL.Path == callbackPath && r.URL.Query().Get("logout") == byBackchannel
}

// loggedIn has somebody log in at a site, in a browser that nobody is logged in
// with.
func (a *acme) loggedIn(p *profile, s *site, who *api.Phone) (*loginPage, map[string]string) {
	a.t.Helper()
	page := a.visit(p, s)
	a.approve(page, who)
	return page, a.account(page, s, who)
}

// logOut follows the link of a site's Log out.
func (a *acme) logOut(l *loginPage, s *site) {
	a.t.Helper()
	l.visit(s.Origin + logoutBy + url.QueryEscape(s.Origin+openPath))
	l.see("Welcome")
	if at := eval[string](l.tab, "location.href"); at != s.Origin+openPath {
		a.t.Errorf("logged out at %s", at)
	}
}

// wantsLogin opens the account at a site, and the login page comes up.
func (a *acme) wantsLogin(l *loginPage, s *site, title string) {
	a.t.Helper()
	l.visit(s.Origin + accountPath)
	l.see(title)
	l.seeElement("#user")
}

// told waits until the module has taken so many notices of logouts at a site.
func (a *acme) told(s *site, times int) {
	a.t.Helper()
	a.Eventually(s.ID+" is told of the logout", func() bool {
		n := 0
		for line := range strings.Lines(a.Log.String()) {
			if strings.Contains(line, `"`+string(audit.NoticeTaken)+`"`) && strings.Contains(line, `"`+s.ID+`"`) {
				n++
			}
		}
		return n == times
	})
}

// cookies are those of the browser for some addresses.
func (b *tab) cookies(urls ...string) (found []*network.Cookie) {
	b.t.Helper()
	b.call("cookies", func(ctx context.Context) error {
		got, err := chromedp.Call(ctx, network.GetCookies, network.GetCookiesParams{URLs: urls})
		found = got.Cookies
		return err
	})
	return found
}

// putBack gives the browser cookies that it had.
func (b *tab) putBack(cookies []*network.Cookie) {
	b.t.Helper()
	b.call("put cookies back", func(ctx context.Context) error {
		p := network.SetCookiesParams{}
		for _, c := range cookies {
			p.Cookies = append(p.Cookies, &network.CookieParam{Name: c.Name, Value: c.Value, Domain: c.Domain, Path: c.Path, HTTPOnly: c.HTTPOnly, SameSite: c.SameSite})
		}
		_, err := chromedp.Call(ctx, network.SetCookies, p)
		return err
	})
}

// Alice logs out at the bank: she ends on the page that the bank wants, and neither
// the module nor the provider knows her any more, not even by the cookies that she
// had. Bob, in a browser of his own, is still there.
func TestApacheLogout(t *testing.T) {
	a := newAcme(t)
	bob := a.person("Bob")
	others, _ := a.loggedIn(newProfile(t), a.bank, bob)
	p := newProfile(t)
	page, first := a.loggedIn(p, a.bank, a.alice)
	had := page.cookies(a.proxy.url, a.bank.Origin)
	if len(had) < 2 {
		t.Fatalf("the browser has only %v", had)
	}
	a.logOut(page, a.bank)
	for request, want := range map[string]int{"GET /oidc/end-session": 1, "POST /oidc/end-session": 0, "POST /oidc/revoke": 1} {
		if n := a.proxy.served(request); n != want {
			t.Errorf("%d × %s, want %d", n, request, want)
		}
	}
	a.wantsLogin(page, a.bank, "Log in to Acme Bank")
	page.putBack(had)
	a.wantsLogin(page, a.bank, "Log in to Acme Bank")
	a.wantsLogin(&loginPage{p.open("about:blank")}, a.shop, "Log in to Acme Shop")
	a.approve(page, a.alice)
	if again := a.account(page, a.bank, a.alice); again["OIDC_CLAIM_sid"] == first["OIDC_CLAIM_sid"] {
		t.Error("the browser login goes on after the logout")
	}
	others.reload()
	a.account(others, a.bank, bob)
}

// Alice logs out at the bank, and her next visit to the shop in that browser asks
// her to log in, though nobody touched the shop: it was told by the back channel.
// The bank is told too, and takes it, though it knows already.
func TestApacheBackchannelLogout(t *testing.T) {
	a := newAcme(t)
	bob := a.person("Bob")
	others, _ := a.loggedIn(newProfile(t), a.shop, bob)
	page, _ := a.loggedIn(newProfile(t), a.bank, a.alice)
	page.visit(a.shop.Origin + accountPath)
	a.account(page, a.shop, a.alice)
	seen := a.shop.front.served("GET .*")
	a.logOut(page, a.bank)
	a.told(a.shop, 1)
	a.told(a.bank, 1)
	if n := a.shop.front.served("GET .*"); n != seen {
		t.Errorf("the browser asked the shop %d times", n-seen)
	}
	a.wantsLogin(page, a.shop, "Log in to Acme Shop")
	others.reload()
	a.account(others, a.shop, bob)
}

// takeNotice logs out at a site and keeps from another what it is told.
func (a *acme) takeNotice(l *loginPage, at, from *site) (token string) {
	a.t.Helper()
	taken := make(chan string, 1)
	from.front.refuse(func(r *http.Request) bool {
		if !notices(r) {
			return false
		}
		_ = r.ParseForm() // a notice that cannot be read has no token
		select {
		case taken <- r.PostForm.Get("logout_token"):
		default: // it is told again and again
		}
		return true
	})
	a.logOut(l, at)
	select {
	case token = <-taken:
	case <-time.After(patience):
	}
	if strings.Count(token, ".") != 2 {
		a.t.Fatalf("told %q", token)
	}
	return token
}

// tell posts a logout token to the module, past what stands before it.
func (a *acme) tell(s *site, token string) (status int) {
	a.t.Helper()
	body := strings.NewReader(url.Values{"logout_token": {token}}.Encode())
	r, err := http.NewRequestWithContext(rig.Ctx(a.t), http.MethodPost, s.inner()+logoutBy+byBackchannel, body)
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body) // only how it is answered counts
	return resp.StatusCode
}

// Whoever stands on the way of a notice cannot make another of it: with a changed
// signature, claims or kind it is refused, and Alice stays logged in at the shop. As
// it is it logs her out, once.
func TestApacheForgedLogout(t *testing.T) {
	a := newAcme(t)
	page, _ := a.loggedIn(newProfile(t), a.bank, a.alice)
	page.visit(a.shop.Origin + accountPath)
	atShop := a.account(page, a.shop, a.alice)
	token := a.takeNotice(page, a.bank, a.shop)
	head, rest, _ := strings.Cut(token, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	changed := string('A'+(signature[0]-'A'+1)%26) + signature[1:]
	for what, forged := range map[string]string{
		"a changed signature":      head + "." + claims + "." + changed,
		"no signature":             head + "." + claims + ".",
		"another's signature":      head + "." + claims + atShop["OIDC_id_token"][strings.LastIndex(atShop["OIDC_id_token"], "."):],
		"an id_token of the login": atShop["OIDC_id_token"],
		"nothing":                  "",
	} {
		if status := a.tell(a.shop, forged); status != http.StatusBadRequest {
			t.Errorf("%s: %d", what, status)
		}
	}
	page.visit(a.shop.Origin + accountPath)
	a.account(page, a.shop, a.alice)

	for i, want := range []int{http.StatusOK, http.StatusBadRequest} {
		if status := a.tell(a.shop, token); status != want {
			t.Errorf("told it for the %d. time: %d, want %d", i+1, status, want)
		}
	}
	a.wantsLogin(page, a.shop, "Log in to Acme Shop")
}
