package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"

	"countersign/server"
	"countersign/test/pushtest"
)

// A Chromium without a network has no push service: in its place the page gets a
// subscription of ours. All else is real.
const subscribing = `(() => {
	const text = %s, name = 'the subscription of the test';
	const subscription = () => { const key = localStorage.getItem(name); return key === null ? null : {
		options: {userVisibleOnly: true, applicationServerKey: Uint8Array.from(JSON.parse(key)).buffer}, toJSON: () => JSON.parse(text),
		unsubscribe: async () => { localStorage.removeItem(name); return true; } }; };
	PushManager.prototype.getSubscription = async () => subscription();
	PushManager.prototype.subscribe = async ({applicationServerKey}) => { localStorage.setItem(name, JSON.stringify([...applicationServerKey])); return subscription(); };
})()`

// permit answers for the user whether pages of the profile may show notices.
func (p *profile) permit(b *tab, setting cdpbrowser.PermissionSetting) {
	p.t.Helper()
	b.call("permission", func(ctx context.Context) error {
		_, err := chromedp.CallBrowser(ctx, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{Permission: &cdpbrowser.PermissionDescriptor{Name: "notifications"},
			Setting: setting, BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID})
		return err
	})
}

// deliver gives the app's worker a push, as the browser does with what it has
// decrypted.
func (b *tab) deliver(origin, message string) {
	b.t.Helper()
	ids := make(chan serviceworker.RegistrationID, 64)
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*serviceworker.EventWorkerRegistrationUpdated); ok {
			for _, r := range e.Registrations {
				if strings.HasPrefix(r.ScopeURL, origin) {
					ids <- r.RegistrationID
				}
			}
		}
	}); err != nil {
		b.t.Fatal(err)
	}
	b.call("workers", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, serviceworker.Enable, cdp.Empty{})
		return err
	})
	select {
	case id := <-ids:
		b.call("a push", func(ctx context.Context) error {
			_, err := chromedp.Call(ctx, serviceworker.DeliverPushMessage, serviceworker.DeliverPushMessageParams{Origin: origin, RegistrationID: id, Data: message})
			return err
		})
	case <-ctx.Done():
		b.t.Fatal("no worker")
	}
}

// shownNotices are what the app's worker shows.
const shownNotices = `navigator.serviceWorker.getRegistration().then((r) => r.getNotifications()).then((all) => all.map((n) => n.title + ' ' + n.body).join())`

// The user has the app wake them, is woken by a notice that names nobody, and has it
// stop.
func TestNotifyMe(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Outgoing.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	s := pushtest.NewService(t)
	app := s.Subscribe()
	text, err := json.Marshal(app.Text())
	if err != nil {
		t.Fatal(err)
	}
	p := newProfile(t)
	b := p.open("about:blank")
	b.call("a subscription", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: fmt.Sprintf(subscribing, text)})
		return err
	})
	alice := w.enrolled(b.visit(w.proxy.url + "/authenticator"))
	alice.excuse("401") // with the key that was replaced
	p.permit(b, cdpbrowser.PermissionSettingDenied)
	alice.click(testid("devices"))
	alice.see("Requests appear while this app is open.")
	alice.audit("not notified")
	alice.click(testid("notify"))
	alice.see("Your browser does not let this app notify you.")
	p.permit(b, cdpbrowser.PermissionSettingGranted)
	alice.click(testid("notify"))
	alice.see("This device is woken when a request waits for you.")
	alice.audit("notified")
	alice.narrow("notified")

	login := w.login(newProfile(t), alice)
	login.code()
	got := s.Next()
	if strings.Contains(got.Message, "Acme") || strings.Contains(got.Message, alice.token) {
		t.Errorf("a push says %s", got.Message)
	}
	b.deliver(w.proxy.url, got.Message)
	await(b, "a notice", shownNotices, func(said string) bool { return said == "A request waits for you Open the app to see what it asks." })

	// The key is replaced, and with it where the server wakes this phone: the app says
	// it anew, and a start later it still is so.
	alice.click(testid("rotate"))
	alice.see("This device has a new key.")
	alice.reload()
	alice.see("This device is woken when a request waits for you.")
	await(b, "no notice", shownNotices, func(said string) bool { return said == "" })
	w.login(newProfile(t), alice).code()
	s.Next()

	alice.click(testid("notify-off"))
	alice.see("Requests appear while this app is open.")
	alice.reload()
	alice.seeElement(testid("notify"))
}
