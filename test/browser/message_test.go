package browser

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"countersign/api"
	"countersign/device"
	"countersign/notify/gateway"
	"countersign/server"
	"countersign/test/rig"
)

// newTeller starts the system with a shop, whose payments a message can approve too,
// and gives what the gateway was given.
func newTeller(t *testing.T) (*shop, chan gateway.Message) {
	t.Helper()
	told, heard := newGateway(t)
	return newShop(t, told, func(c *server.Config) {
		c.Flows = map[string]any{"authorize_payment": map[string]any{"steps": []any{"identify", "review", []any{"device", "message"}}}}
	}), heard
}

// newGateway starts a gateway for messages, and gives what configures it and what it
// was given.
func newGateway(t *testing.T) (func(*server.Config), chan gateway.Message) {
	t.Helper()
	l := listen(t)
	heard := make(chan gateway.Message, 16)
	serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m gateway.Message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Errorf("the gateway: %v", err)
		}
		heard <- m
		w.WriteHeader(http.StatusNoContent)
	}))
	return func(c *server.Config) {
		c.Message.URL = "http://" + l.Addr().String()
		c.Outgoing.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}, heard
}

// numbered enrols a phone whose user messages reach.
func (s *shop) numbered() *api.Phone {
	s.t.Helper()
	p := s.Phone(0)
	s.know(p.Token, device.Claims{"phone": []byte(`"+491701234542"`)})
	return p
}

// know puts claims of a user on record.
func (w *World) know(token string, claims device.Claims) {
	w.t.Helper()
	st := w.Store(w.t)
	i, err := st.Identity(rig.Ctx(w.t), device.TokenID(token))
	if err != nil {
		w.t.Fatal(err)
	}
	next := i
	next.Version++
	next.Claims = claims
	if err := st.SwapIdentity(rig.Ctx(w.t), i, next); err != nil {
		w.t.Fatal(err)
	}
}

// told waits for the code that was sent.
func told(t *testing.T, heard chan gateway.Message) gateway.Data {
	t.Helper()
	select {
	case m := <-heard:
		return m.Data
	case <-rig.Ctx(t).Done():
		t.Fatal("no message")
		return gateway.Data{}
	}
}

// A payment that is approved by a message, which was chosen in the review: a wrong code
// is said, a reload loses nothing, and the message says in the page's language what is
// paid.
func TestApprovalByMessage(t *testing.T) {
	s, heard := newTeller(t)
	alice := s.numbered()
	v := s.order("form", json.RawMessage(paymentForms["de"]))
	page := &loginPage{newProfile(t).open(v.URL + "&ui_locales=de")}
	page.identify(alice.Token)
	page.see("Wie möchten Sie freigeben?")
	page.tabTo(action("choose-message")).keys(kb.Enter)
	page.see("Wenn eine Nachricht Sie erreichen kann, ist ein Code")
	page.see("Eine Zahlung freigeben")
	page.see("Neuen Code senden in ")
	if page.sees("4542") || !eval[bool](page.tab, `look.find('[data-action="another"]').disabled`) {
		t.Errorf("before anybody has proven to be there: %s", page.text())
	}
	d := told(t, heard)
	if d.To != "+491701234542" || d.Language != "de" || !strings.Contains(d.Text, "Acme Shop bittet um Ihre Freigabe: Eine Zahlung freigeben, 100 EUR, DE89370400440532013000.") {
		t.Errorf("the message: %+v", d)
	}
	page.audit("a code by message")
	page.narrow("a code by message")
	page.write("#code", "12 34"+kb.Enter)
	page.see("Geben Sie die 6 Ziffern des Codes ein.")
	page.reload()
	page.see("Wenn eine Nachricht Sie erreichen kann, ist ein Code")
	wrong := string('0'+(d.Code[0]-'0'+1)%10) + d.Code[1:]
	page.write("#code", wrong+kb.Enter)
	page.see("Noch 2 Versuche.")
	page.write("#code", d.Code[:3]+" "+d.Code[3:]+kb.Enter)
	s.back(page)
	if now := s.result(v); now.Result != "DONE" || now.TokenID != alice.Token || now.Proof != nil {
		t.Errorf("the shop hears %+v", now)
	}
	if len(heard) != 0 {
		t.Error("more than one message was sent")
	}
}

// Whoever does not type the code cancels, and the shop hears it; a phone can be taken
// instead.
func TestApprovalByMessageDeclined(t *testing.T) {
	s, heard := newTeller(t)
	alice := s.numbered()
	v := s.order("tokenId", alice.Token)
	page := s.visit(newProfile(t), v)
	page.click(action("choose-message"))
	page.seeElement("#code")
	told(t, heard)
	page.click(action("take-device"))
	page.code()
	page.click(action("take-message"))
	page.seeElement("#code")
	page.click(action("cancel"))
	s.back(page)
	if now := s.result(v); now.Result != "FAILED" || now.Reason != "cancelled" {
		t.Errorf("the shop hears %+v", now)
	}
	if len(heard) != 0 {
		t.Error("another message was sent")
	}
}

// Three wrong codes close the method, and no other.
func TestApprovalByMessageClosed(t *testing.T) {
	s, heard := newTeller(t)
	alice := s.numbered()
	page := s.visit(newProfile(t), s.order("tokenId", alice.Token))
	page.click(action("choose-message"))
	code := told(t, heard).Code
	wrong := string('0'+(code[0]-'0'+1)%10) + code[1:]
	for _, then := range []string{"2 tries left.", "1 try left.", "Too many wrong codes. Choose another way."} {
		page.write("#code", wrong+kb.Enter)
		page.see(then)
	}
	page.audit("too many wrong codes")
	page.click(action("take-device"))
	page.code()
	page.reload()
	page.code()
	if page.sees("With a code by message") {
		t.Errorf("offered again: %s", page.text())
	}
}
