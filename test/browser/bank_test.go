package browser

import (
	"encoding/json"
	"strings"
	"testing"
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
	page.pay(alice, "1234.50", "238400856/0300", "Rent")
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

// pay orders a payment at the bank and approves it.
func (l *loginPage) pay(ph *phone, amount, account, note string) {
	l.t.Helper()
	l.click(`a[href="/pay"]`)
	l.write(testid("pay-amount"), amount)
	l.write(testid("pay-account"), account)
	l.write(testid("pay-note"), note)
	l.click(testid("pay-submit"))
	code := l.code()
	l.see(account)

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
	claims := l.claims()
	op, _ := claims["op"].(map[string]any)
	if op["name"] != "authorize_payment" || op["dataHash"] == "" {
		l.t.Errorf("the token approves %v", op)
	}
	if data := l.seeElement(testid("pay-data")); !strings.Contains(data, "A"+amount+"CZK") || !strings.Contains(data, "Q"+account) {
		l.t.Errorf("what was signed is %q", data)
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
