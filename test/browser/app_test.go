package browser

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The key cannot leave the browser: no script can read its private half.
func TestKeyStays(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	const privateKeys = `indexedDB.databases().then(async (all) => {
		const found = [];
		const walk = (v) => {
			if (v instanceof CryptoKey) { if (v.type === 'private') found.push(v); }
			else if (v && typeof v === 'object') Object.values(v).forEach(walk);
		};
		for (const {name} of all) {
			const db = await new Promise((ok) => { const r = indexedDB.open(name); r.onsuccess = () => ok(r.result); });
			for (const table of db.objectStoreNames) {
				walk(await new Promise((ok) => { const r = db.transaction(table).objectStore(table).getAll(); r.onsuccess = () => ok(r.result); }));
			}
			db.close();
		}
		const out = await Promise.all(found.map((k) => crypto.subtle.exportKey('jwk', k).then(() => 'exported', (e) => k.algorithm.namedCurve + ' ' + k.usages + ' ' + e.name)));
		return out.join();
	})`
	if got := eval[string](alice.tab, privateKeys); got != "P-256 sign InvalidAccessError" {
		t.Errorf("the browser's private keys: %q", got)
	}
}

// Nothing can be approved that was not on the screen; declining is as easy as
// approving, and needs no reading.
func TestReadBeforeApproving(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	alice.size(360, 480, 1)
	page := w.login(newProfile(t), alice)
	code := page.code()
	alice.click(testid("pending-item"))
	alice.seeElement(testid("display"))
	if !eval[bool](alice.tab, `look.find('[data-testid="approve"]').disabled`) {
		t.Error("it can be approved unread")
	}
	yes, no := eval[[]float64](alice.tab, `look.box('[data-testid="approve"]')`), eval[[]float64](alice.tab, `look.box('[data-testid="decline"]')`)
	if math.Abs(yes[2]-no[2]) > 1 || math.Abs(yes[3]-no[3]) > 1 {
		t.Errorf("approve is %v, decline %v", yes[2:], no[2:])
	}
	if said := eval[string](alice.tab, `look.find('[data-testid="begun"]').textContent`); !strings.Contains(said, "Decline if you did not begin this") {
		t.Errorf("it says %q", said)
	}
	alice.read()
	sizes := eval[[]float64](alice.tab, `[...document.querySelectorAll('[data-testid="display"] .value')].map((e) => [parseFloat(getComputedStyle(e).fontSize), e.closest('.origin') ? 1 : 0]).flat()`)
	var origin, other float64
	for i := 0; i < len(sizes); i += 2 {
		if sizes[i+1] == 1 {
			origin = sizes[i]
		} else {
			other = max(other, sizes[i])
		}
	}
	if origin <= other {
		t.Errorf("who asks is written in %v pixels, something else in %v", origin, other)
	}
	alice.approve(code)
	page.seeElement(testid("login-approved"))
}

// A second phone joins by the first one's code; the first is told, and revokes it.
func TestSecondPhone(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	alice.click(testid("devices"))
	alice.click(testid("new-code"))
	code := alice.seeElement(testid("enrolment-code"))

	other := newProfile(t).open(w.proxy.url + "/authenticator#enroll=" + code)
	other.excuse("401", "WebSocket connection to")
	other.write(testid("device-name"), "Somebody's tablet")
	second := w.enrolled(other)
	if second.token != alice.token {
		t.Fatalf("the phones are %s and %s", alice.token, second.token)
	}
	alice.click(testid("nav-home"))
	alice.see("Another device can now approve for you: Somebody's tablet")
	alice.audit("another device was added")
	alice.click(testid("device-added-no"))
	alice.click(testid("revoke"))
	alice.click(testid("confirm-yes"))
	alice.see("Revoked.")
	other.seeElement(testid("refused"))
	other.audit("revoked")

	third := newProfile(t).open(w.proxy.url + "/authenticator#enroll=" + code)
	third.excuse("404")
	third.click(testid("enrol"))
	third.see("This enrolment code is wrong, was used already, or is older than 10 minutes.")
}

// A phone with a new key, a new name and a restart behind it is still that phone.
func TestCareOfAPhone(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	alice.excuse("401") // it asks once more before it is forgotten
	alice.click(testid("devices"))
	alice.write(testid("rename-name"), "Alice's phone")
	alice.click(testid("rename"))
	alice.see("Renamed.")
	alice.click(testid("rotate"))
	alice.see("This device has a new key.")
	alice.visit("about:blank")
	alice.visit(w.proxy.url + "/authenticator")
	page := w.login(newProfile(t), alice)
	page.see("Acme Bank")
	code := page.code()
	alice.take()
	page.see("The request is open on Alice's phone.")
	alice.approve(code)
	page.seeElement(testid("login-approved"))

	alice.visit(w.proxy.url + "/authenticator#/devices")
	alice.click(testid("forget"))
	alice.click(testid("confirm-yes"))
	alice.see("Make this device your key")
}

// While an identity is locked nobody can ask it, and nobody can tell.
func TestHoliday(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	alice.excuse("429", "423", "WebSocket connection to")
	alice.click(testid("devices"))
	alice.write(testid("lock-hours"), "2")
	alice.click(testid("lock"))
	alice.click(testid("confirm-yes"))
	alice.see("Locked until")
	page := w.login(newProfile(t), alice)
	page.code()
	alice.click(testid("nav-home"))
	alice.see("This is locked for now.")
	if eval[bool](alice.tab, `look.sees('[data-testid="pending-item"]')`) {
		t.Error("a locked identity is asked")
	}
}

// The app opens without a network, and goes on when there is one again.
func TestAppWithoutNetwork(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	alice.excuse("ERR_", "WebSocket connection to")
	eval[chromedp.Void](alice.tab, "navigator.serviceWorker.ready.then(() => undefined)")
	await(alice.tab, "the worker in charge", "navigator.serviceWorker.controller?.state === 'activated'", isTrue)
	w.proxy.offline()
	alice.visit("about:blank")
	alice.visit(w.proxy.url + "/authenticator")
	alice.see("The login server cannot be reached. Trying again.")
	w.proxy.online()
	alice.see("Connected.")
}

// The code is copied as it is typed.
func TestCopied(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	page := w.login(newProfile(t), alice)
	code := page.code()
	page.click(action("copy"))
	page.see("Copied")
	alice.take()
	alice.click(testid("code"))
	alice.keys("v", chromedp.KeyModifiers(chromedp.ModifierCtrl), paste)
	await(alice.tab, "the code in the field", `look.find('[data-testid="code"]').value`, func(s string) bool { return s == code })
	alice.keys(kb.Tab)
	alice.click(testid("approve"))
	alice.result("approved")
}

// paste makes a key do what the desktop makes Ctrl+V do.
func paste(p *input.DispatchKeyEventParams) { p.Commands = []string{"paste"} }

// Those who hear the page instead of seeing it are told at 30, 10 and 0 seconds.
func TestTimeIsAnnounced(t *testing.T) {
	w := newWorld(t, ttl(12*time.Second))
	b := &loginPage{newProfile(t).open(w.hosted())}
	b.connected("websocket")
	told := func(words string) {
		await(b.tab, words, `look.find('.unseen[role="status"]').textContent`, func(s string) bool { return s == words })
	}
	told("10 seconds left.")
	b.see("The time is up")
}

// The browser takes the app for one that can be installed; what it says against
// an incognito window is about the window.
func TestInstallable(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	alice.call("installable", func(ctx context.Context) error {
		manifest, err := chromedp.Call(ctx, page.GetAppManifest, page.GetAppManifestParams{})
		if err != nil || !strings.HasSuffix(manifest.URL, "/authenticator/manifest.webmanifest") || len(manifest.Errors) > 0 {
			return fmt.Errorf("manifest %q: %v, %w", manifest.URL, manifest.Errors, err)
		}
		found, err := chromedp.Call(ctx, page.GetInstallabilityErrors, cdp.Empty{})
		if err != nil {
			return err
		}
		for _, f := range found.InstallabilityErrors {
			if f.ErrorID != "in-incognito" {
				return fmt.Errorf("not installable: %s", f.ErrorID)
			}
		}
		return nil
	})
}

// A way to approve is switched off with the keyboard, and stays so.
func TestWaysSwitched(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	alice.visit(w.proxy.url + "/authenticator#/devices")
	on := func(method string) bool {
		t.Helper()
		await(alice.tab, "the switch of "+method, `!look.find('[data-testid="way-`+method+`"]').disabled`, isTrue)
		return eval[bool](alice.tab, `look.find('[data-testid="way-`+method+`"]').checked`)
	}
	alice.seeElement(testid("way-passkey"))
	if !on("passkey") || !on("message") {
		t.Error("a way is off from the start")
	}
	alice.tabTo(testid("way-passkey")).keys(" ")
	alice.see("A passkey: off.")
	alice.audit("a way that is off")
	alice.reload()
	alice.seeElement(testid("way-passkey"))
	if on("passkey") || !on("message") {
		t.Error("not off after a reload, or another is")
	}
	alice.click(testid("way-passkey"))
	alice.see("A passkey: on.")
}
