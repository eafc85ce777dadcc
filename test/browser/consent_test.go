package browser

import (
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"countersign/server"
	"countersign/session"
)

// contract is an operation in which users are asked to agree.
const contract = "sign_contract"

// asking has the shop ask its users to agree.
func asking(c *server.Config) {
	c.Flows = map[string]any{contract: map[string]any{"steps": []any{"identify", "device", "consent"}}}
	c.Services[len(c.Services)-1].Consent = server.ConsentConfig{Version: "2026-01", Validity: 90 * 24 * time.Hour,
		Options: []server.ConsentOption{{ID: "news"}, {ID: "terms", Required: true}},
		Texts: []server.ConsentText{
			{Language: "en", Text: "Acme Shop keeps your name and your orders for ten years, because the law wants it to.\n\nYou can end this at any time. <b>Nothing</b> is sold.",
				Options: map[string]string{"news": "Send me news by mail, once a month at most.", "terms": "I have read the terms of Acme Shop."}},
			{Language: "ar", Text: "يحتفظ المتجر باسمك وطلباتك لمدة عشر سنوات.", Options: map[string]string{"news": "أرسلوا لي الأخبار.", "terms": "قرأت الشروط."}}}}
}

// Nothing of a step that asks for consent needs a mouse: what is required is asked for
// until it is ticked, and what was ticked is the service's to know.
func TestConsent(t *testing.T) {
	s := newShop(t, asking)
	alice := s.Phone(0)
	v := s.order("name", contract, "tokenId", alice.Token)
	page := s.visit(newProfile(t), v)
	s.decide(alice, session.Approve, page.code())
	page.see("Do you agree?")
	page.see("You can end this at any time. <b>Nothing</b> is sold.")
	page.see("I have read the terms of Acme Shop. (required)")
	page.audit("consent")
	await(page.tab, "the focus on the heading", `look.isFocused('#title')`, isTrue)
	page.tabTo(action("option-news")).keys(" ")
	page.tabTo(action("agree")).keys(kb.Enter)
	page.see("You need to agree to this: I have read the terms of Acme Shop.")
	page.audit("what is required")
	await(page.tab, "the focus on what is missing", `look.isFocused('[data-action="option-terms"]')`, isTrue)
	page.keys(" ").keys(kb.Enter)
	s.back(page)
	now := s.result(v)
	if now.Result != "DONE" || now.Consent == nil || now.Consent.Version != "2026-01" || !slices.Equal(now.Consent.Options, []string{"news", "terms"}) {
		t.Errorf("the shop hears %+v", now)
	}
}

// Declined it is over, and nothing was agreed to.
func TestConsentDeclined(t *testing.T) {
	s := newShop(t, asking)
	alice := s.Phone(0)
	v := s.order("name", contract, "tokenId", alice.Token)
	page := s.visit(newProfile(t), v)
	s.decide(alice, session.Approve, page.code())
	page.seeElement(part("panel-consent"))
	page.reload()
	page.seeElement(part("panel-consent"))
	page.tabTo(action("decline")).keys(kb.Enter)
	s.back(page)
	if now := s.result(v); now.Result != "FAILED" || now.Reason != "cancelled" || now.Consent != nil {
		t.Errorf("the shop hears %+v", now)
	}
}
