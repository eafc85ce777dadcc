package browser

import (
	"encoding/json"
	"slices"
	"testing"
)

// approvalStops are where an errand stops, in order.
var approvalStops = []string{"approval-who", "approval-review", "approval-code", "approval-claimed", "approval-declined", "approval-kinds", "approval-choices", "approval-elsewhere"}

// passkeys names a way to approve that the server does not offer yet.
var passkeys = map[string]string{"en": "With a passkey", "de": "Mit einem Passkey", "ar": "بمفتاح مرور"}

// An errand goes through every state of the page of an operation that a back end
// began, but for those that it has in common with a login, and stops at each.
type errand struct {
	s    *shop
	lang string
	stop func(name string, b *tab)
	page *loginPage

	stops []string
}

func (e *errand) at(name string) {
	e.s.t.Helper()
	e.stops = append(e.stops, name)
	e.page.front()
	e.stop(name, e.page.tab)
}

// begin opens the page of a new operation in a browser of its own.
func (e *errand) begin(members ...any) string {
	e.s.t.Helper()
	v := e.s.order(append([]any{"form", json.RawMessage(paymentForms[e.lang])}, members...)...)
	e.page = &loginPage{newProfile(e.s.t).open(v.URL + "&ui_locales=" + e.lang)}
	e.page.excuse("404")
	return v.URL + "&ui_locales=" + e.lang
}

// run goes on the errand and checks that it left out nothing.
func (e *errand) run() {
	e.s.t.Helper()
	alice := e.s.enrol(newProfile(e.s.t))
	e.begin()
	e.page.seeElement("#user")
	e.at("approval-who")
	e.page.identify(alice.token)
	e.page.seeElement(goOn)
	e.at("approval-review")
	e.page.click(goOn)
	e.page.code()
	e.at("approval-code")
	alice.take()
	e.page.seeElement(part("panel-claimed"))
	e.at("approval-claimed")
	alice.click(testid("decline"))
	alice.result("denied")
	e.page.seeElement(action("onward"))
	e.at("approval-declined")

	e.begin("form", json.RawMessage(kinds), "tokenId", alice.token)
	e.page.seeElement(goOn)
	e.at("approval-kinds")

	link := e.begin()
	e.page.seeElement("#user")
	e.page.offers("passkey", passkeys[e.lang])
	e.page.identify(alice.token)
	e.page.click(action("choose-passkey"))
	e.page.seeElement(part("message-failed"))
	e.at("approval-choices")
	e.page = &loginPage{newProfile(e.s.t).open("about:blank")}
	e.page.excuse("404")
	e.page.visit(link)
	e.page.seeElement("#notice")
	e.at("approval-elsewhere")
	if !slices.Equal(e.stops, approvalStops) {
		e.s.t.Errorf("the errand stopped at %q", e.stops)
	}
}

// Every state of an approval is one that axe finds nothing wrong with, as the user
// has it and in languages of either direction, speaks that language, and fits a
// narrow window.
func TestApprovalStatesAreAccessible(t *testing.T) {
	for _, lang := range []string{"en", "de", "ar"} {
		t.Run(lang, func(t *testing.T) {
			e := &errand{s: newShop(t), lang: lang}
			e.stop = lookOver(t, lang)
			e.run()
		})
	}
}
