package browser

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// The page sleeps while the phone approves, and its connection is lost meanwhile,
// as on a laptop that is shut: it finishes when it wakes.
func TestFrozenAndWoken(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	p := newProfile(t)
	b := w.login(p, alice)
	b.excuse("WebSocket connection to")
	b.connected("websocket")
	code := b.code()
	alice.take()
	b.see("Continue on your phone")
	p.open("about:blank") // in front of it
	b.lifecycle(page.SetWebLifecycleStateStateFrozen)
	requests := func() int { return w.proxy.served(byPoll) + w.proxy.served(byEvents) + w.proxy.served(bySocket) }
	before, polls := requests(), w.proxy.served(byPoll)
	w.proxy.cut()
	alice.approve(code)
	alice.result("approved")
	if n := requests(); n > before {
		t.Fatalf("the page does not sleep: %d requests", n-before)
	}
	b.lifecycle(page.SetWebLifecycleStateStateActive)
	b.front()
	b.seeElement(testid("login-approved"))
	// It asks once before it connects anew.
	if w.proxy.served(byPoll) == polls {
		t.Error("the page did not ask")
	}
}

// The page's network goes and comes back.
func TestOfflineAndOnline(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol(newProfile(t))
	b := w.login(newProfile(t), alice)
	b.excuse("ERR_INTERNET_DISCONNECTED", "WebSocket connection to")
	b.connected("websocket")
	code := b.code()
	b.network(false)
	w.proxy.cut()
	b.see("No connection. Trying again…")
	alice.take()
	alice.approve(code)
	alice.result("approved")
	if !b.sees("No connection") {
		t.Error("the page is connected")
	}
	b.network(true)
	b.seeElement(testid("login-approved"))
}

// network takes the tab's network away or gives it back.
func (b *tab) network(is bool) {
	b.t.Helper()
	b.call("network", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{Offline: !is, DownloadThroughput: -1, UploadThroughput: -1}}})
		if err != nil {
			return err
		}
		_, err = chromedp.Call(ctx, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: !is, DownloadThroughput: -1, UploadThroughput: -1})
		return err
	})
}

// A second tab of the same browser shows the same login: the first says so, and
// can take it back.
func TestSecondTab(t *testing.T) {
	w := newWorld(t)
	p := newProfile(t)
	first := &loginPage{p.open(w.hosted())}
	first.connected("websocket")
	first.click(action("this-device"))
	p.opened(first.tab, func() { first.click(action("open-app")) })
	first.front()
	second := &loginPage{p.opened(first.tab, func() { first.do("open(location.href)") })} // as "duplicate tab" does
	second.connected("websocket")
	first.front()
	first.see("Continued in another tab")
	first.audit("continued in another tab")
	first.click(action("take-back"))
	first.connected("websocket")
	if first.sees("Continued in another tab") {
		t.Error("the first tab has not taken it back")
	}
	second.front()
	second.see("Continued in another tab")
}
