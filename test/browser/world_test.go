package browser

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"countersign/server"
	"countersign/test/rig"
	"countersign/web/demo"
)

// bankID is the demo bank's serviceId, hostedID that of a service that has no
// page of its own and shows the hosted login page. shopID may be added to them; its
// secret is the bank's.
const (
	bankID     = "bank"
	hostedID   = "hosted"
	shopID     = "shop"
	bankSecret = "a secret of sixteen bytes or more"
)

// A World is two nodes on a real Redis behind a proxy, and the demo bank on an
// origin of its own.
type World struct {
	*rig.Rig
	t     testing.TB
	proxy *proxy
	bank  string // its origin
}

// newWorld starts the system; configure has the last word on its configuration.
func newWorld(t *testing.T, configure ...func(*server.Config)) *World {
	t.Helper()
	t.Parallel()
	w := &World{t: t, proxy: newProxy(t)}
	bankListener := listen(t)
	w.bank = origin(bankListener)
	key := bytes.Repeat([]byte{3}, 32)
	w.Rig = rig.New(t, rig.Options{Issuer: w.proxy.url, Demo: true,
		Configure: func(c *server.Config) {
			c.Services = w.services(c.Services[0])
			for _, f := range configure {
				f(c)
			}
		},
		Secrets: func(s *server.Secrets) {
			s.Services = map[string]server.ServiceSecrets{bankID: {Secret: []byte(bankSecret), ResponseKey: key}, shopID: {Secret: []byte(bankSecret)}}
		}})
	w.proxy.to(t, w.Nodes[0].Base, w.Nodes[1].Base)
	w.startBank(bankListener, key)
	return w
}

// services are the hosted service and the bank, as dev has them.
func (w *World) services(like server.ServiceConfig) []server.ServiceConfig {
	like.Scopes = server.ScopesConfig{Allowed: []string{"identity:name", "identity:birthdate", "identity:age_over_18", "identity:email"}, Default: []string{"identity:name"}}
	hosted, bank := like, like
	hosted.ID, hosted.Origins = hostedID, []string{w.proxy.url}
	bank.ID, bank.Origins, bank.ReturnURL = bankID, []string{w.bank}, w.bank+"/login"
	return []server.ServiceConfig{hosted, bank}
}

func (w *World) startBank(l net.Listener, key []byte) {
	serve(w.t, l, demo.New(demo.Options{Issuer: w.proxy.url, ServiceID: bankID, Secret: bankSecret, ResponseKey: key, Origin: w.bank, HTTP: w.HTTP}))
}

// hosted is the address of the hosted login page.
func (w *World) hosted(query ...string) string {
	return w.proxy.url + "/login?service=" + hostedID + strings.Join(append([]string{""}, query...), "&")
}

// login opens the bank's login that asks a phone's identity: the code is then
// typed there.
func (w *World) login(p *profile, who *phone) *loginPage {
	w.t.Helper()
	return &loginPage{p.open(w.bank + "/login?id=" + url.QueryEscape(who.token))}
}

// A loginPage is a tab with a login in it, wherever that is.
type loginPage struct{ *tab }

// code waits for the code and gives its digits.
func (l *loginPage) code() string {
	l.t.Helper()
	return await(l.tab, "a code", `(look.of('[part~="code"] .digits') ?? '').replaceAll(/\D/g, '')`, func(s string) bool { return len(s) == 6 })
}

// A phone is the authenticator, enrolled, in a profile of its own.
type phone struct {
	*tab
	token string // its identity
}

// enrol makes the profile an enrolled phone.
func (w *World) enrol(p *profile) *phone {
	w.t.Helper()
	return w.enrolled(p.open(w.proxy.url + "/authenticator"))
}

// enrolled enrols the authenticator that a tab shows.
func (w *World) enrolled(b *tab) *phone {
	w.t.Helper()
	ph := &phone{tab: b}
	ph.click(testid("enrol"))
	ph.seeElement(testid("nothing"))
	ph.see("Connected.")
	ph.click("#details")
	me := ph.seeElement(testid("me"))
	ph.click(testid("details-close"))
	if ph.token = tokenIn(me); ph.token == "" {
		w.t.Fatalf("no tokenId in %s", me)
	}
	return ph
}

// tokenIn finds a tokenId in a text.
func tokenIn(text string) string { return regexp.MustCompile(`tok_[\w-]{22}`).FindString(text) }

// take opens the request that waits, and gives what it says.
func (ph *phone) take() string {
	ph.t.Helper()
	ph.click(testid("pending-item"))
	return ph.read()
}

// read scrolls through what is asked, as a person does who reads it; only then
// can it be approved.
func (ph *phone) read() string {
	ph.t.Helper()
	asked := ph.seeElement(testid("display"))
	await(ph.tab, "the end of what is asked", fmt.Sprintf("(scrollBy({top: 100, behavior: 'instant'}), look.find(%s)?.disabled === false)", quote(testid("approve"))), isTrue)
	return asked
}

// approve types the code, if any, and approves.
func (ph *phone) approve(code string) {
	ph.t.Helper()
	if code != "" {
		ph.write(testid("code"), code)
	}
	ph.click(testid("approve"))
}

// result waits for the end that the app shows: approved, denied, reported or
// failed.
func (ph *phone) result(want string) {
	ph.t.Helper()
	await(ph.tab, "the result "+want, `look.find('[data-testid="result"]')?.dataset.result ?? ''`, func(got string) bool { return got == want })
}

func testid(name string) string { return `[data-testid="` + name + `"]` }

func part(name string) string { return `[part~="` + name + `"]` }

func action(name string) string { return `[data-action="` + name + `"]` }
