package browser

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
)

// shown is what a user must see of the payment before they approve it.
var shown = []string{"Acme Shop asks you to approve", "Approve a payment", "You pay your rent", "100 EUR", "DE89370400440532013000", "Rent"}

// A payment that the shop's back end begins, from the link to the shop's page: who
// pays says who they are, sees what it is, and approves it on the phone.
func TestApprovalOfAPayment(t *testing.T) {
	s := newShop(t)
	alice := s.enrol(newProfile(t))
	v := s.order()
	page := s.visit(newProfile(t), v)
	page.see("Approve at Acme Shop")
	if title := eval[string](page.tab, "document.title"); title != "Approve at Acme Shop" || page.sees("Log in") || page.sees("Scan instead") {
		t.Errorf("%s: %s", title, page.text())
	}
	page.identify(alice.token)
	page.reviewed(shown...)
	page.see("Approve a payment")
	code := page.code()
	if page.sees("Log in") {
		t.Errorf("a login: %s", page.text())
	}
	asked := alice.take()
	for _, part := range append(shown[1:], paymentData) {
		if !strings.Contains(asked, part) {
			t.Errorf("the phone does not show %q: %s", part, asked)
		}
	}
	page.see("Continue on your phone")
	page.see("Approve a payment")
	alice.approve(code)
	alice.result("approved")
	s.back(page)
	now := s.result(v)
	if now.Result != "DONE" || now.TokenID != alice.token || now.Proof == nil || !strings.Contains(now.Proof.Display, paymentData) {
		t.Errorf("the shop hears %+v", now)
	}
	page.excuse("404")
	page.visit(v.URL)
	page.see("This request can’t go on here") // it is over
}

// Whom the back end has named is asked for nothing but to look.
func TestApprovalOfANamedUser(t *testing.T) {
	s := newShop(t)
	alice := s.enrol(newProfile(t))
	v := s.order("tokenId", alice.token)
	page := s.visit(newProfile(t), v)
	page.seeElement(part("panel-review"))
	if page.sees("Not you?") {
		t.Error("another may be named")
	}
	page.reviewed(shown...)
	code := page.code()
	alice.take()
	alice.approve(code)
	s.back(page)
}

// Declined on the phone it is over: the page says so, and leads back to the shop.
func TestApprovalDeclined(t *testing.T) {
	s := newShop(t)
	alice := s.enrol(newProfile(t))
	v := s.order("tokenId", alice.token)
	page := s.visit(newProfile(t), v)
	page.reviewed()
	page.code()
	alice.take()
	alice.click(testid("decline"))
	alice.result("denied")
	page.seeElement(action("onward"))
	page.see("declined on your phone")
	page.see("Nothing was approved")
	if page.sees("Try again") || page.sees("logged in") {
		t.Errorf("after the end: %s", page.text())
	}
	page.click(action("onward"))
	s.back(page)
	if now := s.result(v); now.Result != "FAILED" || now.Reason != "declined" || now.Proof != nil {
		t.Errorf("the shop hears %+v", now)
	}
}

// A page that is loaded again shows the step that it was at, with a new session, also
// when a phone has the one before.
func TestApprovalReload(t *testing.T) {
	s := newShop(t)
	alice := s.Phone(0)
	page := s.visit(newProfile(t), s.order())
	page.seeElement("#user")
	page.reload()
	page.identify(alice.Token)
	page.seeElement(part("panel-review"))
	page.reload()
	page.reviewed(shown...)
	page.code()
	page.reload()
	page.see("Approve a payment")
	page.code()
	waiting, err := alice.Pending(rig.Ctx(t))
	if err != nil || len(waiting.Sessions) != 1 {
		t.Fatalf("%+v wait, %v", waiting, err)
	}
	s.Claim(alice, waiting.Sessions[0].SessionID, "")
	page.see("Continue on your phone")
	page.reload()
	page.see("type this code there")
	s.decide(alice, session.Approve, page.code(), "identity:name")
	s.back(page)
}

// The first browser that opens the link has the payment; every other sees that it
// is not theirs, whoever its user is.
func TestApprovalInAnotherBrowser(t *testing.T) {
	s := newShop(t)
	alice := s.enrol(newProfile(t))
	v := s.order("tokenId", alice.token)
	first := s.visit(newProfile(t), v)
	first.seeElement(part("panel-review"))
	second := &loginPage{newProfile(t).open("about:blank")}
	second.excuse("404")
	for range 2 {
		second.visit(v.URL)
		second.see("This request can’t go on here")
		for _, text := range shown {
			if second.sees(text) {
				t.Errorf("another browser is told %q", text)
			}
		}
	}
	second.audit("another browser")
	first.reviewed(shown...)
	first.code()
	second.visit(v.URL)
	second.see("This request can’t go on here")
	first.click(action("cancel"))
	s.back(first)
	if now := s.result(v); now.Result != "FAILED" || now.Reason != "cancelled" {
		t.Errorf("the shop hears %+v", now)
	}
}

// Cancel ends the payment at every step, and the shop hears that it was cancelled.
func TestApprovalCancelled(t *testing.T) {
	s := newShop(t)
	for _, step := range []string{"who", "review", "code"} {
		v := s.order()
		page := s.visit(newProfile(t), v)
		page.seeElement("#user")
		if step != "who" {
			page.identify("tok_AAECAwQFBgcICQoLDA0ODw")
			page.seeElement(goOn)
		}
		if step == "code" {
			page.reviewed()
			page.code()
		}
		page.click(action("cancel"))
		s.back(page)
		if now := s.result(v); now.Result != "FAILED" || now.Reason != "cancelled" {
			t.Errorf("%s: the shop hears %s, %s", step, now.Result, now.Reason)
		}
	}
}

// Without a page of the shop's to go back to, the browser learns that it is over.
func TestApprovalEndsHere(t *testing.T) {
	s := newShop(t, func(c *server.Config) { c.Services[2].ReturnURL = "" })
	alice := s.Phone(1)
	page := s.visit(newProfile(t), s.order("tokenId", alice.Token))
	page.reviewed()
	s.decide(alice, session.Approve, page.code(), "identity:name")
	page.see("You can close this window.")
	page.audit("the end")

	page.visit(s.order("tokenId", alice.Token).URL)
	page.reviewed()
	page.code()
	s.decide(alice, session.Deny, "")
	page.seeElement(action("onward"))
	page.see("Nothing was approved")
	if page.sees("Back to Acme Shop") {
		t.Error("the page leads to a shop that has none")
	}
	page.click(action("onward"))
	page.see("You can close this window.")
}

// A page that asks for more time gives its session up, and nothing else.
func TestApprovalMoreTime(t *testing.T) {
	s := newShop(t, ttl(30*time.Second))
	alice := s.Phone(0)
	v := s.order("tokenId", alice.Token)
	page := s.visit(newProfile(t), v)
	page.reviewed()
	page.code()
	page.click(action("more-time"))
	page.gone(part("panel-starting"))
	s.decide(alice, session.Approve, page.code(), "identity:name")
	s.back(page)
	if now := s.result(v); now.Result != "DONE" || len(now.History) < 2 {
		t.Errorf("the shop hears %+v", now)
	}
}

// Nothing of an approval needs a mouse: the choice is the first button that Tab
// leads to, and what is asked is read out when it appears.
func TestApprovalKeyboard(t *testing.T) {
	s := newShop(t)
	alice := s.enrol(newProfile(t))
	v := s.order()
	page := s.visit(newProfile(t), v)
	page.tabTo("#user").keys(alice.token + kb.Enter)
	page.seeElement(part("panel-review"))
	await(page.tab, "the focus on what is asked", `look.focused()`, func(at string) bool { return strings.Contains(at, "Approve a payment") })
	page.keys(kb.Tab)
	if !eval[bool](page.tab, fmt.Sprintf("look.isFocused(%s)", quote(goOn))) {
		t.Errorf("Tab leads to %s", eval[string](page.tab, "look.focused()"))
	}
	page.tabTo(action("notYou")).keys(kb.Enter)
	page.tabTo("#user").keys(kb.Enter)
	page.seeElement(part("panel-review"))
	page.tabTo(goOn).keys(" ")
	code := page.code()
	alice.take()
	alice.approve(code)
	s.back(page)
}

// Of several ways to approve each is a button with its name; one that the server
// refuses is said, and another can be taken.
func TestApprovalChoices(t *testing.T) {
	s := newShop(t)
	alice := s.enrol(newProfile(t))
	page := s.visit(newProfile(t), s.order())
	page.seeElement("#user")
	page.offers("passkey", "With a passkey")
	page.identify(alice.token)
	page.see("How do you want to approve?")
	page.see("With your phone")
	page.tabTo(action("choose-passkey")).keys(kb.Enter)
	page.see("This service does not offer that way.")
	page.see("100 EUR")
	page.tabTo(goOn).keys(kb.Enter)
	page.code()
	page.click(action("cancel"))
	s.back(page)
}

// offers has the server's answers offer one more way to approve.
func (l *loginPage) offers(id, label string) {
	l.t.Helper()
	const wrap = `(({ id, label }) => {
		const real = globalThis.fetch;
		globalThis.fetch = async (...asked) => {
			const answer = await real(...asked);
			const body = await answer.clone().json().catch(() => ({}));
			if (body.data?.review !== true) return answer;
			body.data.methods.splice(1, 0, { id, label });
			return new Response(JSON.stringify(body), { status: answer.status, headers: answer.headers });
		};
	})`
	l.do(fmt.Sprintf("%s({ id: %s, label: %s })", wrap, quote(id), quote(label)))
}

// kinds is a form with every kind of attribute, and with texts that try to be more
// than texts.
const kinds = `{"title":"Change of <b>standing</b> order","greeting":{"id":"g","message":"Dear Bob,"},"summary":"Please look at\nboth parts.","attributes":[
	{"type":"AMOUNT","id":"amount","label":"Amount","amount":"100","currency":"EUR"},
	{"type":"AMOUNT_CONVERSION","id":"conversion","label":"At today’s rate","dynamic":true,"sourceAmount":"100","sourceCurrency":"EUR","targetAmount":"2512.50","targetCurrency":"CZK"},
	{"type":"HEADING","id":"heading","label":"The payee"},
	{"type":"PARTY_INFO","id":"party","label":"Party","name":"Acme Shop <script>alert(1)</script>","description":"A shop in Prague","websiteUrl":"https://shop.example/"},
	{"type":"KEY_VALUE","id":"account","label":"To account","value":"DE89370400440532013000"},
	{"type":"ALERT","id":"alert","alertType":"WARNING","label":"You have not paid here before","value":"Check the account."},
	{"type":"IMAGE","id":"image","label":"Invoice","thumbnailUrl":"https://shop.example/i.png"},
	{"type":"CHOICE","id":"choice","label":"From account","options":[{"id":"1","label":"Current"},{"id":"2","label":"Savings"}],"selected":"2"},
	{"type":"NOTE","id":"note","label":"Note","value":"Rent &amp; <img src=x onerror=alert(1)>"}]}`

// Every kind of attribute is readable, and no text becomes markup.
func TestApprovalOfEveryKind(t *testing.T) {
	s := newShop(t)
	page := s.visit(newProfile(t), s.order("tokenId", "tok_AAECAwQFBgcICQoLDA0ODw", "form", json.RawMessage(kinds)))
	page.seeElement(goOn)
	for _, text := range []string{"Change of <b>standing</b> order", "Dear Bob,", "Please look at\nboth parts.", "100 EUR → 2512.50 CZK", "The rate may still change.", "The payee", "Acme Shop <script>alert(1)</script>",
		"Warning: You have not paid here before", "Check the account.", "Website: https://shop.example/", "https://shop.example/i.png", "✓ Savings", "Rent &amp; <img src=x onerror=alert(1)>"} {
		page.see(text)
	}
	if n := eval[int](page.tab, `look.find('.panel').querySelectorAll('b, script, img').length`); n != 0 {
		t.Errorf("%d elements are the shop's", n)
	}
	page.audit("every kind")
	page.narrow("every kind")
}

// The app is in the same browser: the tab that began goes on to the shop, and the
// tab of the app to no page of the shop's.
func TestApprovalOnTheSameDevice(t *testing.T) {
	s := newShop(t)
	p := newProfile(t)
	bob := s.enrol(p)
	page := s.visit(p, s.order("tokenId", bob.token))
	page.reviewed()
	page.code()
	app := s.handOver(p, page)
	app.approve("")
	app.see("You can close this tab")
	page.front()
	s.back(page)
}

// Who says on the phone that it was not them ends the payment.
func TestApprovalReported(t *testing.T) {
	s := newShop(t)
	alice := s.Phone(0)
	v := s.order("tokenId", alice.Token)
	page := s.visit(newProfile(t), v)
	page.reviewed()
	page.code()
	s.decide(alice, session.Report, "")
	page.see("You said this wasn’t you")
	page.see("Nothing was approved")
	page.click(action("onward"))
	s.back(page)
	if now := s.result(v); now.Reason != "reported" {
		t.Errorf("the shop hears %+v", now)
	}
}
