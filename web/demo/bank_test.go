package demo_test

import (
	"html"
	"net/http"
	"strings"
	"testing"

	"countersign/session"
	"countersign/test/rig"
)

// Alice scans the code of the login page and sees her account, and what was
// checked before she did.
func TestLogin(t *testing.T) {
	tn := newTown(t)
	alice, b := tn.Phone(0), tn.browser()
	if got := b.get("/account"); got.path != "/login" {
		t.Fatalf("a stranger's account: %s", got.path)
	}
	got := b.login(alice)
	body := html.UnescapeString(got.body)
	for _, want := range []string{`data-testid="login-approved"`, alice.Token, `"sub": "` + alice.Token + `"`, `"typ": "countersign+jwt"`,
		`"aud": "` + rig.Shop + `"`, "84\u00a0250.40\u00a0CZK", "scanned by the phone", "<b>hash", "<b>signature", "<b>audience", "<b>nonce", `data-testid="logout"`} {
		if !strings.Contains(strings.ReplaceAll(body, " CZK", "\u00a0CZK"), want) {
			t.Errorf("the account page lacks %s", want)
		}
	}
	if got := b.form("/logout"); got.path != "/" || b.loggedIn() {
		t.Errorf("log out led to %s", got.path)
	}
}

// Bob names his id, so his phone is asked and he types the code.
func TestLoginWithID(t *testing.T) {
	tn := newTown(t)
	alice, bob, b := tn.Phone(0), tn.Phone(0), tn.browser()
	if got := b.get("/login?id=" + bob.Token); !strings.Contains(got.body, `data-token="`+bob.Token+`"`) {
		t.Errorf("the login page forgets the id:\n%s", got.body)
	}
	s := b.start("/login/start", map[string]any{"tokenId": bob.Token})
	if s.Mode != "enter" {
		t.Errorf("mode %s", s.Mode)
	}
	if _, err := alice.Claim(rig.Ctx(t), s.SessionID, ""); err == nil {
		t.Error("another phone opened it")
	}
	d := tn.typed(bob, s)
	if d.Requester == nil || d.Requester.IP != "127.0.0.1" || !d.Requester.ByService || d.Origin != "" {
		t.Errorf("the phone showed %+v", d)
	}
	if got := b.finish(b.result(s)); !strings.Contains(got.body, bob.Token) || !strings.Contains(got.body, "typed on the phone") {
		t.Error(got.body)
	}
	b.refused("no id", b.get("/login?id=tok%20x"), http.StatusOK, "no Countersign id")
	b.refused("no id", b.post("/login/start", map[string]any{"challenge": session.ChallengeOf("v"), "tokenId": "tok x"}), http.StatusBadRequest, "no Countersign id")
}

// What a page or another browser may bring, each with everything else in order.
func TestForgedLogins(t *testing.T) {
	tn := newTown(t)
	alice, mallory := tn.Phone(0), tn.Phone(0)
	const notStarted, notHold = "not started in this browser", "does not hold"
	for name, tc := range map[string]struct {
		words string
		forge func(b, other *browser, result map[string]any) *browser // gives who finishes
	}{
		"other browser": {notStarted, func(_, other *browser, _ map[string]any) *browser { return other }},
		"no cookie":     {notStarted, func(b, _ *browser, _ map[string]any) *browser { return b.town.browser() }},
		"made-up session": {notStarted, func(b, _ *browser, r map[string]any) *browser {
			r["sessionId"] = "sess_AAAAAAAAAAAAAAAAAAAAAA"
			return b
		}},
		"swapped token": {"did not send this message", func(b, other *browser, r map[string]any) *browser {
			s := other.start("/login/start", nil)
			tn.scan(mallory, s)
			r["jwt"] = other.result(s)["jwt"]
			return b
		}},
		"swapped token and hash": {"did not send this message", func(b, other *browser, r map[string]any) *browser {
			s := other.start("/login/start", nil)
			tn.scan(mallory, s)
			theirs := other.result(s)
			r["jwt"], r["hash"], r["expiresAt"] = theirs["jwt"], theirs["hash"], theirs["expiresAt"]
			return b
		}},
		"swapped token, key stolen": {"another start", func(b, other *browser, r map[string]any) *browser {
			s := other.start("/login/start", nil)
			tn.scan(mallory, s)
			r["jwt"] = other.result(s)["jwt"]
			r["hash"] = tn.hash(r, r["random"])
			return b
		}},
		"bad hash":  {notHold, func(b, _ *browser, r map[string]any) *browser { r["hash"] = strings.Repeat("A", 43); return b }},
		"no hash":   {notHold, func(b, _ *browser, r map[string]any) *browser { delete(r, "hash"); return b }},
		"expiresAt": {notHold, func(b, _ *browser, r map[string]any) *browser { r["expiresAt"] = "2036-01-01T00:00:00Z"; return b }},
		"no token":  {notHold, func(b, _ *browser, r map[string]any) *browser { delete(r, "jwt"); return b }},
		"token of another service, key stolen": {"wrong audience", func(b, _ *browser, r map[string]any) *browser {
			page := tn.Browser(0).Start(mallory.Token)
			tn.Approve(mallory, page)
			r["jwt"] = b.result(pending{page.Session, page.Verifier})["jwt"]
			r["hash"] = tn.hash(r, r["random"])
			return b
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b, other := tn.browser(), tn.browser()
			b.t, other.t = t, t
			other.start("/login/start", nil)
			s := b.start("/login/start", nil)
			tn.scan(alice, s)
			result := b.result(s)
			who := tc.forge(b, other, result)
			who.refused(name, who.post("/finish", result), http.StatusForbidden, tc.words)
			if b.loggedIn() || other.loggedIn() || who.loggedIn() {
				t.Error("somebody is logged in")
			}
		})
	}
}

// An approval counts once, whether it was accepted or not.
func TestReplay(t *testing.T) {
	tn := newTown(t)
	alice, b := tn.Phone(0), tn.browser()
	s := b.start("/login/start", nil)
	tn.scan(alice, s)
	result := b.result(s)
	b.finish(result)
	b.refused("replay", b.post("/finish", result), http.StatusForbidden, "finished already")
	b.form("/logout")
	b.refused("after logout", b.post("/finish", result), http.StatusForbidden, "not started in this browser")

	s = b.start("/login/start", nil)
	tn.scan(alice, s)
	result = b.result(s)
	good := result["hash"]
	result["hash"] = "bad"
	b.refused("bad", b.post("/finish", result), http.StatusForbidden, "does not hold")
	result["hash"] = good
	b.refused("second try", b.post("/finish", result), http.StatusForbidden, "finished already")
}

// An approval of a payment logs nobody in, and a login pays nothing.
func TestLoginIsNoPayment(t *testing.T) {
	tn := newTown(t)
	alice, b := tn.Phone(0), tn.browser()
	b.login(alice)
	o := b.order("1", "238400856/0300", "")
	s := b.start("/login/start", map[string]any{"tokenId": alice.Token})
	tn.typed(alice, s)
	login := b.result(s)
	pays := b.reviewed(o)
	b.decided(alice, pays, session.Approve)
	login["sessionId"] = pays.SessionID
	other := tn.browser()
	for _, who := range []*browser{b, other} {
		who.refused("a payment's session", who.post("/finish", login), http.StatusForbidden, "not started in this browser")
	}
	if other.loggedIn() {
		t.Error("logged in by a payment")
	}
}
