package browser

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// chromiumPath is where Debian's package puts it.
const chromiumPath = "/usr/bin/chromium"

var update = flag.Bool("update", false, "take the pictures of docs/screens anew")

// shared is the Chromium that the tests of this package have in common, started by
// the first that needs one.
var shared struct {
	once    sync.Once
	browser *chromium
	err     error
}

// A chromium is one browser process.
type chromium struct {
	ctx   context.Context //nolint:containedctx // a browser and its tabs are contexts to chromedp
	close func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.browser != nil {
		shared.browser.close()
	}
	os.Exit(code)
}

// launch starts a Chromium; extra are further flags.
func launch(extra ...chromedp.ExecAllocatorOption) (*chromium, error) {
	if _, err := exec.LookPath(chromiumPath); err != nil {
		return nil, fmt.Errorf("chromium is needed: apt-get install chromium, or run make test, which does: %w", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromiumPath),
		chromedp.Flag("headless", "new"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("lang", "en"),
		chromedp.Env("LANGUAGE=en", "LC_ALL=C.UTF-8"),
		chromedp.WindowSize(1000, 800))
	allocator, endProcess := chromedp.NewExecAllocator(context.Background(), append(options, extra...)...)
	ctx, endBrowser := chromedp.NewContext(allocator)
	c := &chromium{ctx: ctx, close: func() { endBrowser(); endProcess() }}
	if err := chromedp.Do(ctx); err != nil {
		c.close()
		return nil, fmt.Errorf("chromium does not start: %w", err)
	}
	return c, nil
}

// A profile is a browser of its own: it shares no cookie, no storage and no
// service worker with any other.
type profile struct {
	t     testing.TB
	ctx   context.Context //nolint:containedctx // as chromium's
	langs string
}

// newProfile opens a profile in the shared Chromium; it ends with the test.
func newProfile(t testing.TB) *profile {
	t.Helper()
	shared.once.Do(func() { shared.browser, shared.err = launch() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.browser.profile(t)
}

func (c *chromium) profile(t testing.TB) *profile {
	t.Helper()
	ctx, end := chromedp.NewContext(c.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("profile: %v", err)
	}
	return &profile{t: t, ctx: ctx}
}

// prefers makes the profile's new tabs prefer languages, as Accept-Language has
// them.
func (p *profile) prefers(langs string) *profile {
	p.langs = langs
	return p
}
