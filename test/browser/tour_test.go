package browser

import (
	"fmt"
	"testing"
)

// appStops and bankStops are where a tour stops, in order.
var (
	appStops = []string{"app-enrol", "app-enrol-wrong", "app-nothing", "app-waiting", "app-decide", "app-wrong-code", "app-approved", "app-payment",
		"app-declined", "app-scan", "app-devices", "app-new-phone", "app-confirm", "app-details"}
	bankStops = []string{"bank-home", "bank-login", "bank-trouble", "bank-account", "bank-pay", "bank-pay-wrong", "bank-order", "bank-failed", "bank-paid"}
)

// A tour goes through every screen of the authenticator and every page of the
// bank, and stops at each.
type tour struct {
	w     *World
	stop  func(name string, b *tab)
	app   *phone
	page  *loginPage
	stops []string
}

func (r *tour) at(name string, b *tab) {
	r.w.t.Helper()
	r.stops = append(r.stops, name)
	b.front()
	r.stop(name, b)
}

// run takes the tour and checks that it left out nothing.
func (r *tour) run() {
	r.w.t.Helper()
	r.enrol()
	r.logIn()
	r.pay()
	r.care()
	for _, name := range append(append([]string{}, appStops...), bankStops...) {
		found := 0
		for _, s := range r.stops {
			if s == name {
				found++
			}
		}
		if found != 1 {
			r.w.t.Errorf("the tour stopped %d times at %s", found, name)
		}
	}
	if len(r.stops) != len(appStops)+len(bankStops) {
		r.w.t.Errorf("the tour stopped at %q", r.stops)
	}
}

func (r *tour) enrol() {
	p := newProfile(r.w.t)
	b := p.open(r.w.proxy.url + "/authenticator")
	b.seeElement(testid("enrol"))
	r.at("app-enrol", b)
	b.write(testid("enrol-code"), "W65WE-3T7VI-7FBS2-A4OYB")
	b.click(testid("enrol"))
	b.see("There is a mistake in this code.")
	r.at("app-enrol-wrong", b)
	b.reload()
	r.app = r.w.enrolled(b)
	r.at("app-nothing", b)
}

func (r *tour) logIn() {
	p := newProfile(r.w.t)
	r.page = &loginPage{p.open(r.w.bank + "/")}
	r.page.excuse("404", "401")
	r.at("bank-home", r.page.tab)
	r.page.visit(r.w.bank + "/pay")
	r.page.seeElement(testid("trouble"))
	r.at("bank-trouble", r.page.tab)
	r.page.visit(r.w.bank + "/login?id=" + r.app.token)
	code := r.page.code()
	r.at("bank-login", r.page.tab)
	r.app.seeElement(testid("pending-item"))
	r.at("app-waiting", r.app.tab)
	r.app.excuse("403")
	r.app.take()
	r.at("app-decide", r.app.tab)
	r.app.approve(string('0'+(code[0]-'0'+1)%10) + code[1:])
	r.app.see("You have 2 more tries.")
	r.at("app-wrong-code", r.app.tab)
	r.app.approve(r.page.code())
	r.app.result("approved")
	r.at("app-approved", r.app.tab)
	r.app.click(testid("done"))
	r.page.seeElement(testid("login-approved"))
	r.at("bank-account", r.page.tab)
}

func (r *tour) pay() {
	b := r.page
	b.visit(r.w.bank + "/pay")
	r.at("bank-pay", b.tab)
	b.excuse("422")
	b.write(testid("pay-amount"), "a lot")
	b.click(testid("pay-submit"))
	b.see("Please look at the fields marked below.")
	r.at("bank-pay-wrong", b.tab)
	for _, last := range []bool{false, true} {
		b.visit(r.w.bank + "/pay")
		b.write(testid("pay-amount"), "1234.50")
		b.write(testid("pay-account"), "238400856/0300")
		b.write(testid("pay-note"), "Rent")
		b.click(testid("pay-submit"))
		b.seeElement(goOn)
		if !last {
			r.lookBack()
		}
		b.reviewed()
		code := b.code()
		r.app.take()
		if last {
			r.app.approve(code)
			r.app.result("approved")
			b.seeElement(testid("payment-done"))
			r.at("bank-paid", b.tab)
		} else {
			r.at("app-payment", r.app.tab)
			r.app.click(testid("decline"))
			r.app.result("denied")
			r.at("app-declined", r.app.tab)
			b.click(action("onward"))
			b.seeElement(testid("payment-failed"))
			r.at("bank-failed", b.tab)
		}
		r.app.click(testid("done"))
	}
}

// lookBack goes to the bank while a payment waits, and to the server's page again.
func (r *tour) lookBack() {
	b := r.page
	b.visit(r.w.bank + "/account")
	b.click(".payments a")
	b.seeElement(testid("payment-waits"))
	r.at("bank-order", b.tab)
	b.click(testid("pay-go-on"))
}

func (r *tour) care() {
	r.app.click(testid("scan"))
	r.app.see("This device has no camera.")
	r.at("app-scan", r.app.tab)
	r.app.visit(r.w.proxy.url + "/authenticator#/devices")
	r.app.seeElement(testid("device-item"))
	r.at("app-devices", r.app.tab)
	r.app.click(testid("new-code"))
	r.app.seeElement(testid("enrolment-code"))
	r.at("app-new-phone", r.app.tab)
	r.app.click(testid("forget"))
	r.app.seeElement(testid("confirm"))
	r.at("app-confirm", r.app.tab)
	r.app.click(testid("confirm-no"))
	r.app.click("#details")
	r.app.seeElement(testid("signed-text"))
	r.at("app-details", r.app.tab)
}

// narrow says what is wider than the window when that has 320 CSS pixels: a page
// of 640 at 200 %, or an old phone.
func (b *tab) narrow(what string) {
	b.t.Helper()
	b.size(320, 640, 2)
	if wide := eval[int](b, "document.documentElement.scrollWidth"); wide > 320 {
		b.t.Errorf("%s: %d pixels wide in a window of 320", what, wide)
	}
	b.wide()
}

// wide is the window that tests look through otherwise.
func (b *tab) wide() *tab {
	b.t.Helper()
	return b.size(1000, 700, 1)
}

// Every screen and page is one that axe finds nothing wrong with, as the user has
// it, and fits a narrow window.
func TestTourIsAccessible(t *testing.T) {
	w := newWorld(t)
	r := &tour{w: w}
	r.stop = func(name string, b *tab) {
		for _, look := range looks {
			b.media(look...)
			b.audit(fmt.Sprint(name, " with ", look))
		}
		b.media()
		b.narrow(name)
	}
	r.run()
}
