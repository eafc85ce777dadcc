package browser

import (
	"strings"
	"testing"

	"countersign/session"
	"countersign/test/rig"
	"countersign/web/inspector"
	"countersign/ws"
)

// newInspected starts a node that is inspected, and opens the inspector.
func newInspected(t *testing.T) (*rig.Rig, *inspector.Inspector, *tab) {
	t.Helper()
	in := inspector.New()
	r := rig.New(t, rig.Options{Embedded: true, Inspector: in})
	l := listen(t)
	serve(t, l, in.Handler())
	return r, in, newProfile(t).open(origin(l)).see("live")
}

// row is the selector of the newest entry of a kind.
func row(kind string) string { return "#timeline > li:last-child summary:has(.kind." + kind + ")" }

// A login is seen as it happens, and the bytes that were signed, line by line.
func TestInspector(t *testing.T) {
	t.Parallel()
	r, in, b := newInspected(t)
	b.see("everything you see here is secret in production").see("Nothing yet.")
	b.audit("empty")
	p := r.Phone(0)
	page := r.Browser(0).Start(p.Token).Watch()
	page.Expect(session.OTPReady)
	id := page.Session.SessionID
	b.see(id[:len("sess_")+6]).see("pending")
	r.Approve(p, page)
	page.Expect(session.ClaimedMessage)
	page.Expect(session.ApprovedMessage)
	rig.ExpectClose(t, page.Socket, ws.CloseNormal, "approved")
	b.see("approved #3").see("POST /auth/verify").see("1000 approved")

	other := r.Browser(0).Start(p.Token)
	b.seeElement(`nav button[title="` + other.Session.SessionID + `"]`) // the list has moved before it is pressed in
	b.click(`nav button[title="` + id + `"]`).see("Session " + id)
	if b.sees(other.Session.SessionID) || b.sees("/enroll") {
		t.Errorf("another session's entries are shown:\n%s", b.text())
	}
	b.write("#filter", "countersign-verify")
	b.click("summary:has(.kind.signed)").see("The signature is good.")
	lines := b.seeElement(".lines")
	for _, want := range []string{"purpose" + "countersign-verify-v1", "issuer" + r.Issuer, "sessionId" + id, "tokenId" + p.Token, "deviceId" + p.Device,
		"serviceId" + rig.Service, "decision" + "approve", "otp" + page.Session.AutoPassword, "grantedScopes" + "identity:name"} {
		if !strings.Contains(strings.ReplaceAll(lines, " ", ""), want) {
			t.Errorf("%q is not among the lines: %s", want, lines)
		}
	}
	b.see("SHA-256").see("0000 63 6f 75 6e 74 65 72 73 69 67 6e")
	b.audit("a signed text")
	b.write("#filter", "/auth/claim").click("summary:has(.kind.request)").see("display, parsed").click(".copy button").see("curl -i \\")
	b.audit("a request")
	b.size(320, 640, 1)
	if width := eval[int](b, "document.documentElement.scrollWidth"); width > 320 {
		t.Errorf("%d wide at 320", width)
	}
	b.media("prefers-color-scheme: dark").audit("small and dark")

	in.Signed([]byte("countersign-claim-v1\nissuer\n"+id+"\n<b>&"), false)
	b.write("#filter", "<b>&").click("summary:has(.kind.signed)").see("The signature is not good")
}

// The keyboard alone opens entries, pauses and clears; what is paused is not lost.
func TestInspectorControls(t *testing.T) {
	t.Parallel()
	_, in, b := newInspected(t)
	one, two := string(session.NewID()), string(session.NewID())
	in.Message(one, 1, []byte(`{"type":"otp_ready","id":1}`))
	b.see("otp_ready #1")
	b.click("#pause").see("Resume")
	in.Message(two, 7, []byte(`{"type":"expired","id":7}`))
	b.see("Resume (1 new)")
	if b.sees("expired #7") {
		t.Error("a paused timeline goes on")
	}
	b.keys(" ").see("expired #7")
	b.do(`look.find('` + row("message") + `').focus()`)
	b.keys("\r").see(`"type": "expired"`)
	b.do(`look.find('#clear').focus()`)
	b.keys("\r").see("Nothing yet.")
	if b.sees("sess_") {
		t.Errorf("cleared, and yet:\n%s", b.text())
	}
	in.Message(two, 8, []byte(`{"type":"expired","id":8}`))
	b.see("expired #8")
	b.visit(eval[string](b, "location.href")).see("otp_ready #1").see("expired #8")
}
