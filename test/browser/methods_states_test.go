package browser

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"countersign/server"
	"countersign/session"
)

// methodStops are where a trial stops, in order.
var methodStops = []string{"method-message", "method-message-wrong", "method-offline", "method-passkey", "method-passkey-add", "method-passkey-who",
	"method-passkey-learns", "method-passkey-unused", "method-consent", "method-consent-missing"}

// newTrial starts the system with a shop that tries every method beside a phone, and
// a client whose users may log in by a passkey. Nobody reads the messages.
func newTrial(t *testing.T, lang string, stop func(name string, b *tab)) *trial {
	t.Helper()
	l := listen(t)
	serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	s, listed := openShop(t)
	c := newParty(t, listed, asking, func(c *server.Config) {
		c.Message.URL = "http://" + l.Addr().String()
		c.Outgoing.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		for _, name := range []string{"message", "offline", "passkey"} {
			c.Flows["try_"+name] = map[string]any{"steps": []any{"identify", []any{"device", name}}}
		}
		c.Flows["add_passkey"], c.Flows["login"] = map[string]any{"steps": []any{"identify", "device", "passkey_add"}}, c.Flows["try_passkey"]
	})
	s.World = c.World
	return &trial{c: c, s: s, lang: lang, stop: stop}
}

// A trial goes through the methods of a flow beside a phone, and stops at each.
type trial struct {
	c    *party
	s    *shop
	lang string
	stop func(name string, b *tab)
	page *loginPage

	stops []string
}

func (m *trial) at(name string) {
	m.s.t.Helper()
	m.stops = append(m.stops, name)
	m.page.front()
	m.stop(name, m.page.tab)
}

// begin goes on to an operation of a flow.
func (m *trial) begin(flow string, members ...any) {
	m.s.t.Helper()
	v := m.s.order(append([]any{"name", flow, "form", json.RawMessage(paymentForms[m.lang])}, members...)...)
	m.page.visit(v.URL + "&ui_locales=" + m.lang)
}

// run makes the trial and checks that it left out nothing.
func (m *trial) run() {
	m.s.t.Helper()
	m.page = &loginPage{newProfile(m.s.t).open("about:blank")}
	m.begin("try_message", "tokenId", m.s.numbered().Token)
	m.page.click(action("take-message"))
	m.page.seeElement("#code")
	m.at("method-message")
	m.page.write("#code", "1"+kb.Enter)
	await(m.page.tab, "a complaint", `look.find('#code').getAttribute('aria-invalid') === 'true'`, isTrue)
	m.at("method-message-wrong")

	m.begin("try_offline", "tokenId", m.s.enrol(newProfile(m.s.t)).token)
	m.page.click(action("take-offline"))
	await(m.page.tab, "a QR code", `look.sees('.qr svg')`, isTrue)
	m.at("method-offline")
	m.passkeys()

	alice := m.s.Phone(0)
	m.begin(contract, "tokenId", alice.Token)
	m.s.decide(alice, session.Approve, m.page.code())
	m.page.seeElement(part("panel-consent"))
	m.at("method-consent")
	m.page.click(action("agree"))
	await(m.page.tab, "what is missing", `look.isFocused('[data-action="option-terms"]')`, isTrue)
	m.at("method-consent-missing")
	if !slices.Equal(m.stops, methodStops) {
		m.s.t.Errorf("the trial stopped at %q", m.stops)
	}
}

// passkeys makes one, and does not use it.
func (m *trial) passkeys() {
	m.s.t.Helper()
	alice := m.s.Phone(0)
	m.begin("try_passkey", "tokenId", m.s.Phone(0).Token)
	m.page.click(action("take-passkey"))
	m.page.see(words(m.s.t, m.lang)("passkeyHelp"))
	m.at("method-passkey")
	keys := m.page.keeps()
	m.begin("add_passkey", "tokenId", alice.Token, "data", "Create a passkey", "form", json.RawMessage(`{"title":"Create a passkey at Acme Shop"}`))
	m.s.decide(alice, session.Approve, m.page.code())
	m.page.seeElement(part("panel-passkey_add"))
	m.at("method-passkey-add")
	m.page.click(action("use"))
	m.s.back(m.page)
	m.page.visit(m.c.address("ui_locales", m.lang))
	m.page.seeElement(action("passkey"))
	m.at("method-passkey-who")
	keys.knowsUser(false)
	m.page.click(action("passkey"))
	m.page.see(words(m.s.t, m.lang)("passkeyHelp")) // below what the client will learn, which no phone shows
	m.at("method-passkey-learns")
	m.page.click(action("use"))
	m.page.seeElement(part("message-failed"))
	m.at("method-passkey-unused")
}

// Every state of the methods beside a phone is one that axe finds nothing wrong with,
// as the user has it and in languages of either direction, speaks that language, and
// fits a narrow window.
func TestMethodStatesAreAccessible(t *testing.T) {
	for _, lang := range []string{"en", "de", "ar"} {
		t.Run(lang, func(t *testing.T) {
			newTrial(t, lang, lookOver(t, lang)).run()
		})
	}
}
