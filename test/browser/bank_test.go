package browser

import (
	"encoding/json"
	"strings"
	"testing"

	"countersign/api"
	"countersign/session"
)

// Alice logs in at the bank with the code that she types on her phone, and pays.
func TestLogInAndPay(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	page := w.login(newProfile(t), alice)
	code := page.code()

	asked := alice.take()
	for _, part := range []string{strings.TrimPrefix(w.proxy.url, "http://"), "Acme Bank", "Chrome"} {
		if !strings.Contains(asked, part) {
			t.Errorf("the phone does not show %q: %s", part, asked)
		}
	}
	page.see("Continue on your phone")
	if again := page.code(); again != code {
		t.Errorf("the code was %s and is %s", code, again)
	}
	alice.approve(code)
	alice.result("approved")

	page.seeElement(testid("login-approved"))
	claims := page.claims()
	for name, want := range map[string]any{"sub": alice.token, "aud": bankID, "iss": w.proxy.url, "acr": "urn:countersign:typed", "scope": "identity:name"} {
		if claims[name] != want {
			t.Errorf("%s is %v, want %v", name, claims[name], want)
		}
	}
	page.pay(w, alice, "1234.50", "238400856/0300", "Rent")
}

// claims are those of the token that the bank shows.
func (l *loginPage) claims() map[string]any {
	l.t.Helper()
	var claims map[string]any
	if text := l.seeElement(testid("token")); json.Unmarshal([]byte(text), &claims) != nil {
		l.t.Fatalf("the bank shows no token: %s", text)
	}
	return claims
}

// ordered fills in a payment at the bank, and goes to the server's page that it leads to.
func (l *loginPage) ordered(w *World, amount, account, note string) {
	l.t.Helper()
	l.visit(w.bank + "/pay")
	l.write(testid("pay-amount"), amount)
	l.write(testid("pay-account"), account)
	l.write(testid("pay-note"), note)
	l.click(testid("pay-submit"))
	l.seeElement(part("panel-review"))
	if at := eval[string](l.tab, "location.origin"); at != w.proxy.url {
		l.t.Errorf("the payment is approved at %s", at)
	}
}

// pay orders a payment at the bank and approves it.
func (l *loginPage) pay(w *World, ph *phone, amount, account, note string) {
	l.t.Helper()
	l.ordered(w, amount, account, note)
	l.reviewed(account, note, "CZK")
	code := l.code()

	ph.click(testid("done"))
	asked := ph.take()
	for _, part := range []string{amount[:1], account, note, "CZK"} {
		if !strings.Contains(asked, part) {
			l.t.Errorf("the phone does not show %q: %s", part, asked)
		}
	}
	ph.approve(code)
	ph.result("approved")

	l.seeElement(testid("payment-done"))
	if at := eval[string](l.tab, "location.href"); !strings.HasPrefix(at, w.bank+"/pay/") || strings.Contains(at, "?") {
		l.t.Errorf("came back to %s", at)
	}
	data := l.seeElement(testid("pay-data"))
	if !strings.Contains(data, "A"+amount+"CZK") || !strings.Contains(data, "Q"+account) {
		l.t.Errorf("what was ordered is %q", data)
	}
	var shown api.Display
	if text := l.seeElement(testid("pay-display")); json.Unmarshal([]byte(text), &shown) != nil || shown.Operation == nil ||
		shown.Operation.Name != "authorize_payment" || shown.Operation.Data != data {
		l.t.Errorf("the phone signed %s", text)
	}
}

// A scope switched off on the phone is not in the token.
func TestScopeSwitchedOff(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	page := w.login(newProfile(t), alice)
	code := page.code()
	alice.take()
	alice.click(testid("scope"))
	alice.approve(code)
	alice.result("approved")
	if scope := page.claims()["scope"]; scope != "" && scope != nil {
		t.Errorf("the token grants %v", scope)
	}
}

// bankLogin logs the user of a phone in at the bank.
func (w *World) bankLogin(p *profile, who *api.Phone) *loginPage {
	w.t.Helper()
	page := &loginPage{p.open(w.bank + "/login?id=" + who.Token)}
	w.decide(who, session.Approve, page.code(), "identity:name")
	page.seeElement(testid("login-approved"))
	return page
}

// The user leaves a payment by the back button, reloads pages and looks at it in
// another tab: it is one payment, which is paid once.
func TestPaymentLeftAndFoundAgain(t *testing.T) {
	w := newWorld(t)
	alice := w.Phone(0)
	p := newProfile(t)
	page := w.bankLogin(p, alice)
	page.ordered(w, "12", "238400856/0300", "Rent")
	page.back()
	page.seeElement(testid("pay-submit"))
	page.visit(w.bank + "/account")
	page.click(".payments a")
	page.seeElement(testid("payment-waits"))
	order := eval[string](page.tab, "location.href")
	page.reload()
	page.seeElement(testid("payment-waits"))
	page.click(testid("pay-go-on"))
	page.seeElement(part("panel-review"))
	page.reload()
	page.reviewed("Rent")

	second := &loginPage{p.open(order)}
	second.seeElement(testid("payment-waits"))
	page.front()
	w.decide(alice, session.Approve, page.code())
	page.seeElement(testid("payment-done"))
	page.reload()
	page.seeElement(testid("payment-done"))
	second.front()
	second.click(testid("pay-go-on")) // which is over, and is not gone to
	second.seeElement(testid("payment-done"))
	page.front()
	page.back() // whatever the browser has kept there leads here
	page.visit(w.bank + "/account")
	page.see("238.40")
	if n := eval[int](page.tab, `document.querySelectorAll(".payments li").length`); n != 1 {
		t.Errorf("%d payments", n)
	}
}

// In one browser login a second payment ends the first, which says why, and can be
// tried again.
func TestSecondPaymentWhileOneIsOpen(t *testing.T) {
	c, _ := newParties(t)
	alice, p := c.Phone(0), newProfile(t)
	page := c.visit(p)
	page.identify(alice.Token)
	c.decide(alice, session.Approve, page.code(), "identity:name")
	c.loggedIn(page) // and so the browser is, at the server
	page = c.bankLogin(p, alice)
	page.ordered(c.World, "12", "238400856/0300", "Rent")
	second := &loginPage{p.open(c.bank + "/pay")}
	second.ordered(c.World, "7", "238400856/0300", "Gift")
	page.front()
	page.click(goOn)
	page.seeElement(testid("payment-failed"))
	page.see("You began something else to approve in this browser")
	page.click(testid("pay-again"))
	page.seeElement(part("panel-review"))
	second.front()
	second.click(goOn)
	second.seeElement(testid("payment-failed"))
}
