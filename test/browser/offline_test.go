package browser

import (
	"regexp"
	"strings"
	"testing"

	"countersign/operation"
	"countersign/server"
)

// offered lets payments be approved by a phone without a network.
func offered(c *server.Config) {
	c.Flows = map[string]any{operation.Payment: map[string]any{"steps": []any{"identify", "review", []any{"device", "offline"}}}}
}

// The secret of the phone's codes is in the browser once the phone has agreed, and no
// script can read it.
const secrets = `(async () => {
	const found = [];
	for (const {name} of await indexedDB.databases()) {
		const db = await new Promise((ok) => { const r = indexedDB.open(name); r.onsuccess = () => ok(r.result); });
		for (const table of db.objectStoreNames) {
			const all = await new Promise((ok) => { const r = db.transaction(table).objectStore(table).getAll(); r.onsuccess = () => ok(r.result); });
			found.push(...all.map((e) => e.offline?.codes).filter((k) => k));
		}
		db.close();
	}
	return (await Promise.all(found.map((k) => crypto.subtle.exportKey('raw', k).then(() => 'exported', (e) => k.usages + ' ' + e.name)))).join();
})()`

var digits = regexp.MustCompile(`^\d{4} \d{4}$`)

// Who pays goes over to a phone that has no network: it shows what it is, and then
// digits, which the user types in the page.
func TestApprovalOffline(t *testing.T) {
	s := newShop(t, offered)
	alice := s.enrol(newProfile(t))
	await(alice.tab, "a secret that stays", secrets, func(got string) bool { return got == "sign InvalidAccessError" })
	alice.excuse("ERR_INTERNET_DISCONNECTED", "WebSocket connection to")

	v := s.order()
	page := s.visit(newProfile(t), v)
	page.identify(alice.token)
	page.seeElement(part("panel-review"))
	page.see("With a phone that is offline")
	page.click(action("choose-offline"))
	page.see("Your phone needs no network for that.")
	page.see("Approve a payment")
	page.audit("offline")
	page.narrow("offline")
	const drawn = `look.find('.qr-text').textContent`
	text := eval[string](page.tab, drawn)
	page.reload()
	page.see("Your phone needs no network for that.")
	if again := eval[string](page.tab, drawn); again != text {
		t.Error("a page that is loaded again draws another code")
	}

	alice.network(false)
	s.proxy.cut()
	alice.click(testid("scan"))
	alice.paste(strings.Replace(text, "A100EUR", "A1EUR", 1))
	alice.see("somebody has changed it, or made it up")
	alice.audit("forged")
	alice.click(testid("nav-home"))
	alice.click(testid("scan"))
	alice.paste(text)
	asked := alice.seeElement(testid("display"))
	for _, part := range []string{"Acme Shop (" + shopID + ")", "Approve a payment", "100 EUR", "DE89370400440532013000", "Rent", paymentData} {
		if !strings.Contains(asked, part) {
			t.Errorf("the phone does not show %q: %s", part, asked)
		}
	}
	alice.read()
	alice.audit("the question")
	alice.click(testid("approve"))
	code := alice.seeElement(testid("offline-code"))
	if !digits.MatchString(code) {
		t.Fatalf("the phone shows %q", code)
	}
	alice.audit("the digits")

	wrong := []byte(code)
	wrong[8] = '0' + (wrong[8]-'0'+1)%10
	page.write("#code", "1234")
	page.click(action("continue"))
	page.see("Type the 8 digits of the code.")
	page.write("#code", string(wrong))
	page.click(action("continue"))
	page.see("That code was wrong. 2 tries left.")
	page.audit("wrong digits")
	page.write("#code", code)
	page.click(action("continue"))
	s.back(page)
	if now := s.result(v); now.Result != "DONE" || now.TokenID != alice.token || now.Proof != nil || now.History[len(now.History)-1].Method != "offline" {
		t.Errorf("the shop hears %+v", now)
	}
}

// After the third wrong code that way is closed, and the phone's own still open.
func TestApprovalOfflineTooOften(t *testing.T) {
	s := newShop(t, offered)
	alice := s.enrol(newProfile(t))
	page := s.visit(newProfile(t), s.order("tokenId", alice.token))
	page.seeElement(part("panel-review"))
	page.click(action("choose-offline"))
	for _, left := range []string{"2 tries left", "1 try left", "Too many wrong codes. Choose another way."} {
		page.write("#code", "0000 0000")
		page.click(action("continue"))
		page.see(left)
	}
	page.audit("too many codes")
	page.click(action("take-device"))
	code := page.code()
	alice.take()
	alice.approve(code)
	s.back(page)
}

// paste gives the phone a text in the place of a picture.
func (ph *phone) paste(text string) {
	ph.t.Helper()
	ph.seeElement(testid("qr-text"))
	ph.do(`document.querySelector('[data-testid="qr-text"]').value = ` + quote(text))
	ph.click(testid("paste"))
}
